"""Processes that are told what to do through a pipe, say nothing elsewhere, and end when we do.

``begin``: starts one; ``Child``: what it is from here; ``reason``: an error in one line.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, final

__all__ = ["FAILED", "CannotMeasure", "Child", "begin", "bury", "last_line", "reason", "undisturbed"]

FAILED: Final = "failed"
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)
LEAVING: Final = 3.0
"""Seconds that a process has to tidy up."""


class CannotMeasure(Exception):
    """Why a process cannot do its work, in a sentence that says all."""


Body = Callable[[Any, Connection], None]


@final
@dataclass(frozen=True, slots=True)
class Child:
    """A process, as seen from here. It hears what is told, and ends when it is told ``None`` or nobody is left."""

    process: BaseProcess
    pipe: Connection

    def tell(self, what: object) -> None:
        """Say something, unless it has died: that will be heard."""
        with suppress(OSError):
            self.pipe.send(what)

    def hear(self, seconds: float) -> tuple[str, Any]:
        """Return what it says, a word and a value; the word is ``FAILED`` where it says nothing in this time."""
        try:
            if not self.pipe.poll(seconds):
                return FAILED, f"no answer within {seconds:g} s"
            kind, value = self.pipe.recv()
        except (EOFError, OSError):
            return FAILED, "its process has died"
        return kind, value

    def dismiss(self) -> None:
        """Let it tidy up and end."""
        self.tell(None)
        self.pipe.close()


def bury(children: Iterable[Child]) -> None:
    """See to it that they have ended; they have ``LEAVING`` seconds together, after that nobody asks them."""
    left = [child.process for child in children]
    _join(left, LEAVING)
    for stop in (BaseProcess.terminate, BaseProcess.kill):
        left = [process for process in left if process.exitcode is None]
        for process in left:
            stop(process)
        _join(left, 1.0)


def _join(processes: Iterable[BaseProcess], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))


def begin(body: Body, argument: object, others: Sequence[Connection] = ()) -> Child:
    """Run ``body`` with ``argument`` and a pipe in a process of its own. ``others``: our ends of other pipes."""
    method = start_method()
    context: Any = get_context(method)
    ours, theirs = context.Pipe()
    # A forked process has our ends too. Unless it closes them, it never learns that we are gone.
    inherited = [*others, ours] if method == "fork" else []
    process = context.Process(target=_live, args=(body, argument, theirs, inherited), daemon=True)
    with undisturbed():
        process.start()
    theirs.close()
    return Child(process, ours)


def start_method() -> str:
    """Return how processes begin: as copies of this one where that is safe, which it is not on macOS."""
    return "fork" if "fork" in get_all_start_methods() and sys.platform != "darwin" else "spawn"


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait, while processes begin or end.

    A new process would hear of it before it can be deaf, and what a handler raises is lost in the hooks of a fork.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # by itself it would unblock the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _live(body: Body, argument: object, pipe: Connection, inherited: Sequence[Connection]) -> None:
    """Run in the new process."""
    _detach(inherited)
    try:
        body(argument, pipe)
    except (Exception, SystemExit) as exc:
        with suppress(OSError):
            pipe.send((FAILED, reason(exc)))


def _detach(inherited: Sequence[Connection]) -> None:
    """Be a process apart: deaf to Ctrl-C, silent, and without the pipes of others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    for each in inherited:
        each.close()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def reason(exc: BaseException) -> str:
    """Return what went wrong in one line: of a group what went wrong first, of a traceback what it comes to."""
    if isinstance(exc, BaseExceptionGroup):
        return reason(exc.exceptions[0])
    said = last_line(str(exc))
    if isinstance(exc, CannotMeasure):
        return said
    return f"{type(exc).__name__}: {said}" if said else type(exc).__name__


def last_line(text: str) -> str:
    """Return what a text comes to, where it may be a traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
