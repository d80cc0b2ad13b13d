"""Compression: answers and requests that are shorter on the wire.

``Compression`` and ``Decompression`` are layers; ``BodyDecoded`` and ``BodyNotDecoded`` are events of the latter.
"""

from asgi_patterns.compression.decompression_events import BodyDecoded, BodyNotDecoded
from asgi_patterns.compression.decompression_layer import Decompression
from asgi_patterns.compression.events import Compressed
from asgi_patterns.compression.layer import Compression
from asgi_patterns.compression.rule import CompressionRule

__all__ = ["BodyDecoded", "BodyNotDecoded", "Compressed", "Compression", "CompressionRule", "Decompression"]
