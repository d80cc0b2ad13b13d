"""Writes: their conditions are decided before the handler runs, and where the app is asked, one writer at a time.

``Unknown``: what a user's function returns to step aside; ``told`` and ``Probe``: find out the current state;
``take_turn``: lets one request at a time change a ``resource``.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from enum import Enum
from typing import Final, TypeAlias, final

from anyio import fail_after

from asgi_patterns.caching.digest import Tagging
from asgi_patterns.caching.locks import Busy, Lease, Locks, StoreAway
from asgi_patterns.caching.reading import UNTAGGED
from asgi_patterns.caching.validators import Selected, Validators, read_selected
from asgi_patterns.kernel.asking import Asked, ask
from asgi_patterns.kernel.exchange import ROUTED, Exchange
from asgi_patterns.kernel.headers import get, short_length
from asgi_patterns.kernel.tags import parse_tag
from asgi_patterns.kernel.types import ASGIApp, RawHeaders, Scope


class Stepping(Enum):
    """The type of ``Unknown``."""

    ASIDE = "unknown"


Unknown: Final = Stepping.ASIDE
"""The state of a resource is not known here: the handler decides."""

Current: TypeAlias = Callable[[Scope], Awaitable[Validators | Stepping | None]]
"""Returns what a resource is known by now; ``None`` where it does not exist, ``Unknown`` to step aside."""

FindState: TypeAlias = Callable[[Scope], Awaitable[Selected | Stepping | None]]

# Conditions and content belong to the request that the probe is made for. Credentials stay.
_LEFT_OUT: Final = frozenset(
    {
        *(b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"),
        *(
            b"content-length",
            b"content-type",
            b"content-encoding",
            b"transfer-encoding",
            b"expect",
            b"trailer",
        ),
        b"idempotency-key",
    }
)


async def told(current: Current, scope: Scope) -> Selected | Stepping | None:
    """Return what a user's function says. Raises ``TypeError`` where that is no answer."""
    found: object = await current(scope)
    if found is None or isinstance(found, Stepping):
        return found
    if not isinstance(found, Validators):
        raise TypeError(f"validators: returned {type(found).__name__}, not Validators, None or Unknown")
    return found.selected(time.time())


@final
class Probe:
    """Asks the app itself, with the caller's own credentials, for the state that a client would have seen."""

    def __init__(self, app: ASGIApp, tagging: Tagging, *, limit: int, wait: float) -> None:
        """``tagging``, ``limit``: what tags are made with, and up to how many bytes; ``wait``: seconds."""
        self._app = app
        self._tagging = tagging
        self._limit = limit
        self._wait = wait

    async def __call__(self, scope: Scope) -> Selected | Stepping | None:
        """Return it; ``Unknown`` where the app answers neither 2xx nor 404, or nothing that could be compared.

        Raises ``Busy`` where it does not answer in time.
        """
        exchange, scope = Exchange.of(scope)
        _, asking = exchange.child(scope)
        # What has been routed before it comes here does not come by the router again.
        asking.update((key, scope[key]) for key in ROUTED if key in scope)
        asking["method"] = "GET"
        asking["headers"] = [line for line in scope["headers"] if line[0] not in _LEFT_OUT]
        try:
            with fail_after(self._wait):
                asked = await ask(self._app, asking, limit=self._limit, wants_body=self._wants_body)
        except TimeoutError:
            raise Busy from None
        if asked.status == 404:
            return None
        return self._selected(asked) if 200 <= asked.status < 300 else Unknown

    def _wants_body(self, status: int, headers: RawHeaders) -> bool:
        """Whether a client would have got a tag made of it. A stream has none, and may never end."""
        return status == 200 and short_length(headers, self._limit, UNTAGGED) is not None

    def _selected(self, asked: Asked) -> Selected | Stepping:
        selected = read_selected(asked.headers, time.time())
        if asked.body is not None:
            return selected._replace(tag=parse_tag(self._tagging(asked.body)))
        return Unknown if selected.tag is None and selected.modified is None else selected


@final
class Turn:
    """One writer's turn at a resource. ``busy`` says why there is none."""

    def __init__(
        self, lease: Lease | None, stack: AsyncExitStack, busy: Busy | StoreAway | None = None
    ) -> None:
        self.busy = busy
        self._lease = lease
        self._stack = stack

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may be writing by now."""
        return self._lease is not None and self._lease.is_lost

    async def end(self) -> None:
        """Let the next one write; more than once is once."""
        await self._stack.aclose()


async def take_turn(locks: Locks, key: str) -> Turn:
    """Wait for the turn to write what ``key`` names."""
    stack = AsyncExitStack()
    try:
        return Turn(await stack.enter_async_context(locks.hold(key)), stack)
    except (Busy, StoreAway) as error:
        return Turn(None, stack, error)


def resource(scope: Scope) -> str:
    """Return what names the resource: host and path. The query is left out, or it would be a way around the turn."""
    host = get(scope["headers"], b"host") or b""
    return f"{host.decode('latin-1').lower()}{scope['path']}"
