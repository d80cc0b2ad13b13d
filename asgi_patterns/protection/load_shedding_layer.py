"""The layer ``LoadShedding``."""

from typing import ClassVar, final

from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp


@final
@settings
class LoadShedding(Layer):
    """Refuses early what the process cannot keep up with."""

    place: ClassVar[Place] = Place.LOAD_SHEDDING

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return app
