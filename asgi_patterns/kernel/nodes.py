"""Which server a call goes to, where there is a choice or none: the servers of one store."""

from collections.abc import MutableMapping, Sequence
from typing import Protocol, final

from asgi_patterns.kernel.resp import ErrorReply
from asgi_patterns.kernel.wire import Link, Unreachable

__all__ = ["Nodes", "Plan", "Single"]

Plan = MutableMapping[Link | None, Sequence[int]]
"""The calls, by their numbers, that go to each server; to ``None`` those that nobody can answer."""


class Nodes(Protocol):
    """The servers of one store."""

    async def open(self) -> None:
        """Connect to all of them. Raises `Unreachable`."""

    @property
    def is_ready(self) -> bool:
        """Whether `plan` can be called."""

    async def ready(self) -> None:
        """Learn what has to be known before `plan`. Raises `Unreachable`."""

    def plan(self, tags: Sequence[str]) -> Plan:
        """Distribute calls by their tags."""

    def follow(self, error: ErrorReply, asked: Link) -> Link | None:
        """Return where a redirection of ``asked`` points, if it may be followed."""

    def failed(self, error: Unreachable | TimeoutError) -> None:
        """Learn that a server did not answer; raises the error where no other could have."""

    def abort(self) -> None:
        """Close all connections at once."""

    async def aclose(self) -> None:
        """Close all connections at once, and wait until that is done."""


@final
class Single:
    """One server has everything: the only one, or the master that sentinels name."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def open(self) -> None:
        """Connect."""
        await self._link.open()

    @property
    def is_ready(self) -> bool:
        """Nothing has to be known."""
        return True

    async def ready(self) -> None:
        """Nothing has to be known."""

    def plan(self, tags: Sequence[str]) -> Plan:
        """All calls go to the same server."""
        return {self._link: range(len(tags))}

    def follow(self, error: ErrorReply, asked: Link) -> Link | None:
        """Only a cluster redirects, and then the URL is wrong: the caller has to see it."""
        return None

    def failed(self, error: Unreachable | TimeoutError) -> None:
        """There is no other."""
        raise error

    def abort(self) -> None:
        """Close the connection."""
        self._link.abort()

    async def aclose(self) -> None:
        """Close the connection, and wait until that is done."""
        await self._link.aclose()
