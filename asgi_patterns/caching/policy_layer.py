"""The layer ``CachePolicy``."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, final

from asgi_patterns.caching.policy import Policy
from asgi_patterns.caching.policy_forecast import doubts, forecast, outline_of
from asgi_patterns.caching.rule import CacheRule, FieldName
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.exchange import SWITCHED_OFF, Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.look import Editing
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
    __slots__ = ("_app", "label", "policy")

    def __init__(self, app: ASGIApp, policy: Policy, *, label: str) -> None:
        self._app = app
        self.policy = policy
        self.label = label

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
        await self._app(scope, receive, _Told(send, self, state, path, scope).send)


@final
class _Told(Editing):
    __slots__ = ("_asked", "_governed", "_method", "_path", "_state")

    def __init__(
        self, send: Send, governed: _Governed, state: Mapping[str, Any], path: str, scope: Scope
    ) -> None:
        self.outer = send
        self.out = None
        self._governed = governed
        self._state = state
        self._path = path
        self._method = scope["method"]
        self._asked = scope["headers"]

    def edit(self, head: Message) -> Message:
        """Say what caches may do with the answer."""
        governed, state = self._governed, self._state
        if state and governed.label in state.get(SWITCHED_OFF, ()):
            return head
        edited = {**head, "headers": [*head.get("headers", ())]}
        governed.policy.write(edited, self._method, self._path, self._asked)
        return edited
