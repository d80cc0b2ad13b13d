"""Asking several servers at the same time, each with its own outcome, until a deadline."""

import asyncio
from collections.abc import Sequence
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
    # Cheaper than a timeout around it, and an answer that came in time counts though others did not.
    timer = None
    if deadline is not None:
        timer = asyncio.get_running_loop().call_at(deadline, _expire, errands, asked)
    try:
        return [await _answer(future) for future in asked]
    except asyncio.CancelledError:
        _forget(errands, asked)
        raise
    finally:
        if timer is not None:
            timer.cancel()


async def _answer(future: "asyncio.Future[list[Reply]]") -> Answer:
    try:
        return await future
    except (Unreachable, TimeoutError) as error:
        return error


def _expire(errands: Sequence[Errand], asked: "Sequence[asyncio.Future[list[Reply]]]") -> None:
    for errand, future in zip(errands, asked, strict=True):
        if not future.done():
            future.set_exception(TimeoutError(f"{errand.link.name} did not answer in time"))
            errand.link.renew()


def _forget(errands: Sequence[Errand], asked: "Sequence[asyncio.Future[list[Reply]]]") -> None:
    """Let nobody wait behind an answer that did not come: a connection can be mute for many minutes."""
    for errand, future in zip(errands, asked, strict=True):
        if future.cancelled() or future.cancel():
            errand.link.renew()
        else:
            future.exception()  # counts as heard
