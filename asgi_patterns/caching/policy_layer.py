"""The layer ``CachePolicy``."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated, ClassVar, final

from asgi_patterns.caching.policy import Policy
from asgi_patterns.caching.policy_forecast import doubts, forecast, outline_of
from asgi_patterns.caching.rule import CacheRule, FieldName
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.exchange import SWITCHED_OFF, Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send


@final
@settings
class CachePolicy(Layer):
    """Says on every answer what caches may do with it. What the app says itself stays as it is."""

    place: ClassVar[Place] = Place.CACHE_POLICY

    rules: Sequence[CacheRule] = ()
    """What is said of which answers; the first that fits wins."""
    credentials: Sequence[FieldName] = ("Authorization",)
    """Request fields that tell one caller from another: the answers are for their receiver alone."""
    clock: Annotated[Callable[[], float], Dotted] = time.time
    """What gives the seconds since 1970, for `Expires`; another one is for tests."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Governed(app, self._policy, label=self.label)

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self.rules)]

    @property
    def outline(self) -> Sequence[str]:
        """Its rules."""
        return [outline_of(index, rule) for index, rule in enumerate(self.rules)]

    def explain(self, scope: Scope) -> Forecast:
        """Say which rule an answer would fall under."""
        method, path = scope["method"], route_path(scope)
        return forecast(
            self._policy, method, path, has_credentials=self._policy.has_credentials(scope["headers"])
        )

    @cached_property
    def _policy(self) -> Policy:
        return Policy(self.rules, self.credentials, self.clock)


@final
class _Governed:
    __slots__ = ("_app", "_label", "_policy")

    def __init__(self, app: ASGIApp, policy: Policy, *, label: str) -> None:
        self._app = app
        self._policy = policy
        self._label = label

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        state = scope.get("state")
        if state is None:
            # A handler speaks to us through the state. Where the server gave one, nothing has to be copied.
            _, scope = Exchange.of(scope)
            state = scope["state"]
        # Taken now: a router that the app is made of may write its own root into this scope.
        path = route_path(scope) if scope.get("root_path") else scope["path"] or "/"
        method, asked = scope["method"], scope["headers"]

        def on_head(head: Message) -> None:
            off = state.get(SWITCHED_OFF)
            if off is None or self._label not in off:
                self._policy.write(head, method, path, asked)

        await self._app(scope, receive, Link(send, on_head))
