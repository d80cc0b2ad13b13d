"""What a client gets for a good request: the same bytes with the pipeline as without, and one head."""

import json
import re

import pytest

from tests.sockets.conftest import Example
from tests.sockets.raw import Connection, Field
from tests.support.servers import Server

MEGABYTE = b"x" * 1_000_000
CHUNKED = ("Transfer-Encoding", "chunked")
IN_CHUNKS = b"4\r\nabcd\r\n" + b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n" + b"0\r\n\r\n"

GOOD = [
    # what is asked                                  method  path       fields       body on the wire  received
    pytest.param("GET", "/json", [], None, None, id="JSON"),
    pytest.param("GET", "/stream", [], None, None, id="a body in parts"),
    pytest.param("GET", "/events", [], None, None, id="server-sent events"),
    pytest.param("POST", "/upload", [], b"", 0, id="an empty upload"),
    pytest.param("POST", "/upload", [], MEGABYTE, 1_000_000, id="an upload with a length"),
    pytest.param("POST", "/upload", [CHUNKED], IN_CHUNKS, 4 + 0xFFFFF, id="an upload in chunks"),
]


def send(connection: Connection, method: str, path: str, fields: list[Field], body: bytes | None) -> None:
    if CHUNKED in fields:
        connection.send(method, path, *fields)
        connection.send_bytes(body or b"")
    else:
        connection.send(method, path, *fields, body=body)


@pytest.mark.parametrize(("method", "path", "fields", "body", "received"), GOOD)
def test_the_pipeline_changes_no_byte_but_adds_the_id(
    example: Example, method: str, path: str, fields: list[Field], body: bytes | None, received: int | None
) -> None:
    with Connection(example.bare.port) as bare, Connection(example.wrapped.port) as wrapped:
        send(bare, method, path, fields, body)
        send(wrapped, method, path, fields, body)

        without, within = bare.answer(), wrapped.answer()

    assert within.status == 200
    assert within.without("date", "x-request-id") == without.without("date")
    assert received is None or json.loads(within.body) == {"received": received}


@pytest.mark.parametrize(
    ("method", "path", "fields", "body"),
    [pytest.param(*row.values[:4], id=row.id) for row in GOOD]
    + [
        pytest.param("GET", "/error", [], None, id="a crash"),
        pytest.param("GET", "/missing", [], None, id="nothing there"),
        pytest.param("GET", "/missing", [("Accept", "text/html")], None, id="nothing there, for a browser"),
        pytest.param("HEAD", "/missing", [], None, id="nothing there, head only"),
        pytest.param("PUT", "/json", [], b"", id="another method"),
    ],
)
def test_an_answer_has_one_head(
    example: Example, server: Server, method: str, path: str, fields: list[Field], body: bytes | None
) -> None:
    with Connection(server.port) as connection:
        send(connection, method, path, [*fields, ("Connection", "close")], body)

        answer = connection.head() if method == "HEAD" else connection.answer()
        wire = answer.raw + connection.rest()

    head = wire.partition(b"\r\n\r\n")[0].lower() + b"\r\n"
    names = re.findall(rb"\r\n([^:\r\n]+):", head)
    assert wire.count(b"HTTP/1.1 ") == 1
    assert sorted(names) == sorted(set(names))
    assert names.count(b"x-request-id") == (server is example.wrapped)
