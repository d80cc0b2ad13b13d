"""Servers as separate processes: start one, wait until it listens, count what it holds, stop it.

``serving``: a context manager around one server on a free loopback port; ``Server``: what it yields.
Linux only: the counts come from ``/proc``.
"""

import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, final

ROOT = Path(__file__).parents[2]

START_SECONDS = 30.0
STOP_SECONDS = 15.0
SETTLE_SECONDS = 10.0

_LISTENING = re.compile(r"(?:running|is served) on https?://[^ ]*:(\d+)")

_LISTEN = "0A"  # a state of the kernel's table of TCP sockets


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a process holds at one moment. Two are equal when nothing that belongs to a request differs."""

    sockets: int
    tasks: int
    """Tasks of the running asyncio loop."""
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

    def __init__(self, process: subprocess.Popen[str], counts_fd: int) -> None:
        assert process.stdout is not None
        self.pid = process.pid
        self.log = Log(process.stdout)
        self.port = 0
        self._process = process
        self._counts_fd = counts_fd
        self._cleared = False

    def wait_until_listening(self) -> None:
        """Learn the port from the log, and wait until somebody listens there. Raises ``AssertionError``."""
        deadline = time.monotonic() + START_SECONDS
        self.port = int(self.log.wait_for(_LISTENING, seconds=START_SECONDS)[1])
        # A server that binds its port before it loads the app says so before it listens.
        while not _is_listening(self.port):
            assert self._process.poll() is None, f"the server ended before it listened:\n{self.log.text}"
            assert time.monotonic() < deadline, f"the server does not listen:\n{self.log.text}"
            time.sleep(0.02)

    def counts(self) -> Counts:
        """Return what the process holds now."""
        return Counts(
            sockets=_count_sockets(self.pid),
            tasks=self._count_tasks(),
            children=len(_children(self.pid)),
            threads=len(list(Path(f"/proc/{self.pid}/task").iterdir())),
        )

    def _count_tasks(self) -> int:
        os.kill(self.pid, signal.SIGUSR1)
        ready, _, _ = select.select([self._counts_fd], [], [], SETTLE_SECONDS)
        assert ready, "the server does not answer SIGUSR1"
        return int(os.read(self._counts_fd, 64))

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
        os.close(self._counts_fd)
        assert self.log.close(STOP_SECONDS), "somebody outside the group of the server holds its log"
        assert self._process.pid not in left, (
            f"the server did not end within {STOP_SECONDS} seconds:\n{self.log.text}"
        )
        assert not left, f"{len(left)} processes left after the end of the server:\n{self.log.text}"

    def _kill_group(self) -> list[int]:
        """End whoever still runs in the group; return who that was."""
        left = alive = alive_in_group(self.pid)
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

    The server has to print ``running on http://host:port``, as uvicorn does, or ``is served on``, as ours does.
    Give it ``--port 0``, so that the kernel picks the port and nobody else can take it meanwhile.
    """
    with running(module, *arguments, env=env) as server:
        server.wait_until_listening()
        yield server


@contextmanager
def running(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """The same, for a process that need not get as far as listening."""
    counts_fd, answers_fd = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.inspected", str(answers_fd), module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[answers_fd],
            start_new_session=True,
        )
    finally:
        os.close(answers_fd)
    server = Server(process, counts_fd)
    try:
        yield server
    finally:
        server.stop()


def uvicorn(app: str, *options: str) -> tuple[str, ...]:
    """The arguments of ``serving`` for ``app`` on uvicorn."""
    return ("uvicorn", app, "--host", "127.0.0.1", "--port", "0", "--no-use-colors", *options)


def serve(app: str, *options: str) -> tuple[str, ...]:
    """The arguments of ``serving`` for ``app`` behind ``asgi-patterns serve``, which does not wait to stop."""
    return ("asgi_patterns", "serve", app, "--port", "0", "--drain-delay", "0", *options)


def _is_listening(port: int) -> bool:
    # Asked of the kernel: a connection made only to try would be one socket more in the server for a moment.
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == _LISTEN for row in rows)


def _count_sockets(pid: int) -> int:
    return sum(_target(each).startswith("socket:") for each in Path(f"/proc/{pid}/fd").iterdir())


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:  # closed while we looked
        return ""


def _children(pid: int) -> list[int]:
    """The children of a process; one that has ended and was not waited for is one, too."""
    return [each for each, (_, parent, _) in _processes().items() if int(parent) == pid]


def alive_in_group(group: int) -> list[int]:
    """Who runs in a group. Not the dead: with their parent gone, burying them is up to the system."""
    return [each for each, (state, _, of) in _processes().items() if int(of) == group and state not in "ZX"]


def _processes() -> dict[int, list[str]]:
    """State, parent and group of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):  # ended while we looked
                # "pid (command) state parent group ...", and a command may contain spaces and brackets.
                found[int(entry.name)] = Path(entry, "stat").read_text().rpartition(")")[2].split()[:3]
    return found
