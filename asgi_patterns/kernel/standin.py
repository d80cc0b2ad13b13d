"""A problem in the place of the app's answer, where it has become due before a head has gone out.

A layer finds out while the app runs that the request must be refused: its content is too large, is broken, comes too
slowly. The app learns of it by an exception where it reads, and does with that what it likes: lets it out, turns it
into a 500 or a 400, or answers as if nothing had happened. ``StandIn`` makes one answer of all of these.
"""

from collections.abc import Iterator

from asgi_patterns.kernel.look import Holding
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send


class StandIn(Holding):
    """One HTTP request whose answer a problem may take the place of. A subclass says which one.

    Not before the app answers or ends: whatever the app has to clear away, it can. Where a head has gone out before the
    problem was due, the answer stays the app's, and the exception breaks it off. What the app says in vain is dropped,
    and what it raises passes, except what comes from ``cause``.
    """

    # No slots: what an answer that is right never sets stands on the class.

    cause: type[Exception] = Exception
    """What the app was told by: this one has been answered, when the problem has."""

    _is_open = True
    """Whether no head has come by."""
    _is_answered = False

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.outer = self.onward = send
        self.out = self.head = None
        self.scope = scope
        self.receive = receive

    def due(self) -> Problem | None:
        """Return what has to be answered, as things stand; ``None`` where the app's answer is the right one."""
        raise NotImplementedError

    async def answer(self, problem: Problem) -> None:
        """Send the problem."""
        await problem(self.scope, self.receive, self.outer)

    async def run(self, app: ASGIApp) -> None:
        """Call ``app``, and see to it that the right one answers."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:
            await self._close()
            if not (self._is_answered and comes_from(error, self.cause)):
                raise
        else:
            if self._is_open:
                await self._close()

    def expect(self, head: Message, headers: RawHeaders) -> None:
        """Let the head of the app pass, or put the problem in the place of what it begins."""
        if self.due() is None:
            self._is_open = False
        else:
            self.takes_over(self._swallow)

    async def _swallow(self, message: Message) -> None:
        """Answer when the app does; drop what else it sends."""
        await self._close()

    async def _close(self) -> None:
        """Answer, if that is due and has not been done."""
        if self._is_open and (problem := self.due()) is not None:
            self._is_open = False
            self._is_answered = True
            await self.answer(problem)


def comes_from(error: BaseException, cause: type[BaseException]) -> bool:
    """Whether ``error`` is a ``cause``, or was raised because of one, or is a group with such a one in it."""
    return any(isinstance(each, cause) for each in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error``, what it was raised because of, and what is in it where it is a group: each of these once."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            inner = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
            pending += [each.__cause__, each.__context__, *inner]
