"""The layer ``Compression``."""

from collections.abc import Awaitable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Final, final

import anyio
from anyio.lowlevel import RunVar
from pydantic import AfterValidator, Field

from asgi_patterns.compression.codecs import Coder, Coding, coders, installed, missing
from asgi_patterns.compression.forecast import doubts, forecast, outline_of, outline_of_rule
from asgi_patterns.compression.known_tags import CONDITIONS, understand
from asgi_patterns.compression.plan import Plan
from asgi_patterns.compression.rule import CompressionRule, Padding
from asgi_patterns.compression.sending import Coded, Varying
from asgi_patterns.compression.sorting import MEDIA_TYPES, Said, Terms, types_of
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import get_all, has
from asgi_patterns.kernel.layer import Lack, Layer, settings
from asgi_patterns.kernel.media_types import MediaType
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import Patterns, route_path
from asgi_patterns.kernel.types import ASGIApp, RawHeaders, Receive, Scope, Send

_COOKIE, _TAGS = 1, 2
_SAYS: Final = {b"accept-encoding": 0, b"cookie": _COOKIE, **dict.fromkeys(CONDITIONS, _TAGS)}
"""The fields of a request that count."""


def _check_codings(codings: Sequence[Coding]) -> Sequence[Coding]:
    if len(set(codings)) < len(codings):
        raise ValueError("names one coding twice")
    return codings


Codings = Annotated[Sequence[Coding], Field(min_length=1), AfterValidator(_check_codings)]


