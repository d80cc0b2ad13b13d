"""Who calls the shop."""

from asgi_patterns import Caller
from asgi_patterns.kernel.types import Scope


def identify(scope: Scope) -> Caller | None:
    """Nobody is known yet."""
    return None
