"""The layer ``ConditionalRequests``."""

import time
from collections.abc import Awaitable, Sequence
from functools import cached_property, partial
from typing import Annotated, ClassVar, Final, Literal, final

from pydantic import Field, ValidationInfo, field_validator

from asgi_patterns.caching.digest import tagging
from asgi_patterns.caching.events import PreconditionRefused, WriterRefused
from asgi_patterns.caching.forecast import Guard, forecast
from asgi_patterns.caching.locks import SOON, Busy, Locks, StoreAway
from asgi_patterns.caching.memory import MemoryLocks
from asgi_patterns.caching.preconditions import (
    CONDITIONAL,
    Conditions,
    Failed,
    condition_lines,
    evaluate,
    is_conditional,
    is_write,
    read_conditions,
)
from asgi_patterns.caching.reading import Reader, Reading, Tagged, without_range
from asgi_patterns.caching.redis import RedisLocks
from asgi_patterns.caching.refusals import busy, failed, required
from asgi_patterns.caching.writing import (
    Current,
    FindState,
    Probe,
    Stepping,
    Turn,
    resource,
    take_turn,
    told,
)
from asgi_patterns.kernel.asking import without_content
from asgi_patterns.kernel.context import DEFAULT, Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.ending import Ending
from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.lifespan import Resource
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.standing import AROUND, is_handler
from asgi_patterns.kernel.store import Store, StoreUrl
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

REQUIRED: Final = frozenset({"PUT", "PATCH", "DELETE"})
"""Methods whose requests have to be conditional with ``require``. POST mostly creates what nobody has seen yet."""

_PREFIX = r"^[A-Za-z0-9_.:-]{1,64}$"


@final
@settings
class ConditionalRequests(Layer):
    """Answers 304 to who has the current state, and 412 to who would overwrite one it has not seen (RFC 9110 13)."""

    place: ClassVar[Place] = Place.CONDITIONAL_REQUESTS

    tags: Literal["strong", "weak", "off"] = "strong"
    """Which `ETag` a short 200 without one gets: `strong`, over its bytes; `weak`, which only caches believe; `off`."""
    limit: Annotated[int, Field(ge=0, le=16 * 1024 * 1024)] = 64 * 1024
    """Bytes up to which an answer counts as short. A longer one, or one of unknown length, is never held for a tag."""
    digest: Literal["fast", "sha256"] = "fast"
    """What tags are made with: xxh3 where it is installed and SHA-256 elsewhere, or SHA-256 in any case."""
    validators: Annotated[Current | None, Dotted] = None
    """Says what a resource is known by now, so that conditions of writes are decided before the handler runs."""
    probe: bool = False
    """Whether the app itself is asked instead, with a GET of ours; then one request at a time writes a resource."""
    require: bool = False
    """Whether PUT, PATCH and DELETE without a condition are refused (428)."""
    wait: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Seconds that a write waits for its turn, and then for the answer to the GET, with `probe`."""
    lease: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """Seconds after which the turn of a worker that has died is over, on a Redis."""
    store: StoreUrl | None = None
    """Where turns are kept, if elsewhere than the pipeline says. While it is away nobody writes (503)."""
    store_timeout: Annotated[float, Field(gt=0, le=60)] = 0.05
    """Seconds that one call of the store may take."""
    prefix: Annotated[str, Field(pattern=_PREFIX)] = "asgi_patterns"
    """What the keys in the store begin with."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 16
    """Among how many parts keys are spread on a cluster."""

    @field_validator("probe")
    @classmethod
    def _check_probe(cls, probe: bool, info: ValidationInfo) -> bool:
        if probe and info.data.get("validators") is not None:
            raise ValueError("asks the app what validators says already: leave one of them out")
        if probe and info.data.get("tags") == "weak":
            raise ValueError("needs strong tags: a weak one never holds for If-Match, so no write would pass")
        return probe

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return self.wire_in(app, DEFAULT)

    def wire_in(self, app: ASGIApp, context: Context) -> ASGIApp:
        """Return the wired app, whose turns are kept where the pipeline says.

        Raises ``ValueError`` where a GET of ours would run the handler of another method.
        """
        if self.probe and is_handler(app):
            raise ValueError(
                f"{self.label}.probe: asks with GET, so it has to stand in front of all methods: {AROUND}"
            )
        return _Wired(app, self, self._reader, self._locks(context) if self.probe else None)

    def resources_in(self, context: Context) -> Sequence[Resource]:
        """Return the connection to the store, which opens with the app."""
        locks = self._locks(context) if self.probe else None
        return [locks] if isinstance(locks, RedisLocks) else []

    def alone(self, context: Context) -> Sequence[str]:
        """Say what several processes change."""
        if not self.probe or self._store(context).kind != "memory":
            return ()
        return [
            'lets one request at a time write in each process by itself: set store = "redis://..." to agree on one'
        ]

    def explain(self, scope: Scope) -> Forecast:
        """Say what becomes of the conditions of a request."""
        conditions = read_conditions(scope["headers"], time.time())
        guard: Guard | None = "probe" if self.probe else "validators" if self.validators else None
        require = self.require and scope["method"] in REQUIRED
        return forecast(scope["method"], conditions, tags=self.tags, guard=guard, require=require)

    def _store(self, context: Context) -> Store:
        return context.store if self.store is None else Store.parse(self.store)

    def _locks(self, context: Context) -> Locks:
        """Return who gives turns: one for the layer and store, however many apps it stands in front of."""
        store = self._store(context)
        if store not in self._made:
            self._made[store] = MemoryLocks(wait=self.wait) if store.kind == "memory" else self._shared(store)
        return self._made[store]

    def _shared(self, store: Store) -> Locks:
        return RedisLocks(
            store,
            prefix=f"{self.prefix}:{self.label}",
            partitions=self.partitions,
            timeout=self.store_timeout,
            lease=self.lease,
            wait=self.wait,
        )

    @cached_property
    def _made(self) -> dict[Store, Locks]:
        return {}

    @cached_property
    def _reader(self) -> Reader:
        makes = tagging(weak=self.tags == "weak", fast=self.digest == "fast")
        return Reader(makes, -1 if self.tags == "off" else self.limit, self.label)


