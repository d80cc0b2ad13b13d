"""Every example on every server, bare and wrapped: started once, when the first test asks for it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import final

import pytest

from tests.sockets.hosts import FRAMEWORKS, HOSTS, pairs
from tests.sockets.raw import ask
from tests.support.servers import Counts, Server, running, serving


@final
class Example:
    """One example app on one server, as ``bare`` and as ``wrapped``. Who stops one leaves it to the next to start."""

    def __init__(self, host: str, name: str) -> None:
        self.name = name
        self.framework = FRAMEWORKS[name]
        self.host = HOSTS[host]
        self.at_rest: dict[int, Counts] = {}
        """What each server held before the first test, by its process."""
        self._running: dict[str, Server] = {}
        self._stack = ExitStack()

    @property
    def bare(self) -> Server:
        """The app as somebody else wrote it."""
        return self._started("bare")

    @property
    def wrapped(self) -> Server:
        """The same with the pipeline."""
        return self._started("app")

    @property
    def both(self) -> tuple[Server, Server]:
        """First the bare one."""
        return self.bare, self.wrapped

    def _started(self, variable: str) -> Server:
        if variable not in self._running:
            self._start()
        return self._running[variable]

    def _start(self) -> None:
        """Start those that do not run, at the same time."""
        new = {
            variable: self._stack.enter_context(running(*self._command(variable)))
            for variable in ("bare", "app")
            if variable not in self._running
        }
        for server in new.values():
            server.wait_until_listening()
        for server in new.values():
            self.at_rest[server.pid] = server.counts()
            assert ask(server.port, "GET", "/json").status == 200
        for server in new.values():  # what it holds after a first answer is what it held before
            assert server.counts_after(self.at_rest[server.pid]) == self.at_rest[server.pid]
        self._running |= new

    def _command(self, variable: str) -> tuple[str, ...]:
        return self.host.command(f"examples.{self.name}_app:{variable}")

    @contextmanager
    def apart(self, variable: str) -> Iterator[tuple[Server, Counts]]:
        """One more ``bare`` or ``app``, whose leavings no other test finds. Yield it and what it holds at rest."""
        at_rest = self.at_rest[self._started(variable).pid]
        with serving(*self._command(variable)) as server:
            yield server, at_rest

    def give_up(self, server: Server) -> None:
        """Take it for stopped: who asks for it next gets a new one."""
        self._running = {name: each for name, each in self._running.items() if each is not server}

    def close(self) -> None:
        """Stop whatever runs."""
        self._stack.close()


@pytest.fixture(scope="session", params=pairs())
def example(request: pytest.FixtureRequest) -> Iterator[Example]:
    with closing(Example(*request.param)) as example:
        yield example


@pytest.fixture(params=["bare", "wrapped"])
def server(request: pytest.FixtureRequest, example: Example) -> Server:
    chosen: Server = getattr(example, request.param)
    return chosen
