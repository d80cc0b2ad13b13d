"""Every example on uvicorn, bare and wrapped: started once, when the first test asks for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.sockets.raw import ask
from tests.support.servers import Counts, Server, running, uvicorn


@dataclass(frozen=True)
class Example:
    """One example app, served twice. ``at_rest`` is what each server held before the first test."""

    name: str
    bare: Server
    wrapped: Server
    at_rest: dict[int, Counts]


@pytest.fixture(scope="session", params=["bare", "starlette", "fastapi", "django"])
def example(request: pytest.FixtureRequest) -> Iterator[Example]:
    module = f"examples.{request.param}_app"
    with running(*uvicorn(f"{module}:bare")) as bare, running(*uvicorn(f"{module}:app")) as wrapped:
        bare.wait_until_listening()
        wrapped.wait_until_listening()
        at_rest = {server.pid: _settled(server) for server in (bare, wrapped)}
        yield Example(request.param, bare, wrapped, at_rest)


@pytest.fixture(params=["bare", "wrapped"])
def server(request: pytest.FixtureRequest, example: Example) -> Server:
    chosen: Server = getattr(example, request.param)
    return chosen


def _settled(server: Server) -> Counts:
    """What it holds after a first answer, which is what it held before."""
    before = server.counts()
    assert ask(server.port, "GET", "/json").status == 200
    assert server.counts_after(before) == before
    return before
