"""What frameworks make of decoded bodies, and of those that cannot be decoded, behind a real server."""

import gzip
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.compression.reading_apps import MAX_SIZE
from tests.compression.request_bodies import CODINGS, ENCODERS
from tests.sockets.raw import Answer, Connection, Field, ask
from tests.support.servers import Server, serving, uvicorn

FRAMEWORKS = ["bare", "starlette", "fastapi", "litestar", "quart", "django"]
STACKS = ["alone", "pipeline", "first"]
BOUNDARY = "of-a-test"
FILE = b"lamps\n" * 2000
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="lamps.txt"\r\n'
    "Content-Type: text/plain\r\n\r\n"
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
FILES = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")

every_stack = pytest.mark.parametrize("stack", STACKS)
reading_forms = pytest.mark.parametrize("framework", FRAMEWORKS[1:], indirect=True, scope="module")


@pytest.fixture(scope="module", params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server]]:
    """A framework, and where it is served."""
    with serving(*uvicorn(f"tests.compression.reading_apps:{request.param}", "--factory")) as server:
        yield request.param, server


@pytest.fixture
def port(framework: tuple[str, Server]) -> int:
    return framework[1].port


def send(
    port: int, stack: str, path: str, body: bytes, *fields: Field, coding: str = "gzip", chunked: bool = False
) -> Answer:
    """Send one body, either with its length or in chunks of a few hundred bytes."""
    all_fields = [("X-Stack", stack), ("Content-Encoding", coding), *fields]
    if not chunked:
        return ask(port, "POST", path, *all_fields, body=body)
    with Connection(port) as connection:
        connection.send("POST", path, ("Transfer-Encoding", "chunked"), *all_fields)
        for at in range(0, len(body), 300):
            part = body[at : at + 300]
            connection.send_bytes(b"%x\r\n%b\r\n" % (len(part), part))
        connection.send_bytes(b"0\r\n\r\n")
        return connection.answer()


@every_stack
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize("coding", CODINGS)
def test_json_is_read(port: int, stack: str, coding: Any, chunked: bool) -> None:
    content = {"lamps": [{"name": f"Lamp {number}", "price": number} for number in range(500)]}
    body = ENCODERS[coding](json.dumps(content).encode())

    answer = send(port, stack, "/json", body, JSON, coding=coding, chunked=chunked)

    assert (answer.status, json.loads(answer.body)) == (200, content)


@reading_forms
@every_stack
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_form_is_read(port: int, stack: str, chunked: bool) -> None:
    answer = send(port, stack, "/form", gzip.compress(b"name=Lamp"), FORM, chunked=chunked)

    assert (answer.status, json.loads(answer.body)) == (200, {"name": "Lamp"})


@reading_forms
@every_stack
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_file_is_read(framework: tuple[str, Server], port: int, stack: str, chunked: bool) -> None:
    answer = send(port, stack, "/file", gzip.compress(HEAD + FILE + TAIL), FILES, chunked=chunked)

    expected = {"name": "lamps.txt", "size": len(FILE)}
    if framework[0] == "django" and stack != "first":
        expected = {}  # its MultiPartParser reads nothing where there is no Content-Length
    assert (answer.status, json.loads(answer.body)) == (200, expected)


NOISE = random.Random(7).randbytes(MAX_SIZE // 2).hex().encode()
RATIO, SIZE, MALFORMED = (
    (413, {"maxSize", "receivedSize", "maxRatio"}),
    (413, {"maxSize", "receivedSize"}),
    (400, {"coding"}),
)
FRAMES = {"/json": (b'["', b'"]'), "/form": (b"name=", b""), "/file": (HEAD, TAIL)}
PIECES = b"&name=".join(NOISE[at : at + 10_000] for at in range(0, len(NOISE), 10_000))
# A parser may complain before the fault comes, of anything else: up to there, each body is what it expects.
LARGE = {path: gzip.compress(begin + PIECES + end) for path, (begin, end) in FRAMES.items()}
BOMBS = {path: gzip.compress(begin + bytes(4 << 20)) for path, (begin, _) in FRAMES.items()}
CUT_OFF = {path: gzip.compress(begin + b"Lamp")[:-3] for path, (begin, _) in FRAMES.items()}
REFUSED = [
    ("a bomb", BOMBS, RATIO),
    ("a body that is too large", LARGE, SIZE),
    ("a body that is not gzip", dict.fromkeys(FRAMES, b'{"name": "Lamp"}'), MALFORMED),
    ("a body whose end is missing", CUT_OFF, MALFORMED),
]


@every_stack
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize(
    ("bodies", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
@pytest.mark.parametrize(
    ("path", "kind"), [("/json", JSON), ("/form", FORM), ("/file", FILES)], ids=["JSON", "form", "file"]
)
def test_the_answer_says_what_is_wrong(
    port: int,
    stack: str,
    bodies: dict[str, bytes],
    said: tuple[int, set[str]],
    path: str,
    kind: Field,
    chunked: bool,
) -> None:
    answer = send(port, stack, path, bodies[path], kind, chunked=chunked)

    problem = json.loads(answer.body)
    assert (answer.status, answer.get("content-type")) == (said[0], "application/problem+json")
    assert problem.keys() - {"type", "title", "status", "detail", "requestId"} == said[1]
    assert problem.get("maxSize", MAX_SIZE) == MAX_SIZE
    assert 0 < problem.get("receivedSize", 1) < MAX_SIZE + 300_000


@every_stack
def test_a_coding_that_is_not_read_is_refused_before_the_body_is_sent(port: int, stack: str) -> None:
    with Connection(port) as connection:
        fields = [("X-Stack", stack), ("Content-Encoding", "deflate"), JSON]
        connection.send("POST", "/json", ("Content-Length", "100"), ("Expect", "100-continue"), *fields)
        answer = connection.answer()

    assert (answer.status, answer.get("accept-encoding")) == (415, "gzip, br, zstd")
    assert json.loads(answer.body)["supported"] == ["gzip", "br", "zstd"]


@every_stack
def test_a_body_that_was_announced_is_asked_for(port: int, stack: str) -> None:
    body = gzip.compress(b'{"name": "Lamp"}')

    with Connection(port) as connection:
        fields = [("X-Stack", stack), ("Content-Encoding", "gzip"), JSON]
        connection.send(
            "POST", "/json", ("Content-Length", str(len(body))), ("Expect", "100-continue"), *fields
        )
        assert connection.head().status == 100
        connection.send_bytes(body)
        answer = connection.answer()

    assert (answer.status, json.loads(answer.body)) == (200, {"name": "Lamp"})


def test_the_server_goes_on(port: int) -> None:
    assert send(port, "alone", "/json", gzip.compress(b"{}"), JSON).status == 200
