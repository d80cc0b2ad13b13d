"""Asking several servers at the same time, each with its own outcome, until a deadline."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from asgi_patterns.kernel.resp import Reply
from asgi_patterns.kernel.wire import Link, Unreachable

__all__ = ["Answer", "Errand", "ask"]

Answer: TypeAlias = list[Reply] | Unreachable | TimeoutError
"""The replies of one server, or why there are none."""


class Errand(NamedTuple):
    """What is to be asked: whom, the commands, and how many replies these have."""

    link: Link
    commands: bytes
    replies: int


async def ask(errands: Sequence[Errand], deadline: float | None) -> list[Answer]:
    """Ask all at once, and return their answers in the same order; ``deadline`` is in the loop's time."""
    asked = [link.ask(commands, replies) for link, commands, replies in errands]
    # Not a TimeoutError: an answer that came in time counts, though others did not come.
    with suppress(TimeoutError):
        try:
            async with asyncio.timeout_at(deadline):
                for future in asked:
                    with suppress(Unreachable):
                        await future
        finally:
            for errand, future in zip(errands, asked, strict=True):
                _give_up(errand.link, future)
    return [_answer(errand.link, future) for errand, future in zip(errands, asked, strict=True)]


def _give_up(link: Link, future: "asyncio.Future[list[Reply]]") -> None:
    """Let nobody wait behind an answer that did not come: a connection can be mute for many minutes."""
    if future.cancelled() or future.cancel():
        link.renew()


def _answer(link: Link, future: "asyncio.Future[list[Reply]]") -> Answer:
    if future.cancelled() or not future.done():
        return TimeoutError(f"{link.name} did not answer in time")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Unreachable):
        return error
    raise error
