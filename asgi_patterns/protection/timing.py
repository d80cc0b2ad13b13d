"""One request and its limits: what it sends and waits for, and what happens when it is late."""

import logging
from collections.abc import Awaitable
from contextvars import copy_context
from math import inf
from typing import Final, final

from anyio import CancelScope
from anyio.lowlevel import checkpoint

from asgi_patterns.kernel.ending import is_last
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.headers import append, merge_vary
from asgi_patterns.kernel.look import Holding
from asgi_patterns.kernel.types import Message, RawHeaders, Receive, Scope, Send
from asgi_patterns.protection.deadline_events import TimedOut
from asgi_patterns.protection.deadline_refusals import refusal
from asgi_patterns.protection.rings import Ring
from asgi_patterns.protection.time_limits import ENDED, Limit, Limits, Progress, next_limit

_log: Final = logging.getLogger("asgi_patterns.deadline")


class DeadlineExceeded(TimeoutError):
    """An answer that had begun has taken longer than it may, and was broken off."""


@final
class Timing(Holding):
    """The ``send`` of one request, which knows when its limits pass, and the patience with its client."""

    cancel_scope: CancelScope
    """What the handler runs in. Set it before anything is waited for."""

    # What few requests ever set is here, and costs the others nothing.
    sending: Awaitable[None] | None = None
    """What sends the refusal, while it does."""
    _passed: Limit | None = None
    _refuses = _has_trailers = False
    _waited = 0.0
    _waiting_since: float | None = None
    _last: float | None = None

    def __init__(
        self,
        send: Send,
        ring: Ring,
        limits: Limits,
        scope: Scope,
        receive: Receive,
    ) -> None:
        self.outer = send
        self.out = self._begin_answer  # nothing is held
        self._ring = ring
        self._limits = limits
        self._scope = scope
        self._receive = receive
        self.context = copy_context()
        self._began = began = ring.time()
        ring.timed.add(self)
        due = began + limits.first
        if due < ring.at:
            ring.expect(due)

    # --- the clock ---

    def due(self) -> float:
        """Return when the next limit passes."""
        return next_limit(self._limits, self._progress())[0]

    def left(self) -> float | None:
        """Return the seconds until then."""
        due = self.due()
        return None if due == inf else max(0.0, due - self._ring.time())

    def pass_limit(self, now: float) -> None:
        """Refuse the request or break its answer off, and cancel the handler where that does no harm."""
        limit = self._passed = next_limit(self._limits, self._progress())[1]
        has_begun = self._last is not None
        cancels = has_begun or limit == "body" or self._limits.cancels
        exchange: Exchange | None = self._scope.get(KEY)
        if exchange is not None:
            exchange.answered(self._limits.label, "timeout")
            exchange.emit(TimedOut(limit=limit, seconds=now - self._began, cancelled=cancels))
        self.takes_over(self._late)
        if not has_begun:
            self._refuses = True
            self.sending = self._ring.spawn(self._refuse)
        if cancels:
            self.cancel_scope.cancel()

    def _progress(self) -> Progress:
        return Progress(self._began, self._waited, self._waiting_since, self._last)

    def begin(self, complete: bool) -> None:
        """Be told that the app waits for its client."""
        if not complete and self._limits.body < inf:
            now = self._waiting_since = self._ring.time()
            self._expect(now + self._limits.body - self._waited)

    def end(self) -> None:
        """Be told that it does so no longer."""
        if self._waiting_since is not None:
            self._waited += self._ring.time() - self._waiting_since
            self._waiting_since = None
            if self._last is None:
                self._expect(self.due())

    def _expect(self, due: float) -> None:
        if due < self._ring.at:
            self._ring.expect(due)

    # --- what is sent ---

    def _begin_answer(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            ring = self._ring
            self._last = now = ring.time()
            due = now + self._limits.gap
            if due < ring.at:
                ring.expect(due)
            if "trailers" in message:
                self._has_trailers = message["trailers"]
            if self._limits.has_preference:
                message = _applied(message)
            self.out = self._follow
        return self.outer(message)

    def _follow(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.body":  # nearly every one, seen without a further call
            ends = not self._has_trailers and not message.get("more_body")
        else:
            ends = is_last(message, self._has_trailers)
        if ends:
            self._limits = ENDED
            # Otherwise it holds itself, and is freed much later, by the collector, with all that the request has held.
            self.out = self.outer
        else:
            self._last = self._ring.time()
        return self.outer(message)

    async def _late(self, message: Message) -> None:
        """Take what is sent after the refusal, which nobody gets."""
        if not self._refuses or message.get("more_body", False):
            raise OSError(f"the time for the answer is over ({self._passed})")
        await checkpoint()

    async def _refuse(self) -> None:
        limit = self._passed or "start"
        is_first = self._scope.get("http_version", "1.1") in ("1.0", "1.1")
        problem = refusal(limit, closes=is_first, runs_on=limit != "body" and not self._limits.cancels)
        if self._limits.has_preference and limit == "start":
            problem.fields.append((b"preference-applied", b"wait"))
        try:
            await problem(self._scope, self._receive, self.outer)
        except OSError:
            _log.debug("the client did not wait for its refusal", exc_info=True)

    def check(self) -> None:
        """Raise ``DeadlineExceeded`` where the answer was broken off, so that no client takes it for the whole."""
        if self._passed is not None and not self._refuses:
            raise DeadlineExceeded(f"the answer took too long ({self._passed}), and was broken off")


def _applied(head: Message) -> Message:
    headers: RawHeaders = [*head.get("headers", ())]
    append(headers, b"preference-applied", b"wait")
    merge_vary(headers, "Prefer")
    return {**head, "headers": headers}
