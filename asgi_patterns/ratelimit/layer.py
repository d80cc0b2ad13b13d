"""The layer ``RateLimit``."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal, final

import anyio
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.caller import Identify, from_scope
from asgi_patterns.kernel.context import DEFAULT, Context
from asgi_patterns.kernel.conversation import Conversation
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.durations import Duration, seconds
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import has
from asgi_patterns.kernel.layer import Lack, Layer, settings
from asgi_patterns.kernel.lifespan import Resource
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.secret import Secret, reveal
from asgi_patterns.kernel.store import Store, StoreUrl
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.ratelimit.advice import IDENTIFY, NO_IDENTITY, alone, doubts, nameless
from asgi_patterns.ratelimit.counting import Counting
from asgi_patterns.ratelimit.desk import Desk, When
from asgi_patterns.ratelimit.fields import Fields, Profile, check_profiles
from asgi_patterns.ratelimit.forecast import FREE, forecast, outline
from asgi_patterns.ratelimit.gauge import Gauge
from asgi_patterns.ratelimit.gauging import made_ready
from asgi_patterns.ratelimit.guests import BLOCKED, Guests
from asgi_patterns.ratelimit.lists import Entries, Listed
from asgi_patterns.ratelimit.messages import MessageRate
from asgi_patterns.ratelimit.picking import Places
from asgi_patterns.ratelimit.pool import Pool, StoreAwayPolicy
from asgi_patterns.ratelimit.quota import AnyKey, AnyQuota, Quota, check_labels
from asgi_patterns.ratelimit.rates import check, read
from asgi_patterns.ratelimit.record import Record
from asgi_patterns.ratelimit.short import ShortWay
from asgi_patterns.ratelimit.ways import Ways

DEFAULT_PARTITIONS: Final = 16

_PREFIX = r"^[A-Za-z0-9_.:-]{1,64}$"


def _check_default(quotas: Sequence[Quota | str], info: ValidationInfo) -> Sequence[Quota | str]:
    check_labels([*info.data.get("quotas", ()), *quotas])
    for quota in quotas:
        if isinstance(quota, Quota) and quota.match is not None:
            raise ValueError(f"{quota.label!r} has a match: a default is for what no match takes")
    if not quotas and not info.data.get("quotas", ("refused itself",)):
        raise ValueError("says no quota, and neither does quotas: nothing would be limited")
    return quotas


def _identify(value: object) -> object:
    return from_scope if value == "scope" else value


@final
@settings
class RateLimit(Layer):
    """Lets each caller have so much and no more, and tells it how much is left."""

    place: ClassVar[Place] = Place.RATE_LIMIT

    quotas: Annotated[Sequence[AnyQuota], AfterValidator(check_labels)] = ()
    """How much of what: rates such as `10/second burst 20`, or tables. All that match a request count it."""
    default: Annotated[Sequence[AnyQuota], AfterValidator(_check_default), Field(validate_default=True)] = ()
    """Quotas for requests that the `match` of no other quota takes."""
    key: AnyKey = "address"
    """What is counted by, where a quota says nothing else."""
    identify: Annotated[Identify | Literal["scope"] | None, Dotted, BeforeValidator(_identify)] = None
    """Who a request is for, where that is another answer than the pipeline's."""
    profiles: Annotated[Sequence[Profile], AfterValidator(check_profiles)] = ("draft",)
    """Which fields tell of quotas: `draft` (current), `draft-07`, `draft-03`, `x-ratelimit`; several at once."""
    headers: When = "always"
    """On which answers these fields stand: `always`, `refusals` or `off`."""
    partition_secret: Secret | None = None
    """A secret, with which each field says for which key it is (`pk`), as a keyed hash; without one it does not."""
    warn_at: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of a quota from which `X-RateLimit-Warning` names it."""
    retry_jitter: Duration = 0
    """By how much waiting is lengthened at most, at random, so that not all who were refused come back at once."""
    allow: Entries = ()
    """Who is neither counted nor refused: networks (`10.0.0.0/8`), and keys such as `user:alice`."""
    block: Entries = ()
    """Who is always refused, with 403: networks, and keys."""
    messages: Annotated[str, AfterValidator(check)] | None = None
    """A rate for the messages of each WebSocket, such as `20/second burst 50`; one that is over it is closed (1008)."""
    store: StoreUrl | None = None
    """Where it is counted, if elsewhere than the pipeline says."""
    store_away: StoreAwayPolicy = "local"
    """While the store is away: `local` limits in each process, `open` lets all pass, `closed` refuses with 503."""
    store_timeout: Annotated[float, Field(gt=0, le=60)] = 0.05
    """Seconds that one call of the store may take."""
    prefix: Annotated[str, Field(pattern=_PREFIX)] = "asgi_patterns"
    """What the keys in the store begin with."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = DEFAULT_PARTITIONS
    """Among how many parts keys are spread on a cluster; with 1 several quotas are always decided in one step."""
    max_keys: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """How many keys of each quota are remembered in this process."""
    clock: Annotated[Callable[[], float], Dotted] = time.monotonic
    """What gives the time in this process, in seconds that never go back; another one is for tests."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return self.wire_in(app, DEFAULT)

    def wire_in(self, app: ASGIApp, context: Context) -> ASGIApp:
        """Return the wired app, which counts where the pipeline says."""
        desk = self._desk(context)
        wired = _Wired(app, self, desk, self._guests)
        ways = Ways(desk)
        return ShortWay(app, ways, wired) if ways and self._guests is None else wired

    def lacks(self, context: Context) -> Sequence[Lack]:
        """Say which quotas count by caller, where nobody says who that is."""
        if self.identify is not None or context.identify is not None:
            return ()
        found = [
            Lack((*self._place(index), setting), NO_IDENTITY, IDENTIFY)
            for index, setting in nameless(self._gauges)
        ]
        named = [("allow", self.allow), ("block", self.block)]
        found += [
            Lack((name,), "names users, and nothing says who that is", IDENTIFY)
            for name, entries in named
            if Listed(entries).has_users
        ]
        return found

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self._gauges)]

    def alone(self, context: Context) -> Sequence[str]:
        """Say which quotas each process counts for itself."""
        return alone([g for pool, gauges in self._pools(context) if pool.shared is None for g in gauges])

    def resources_in(self, context: Context) -> Sequence[Resource]:
        """Return the connections to stores, which open with the app."""
        return [pool.shared for pool, _ in self._pools(context) if pool.shared is not None]

    @property
    def outline(self) -> Sequence[str]:
        """Its quotas."""
        return [outline(gauge) for gauge in self._gauges]

    def explain(self, scope: Scope) -> Forecast:
        """Say which quotas a request falls under, without charging any."""
        exchange, scope = Exchange.of(scope)
        if is_preflight(scope):
            return Forecast((FREE,))
        places = self._desk(exchange.context).places
        fate = "counted" if self._guests is None else self._guests.sort(exchange, scope, places, None)
        return forecast(fate, places.preview(exchange, scope))

    async def reset(self, quota: str, key: str) -> None:
        """Forget what a quota has counted for ``key``, as events show it: ``203.0.113.7``, ``user:alice``.

        In this process and in the stores that it uses. Raises ``LookupError`` where there is no such quota.
        """
        gauge = next((each for each in self._gauges if each.name == quota), None)
        if gauge is None:
            raise LookupError(
                f"there is no quota called {quota!r}: there are {', '.join(g.name for g in self._gauges)}"
            )
        for pool in self._counting.pools.values():
            await pool.forget((gauge.at(1), key))

    def _desk(self, context: Context) -> Desk:
        return Desk(
            places=Places(self._pools(context), identify=self._identity),
            fields=Fields(self.profiles, reveal(self.partition_secret).encode()),
            when=self.headers,
            jitter=seconds(self.retry_jitter),
            label=self.label,
        )

    def _pools(self, context: Context) -> Sequence[tuple[Pool, Sequence[Gauge]]]:
        """Return the quotas by where they are counted: in this process first, for that is undone for nothing."""
        found: dict[Store, list[Gauge]] = {}
        for gauge in self._gauges:
            url = gauge.quota.store or self.store
            found.setdefault(context.store if url is None else Store.parse(url), []).append(gauge)
        places = sorted(found.items(), key=lambda each: each[0].kind != "memory")
        return [(self._counting.pool(store), gauges) for store, gauges in places]

    @cached_property
    def _counting(self) -> Counting:
        return Counting(
            prefix=f"{self.prefix}:{self.label}",
            partitions=self.partitions,
            timeout=self.store_timeout,
            away=self.store_away,
            most=self.max_keys,
            clock=self.clock,
        )

    @property
    def _identity(self) -> Identify | None:
        return self.identify if callable(self.identify) else None

    @cached_property
    def _guests(self) -> Guests | None:
        return Guests(Listed(self.allow), Listed(self.block)) if self.allow or self.block else None

    @cached_property
    def _gauges(self) -> Sequence[Gauge]:
        return made_ready(self.quotas, self.default, key=self.key, warn_at=self.warn_at, layer=self.name)

    def _place(self, index: int) -> tuple[str, int]:
        return ("quotas", index) if index < len(self.quotas) else ("default", index - len(self.quotas))


@final
class _Wired:
    __slots__ = ("_app", "_clock", "_desk", "_guests", "_listens", "_messages")

    def __init__(self, app: ASGIApp, settings: RateLimit, desk: Desk, guests: Guests | None) -> None:
        self._app = app
        self._desk = desk
        self._guests = guests
        self._messages = None if settings.messages is None else read(settings.messages)
        self._listens = self._messages is not None or desk.places.measures
        self._clock = settings.clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        begins = KEY not in scope
        exchange, scope = Exchange.of(scope)
        if exchange.parent is not None:
            return await self._app(scope, receive, send)
        try:
            await self._count(exchange, scope, receive, send)
        finally:
            if begins:
                # Without it the scope holds itself, and is freed much later, by the collector.
                del scope[KEY]

    async def _count(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        if is_preflight(scope):
            return await self._app(scope, receive, send)
        if self._guests is not None and (app := await self._app_for(self._guests, exchange, scope)):
            return await app(scope, receive, send)
        record = Record(self._desk, exchange, scope, send).enlist()
        link = Link(send, record.on_head)
        try:
            if (answer := await record.admit()) is not None:
                return await answer(scope, receive, link)
            if record.delay:
                await anyio.sleep(record.delay)
            if self._listens:
                return await self._listen(record, scope, receive, send)
            await self._app(scope, receive, link)
        finally:
            record.end()

    async def _app_for(self, guests: Guests, exchange: Exchange, scope: Scope) -> ASGIApp | None:
        """Return who answers a request without any quota being asked; mostly nobody."""
        match await guests.judge(exchange, scope, self._desk.places):
            case "allowed":
                return self._app
            case "blocked":
                exchange.answered(self._desk.label, "rejected")
                return BLOCKED
        return None

    async def _listen(self, record: Record, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, and count what comes from the client meanwhile."""
        link = Link(send, record.on_head)
        if scope["type"] == "http":
            body = Body.of(receive)
            body.tee(record.measure)
            await self._app(scope, body, link)
        elif self._messages is not None:
            rate = MessageRate(self._messages, self._clock, record.tell_messages)
            conversation = Conversation(receive, send, rate.judge)
            record.conversation = conversation
            await self._app(scope, conversation, link)
        else:
            await self._app(scope, receive, link)


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks for permission (Fetch 4.8): that costs nothing."""
    if scope.get("method") != "OPTIONS":
        return False
    headers = scope["headers"]
    return has(headers, b"origin") and has(headers, b"access-control-request-method")