@final
class _Wired(Entered):
    __slots__ = ("_app", "_current", "_label", "_locks", "_reader", "_requires")

    def __init__(
        self, app: ASGIApp, settings: ConditionalRequests, reader: Reader, locks: Locks | None
    ) -> None:
        self._app = app
        self._reader = reader
        self._locks = locks
        self._requires = settings.require
        self._label = settings.label
        self._current: FindState | None = None
        if settings.validators is not None:
            self._current = partial(told, settings.validators)
        elif settings.probe:
            self._current = Probe(app, reader.tagging, limit=reader.limit, wait=settings.wait)

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            return self._pass(scope, receive, send)
        if "state" not in scope:
            scope = {**scope, "state": {}}  # where a handler says that it wants none of this
        for name, _ in scope["headers"]:
            if name in CONDITIONAL:
                return self._read(scope, receive, send)
        if method == "GET":
            tagged = Tagged()  # as Holding says: every GET comes by here
            tagged.outer = tagged.onward = send
            tagged.out = tagged.head = None
            tagged.reader = self._reader
            tagged.scope = scope
            send = tagged.send
        return self._app(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        reading = Reading(self._reader, condition_lines(scope["headers"]), scope, receive, send)
        # Routers write into the scope, so what comes by a second time has to be what it was.
        again = without_range(scope) if reading.may_ignore_range else None
        await self._app(scope, receive, reading.send)
        if again is not None and reading.ignores_range:
            await self(again, without_content(receive), send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if (self._current is None and not self._requires) or not is_write(method):
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        conditions = read_conditions(scope["headers"], time.time())
        if self._requires and method in REQUIRED and not is_conditional(conditions):
            exchange.answered(self._label)
            exchange.emit(PreconditionRefused(field="none"))
            return await required()(scope, receive, send)
        decides = conditions if is_conditional(conditions) else None
        if self._locks is not None:
            return await self._write(self._locks, decides, exchange, scope, receive, send)
        problem = await self._judge(decides, exchange, scope)
        await (self._app if problem is None else problem)(scope, receive, send)

    async def _judge(self, conditions: Conditions | None, exchange: Exchange, scope: Scope) -> Problem | None:
        """Return what refuses a write: the current state is not the one that it demands."""
        if conditions is None or self._current is None:
            return None
        current = await self._current(scope)
        if isinstance(current, Stepping):
            return None
        verdict = evaluate(conditions, scope["method"], current)
        if not isinstance(verdict, Failed):
            return None
        exchange.answered(self._label)
        exchange.emit(PreconditionRefused(field=verdict.field))
        return failed(verdict)

    async def _write(
        self,
        locks: Locks,
        conditions: Conditions | None,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Let the request write when it is its turn."""
        turn = await take_turn(locks, resource(scope))

        def on_head(head: Message) -> Send:
            return Ending(send, head, turn.end)

        try:
            problem = await self._turned_down(turn, conditions, exchange, scope)
            if problem is None:
                return await self._app(scope, receive, Link(send, on_head))
        finally:
            await turn.end()
        # Others need not wait until this one has taken its refusal.
        await problem(scope, receive, send)

    async def _turned_down(
        self, turn: Turn, conditions: Conditions | None, exchange: Exchange, scope: Scope
    ) -> Problem | None:
        reason = turn.busy
        if reason is None:
            try:
                problem = await self._judge(conditions, exchange, scope)
            except Busy as error:
                reason = error
            else:
                if not turn.is_lost:
                    return problem
        away = isinstance(reason, StoreAway)
        exchange.answered(self._label, "rejected")
        exchange.emit(WriterRefused(reason="store away" if away else "busy"))
        return busy(reason.retry_after if isinstance(reason, Busy) else SOON, away=away)
