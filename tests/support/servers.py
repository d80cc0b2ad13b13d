"""Servers as separate processes: start one, wait until it listens, count what it holds, stop it.

``serving``: a context manager around one server on a free loopback port; ``Server``: what it yields.
"""

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, final

from tests.support.inspected import ANSWERS
from tests.support.processes import (
    alive_in_group,
    answering,
    descendants,
    listening_ports,
    sockets,
    threads,
)

__all__ = [
    "ROOT",
    "START_SECONDS",
    "STOP_SECONDS",
    "Counts",
    "Server",
    "alive_in_group",
    "granian",
    "hypercorn",
    "running",
    "serve",
    "serving",
    "uvicorn",
]

ROOT = Path(__file__).parents[2]

START_SECONDS = 30.0
STOP_SECONDS = 15.0
SETTLE_SECONDS = 10.0
LEAVE_SECONDS = 2.0
"""For what a server started and has told to end, such as the process in which Python tracks resources."""

# In the words of uvicorn and hypercorn, of our demo, and of granian's worker.
_READY = re.compile(r"(?i:running on|is served on) https?://|Started worker-")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a server holds at one moment, workers included. Two are equal when nothing of a request differs."""

    sockets: int
    tasks: int
    """Tasks of the running event loops."""
    children: int
    threads: int = field(compare=False)
    """Apart from the others: executors start threads when they are first needed, and keep them."""


@final
class Log:
    """What a process writes, line by line, as it comes."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._stream:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def text(self) -> str:
        """All of it up to now."""
        with self._news:
            return "".join(self._lines)

    def since(self, mark: int) -> str:
        """What came after ``mark``, a length of ``text``."""
        return self.text[mark:]

    def wait_for(self, pattern: str | re.Pattern[str], *, seconds: float, since: int = 0) -> re.Match[str]:
        """Return the first match after ``since``. Raises ``AssertionError`` at the end of time or of the log."""
        compiled = re.compile(pattern)
        with self._news:
            self._news.wait_for(lambda: self._ended or self._search(compiled, since), timeout=seconds)
            found = self._search(compiled, since)
        assert found is not None, f"the server never wrote {compiled.pattern!r}, but:\n{self.text}"
        return found

    def _search(self, pattern: re.Pattern[str], since: int) -> re.Match[str] | None:
        return pattern.search("".join(self._lines), since)

    def close(self, seconds: float) -> bool:
        """Wait for the end of the log. Return whether it came: a process left behind would keep it open."""
        self._reader.join(seconds)
        if self._reader.is_alive():
            return False
        self._stream.close()
        return True


