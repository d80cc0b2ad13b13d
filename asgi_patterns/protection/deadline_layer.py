"""The layer ``Deadline``."""

from typing import ClassVar, final

from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp


@final
@settings
class Deadline(Layer):
    """Ends what takes longer than anybody should wait."""

    place: ClassVar[Place] = Place.DEADLINE

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return app
