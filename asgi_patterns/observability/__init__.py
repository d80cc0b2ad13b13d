"""Observability: what happens to requests, for those who run the app.

``Metrics`` is a layer.
"""

from asgi_patterns.observability.metrics_layer import Metrics

__all__ = ["Metrics"]
