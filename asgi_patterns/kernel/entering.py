"""How a layer calls what stands behind it: by a method, which takes less time than to call an object.

``Entered``: a wired app that others of ours enter so; ``straight``: how to call any app.
"""

from collections.abc import Awaitable
from typing import Any

from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send


class Entered:
    """A wired app. One that has nothing to do afterwards returns what the app behind it has returned.

    Then no coroutine is made for it. Servers look for one, though, and find it in ``__call__``.
    """

    __slots__ = ()

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Do what an app does that is called."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an app of its own."""
        await self.enter(scope, receive, send)


def straight(app: ASGIApp) -> ASGIApp:
    """Return how to call ``app``."""
    return app.enter if isinstance(app, Entered) else app


def behind(called: Any) -> Any:
    """Return the app that ``straight`` was asked about; ``None`` where that is ``called`` itself."""
    owner = getattr(called, "__self__", None)
    return owner if isinstance(owner, Entered) else None
