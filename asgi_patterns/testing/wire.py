"""The line between an app and the test that plays its server.

What the app sends waits until the test takes it, so a test decides, step by step and without sleeping, how
far an app gets. What the test sends waits in a queue, as bytes wait in a socket.

``Wire``: both ends of one call; ``ClientLeft``: what ``send`` raises once nobody listens any more.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import final

from anyio import Event, create_task_group, get_cancelled_exc_class, move_on_after
from anyio.lowlevel import checkpoint

from asgi_patterns.kernel.types import ASGIApp, Message, Scope
from asgi_patterns.testing.violation import ProtocolViolation

LINGERS = "the app had answered or lost its client, but did not end"


class ClientLeft(OSError):
    """The client has gone; servers of ASGI 2.4 and later raise such an error from ``send``."""


@dataclass(eq=False, slots=True)
class _Offer:
    """A message on its way out, and the call of ``send`` that waits for its fate."""

    message: Message
    answered: Event = field(default_factory=Event)
    taken: bool = False


@final
class Wire:
    """Both ends of one call of an app. Made by the client, in the loop that the call runs in.

    ``feed`` is what ``receive`` gives, asked for item by item; ``farewell`` is what it gives, again and
    again, once the wire is closed. With ``refuses`` a ``send`` raises ``ClientLeft`` after the client has
    gone, otherwise it does nothing. ``patience`` in seconds bounds every wait of the test for its app.
    """

    def __init__(
        self, feed: Iterator[Message], *, farewell: Message | None, refuses: bool, patience: float | None
    ) -> None:
        self.farewell = farewell
        self.exception: BaseException | None = None
        self.ended = False
        self.left = False
        self._feed = feed
        self._refuses = refuses
        self._patience = patience
        self._mail: deque[Message] = deque()
        self._offers: deque[_Offer] = deque()
        self._closed = False
        self._surfaced = False
        self._news = Event()

    # The app's end.

    async def send(self, message: Message) -> None:
        """Wait until the test has taken ``message``."""
        offer = _Offer(_kept(message))
        await checkpoint()
        if not self.left:
            self._offers.append(offer)
            self._ring()
            try:
                await offer.answered.wait()
            finally:
                # A cancelled send must not arrive afterwards.
                if offer in self._offers:
                    self._offers.remove(offer)
        if not offer.taken and self._refuses:
            raise ClientLeft("the client has left")

    async def receive(self) -> Message:
        """Give the next message of the client, or wait for it."""
        await checkpoint()
        while (message := self._next()) is None:
            await self._news.wait()
        if message["type"] == "http.disconnect":
            self.discard()
            self.leave()
        return message

    def _next(self) -> Message | None:
        message = next(self._feed, None)
        if message is None and self._mail:
            message = self._mail.popleft()
        if message is None and self._closed and self.farewell is not None:
            message = {**self.farewell}
        return message

    # The test's end.

    async def take(self) -> Message | None:
        """Take the next message of the app and let its ``send`` return; ``None`` when there will be none."""
        with self._waiting(LINGERS if self._closed else "the app sent nothing"):
            while not self._offers and not self.ended and not self.left:
                await self._news.wait()
        if not self._offers:
            await checkpoint()  # where the app was cancelled together with the test, this is the test's turn
            return None
        offer = self._offers.popleft()
        offer.taken = True
        offer.answered.set()
        return offer.message

    def post(self, message: Message) -> None:
        """Queue a message for ``receive``."""
        self._mail.append(message)
        self._ring()

    def close(self) -> None:
        """Let ``receive`` say farewell once what is queued has been read."""
        self._closed = True
        self._ring()

    def discard(self) -> None:
        """Throw away what ``receive`` has not given yet: nobody reads on after the end of an answer."""
        self._feed = iter(())
        self._mail.clear()

    def leave(self) -> None:
        """Go: every waiting and every later ``send`` fails or does nothing, ``receive`` says farewell."""
        self.left = True
        while self._offers:
            self._offers.popleft().answered.set()
        self.close()

    async def finish(self) -> None:
        """Wait until the app has returned or raised."""
        with self._waiting(LINGERS):
            while not self.ended:
                await self._news.wait()

    def verdict(self, *, raise_app_exceptions: bool) -> None:
        """Raise what the app raised. Raised always: violations, and what is no ``Exception``.

        Never raised: our own ``ClientLeft`` that came back, which is how an app may end when its client goes.
        """
        raised = self.exception
        if raised is None or self._surfaced or _is_departure(raised):
            return
        always = isinstance(raised, ProtocolViolation) or not isinstance(raised, Exception)
        if raise_app_exceptions or always:
            self._surfaced = True
            raise raised

    @asynccontextmanager
    async def run(self, app: ASGIApp, scope: Scope) -> AsyncIterator[None]:
        """Call the app in a task of its own, as a server does. What is left of it at the end is cancelled."""
        failure: BaseException | None = None
        async with create_task_group() as tasks:
            tasks.start_soon(self._call, app, scope)
            try:
                yield
            except (get_cancelled_exc_class(), GeneratorExit):
                raise
            except BaseException as raised:  # kept out of the task group, which would wrap it
                failure = raised
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _call(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self.receive, self.send)
        except get_cancelled_exc_class():
            raise
        except BaseException as raised:  # shown to the test by verdict
            self.exception = raised
        finally:
            self.ended = True
            self._ring()

    def _ring(self) -> None:
        self._news.set()
        self._news = Event()

    @contextmanager
    def _waiting(self, complaint: str) -> Iterator[None]:
        with move_on_after(self._patience) as scope:
            yield
        if scope.cancelled_caught:
            raise TimeoutError(f"{complaint} within {self._patience:g} s")


def _kept(message: Message) -> Message:
    """Copy a message as it is now: its sender may use the same dict or list again."""
    if "headers" not in message:
        return {**message}
    return {**message, "headers": [(name, value) for name, value in message["headers"]]}


def _is_departure(raised: BaseException) -> bool:
    if isinstance(raised, BaseExceptionGroup):
        return raised.split(ClientLeft)[1] is None
    return isinstance(raised, ClientLeft)
