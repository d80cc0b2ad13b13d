"""Lua scripts on a shared Redis: a single one, behind sentinels, or a cluster. asyncio only.

``Script``: constant text. ``Call``: its keys and arguments once. ``Redis``: runs a script for many calls
in one go. ``lease``: the ``Redis`` of the running loop for a store, shared by all who use that store.

    redis = lease(store)
    replies = await redis.run(script, [Call("7", [b"rl:{7}:ann"], [b"100"])], within=0.05)
    await redis.release()
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final, NamedTuple, TypeAlias, final
from weakref import WeakValueDictionary

from asgi_patterns.kernel.errands import Answer, Errand, ask
from asgi_patterns.kernel.nodes import Nodes, nodes_of
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.resp import ErrorReply, Reply, pack
from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.wire import Link, Unreachable

__all__ = ["Call", "ErrorReply", "Outcome", "Redis", "Reply", "Script", "Unreachable", "lease"]

Outcome: TypeAlias = "Reply | Unreachable | TimeoutError"
"""What there is in the place of a call: the reply, the server's no, or why there is none."""

ROUNDS: Final = 3
"""How often a call follows what a server says instead of an answer: NOSCRIPT, MOVED, ASK ..."""
PAUSE: Final = 0.02
"""Seconds to wait before a call is tried again whose keys are just being moved."""

CURABLE: Final = frozenset(("NOSCRIPT", "READONLY", "MOVED", "ASK", "TRYAGAIN"))
AWAY: Final = frozenset(("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"))
"""Who says this is there, and cannot serve: for the caller that is the same."""

NO_ASYNCIO: Final = "the Redis store needs asyncio"

_ASKING: Final = pack(b"ASKING")


