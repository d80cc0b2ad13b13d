"""The layer ``Decompression``."""

from typing import ClassVar, final

from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp


@final
@settings
class Decompression(Layer):
    """Hands the app the content of requests that clients sent smaller."""

    place: ClassVar[Place] = Place.DECOMPRESSION

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return app