@final
@settings
class Compression(Layer):
    """Sends answers smaller, to clients that say that they can read them (RFC 9110 8.4 and 12.5.3)."""

    place: ClassVar[Place] = Place.COMPRESSION

    codings: Codings | None = None
    """What answers are sent in; of codings that a client wants equally the first. By default all that are installed."""
    minimum: Annotated[int, Field(ge=0)] = 1024
    """Bytes from which an answer is worth it."""
    media_types: Annotated[Sequence[MediaType], Field(min_length=1)] = MEDIA_TYPES
    """Media types that are worth it, such as `text/*` or `application/*+json`."""
    zstd_level: Annotated[int, Field(ge=1, le=22)] = 3
    """How hard zstd tries. It stays within the 8 MB that HTTP lets a client remember."""
    br_level: Annotated[int, Field(ge=0, le=11)] = 4
    """How hard br tries."""
    gzip_level: Annotated[int, Field(ge=1, le=9)] = 6
    """How hard gzip tries."""
    large: Annotated[int, Field(ge=4096)] = 64 * 1024
    """Bytes up to which a body is coded at once. What is more leaves the event loop."""
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """How many threads code large bodies at a time."""
    padding: Padding = 0
    """Bytes by which answers are lengthened at most, at random: their length then tells less of what is in them."""
    rules: Sequence[CompressionRule] = ()
    """What is different on some paths; the first that fits wins."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app, self._plans, patterns=self._patterns)

    def lacks(self, context: Context) -> Sequence[Lack]:
        """Say which codings are asked for and not installed."""
        found = [(at, missing(coding)) for at, coding in enumerate(self.codings or ())]
        return [
            Lack(
                ("codings", at),
                f"{error.name} is not installed",
                f"pip install 'asgi-patterns[{error.extra}]'",
            )
            for at, error in found
            if error is not None
        ]

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self.media_types, self.rules)]

    @property
    def outline(self) -> Sequence[str]:
        """What is coded, and how."""
        rules = (outline_of_rule(index, rule) for index, rule in enumerate(self.rules))
        return [outline_of(self.codings or installed(), self.minimum), *rules]

    def explain(self, scope: Scope) -> Forecast:
        """Say which coding answers would be sent in."""
        index = rule_for(self._patterns, scope)
        plan = self._plans[index]
        accepts = b",".join(get_all(scope["headers"], b"accept-encoding"))
        choice = plan.choices[accepts]
        says = forecast(
            None if choice is None else choice.name,
            plan.coders,
            self.minimum,
            rule="" if index < 0 else f", as rules[{index}] says",
            has_cookie=has(scope["headers"], b"cookie"),
            is_trusted=plan.terms.is_trusted,
        )
        return Forecast(tuple(says))

    def _plan(self, rule: CompressionRule | None = None) -> Plan:
        terms = Terms(self._types, self.minimum, rule is not None and rule.despite_cookies)
        padding = self.padding if rule is None or rule.padding is None else rule.padding
        coded = self._coders if rule is None or rule.compress else {}
        return Plan(coded, terms, self._limiter, large=self.large, padding=padding, label=self.label)

    @cached_property
    def _patterns(self) -> Sequence[Patterns]:
        return [rule.patterns for rule in self.rules]

    @cached_property
    def _plans(self) -> Sequence[Plan]:
        """One for each rule, and at the end, which is what -1 finds, the one for all else."""
        return [*map(self._plan, self.rules), self._plan()]

    @cached_property
    def _coders(self) -> Mapping[str, Coder]:
        return coders(
            zstd=self.zstd_level, br=self.br_level, gzip=self.gzip_level, of=self.codings or installed()
        )

    @cached_property
    def _types(self) -> Said[bytes]:
        return types_of(self.media_types)

    @cached_property
    def _limiters(self) -> RunVar[anyio.CapacityLimiter]:
        return RunVar("asgi_patterns.compression")

    def _limiter(self) -> anyio.CapacityLimiter:
        """Return what bounds the threads of the running loop, for all apps that the layer stands in front of."""
        try:
            return self._limiters.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(self.threads)
            self._limiters.set(limiter)
            return limiter


def rule_for(patterns: Sequence[Patterns], scope: Scope) -> int:
    """Return the index of the first rule that is for a request; -1 where none is."""
    method, path = scope["method"], route_path(scope)
    for index, each in enumerate(patterns):
        if each.matches(method, path):
            return index
    return -1


@final
class _Wired(Entered):
    __slots__ = ("_app", "_patterns", "_plan", "_plans")

    def __init__(self, app: ASGIApp, plans: Sequence[Plan], *, patterns: Sequence[Patterns]) -> None:
        self._app = app
        self._plan = None if patterns else plans[-1]
        self._plans = plans
        self._patterns = patterns

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        plan = self._plan or self._plan_for(scope)
        if scope["type"] != "http" or not plan.coders:
            return self._app(scope, receive, send)
        accepts, says = _read(scope["headers"])
        choice, tags = plan.choices[accepts], None
        if says & _TAGS or "state" not in scope:
            scope, tags = _understood(scope, None if choice is None else choice.name, says)
        if choice is None:
            varying = Varying()  # as Editing says: most requests of machines come by here
            varying.outer, varying.out = send, None
            varying.plan, varying.state = plan, scope["state"]
            return self._app(scope, receive, varying.send)
        coded = Coded()  # as Holding says: and those of browsers here
        coded.outer = coded.onward = send
        coded.out = coded.head = None
        coded.choice, coded.scope, coded.tags = choice, scope, tags
        coded.has_cookie = bool(says & _COOKIE)
        return self._app(scope, receive, coded.send)

    def _plan_for(self, scope: Scope) -> Plan:
        return self._plans[rule_for(self._patterns, scope) if scope["type"] == "http" else -1]


def _understood(scope: Scope, coding: bytes | None, says: int) -> tuple[Scope, frozenset[bytes] | None]:
    """Return a request as it goes on, and the plain tags whose coded ones the client holds."""
    if "state" not in scope:
        scope = {**scope, "state": {}}  # where a handler says that it wants none of this
    if says & _TAGS and (seen := understand(scope["headers"], coding)):
        return {**scope, "headers": seen.headers}, seen.tags
    return scope, None


def _read(headers: RawHeaders) -> tuple[bytes, int]:
    """Return what ``Accept-Encoding`` says, and which of the other fields that count are there."""
    accepts, says = b"", 0
    for name, value in headers:
        if name in _SAYS:
            if name == b"accept-encoding":
                accepts = b"%b,%b" % (accepts, value) if accepts else value
            else:
                says |= _SAYS[name]
    return accepts, says
