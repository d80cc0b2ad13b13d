"""A cluster: which of its nodes a call goes to, and what is made of their saying that it is another one."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, final
from weakref import WeakSet

from asgi_patterns.kernel.dialing import link_to
from asgi_patterns.kernel.errands import Errand, ask
from asgi_patterns.kernel.nodes import Plan
from asgi_patterns.kernel.resp import ErrorReply, pack
from asgi_patterns.kernel.slots import Owners, owners, redirected, slot_of
from asgi_patterns.kernel.store import Node, Store
from asgi_patterns.kernel.wire import CONNECT_SECONDS, Link, Unreachable, background

__all__ = ["Cluster"]

LEAST_SECONDS: Final = 0.25
"""Seconds that a node has at least to answer for all: with many nodes their share would be too short."""
REFRESH_SECONDS: Final = 0.25
"""How long a table of slots is not asked for again because of failures: each request may see one."""
MAX_TAGS: Final = 4096
"""Hash tags whose nodes are remembered."""

_TABLE: Final = pack(b"CLUSTER", b"SLOTS")


@final
class Cluster:
    """Each slot has its owner. The table of owners is asked for once, and when it has proved wrong."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._links: dict[Node, Link] = {}
        # With those that are no nodes any more: a link lives as long as it has a connection.
        self._all: WeakSet[Link] = WeakSet()
        self._owners: Owners = []
        self._by_tag: dict[str, Link | None] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._next_refresh = 0.0
        self._turn = 0

    async def open(self) -> None:
        """Connect to all owners."""
        await self.ready()
        opened = (link.open() for link in self._links.values())
        for error in await asyncio.gather(*opened, return_exceptions=True):
            if error is not None:
                raise error

    @property
    def is_ready(self) -> bool:
        """Whether there is a table of owners, be it an old one."""
        return bool(self._owners)

    async def ready(self) -> None:
        """Have a table of owners."""
        if not self._owners:
            task = self._refresh()
            await asyncio.wait([task])  # which is not cancelled with us
            if task.cancelled():
                raise Unreachable("the client of the cluster was closed")
            task.result()

    def plan(self, tags: Sequence[str]) -> Plan:
        """Distribute calls over the owners of their slots."""
        found: defaultdict[Link | None, list[int]] = defaultdict(list)
        for number, tag in enumerate(tags):
            try:
                link = self._by_tag[tag]
            except KeyError:
                link = self._owner(tag)
            found[link].append(number)
        return {**found}

    def _owner(self, tag: str) -> Link | None:
        node = self._owners[slot_of(tag)]
        if len(self._by_tag) >= MAX_TAGS:
            self._by_tag.clear()
        link = self._by_tag[tag] = None if node is None else self._link(node)
        return link

    def follow(self, error: ErrorReply, asked: Link) -> Link | None:
        """Go where the server says, and ask for a new table if it says that the old one is wrong."""
        home = next((node for node, link in self._links.items() if link is asked), self._store.nodes[0])
        try:
            node = redirected(error, home)
        except ValueError:
            return None
        if error.code == "MOVED":
            self._suspect()
        return self._link(node)

    def failed(self, error: Unreachable | TimeoutError) -> None:
        """Others may have taken its slots."""
        self._suspect()

    def _suspect(self) -> None:
        """Ask for a new table, but not for each of many failures."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_refresh:
            self._next_refresh = now + REFRESH_SECONDS
            self._refresh()

    def abort(self) -> None:
        """Close all connections."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        for link in self._all:
            link.abort()

    async def aclose(self) -> None:
        """Close all connections, and wait until that is done."""
        self.abort()
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing])
        for link in [*self._all]:
            await link.aclose()

    def _link(self, node: Node) -> Link:
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = link_to(self._store, node)
            self._all.add(link)
        return link

    def _refresh(self) -> "asyncio.Task[None]":
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = background(self._ask_around())
        return self._refreshing

    async def _ask_around(self) -> None:
        """Take the table of the first node that has one."""
        candidates = list(dict.fromkeys(self._candidates()))
        seconds = max(CONNECT_SECONDS / (len(candidates) + 1), LEAST_SECONDS)
        reason = ""
        for node in candidates:
            try:
                return self._adopt(await self._table(node, seconds))
            except OSError as error:
                reason = str(error)
        self._turn += 1
        raise Unreachable(f"no node of the cluster says who has what; {reason}")

    def _candidates(self) -> Iterator[Node]:
        """Who answers at once comes first; who was asked first last time comes later."""
        yield from (node for node, link in self._links.items() if link.is_open)
        yield from self._links
        turn = self._turn % len(self._store.nodes)
        yield from self._store.nodes[turn:] + self._store.nodes[:turn]

    async def _table(self, node: Node, seconds: float) -> Owners:
        link = self._link(node)
        deadline = asyncio.get_running_loop().time() + seconds
        (answer,) = await ask([Errand(link, _TABLE, 1)], deadline)
        if not isinstance(answer, list):
            raise answer
        try:
            return owners(answer[0], node)
        except ValueError as error:
            raise Unreachable(f"{link.name} {error}") from None

    def _adopt(self, table: Owners) -> None:
        self._owners = table
        self._by_tag.clear()
        known = {node: self._link(node) for node in dict.fromkeys(table) if node is not None}
        for node, link in self._links.items():
            if node not in known:
                link.retire()
        self._links = known
