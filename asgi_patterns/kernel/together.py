"""Questions that arise in the same turn of the event loop travel together. asyncio only.

``Together``: gathers items for a function that takes many at once, such as one call to a Redis.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeAlias, TypeVar, final

__all__ = ["Together"]

A = TypeVar("A")
R = TypeVar("R")

Fly: TypeAlias = Callable[[Sequence[A]], Awaitable[Sequence[R | Exception]]]
"""Answers many items in their order; an exception in the place of an answer is for that item alone."""

MOST: Final = 512
"""Items of one flight: what a server has to do in one go, while others wait."""

CLOSED: Final = "this is closed: nothing travels any more"
ELSEWHERE: Final = "this belongs to an event loop that is still open: each loop needs its own"


@final
class Together(Generic[A, R]):
    """One flight at a time: the first leaves at the end of this turn, the next one when it has landed.

    A flight belongs to nobody who waits for it: it goes on when they leave. It fails whole if ``fly``
    raises, and then so does what was gathered meanwhile, which would only wait for the same outage.
    ``fly`` needs a time limit of its own; it does not run in the context of any request.
    """

    def __init__(self, fly: Fly[A, R], most: int = MOST) -> None:
        self._fly = fly
        self._most = most
        self._items: list[A] = []
        self._waiting: list[asyncio.Future[R] | None] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def ask(self, item: A) -> "asyncio.Future[R]":
        """Send an item along; the future has its answer. Raises ``RuntimeError`` when closed.

        After a loop that was closed under it, it works on the next one.
        """
        loop = asyncio.get_running_loop()
        if self._task is None or loop is not self._loop:
            self._start(loop)
        future: asyncio.Future[R] = loop.create_future()
        self._items.append(item)
        self._waiting.append(future)
        return future

    def post(self, item: A) -> None:
        """Send an item along whose answer nobody needs, and whose failure neither."""
        loop = asyncio.get_running_loop()
        if self._task is None or loop is not self._loop:
            self._start(loop)
        self._items.append(item)
        self._waiting.append(None)

    async def aclose(self) -> None:
        """Take nothing more, and wait until all that was gathered has landed."""
        self._is_closed = True
        self._loop = None  # so that whoever asks now comes by the check
        task = self._task
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task])

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._is_closed:
            raise RuntimeError(CLOSED)
        if loop is not self._loop:
            if self._task is not None and not self._task.get_loop().is_closed():
                raise RuntimeError(ELSEWHERE)
            self._give_up()  # nobody waits any more for what was left behind there
        self._loop = loop
        # An empty context: a flight has many requests, so it is not to be logged or traced as the first's.
        self._task = loop.create_task(self._fly_all(), context=Context())
        self._task.add_done_callback(self._ended)

    async def _fly_all(self) -> None:
        while self._items:
            await self._fly_once(*self._take())
        self._task = None

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """See that nobody waits for a task that was cancelled, which happens at the end of a loop."""
        if self._task is task:
            self._task = None
            _cancel(self._give_up())

    def _take(self) -> tuple[list[A], list[asyncio.Future[R] | None]]:
        most = self._most
        items, waiting = self._items, self._waiting
        self._items, self._waiting = items[most:], waiting[most:]
        return items[:most], waiting[:most]

    async def _fly_once(self, items: list[A], waiting: list[asyncio.Future[R] | None]) -> None:
        try:
            answers = await self._fly(items)
            if len(answers) != len(items):
                raise RuntimeError(f"{len(items)} items have {len(answers)} answers")
        except Exception as error:
            for future in waiting + self._give_up():
                _fail(future, error)
        except asyncio.CancelledError:
            _cancel(waiting)
            raise
        else:
            _land(waiting, answers)

    def _give_up(self) -> "list[asyncio.Future[R] | None]":
        """Forget what was gathered, and return who waits for it."""
        waiting, self._items, self._waiting = self._waiting, [], []
        return waiting


def _land(waiting: list[asyncio.Future[R] | None], answers: Sequence[R | Exception]) -> None:
    for future, answer in zip(waiting, answers, strict=True):
        if isinstance(answer, Exception):
            _fail(future, answer)
        elif future is not None and not future.done():
            future.set_result(answer)


def _cancel(waiting: list[asyncio.Future[R] | None]) -> None:
    for future in waiting:
        if future is not None:
            future.cancel()


def _fail(future: "asyncio.Future[R] | None", error: Exception) -> None:
    if future is not None and not future.done():
        future.set_exception(error)
        future.exception()  # counts as heard: who asked may have left without a word
