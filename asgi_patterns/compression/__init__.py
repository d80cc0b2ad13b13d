"""Compression: answers and requests that are shorter on the wire.

``Compression`` and ``Decompression`` are layers.
"""

from asgi_patterns.compression.decompression_layer import Decompression
from asgi_patterns.compression.events import Compressed
from asgi_patterns.compression.layer import Compression
from asgi_patterns.compression.rule import CompressionRule

__all__ = ["Compressed", "Compression", "CompressionRule", "Decompression"]
