"""The layer ``Deadline``."""

from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Annotated, ClassVar, Final, final

import anyio
from pydantic import AfterValidator, Field

from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import field_name
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import Patterns, route_path
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.protection.deadline_forecast import forecast, outline, outline_of_rule
from asgi_patterns.protection.deadline_rule import DeadlineRule, TimeLimit, limit
from asgi_patterns.protection.remaining import CURRENT
from asgi_patterns.protection.rings import LoopRing, Ring, TaskRing
from asgi_patterns.protection.time_limits import SAFE, Limits, read_wish
from asgi_patterns.protection.timing import Timing

Run = Callable[[Ring, Scope, Receive, Send], Awaitable[None]]

_NAME: Final = itemgetter(0)
_CONTENT: Final = frozenset({b"content-length", b"transfer-encoding"})


def _check_name(name: str) -> str:
    field_name(name)
    return name


FieldName = Annotated[str, AfterValidator(_check_name), Field(title="field name")]


@final
@settings
class Deadline(Layer):
    """Ends what takes longer than anybody should wait: the body, the answer's beginning, its gaps, all of it."""

    place: ClassVar[Place] = Place.DEADLINE

    body: TimeLimit = "1m"
    """How long the app waits for a request's body, all in all; then the client gets a 408."""
    start: TimeLimit = "30s"
    """How long until the answer begins, not counting that; then the client gets a 504."""
    gap: TimeLimit = "1m"
    """How long between two messages of an answer, until the client has taken the first; then it is broken off."""
    whole: TimeLimit = "off"
    """How long until the last message of the answer; then the client gets a 504, or the answer is broken off."""
    rules: Sequence[DeadlineRule] = ()
    """What is different on some paths; the first that fits wins."""
    prefer: bool = True
    """Whether a client can shorten `start` with `Prefer: wait=10` (RFC 7240)."""
    header: FieldName | None = None
    """A request field in which clients can say the same, in seconds or as `500ms`, such as `X-Request-Timeout`."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app, self)

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [
            f"has rules[{index}], which says nothing that is different"
            for index, rule in enumerate(self.rules)
            if rule == DeadlineRule(match=rule.match)
        ]

    @property
    def outline(self) -> Sequence[str]:
        """Its limits."""
        rules = (outline_of_rule(index, rule) for index, rule in enumerate(self.rules))
        return [outline(self.limits[-1][1]), *rules]

    def explain(self, scope: Scope) -> Forecast:
        """Say which limits a request has."""
        index = self.rule_for(scope)
        limits = self.limits[index][scope["method"] in SAFE]
        mine = self.shortened(limits, scope)
        rule = "" if index < 0 else f", as rules[{index}] says"
        return Forecast(tuple(forecast(mine, shortened=mine is not limits, rule=rule)))

    @cached_property
    def header_name(self) -> bytes | None:
        """The name of the field with the client's wish."""
        return None if self.header is None else field_name(self.header)

    def shortened(self, limits: Limits, scope: Scope) -> Limits:
        """Return what a client's wishes leave of ``limits``."""
        headers = scope["headers"]
        preferred = limits.shortened(read_wish(headers, prefers=self.prefer, name=None), is_preference=True)
        return preferred.shortened(read_wish(headers, prefers=False, name=self.header_name))

    @cached_property
    def patterns(self) -> Sequence[Patterns]:
        """Those of each rule."""
        return [rule.patterns for rule in self.rules]

    @cached_property
    def limits(self) -> Sequence[tuple[Limits, Limits]]:
        """For each rule, and at the end for all else: the limits of unsafe requests and those of safe ones."""
        return [self._limits(rule) for rule in (*self.rules, DeadlineRule(match="/**"))]

    def _limits(self, rule: DeadlineRule) -> tuple[Limits, Limits]:
        times = (
            limit(self.body, rule.body),
            limit(self.start, rule.start),
            limit(self.gap, rule.gap),
            limit(self.whole, rule.whole),
        )
        return (
            Limits(*times, cancels=bool(rule.cancel), label=self.label),
            Limits(*times, cancels=rule.cancel is not False, label=self.label),
        )

    def rule_for(self, scope: Scope) -> int:
        """Return the index of the first rule that is for a request; -1 where none is."""
        method, path = scope["method"], route_path(scope)
        for index, each in enumerate(self.patterns):
            if each.matches(method, path):
                return index
        return -1


@final
class _Wired:
    __slots__ = ("_app", "_is_usual", "_limits", "_rings", "_says", "_settings")

    def __init__(self, app: ASGIApp, settings: Deadline) -> None:
        self._app = app
        self._settings = settings
        self._limits = settings.limits[-1]
        # Of the loop that has called last: never more than one.
        self._rings: Mapping[AbstractEventLoop | None, LoopRing] = {}
        wishes = {b"prefer"} if settings.prefer else set()
        if settings.header_name is not None:
            wishes.add(settings.header_name)
        self._says = _CONTENT | wishes
        # Most requests say nothing of interest, and are looked at without a turn of a loop for each field.
        self._is_usual: Callable[[Iterable[bytes]], bool] = (
            _never if settings.rules else self._says.isdisjoint
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send, ring: Ring | None = None) -> None:
        ring = ring or self._rings.get(_get_running_loop())
        if ring is None or scope["type"] != "http":
            return await self._call_otherwise(scope, receive, send)
        limits, has_content = self._limits[scope["method"] in SAFE], False
        if scope.get("http_version") not in _TELLS or not self._is_usual(map(_NAME, scope["headers"])):
            limits, has_content = self._find(scope)
        timing = Timing(send, ring, limits, scope, receive)
        if has_content:
            (receive := Body.of(receive)).time(timing)
        token = CURRENT.set(timing)
        try:
            with ring.make_scope() as timing.cancel_scope:
                await self._app(scope, receive, timing.send)
        finally:
            ring.timed.discard(timing)
            CURRENT.reset(token)
            if timing.sending is not None:
                await timing.sending
        timing.check()

    async def _call_otherwise(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app for what is no request; for one, begin with a loop that has not called before, or without."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        # The public function raises on trio, and what an app raises later would name that as its context.
        if (loop := _get_running_loop()) is None:
            return await self._call_in_tasks(scope, receive, send)
        ring = LoopRing(loop)
        self._rings = {loop: ring}
        await self(scope, receive, send, ring)

    async def _call_in_tasks(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do the same where there are no timers, with a task for each request."""
        error: Exception | None = None
        async with anyio.create_task_group() as tasks:
            ring = TaskRing(tasks)
            try:
                await self(scope, receive, send, ring)
            except Exception as raised:
                error = raised  # as the app raised it: out of the group it would come as a group
            finally:
                ring.close()
        if error is not None:
            raise error

    def _find(self, scope: Scope) -> tuple[Limits, bool]:
        """Return the limits of a request that may have its own, and whether it may have content to wait for."""
        settings = self._settings
        limits = settings.limits[settings.rule_for(scope)] if settings.rules else self._limits
        mine = limits[scope["method"] in SAFE]
        has_content = scope.get("http_version") not in _TELLS
        if not self._says.isdisjoint(map(_NAME, scope["headers"])):
            has_content |= not _CONTENT.isdisjoint(map(_NAME, scope["headers"]))
            mine = settings.shortened(mine, scope)
        return mine, has_content


def _never(names: Iterable[bytes]) -> bool:
    """Say of no request that it is a usual one."""
    return False


_TELLS: Final = frozenset({"1.0", "1.1"})
"""Versions in which a request says whether it has content (RFC 9112 6.3)."""
