"""The layer ``BodyLimit``."""

from typing import ClassVar, final

from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp


@final
@settings
class BodyLimit(Layer):
    """Refuses what is larger than the app is made for."""

    place: ClassVar[Place] = Place.BODY_LIMIT

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return app
