"""One run of a script: each of its calls sent to its server, and again where that says how to go on."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias, final

from asgi_patterns.kernel.errands import Answer, Errand, ask
from asgi_patterns.kernel.nodes import Nodes
from asgi_patterns.kernel.resp import ErrorReply, Reply, pack
from asgi_patterns.kernel.wire import Link, Unreachable

__all__ = ["Call", "Outcome", "Run", "Script"]

Outcome: TypeAlias = "Reply | Unreachable | TimeoutError"
"""What there is in the place of a call: the reply, the server's no, or why there is none."""

ROUNDS: Final = 5
"""How often a call follows what a server says instead of an answer: NOSCRIPT, MOVED, ASK ..."""
PAUSE: Final = 0.02
"""Seconds to wait before a call is tried again whose keys are just being moved."""

CURABLE: Final = frozenset(("NOSCRIPT", "READONLY", "MOVED", "ASK", "TRYAGAIN"))
AWAY: Final = frozenset(("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"))
"""Who says this is there, and cannot serve: for the caller that is the same."""

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
class Run:
    """One run: what was answered so far, and what has to be asked again, of whom and why."""

    def __init__(self, nodes: Nodes, script: Script, calls: Sequence[Call], deadline: float | None) -> None:
        self._nodes = nodes
        self._script = script
        self._calls = calls
        self._deadline = deadline
        self._outcomes: list[Outcome] = [None] * len(calls)
        self._odd: dict[int, _Odd] = {}

    async def outcomes(self) -> list[Outcome]:
        """Return what became of each call. Raises what `Nodes.failed` does."""
        plan = self._nodes.plan([call.tag for call in self._calls])
        for row in plan.pop(None, ()):
            self._outcomes[row] = Unreachable("no node of the cluster has the slot")
        packed, calls = self._script.packed, self._calls
        errands = [
            Errand(link, b"".join([packed(calls[row]) for row in rows]), len(rows))
            for link, rows in plan.items()
            if link is not None
        ]
        answers = await ask(errands, self._deadline)
        for errand, rows, answer in zip(errands, plan.values(), answers, strict=True):
            self._take(errand.link, rows, answer)
        for _ in range(ROUNDS):
            if not self._odd:
                break
            await self._ask_again()
        return self._outcomes

    def _take(self, link: Link, rows: Sequence[int], answer: Answer, *, is_asking: bool = False) -> None:
        outcomes = self._outcomes
        if isinstance(answer, list):
            for row, reply in zip(rows, answer, strict=True):
                outcomes[row] = reply
            if ErrorReply in map(type, answer):
                self._look(link, rows, is_asking=is_asking)
        else:
            self._nodes.failed(answer)
            for row in rows:
                outcomes[row] = answer

    def _look(self, link: Link, rows: Sequence[int], *, is_asking: bool) -> None:
        """Find what may be asked again, and what is an outage in other words."""
        for row in rows:
            reply = self._outcomes[row]
            if isinstance(reply, ErrorReply):
                if reply.code in CURABLE:
                    self._odd[row] = _Odd(link, reply, is_asking)
                if reply.code in AWAY:
                    self._outcomes[row] = Unreachable(f"{link.name} says {reply.code}")

    async def _ask_again(self) -> None:
        odd, self._odd = self._odd, {}
        if any(each.error.code == "TRYAGAIN" for each in odd.values()):
            await self._pause()
        remedies = {row: self._remedy(each) for row, each in odd.items()}
        cured = {row: remedy for row, remedy in remedies.items() if remedy is not None}
        errands = [self._errand(self._calls[row], *remedy) for row, remedy in cured.items()]
        answers = await ask(errands, self._deadline)
        for (row, (link, is_asking)), answer in zip(cured.items(), answers, strict=True):
            last = answer[-1:] if isinstance(answer, list) else answer
            self._take(link, (row,), last, is_asking=is_asking)

    def _remedy(self, odd: "_Odd") -> tuple[Link, bool] | None:
        """Return whom to ask, and whether it has to be told that it was another's word to ask it."""
        link, error, is_asking = odd
        if error.code in ("MOVED", "ASK"):
            target = self._nodes.follow(error, link)
            return None if target is None else (target, error.code == "ASK")
        if error.code == "READONLY":
            link.renew()
        return link, is_asking

    def _errand(self, call: Call, link: Link, is_asking: bool) -> Errand:
        # The text goes along: the script may be new there.
        command = self._script.packed_whole(call)
        return Errand(link, _ASKING + command, 2) if is_asking else Errand(link, command, 1)

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(PAUSE if self._deadline is None else min(PAUSE, max(self._deadline - now, 0)))


class _Odd(NamedTuple):
    """A reply that is none yet: who gave it, what it says, and whether it was asked on another's word."""

    link: Link
    error: ErrorReply
    is_asking: bool
