"""Real servers, and clients that are not ours: httpx2, curl where there is one, and decoders by themselves."""

import json
import subprocess
import threading
from collections.abc import Iterator

import httpx2
import pytest

from tests.compression.reading import DECODERS, decoder
from tests.compression.served_app import EVENTS, ITEMS, TEXT
from tests.support.servers import Server, granian, hypercorn, serving, uvicorn

APP = "tests.compression.served_app:app"
SERVERS = {"uvicorn": uvicorn, "hypercorn": hypercorn, "granian": granian}
BODIES = {
    "/short": json.dumps(ITEMS, separators=(",", ":")),
    "/long": TEXT,
    "/file": TEXT,
    "/lines": "".join(TEXT.splitlines(keepends=True)[:200]),
}
CODINGS = pytest.mark.parametrize("coding", [*DECODERS, "identity"])
PATHS = pytest.mark.parametrize("path", BODIES)


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(*SERVERS[request.param](APP)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
        yield client


@CODINGS
@PATHS
def test_httpx2_reads_every_coding(client: httpx2.Client, path: str, coding: str) -> None:
    answer = client.get(path, headers={"accept-encoding": coding})

    assert answer.headers.get("content-encoding", "identity") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == BODIES[path]


@CODINGS
@PATHS
def test_so_do_decoders_that_know_nothing_of_http(client: httpx2.Client, path: str, coding: str) -> None:
    with client.stream("GET", path, headers={"accept-encoding": coding}) as answer:
        raw = b"".join(answer.iter_raw())

    decoded = raw if coding == "identity" else DECODERS[coding](raw)
    assert decoded.decode() == BODIES[path]
    assert coding == "identity" or len(raw) < len(decoded) / 2


@pytest.mark.program("curl")
@PATHS
def test_curl_reads_what_it_asks_for(server: Server, path: str) -> None:
    url = f"http://127.0.0.1:{server.port}{path}"

    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--compressed", url], capture_output=True, check=True
    )

    assert done.stdout.decode() == BODIES[path]


@PATHS
def test_head_has_the_head_of_get(client: httpx2.Client, path: str) -> None:
    headers = {"accept-encoding": "gzip"}
    left_out = {"date", "content-length", "transfer-encoding", "connection"}

    got, asked = client.get(path, headers=headers), client.head(path, headers=headers)

    def kept(answer: httpx2.Response) -> dict[str, str]:
        fields = {name: value for name, value in answer.headers.items() if name not in left_out}
        # A tag is made of the bytes of an answer, and HEAD has none.
        return fields if path == "/file" else {name: fields[name] for name in fields if name != "etag"}

    assert kept(asked) == kept(got)
    assert asked.content == b""


@pytest.mark.parametrize("coding", DECODERS)
def test_a_304_happens_behind_compression(client: httpx2.Client, coding: str) -> None:
    for path in ("/short", "/file"):
        headers = {"accept-encoding": coding}
        tag = client.get(path, headers=headers).headers["etag"]

        again = client.get(path, headers={**headers, "if-none-match": tag})

        assert (again.status_code, again.headers["etag"], again.content) == (304, tag, b"")
        assert tag.endswith(f'-{coding}"')


def test_a_range_is_of_the_plain_bytes(client: httpx2.Client) -> None:
    headers = {"accept-encoding": "gzip", "range": "bytes=3-12"}

    part = client.get("/file", headers=headers)
    tag = client.get("/file", headers={"accept-encoding": "gzip"}).headers["etag"]
    whole = client.get("/file", headers={**headers, "if-range": tag})

    assert (part.status_code, part.text) == (206, TEXT[3:13])
    assert "content-encoding" not in part.headers
    assert (whole.status_code, whole.text) == (200, TEXT)


@pytest.mark.parametrize("coding", DECODERS)
def test_an_event_is_on_the_wire_before_there_is_another(client: httpx2.Client, coding: str) -> None:
    decode, hold = decoder(coding), f"{coding}-{threading.get_ident()}"
    read = b""
    with client.stream("GET", f"/events?hold={hold}", headers={"accept-encoding": coding}) as answer:
        parts = answer.iter_raw()
        while len(read) < len(EVENTS[0]):
            read += decode(next(parts))

        first, released = read.decode(), client.post(f"/release?hold={hold}").status_code
        read += b"".join(decode(part) for part in parts)

    assert (first, released) == (EVENTS[0], 200)
    assert read.decode() == "".join(EVENTS)