@final
class Server:
    """One running server, the leader of a process group of its own."""

    def __init__(self, process: subprocess.Popen[str], answers: int) -> None:
        assert process.stdout is not None
        self.pid = process.pid
        self.log = Log(process.stdout)
        self.port = 0
        self._process = process
        self._answers = answers
        self._cleared = False

    def wait_until_listening(self) -> None:
        """Wait until the server says that it is ready, and learn the port. Raises ``AssertionError``."""
        deadline = time.monotonic() + START_SECONDS
        self.log.wait_for(_READY, seconds=START_SECONDS)
        # A server that binds its port before it loads the app says so before it listens.
        while not (ports := listening_ports(self._processes())):
            assert self._process.poll() is None, f"the server ended before it listened:\n{self.log.text}"
            assert time.monotonic() < deadline, f"the server does not listen:\n{self.log.text}"
            time.sleep(0.02)
        (self.port,) = ports

    def wait_until_deaf(self) -> None:
        """Wait until no worker accepts connections any more. Raises ``AssertionError``."""
        deadline = time.monotonic() + STOP_SECONDS
        while listening_ports(self._workers()):
            assert time.monotonic() < deadline, f"the server goes on listening:\n{self.log.text}"
            time.sleep(0.01)

    def _processes(self) -> list[int]:
        return [self.pid, *descendants(self.pid)]

    def _workers(self) -> list[int]:
        """Who serves: the children that can be asked, or where there are none the server itself."""
        return list(answering(descendants(self.pid))) or [self.pid]

    def counts(self) -> Counts:
        """Return what the server holds now."""
        processes = self._processes()
        return Counts(
            sockets=sockets(processes),
            tasks=self._count_tasks(answering(processes)),
            children=len(processes) - 1,
            threads=threads(processes),
        )

    def _count_tasks(self, processes: set[int]) -> int:
        for each in processes:
            os.kill(each, signal.SIGUSR1)
        tasks: dict[int, int] = {}
        while tasks.keys() != processes:
            ready, _, _ = select.select([self._answers], [], [], SETTLE_SECONDS)
            assert ready, f"of {processes} only {tasks.keys()} answer SIGUSR1"
            for line in os.read(self._answers, 4096).splitlines():
                pid, number = line.split()
                tasks[int(pid)] = int(number)
        return sum(tasks.values())

    def counts_after(self, before: Counts) -> Counts:
        """Return what the process holds once it holds ``before`` again, or after ``SETTLE_SECONDS``.

        The last answer is with the client a moment before the server has closed the connection.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while (now := self.counts()) != before and time.monotonic() < deadline:
            time.sleep(0.02)
        return now

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end and return the exit code. Raises ``AssertionError`` where a process is left over."""
        try:
            return self._process.wait(STOP_SECONDS)
        finally:
            self._clear_away()

    def _clear_away(self) -> None:
        if self._cleared:
            return
        self._cleared = True
        left = self._kill_group()
        self._process.wait(STOP_SECONDS)
        os.close(self._answers)
        assert self.log.close(STOP_SECONDS), "somebody outside the group of the server holds its log"
        assert self._process.pid not in left, (
            f"the server did not end within {STOP_SECONDS} seconds:\n{self.log.text}"
        )
        assert not left, f"{len(left)} processes left after the end of the server:\n{self.log.text}"

    def _kill_group(self) -> list[int]:
        """End whoever still runs in the group; return who that was."""
        deadline = time.monotonic() + LEAVE_SECONDS
        while (left := alive_in_group(self.pid)) and time.monotonic() < deadline:
            time.sleep(0.01)
        alive = left
        deadline = time.monotonic() + STOP_SECONDS
        while alive and time.monotonic() < deadline:
            os.killpg(self.pid, signal.SIGKILL)
            time.sleep(0.01)
            alive = alive_in_group(self.pid)
        return left

    def stop(self) -> int:
        """Ask it to stop, insist after ``STOP_SECONDS``, return the exit code."""
        if self._process.poll() is None:
            self.terminate()
        return self.wait()


@contextmanager
def serving(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run ``python -m module arguments`` as a server, ``env`` on top of this environment.

    Give it port 0, so that the kernel picks one and nobody else can take it meanwhile.
    """
    with running(module, *arguments, env=env) as server:
        server.wait_until_listening()
        yield server


@contextmanager
def running(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """The same, for a process that need not get as far as listening."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder, "answers")
        os.mkfifo(pipe)
        answers = os.open(pipe, os.O_RDWR)  # a writer as well: nobody has to wait for the other end
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.inspected", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", ANSWERS: str(pipe), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        server = Server(process, answers)
        try:
            yield server
        finally:
            server.stop()


def uvicorn(app: str, *options: str) -> tuple[str, ...]:
    """The arguments of ``serving`` for ``app`` on uvicorn."""
    return ("uvicorn", app, "--host", "127.0.0.1", "--port", "0", "--no-use-colors", *options)


def hypercorn(app: str, *options: str, worker: str = "asyncio", config: str = "") -> tuple[str, ...]:
    """The same on hypercorn, in a worker of a kind, ``config`` being a file."""
    configured = ("--config", config) if config else ()
    return (
        "hypercorn",
        app,
        *configured,
        "-b",
        "127.0.0.1:0",
        "-k",
        worker,
        "--access-logfile",
        "-",
        *options,
    )


def granian(app: str, *options: str) -> tuple[str, ...]:
    """The same on granian."""
    return ("granian", app, "--interface", "asgi", "--port", "0", "--access-log", *options)


def serve(app: str, *options: str) -> tuple[str, ...]:
    """The arguments of ``serving`` for ``app`` behind ``asgi-patterns serve``, which does not wait to stop."""
    return ("asgi_patterns", "serve", app, "--port", "0", "--drain-delay", "0", *options)
