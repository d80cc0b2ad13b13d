"""The layer ``Compression``."""

from typing import ClassVar, final

from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp


@final
@settings
class Compression(Layer):
    """Sends answers smaller, to clients that say that they can read them."""

    place: ClassVar[Place] = Place.COMPRESSION

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return app