@final
class Script:
    """Constant Lua text: what differs travels in keys and arguments."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._text = text.encode()
        self._sha = self.sha.encode()

    def packed(self, call: "Call") -> bytes:
        """Return the command that runs it by its name."""
        return pack(b"EVALSHA", self._sha, b"%d" % len(call.keys), *call.keys, *call.args)

    def packed_whole(self, call: "Call") -> bytes:
        """Return the command that runs it, and tells the server its name."""
        return pack(b"EVAL", self._text, b"%d" % len(call.keys), *call.keys, *call.args)


class Call(NamedTuple):
    """One run of a script. All keys have the hash tag ``{tag}``, which decides where it runs in a cluster."""

    tag: str
    keys: Sequence[bytes]
    args: Sequence[bytes]


@final
class Redis:
    """The servers of one store, for one event loop. `lease` makes it; it connects when it is needed."""

    def __init__(self, store: Store) -> None:
        require("redis.asyncio", "redis")
        self._store = store
        self._loop = _running_loop()
        self._nodes = nodes_of(store)
        self._end: AsyncGenerator[None] | None = None
        self._is_closed = False
        self.users = 0

    def __repr__(self) -> str:
        return f"Redis({str(self._store)!r})"

    async def open(self) -> None:
        """Connect now, so that the first request does not have to. Raises `Unreachable`."""
        await self._enter()
        await self._nodes.open()

    async def run(
        self, script: Script, calls: Sequence[Call], *, within: float | None = None
    ) -> list[Outcome]:
        """Run the script once for each call, and return the outcomes in the order of the calls.

        A refusal of the server is returned in the place of its call, as `ErrorReply`; so is `Unreachable`
        where a server says that it cannot serve now. A server that is away raises `Unreachable`, one that
        does not answer ``within`` so many seconds `TimeoutError`; of a cluster both are returned in the
        places of that node's calls. Nobody knows then whether these have run: nothing is sent twice.
        """
        if self._end is None or self._is_closed or self._loop is not asyncio.get_running_loop():
            await self._enter()
        if not calls:
            return []
        deadline = None if within is None else self._loop.time() + within
        if not self._nodes.is_ready:
            async with asyncio.timeout_at(deadline):
                await self._nodes.ready()
        return await _Run(self._nodes, script, calls, deadline).outcome()

    async def release(self) -> None:
        """Give it back; the last user closes it, and who still waits for a reply hears `Unreachable`."""
        self.users -= 1
        if self.users == 0:
            self._is_closed = True
            _CLIENTS.pop(_key(self._loop, self._store), None)
            await self._nodes.aclose()
            if self._end is not None:
                await self._end.aclose()

    async def _enter(self) -> None:
        """See that it is used where it was made, and have it closed with its loop if nobody releases it."""
        if self._loop is not _running_loop():
            raise RuntimeError("this client of Redis belongs to another event loop: lease one here")
        if self._is_closed:
            raise RuntimeError("this client of Redis has been released")
        if self._end is None:
            self._end = _until_the_loop_ends(self._nodes)
            await anext(self._end)


async def _until_the_loop_ends(nodes: Nodes) -> AsyncGenerator[None]:
    # An event loop closes the generators that were started in it before it is closed itself. That is the
    # only call that a server without lifespan, or a test, makes for us.
    try:
        yield
    finally:
        nodes.abort()


@final
class _Run:
    """One run: what was answered so far, and what has to be asked again, of whom and why."""

    def __init__(self, nodes: Nodes, script: Script, calls: Sequence[Call], deadline: float | None) -> None:
        self._nodes = nodes
        self._script = script
        self._calls = calls
        self._deadline = deadline
        self._outcomes: list[Outcome] = [None] * len(calls)
        self._odd: dict[int, tuple[Link, ErrorReply]] = {}

    async def outcome(self) -> list[Outcome]:
        plan = self._nodes.plan([call.tag for call in self._calls])
        for row in plan.pop(None, ()):
            self._outcomes[row] = Unreachable("no node of the cluster has the slot")
        packed, calls = self._script.packed, self._calls
        errands = [
            Errand(link, b"".join([packed(calls[row]) for row in rows]), len(rows))
            for link, rows in plan.items()
            if link is not None
        ]
        for errand, rows, answer in zip(
            errands, plan.values(), await ask(errands, self._deadline), strict=True
        ):
            self._take(errand.link, rows, answer)
        for _ in range(ROUNDS):
            if not self._odd:
                break
            await self._ask_again()
        return self._outcomes

    def _take(self, link: Link, rows: Sequence[int], answer: Answer) -> None:
        outcomes = self._outcomes
        if isinstance(answer, list):
            for row, reply in zip(rows, answer, strict=True):
                outcomes[row] = reply
            if ErrorReply in map(type, answer):
                self._look(link, rows)
        else:
            self._nodes.failed(answer)
            for row in rows:
                outcomes[row] = answer

    def _look(self, link: Link, rows: Sequence[int]) -> None:
        """Find what may be asked again, and what is an outage in other words."""
        for row in rows:
            reply = self._outcomes[row]
            if isinstance(reply, ErrorReply):
                if reply.code in CURABLE:
                    self._odd[row] = link, reply
                if reply.code in AWAY:
                    self._outcomes[row] = Unreachable(f"{link.name} says {reply.code}")

    async def _ask_again(self) -> None:
        odd, self._odd = self._odd, {}
        remedies = {row: self._remedy(self._calls[row], *why) for row, why in odd.items()}
        errands = {row: errand for row, errand in remedies.items() if errand is not None}
        if any(error.code == "TRYAGAIN" for _, error in odd.values()):
            await self._pause()
        answers = await ask([*errands.values()], self._deadline)
        for (row, errand), answer in zip(errands.items(), answers, strict=True):
            last = answer[-1:] if isinstance(answer, list) else answer
            self._take(errand.link, (row,), last)

    def _remedy(self, call: Call, link: Link, error: ErrorReply) -> Errand | None:
        """Return what to ask, and whom; the script's text goes along, for it may be new there."""
        target: Link | None = link
        if error.code in ("MOVED", "ASK"):
            target = self._nodes.follow(error, link)
        elif error.code == "READONLY":
            link.renew()
        if target is None:
            return None
        command = self._script.packed_whole(call)
        return Errand(target, _ASKING + command, 2) if error.code == "ASK" else Errand(target, command, 1)

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(PAUSE if self._deadline is None else min(PAUSE, max(self._deadline - now, 0)))


_CLIENTS: Final[WeakValueDictionary[tuple[int, str], Redis]] = WeakValueDictionary()
"""By event loop and URL. A client holds its loop, so as long as it lives no other has the same id."""


def lease(store: Store) -> Redis:
    """Return the client of the running loop for ``store``, to be released once by each who leased it.

    Raises ``RuntimeError`` where no asyncio runs, `MissingExtra` without redis-py.
    """
    key = _key(_running_loop(), store)
    redis = _CLIENTS.get(key)
    if redis is None:
        redis = _CLIENTS[key] = Redis(store)
    redis.users += 1
    return redis


def _key(loop: asyncio.AbstractEventLoop, store: Store) -> tuple[int, str]:
    return id(loop), store.url.get_secret_value()


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(NO_ASYNCIO) from None
