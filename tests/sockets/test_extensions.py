"""What a server offers beyond HTTP's basics reaches the app, and what the app makes of it reaches the client."""

import json
from collections.abc import Iterator

import pytest

from tests.sockets import http2
from tests.sockets.extensions_app import CONTENT
from tests.sockets.hosts import HOSTS
from tests.sockets.raw import Answer, Field, ask
from tests.support.servers import Server, serving

READY = ("TE", "trailers")
PREFIXES = pytest.mark.parametrize("prefix", ["", "/wrapped"], ids=["bare", "wrapped"])
PATHS = pytest.mark.parametrize("path", ["/file", "/missing-file", "/trailers", "/hints"])
OVER_HTTP2 = pytest.mark.parametrize(
    "host", [name for name, host in HOSTS.items() if host.offered_http2 is not None], scope="module"
)


@pytest.fixture(scope="module", params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def server(host: str) -> Iterator[Server]:
    with serving(*HOSTS[host].command("tests.sockets.extensions_app:app")) as server:
        yield server


def ours(answer: Answer) -> list[Field]:
    # That an error varies is said even where it stays as it is: another client may get it as a problem.
    return [each for each in answer.fields if each[0] not in ("date", "x-request-id", "vary")]


@PREFIXES
def test_the_app_sees_what_the_server_offers(server: Server, host: str, prefix: str) -> None:
    answer = ask(server.port, "GET", f"{prefix}/offered")

    assert json.loads(answer.body) == HOSTS[host].offered


@PREFIXES
@OVER_HTTP2
def test_the_app_sees_what_the_server_offers_over_http2(server: Server, host: str, prefix: str) -> None:
    answer = http2.ask(server.port, "GET", f"{prefix}/offered")

    assert json.loads(answer.body) == HOSTS[host].offered_http2


@PATHS
def test_the_pipeline_changes_no_byte_but_adds_the_id(server: Server, path: str) -> None:
    without = ask(server.port, "GET", path, READY)

    within = ask(server.port, "GET", f"/wrapped{path}", READY)

    assert within.without("date", "x-request-id", "vary") == without.without("date")
    assert len(within.all("x-request-id")) == 1
    assert within.body == CONTENT or not path.endswith("file")


@PATHS
@OVER_HTTP2
def test_the_pipeline_changes_nothing_over_http2_either(server: Server, host: str, path: str) -> None:
    offered = HOSTS[host].offered_http2 or ()
    with http2.Connection(server.port) as connection:
        bare, wrapped = (connection.send("GET", f"{prefix}{path}", READY) for prefix in ("", "/wrapped"))

        without, within = bare.answer(), wrapped.answer()

    assert (within.status, ours(within), within.body) == (without.status, ours(without), without.body)
    assert (wrapped.early, wrapped.trailers) == (bare.early, bare.trailers)
    assert bool(wrapped.trailers) == (path == "/trailers" and "http.response.trailers" in offered)
    assert bool(wrapped.early) == (path == "/hints" and "http.response.early_hint" in offered)
