"""``make demo``: what it says works, as it says it, and an occupied port is told in one sentence."""

import json
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from examples.shop.welcome import TRIES
from tests.sockets.raw import SECONDS, Connection, ask
from tests.support.servers import ROOT, Server, running, serving

TOOL = re.compile(r"^ +(.+ -m examples\.shop\.request .*)$", re.MULTILINE)
CURL = re.compile(r"^ +curl .*$", re.MULTILINE)


@pytest.fixture(scope="module")
def shop() -> Iterator[Server]:
    with serving("examples.shop", "--port", "0") as server:
        yield server


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_five_requests_are_printed_in_both_forms(shop: Server) -> None:
    text = shop.log.text

    assert len(TRIES) == len(CURL.findall(text)) == len(TOOL.findall(text)) == 5
    assert all(f"http://127.0.0.1:{shop.port}/" in line for line in CURL.findall(text))


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        pytest.param(1, "404 Not Found", '"detail":"there is no product 99"', id="a missing product"),
        pytest.param(2, "422 Unprocessable", '{"field":"pieces","message":', id="mistakes in an order"),
        pytest.param(3, "500 Internal Server Error", '"title":"Internal Server Error"', id="a crash"),
        pytest.param(4, "200 OK", '{"id": 8, "name": "tea, Sencha, 100 g"', id="a stream"),
        pytest.param(5, "200 OK", '"status":"UP"', id="readiness"),
    ],
)
def test_a_printed_request_works(shop: Server, number: int, status: str, said: str) -> None:
    command = shlex.split(TOOL.findall(shop.log.text)[number - 1])

    done = run(*command)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"HTTP/1.1 {status}")
    assert said in done.stdout
    assert len(re.findall(r"(?im)^x-request-id: ", done.stdout)) == (number != 5)
    assert "teatime" not in done.stdout


def test_the_id_of_the_first_request_comes_back(shop: Server) -> None:
    answer = ask(shop.port, "GET", "/products/99", ("X-Request-ID", "my-first-request"))

    assert answer.get("x-request-id") == "my-first-request"
    assert json.loads(answer.body)["requestId"] == "my-first-request"


def test_the_export_comes_line_by_line(shop: Server) -> None:
    with Connection(shop.port) as connection:
        connection.send("GET", "/exports/products?pause=0.01")
        answer = connection.head()

        lines = [json.loads(connection.chunk(answer)) for _ in range(8)]

        assert connection.chunk(answer) == b""
    assert answer.get("content-type") == "application/x-ndjson"
    assert [line["id"] for line in lines] == list(range(1, 9))


def test_an_order_is_kept_until_the_shelf_is_empty(shop: Server) -> None:
    order = b'{"product": 5, "pieces": 3}'

    placed = ask(shop.port, "POST", "/orders", body=order)
    refused = ask(shop.port, "POST", "/orders", body=order)
    orders = ask(shop.port, "GET", "/orders")
    report = ask(shop.port, "GET", "/reports/sales?seconds=0")

    assert (placed.status, json.loads(placed.body)["total"]) == (201, 17700)
    assert (refused.status, json.loads(refused.body)["left"]) == (409, 2)
    assert json.loads(orders.body) == [json.loads(placed.body)]
    assert json.loads(report.body) == {"orders": 1, "turnover": 17700}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        pytest.param("POST", "/orders", b"{", 422, "the order has mistakes", id="an order that is no JSON"),
        pytest.param("POST", "/orders", b"[]", 422, "the order has mistakes", id="an order that is a list"),
        pytest.param(
            "GET",
            "/reports/sales?seconds=x",
            b"",
            422,
            "seconds must be a number of seconds from 0 to 30",
            id="seconds",
        ),
        pytest.param(
            "GET",
            "/exports/products?pause=nan",
            b"",
            422,
            "pause must be a number of seconds from 0 to 30",
            id="nan",
        ),
        pytest.param("DELETE", "/products", b"", 405, None, id="a method that there is not"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    shop: Server, method: str, path: str, body: bytes, status: int, detail: str | None
) -> None:
    answer = ask(shop.port, method, path, body=body)

    assert answer.status == status
    assert answer.get("content-type") == "application/problem+json"
    assert json.loads(answer.body).get("detail") == detail


def test_the_demo_ends_well_and_finishes_what_is_in_hand() -> None:
    with serving("examples.shop", "--port", "0") as server, Connection(server.port) as connection:
        connection.send("GET", "/exports/products")
        answer = connection.head()

        server.terminate()
        server.log.wait_for("Readiness drops", seconds=SECONDS)
        ready, live = (ask(server.port, "GET", f"/health/{each}").status for each in ("ready", "live"))
        lines = 0
        while connection.chunk(answer):
            lines += 1
        code = server.wait()

    assert (ready, live) == (503, 200)
    assert lines == 8
    assert code == 0


def test_an_occupied_port_is_told_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        with running("examples.shop", "--port", port) as server:
            code = server.wait()

    assert code == 1
    assert server.log.text.splitlines() == [
        f"127.0.0.1:{port} is in use: stop what listens there, or choose another --port",
        "With make that is: make demo PORT=8001",
    ]


def test_the_client_says_when_nobody_answers() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unheard.getsockname()[1]}"

        done = run(sys.executable, "-m", "examples.shop.request", "GET", "/", "--base", base)

    assert done.returncode == 1
    assert done.stderr.startswith(f"no answer from {base}: ")


def test_the_client_needs_nothing_but_the_standard_library() -> None:
    done = run(sys.executable, "-S", "-m", "examples.shop.request", "--help")

    assert done.returncode == 0, done.stderr
