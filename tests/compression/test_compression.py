"""Answers through the layer: who gets which coding, and what the head says of it."""

import base64
import hashlib
from typing import Any

import anyio
import pytest

from asgi_patterns import CompressionRule, ConditionalRequests, Pipeline
from asgi_patterns.compression import Compressed, Compression
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import UNUSUAL_APPS, Client, chunk, head, hello, lint, scripted
from tests.compression.reading import DECODERS, LONG, content, decoder, document, heard, served, stream

pytestmark = pytest.mark.anyio

ALL = "zstd, br, gzip"
SIZE = str(len(LONG))

# --- who gets which coding (RFC 9110 12.5.3) ---

ASKED: list[tuple[str, str | None, str | None]] = [
    ("without the field the client may know none", None, None),
    ("an empty field wants the plain one", "", None),
    ("of equals our first", "gzip, br, zstd", "zstd"),
    ("what a browser sends", "gzip, deflate, br, zstd", "zstd"),
    ("the one that is there", "gzip", "gzip"),
    ("br", "br", "br"),
    ("names know no case", "GZip", "gzip"),
    ("the old name of gzip", "x-gzip", "gzip"),
    ("the client's order before ours", "zstd;q=0.5, gzip;q=0.9, br;q=0.7", "gzip"),
    ("a quality without its zero", "br;q=.3, gzip;q=.2", "br"),
    ("q=0 is a refusal", "gzip;q=0", None),
    ("q=0.000 is one too", "gzip;q=0.000, br;q=0.0", None),
    ("one is refused, another is not", "zstd;q=0, gzip", "gzip"),
    ("the smallest quality is none", "gzip;q=0.001", "gzip"),
    ("a token that merely contains the name", "notgzip, gzipped, x-br", None),
    ("a parameter that merely contains the name", "deflate;x=gzip", None),
    ("any", "*", "zstd"),
    ("any but one", "*, zstd;q=0", "br"),
    ("none but one", "gzip, *;q=0", "gzip"),
    ("nothing at all still gets an answer", "*;q=0", None),
    ("a refused plain one, and nothing else", "identity;q=0", None),
    ("a refused plain one, and one of ours", "identity;q=0, gzip;q=0.1", "gzip"),
    ("the plain one is wanted more", "identity;q=1, gzip;q=0.5", None),
    ("the plain one is wanted as much", "identity, gzip", "gzip"),
    ("the plain one is wanted less", "identity;q=0.5, gzip", "gzip"),
    ("only what nobody makes", "compress, deflate", None),
    ("a quality that is none", "gzip;q=high, br", "br"),
    ("a quality over 1", "gzip;q=2", None),
]


@pytest.mark.parametrize(("accepts", "expected"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
async def test_the_coding_is_the_clients_choice(accepts: str | None, expected: str | None) -> None:
    headers = {} if accepts is None else {"accept-encoding": accepts}

    answer = await served(document()).get("/", headers=headers)

    assert answer.header("content-encoding") == expected
    assert content(answer) == LONG
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.all("vary") == ["Accept-Encoding"]


async def test_several_lines_are_one_list() -> None:
    answer = await served(document()).get(
        "/", headers=[(b"accept-encoding", b"gzip;q=0"), (b"accept-encoding", b"br")]
    )

    assert answer.header("content-encoding") == "br"


async def test_who_asks_in_hundreds_of_ways_changes_nothing_for_the_others() -> None:
    client = served(document())
    found = set()
    for at in range(300):
        answer = await client.get(
            "/", headers={"accept-encoding": f"x{at}, br;q=0.{at:03}, {'y' * (at % 300)}"}
        )
        found.add(answer.header("content-encoding"))
        usual = await client.get("/", headers={"accept-encoding": "gzip"})
        found.add(usual.header("content-encoding"))

    assert found == {"br", "gzip", None}  # br;q=0.000


async def test_an_app_with_hundreds_of_media_types_has_the_right_ones_coded() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await document(media_type=f"{scope['path'][1:]}; version=1")(scope, receive, send)

    client = served(app)
    found = set()
    for at in range(150):
        for kind in ("text", "image"):
            answer = await client.get(f"/{kind}/x{at}", headers={"accept-encoding": "gzip"})
            found.add((kind, answer.header("content-encoding")))

    assert found == {("text", "gzip"), ("image", None)}


async def test_our_order_is_a_setting() -> None:
    answer = await served(document(), codings=["gzip", "zstd"]).get("/", headers={"accept-encoding": ALL})

    assert answer.header("content-encoding") == "gzip"


async def test_what_is_not_offered_is_not_sent() -> None:
    answer = await served(document(), codings=["gzip"]).get("/", headers={"accept-encoding": "br, zstd"})

    assert answer.header("content-encoding") is None


# --- which answers (8.4) ---

TRUSTED = {"rules": [CompressionRule(match="/**", despite_cookies=True)]}
ELSEWHERE = {"rules": [CompressionRule(match="/x", despite_cookies=True)]}
NEVER = CompressionRule(match="/**", compress=False)
NOISE = hashlib.shake_256(b"").digest(2000)
TWO_LINES = ("cache-control", "public"), ("cache-control", "no-transform")
PLAIN, CODED, LEFT = "plain, and it varies", "coded", "left as it is"

ANSWERS: list[tuple[str, ASGIApp, dict[str, Any], str]] = [
    ("a type on the list", document(), {}, CODED),
    ("parameters of a type do not count", document(media_type="application/json; charset=utf-8"), {}, CODED),
    ("a type in capitals", document(media_type="Application/JSON"), {}, CODED),
    ("any +json", document(media_type="application/vnd.api+json"), {}, CODED),
    ("a problem", document(media_type="application/problem+json", status=500), {}, CODED),
    ("any +xml", document(media_type="application/atom+xml"), {}, CODED),
    ("HTML", document(media_type="text/html"), {}, CODED),
    ("JavaScript", document(media_type="application/javascript"), {}, CODED),
    ("SVG", document(media_type="image/svg+xml"), {}, CODED),
    ("NDJSON", document(media_type="application/x-ndjson"), {}, CODED),
    ("wasm", document(media_type="application/wasm"), {}, CODED),
    ("events", document(media_type="text/event-stream"), {}, CODED),
    ("an image", document(media_type="image/png"), {}, LEFT),
    ("a film", document(media_type="video/mp4"), {}, LEFT),
    ("an archive", document(media_type="application/zip"), {}, LEFT),
    ("a font for the web", document(media_type="font/woff2"), {}, LEFT),
    ("some bytes", document(media_type="application/octet-stream"), {}, LEFT),
    ("no type", document(media_type=None), {}, LEFT),
    ("a type of one's own list", document(media_type="font/ttf"), {"media_types": ["font/ttf"]}, CODED),
    ("what is not on one's own list", document(), {"media_types": ["font/ttf"]}, LEFT),
    ("what is coded already", document(("content-encoding", "br")), {}, LEFT),
    ("what the app calls plain", document(("content-encoding", "identity")), {}, LEFT),
    ("no-transform", document(("cache-control", "no-transform")), {}, LEFT),
    ("no-transform in a list", document(("cache-control", "public, No-Transform, max-age=5")), {}, LEFT),
    ("no-transform in a second line", document(*TWO_LINES), {}, LEFT),
    ("a directive that merely contains it", document(("cache-control", "x-no-transform-x")), {}, CODED),
    ("it, within quotes", document(("cache-control", 'private="no-transform"')), {}, CODED),
    ("another directive", document(("cache-control", "private, max-age=5")), {}, CODED),
    ("one byte less than the minimum", document(), {"minimum": len(LONG) + 1}, LEFT),
    ("the minimum", document(), {"minimum": len(LONG)}, CODED),
    ("one byte more than the minimum", document(), {"minimum": len(LONG) - 1}, CODED),
    ("of unknown length", document(sized=False), {"minimum": len(LONG) + 1}, CODED),
    ("1,023 bytes", document(body=b"a" * 1023), {}, LEFT),
    ("1,024 bytes", document(body=b"a" * 1024), {}, CODED),
    ("nothing", document(body=b"", sized=True), {"minimum": 0}, PLAIN),
    ("a field that says nothing here", document(("x-took", "3")), {}, CODED),
    ("201", document(status=201), {}, CODED),
    ("404", document(status=404), {}, CODED),
    ("204", document(status=204, body=b"", sized=False), {}, LEFT),
    ("205", document(status=205, body=b""), {"minimum": 0}, LEFT),
    ("206: a part is one of the plain bytes", document(("content-range", "bytes 0-9/99"), status=206), {}, PLAIN),
    ("206 of an image", document(("content-range", "bytes 0-9/99"), status=206, media_type="image/png"), {}, LEFT),
    ("304", document(status=304, body=b"", sized=False, media_type=None), {}, PLAIN),
    ("larger than what is coded at once", document(), {"large": 4096, "minimum": 0}, CODED),
    ("one that sets a cookie", document(("set-cookie", "a=1")), {}, PLAIN),
    ("one that sets a cookie, trusted", document(("set-cookie", "a=1")), TRUSTED, CODED),
    ("on a path that is left out", document(), {"rules": [CompressionRule(match="/", compress=False)]}, LEFT),
    ("on another path", document(), {"rules": [CompressionRule(match="/x", compress=False)]}, CODED),
    ("the first rule wins", document(), {"rules": [CompressionRule(match="GET /"), NEVER]}, CODED),
    ("a rule for another method", document(), {"rules": [CompressionRule(match="POST /", compress=False)]}, CODED),
    ("what would get no shorter", document(body=NOISE, media_type="text/plain"), {}, PLAIN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("app", "given", "expected"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_which_answers_are_coded(app: ASGIApp, given: dict[str, Any], expected: str) -> None:
    bare = await Client(app).get("/")

    answer = await served(app, **given).get("/", headers={"accept-encoding": ALL})

    own = bare.header("content-encoding")
    is_coded = own is None and answer.header("content-encoding") == "zstd"
    varies = answer.header("vary") == "Accept-Encoding"
    assert (is_coded, varies) == {PLAIN: (False, True), CODED: (True, True), LEFT: (False, False)}[expected]
    assert (content(answer) if own is None else answer.body) == bare.body
    assert answer.status == bare.status


@pytest.mark.parametrize(
    ("app", "given", "expected"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_who_reads_no_coding_is_told_of_it_all_the_same(
    app: ASGIApp, given: dict[str, Any], expected: str
) -> None:
    bare = await Client(app).get("/")

    answer = await served(app, **given).get("/")

    # Whether it would get shorter nobody knows who has not tried.
    assert answer.header("vary") == (None if expected == LEFT else "Accept-Encoding") or not bare.body
    assert [line for line in answer.headers if line[0] != b"vary"] == bare.headers
    assert answer.body == bare.body


COOKIES: list[tuple[str, str, dict[str, Any], bool]] = [
    ("JSON for a request with a cookie", "application/json", {}, True),
    ("a page for a request with a cookie", "text/html; charset=utf-8", {}, False),
    ("a page in XHTML", "application/xhtml+xml", {}, False),
    ("a page on a path that is trusted", "text/html", TRUSTED, True),
    ("a page on another path than the trusted one", "text/html", ELSEWHERE, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("media_type", "given", "expected"), [row[1:] for row in COOKIES], ids=[row[0] for row in COOKIES]
)
async def test_breach(media_type: str, given: dict[str, Any], expected: bool) -> None:
    answer = await served(document(media_type=media_type), **given).get(
        "/", headers={"accept-encoding": "gzip", "cookie": "session=1"}
    )

    assert (answer.header("content-encoding") == "gzip") is expected
    assert answer.header("vary") == "Accept-Encoding"


async def test_a_handler_can_have_its_answer_left_alone() -> None:
    inner = document()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "compression")
        await inner(scope, receive, send)

    for accepts in ("gzip", ""):
        answer = await served(app).get("/", headers={"accept-encoding": accepts})

        assert answer.headers == (await Client(inner).get("/")).headers


# --- what the head says (8.8.3, 14.3, RFC 9530) ---

sha = base64.b64encode(hashlib.sha256(LONG).digest()).decode()

HEADS: list[tuple[str, tuple[str, str], str | None]] = [
    ("a strong tag names the coding", ("etag", '"abc"'), '"abc-gzip"'),
    ("a weak one means the same", ("etag", 'W/"abc"'), 'W/"abc"'),
    ("one that is none goes", ("etag", "abc"), None),
    ("a date stays", ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"), "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("ranges are of other bytes", ("accept-ranges", "bytes"), None),
    ("an old digest goes", ("content-md5", "Q2hlY2sgSW50ZWdyaXR5IQ=="), None),
    ("so does the one before the last", ("digest", f"sha-256={sha}"), None),
    ("a digest of an algorithm that is broken goes", ("repr-digest", "md5=:Q2hlY2s=:"), None),
    ("a cookie stays", ("x-anything", "1"), "1"),
    ("Vary is merged", ("vary", "Origin"), "Origin, Accept-Encoding"),
    ("Vary has it already", ("vary", "accept-encoding"), "accept-encoding"),
    ("Vary says that nobody knows", ("vary", "*"), "*"),
]


@pytest.mark.parametrize(("field", "expected"), [row[1:] for row in HEADS], ids=[row[0] for row in HEADS])
async def test_the_head_is_one_of_the_coded_representation(
    field: tuple[str, str], expected: str | None
) -> None:
    for sized in (True, False):
        answer = await served(document(field, sized=sized)).get("/", headers={"accept-encoding": "gzip"})

        assert answer.header("content-encoding") == "gzip"
        assert answer.header(field[0]) == expected
        assert len(answer.all("vary")) == 1


@pytest.mark.parametrize("name", ["repr-digest", "content-digest"])
async def test_a_digest_is_made_anew_of_a_short_answer(name: str) -> None:
    app = document((name, f"sha-256=:{sha}:, md5=:Q2hlY2s=:"))

    answer = await served(app).get("/", headers={"accept-encoding": "gzip"})

    made = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert answer.header(name) == f"sha-256=:{made}:"


async def test_a_digest_of_a_stream_goes() -> None:
    app = document(("repr-digest", f"sha-256=:{sha}:"), sized=False)

    answer = await served(app).get("/", headers={"accept-encoding": "gzip"})

    assert answer.header("repr-digest") is None


async def test_a_digest_behind_a_stream_goes_too() -> None:
    trailers = [(b"repr-digest", b"sha-256=:AAAA:"), (b"server-timing", b"db;dur=1")]
    app = scripted(
        {**head(200, (b"content-type", b"text/plain")), "trailers": True},
        chunk(LONG, more=False),
        {"type": "http.response.trailers", "headers": trailers},
    )

    answer = await served(app).get("/", headers={"accept-encoding": "gzip", "te": "trailers"})

    assert (content(answer), answer.trailers) == (LONG, [(b"server-timing", b"db;dur=1")])


@pytest.mark.parametrize(
    "sized", [True, False], ids=["whose length the app says", "whose length nobody says"]
)
async def test_head_says_what_get_would(sized: bool) -> None:
    client = served(document(("etag", '"abc"'), ("accept-ranges", "bytes"), sized=sized))
    headers = {"accept-encoding": "gzip"}
    got = await client.get("/", headers=headers)

    answer = await client.head("/", headers=headers)

    assert answer.body == b""
    without = [line for line in got.headers if line[0] != b"content-length"]
    assert answer.headers == without


async def test_head_of_a_short_one_is_left_alone() -> None:
    answer = await served(document(body=b"{}")).head("/", headers={"accept-encoding": "gzip"})

    assert answer.header("content-length") == "2"
    assert answer.header("content-encoding") is None


# --- tags on the way in (standards: a 304 still happens behind compression, and a 412 does not because of it) ---


def knowing(tag: str) -> ASGIApp:
    """Answer 304 to who has ``tag``, and 412 to who has another one, as an app with tags of its own does."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        fields = {name.decode(): value.decode() for name, value in scope["headers"]}
        listed = [each.strip() for each in fields.get("if-none-match", "").split(",")]
        demanded = fields.get("if-match")
        if tag in listed:
            await send(head(304, (b"etag", tag.encode())))
            await send(chunk(b"", more=False))
        elif demanded is not None and tag not in [each.strip() for each in demanded.split(",")]:
            await document(status=412)(scope, receive, send)
        else:
            await document(("etag", tag), ("x-if-range", fields.get("if-range", "")))(scope, receive, send)

    return app


TAGS: list[tuple[str, str, Any, int, str | None]] = [
    ("the coded tag it was given", "gzip", {"if-none-match": '"abc-gzip"'}, 304, '"abc-gzip"'),
    ("a list with it", "gzip", {"if-none-match": '"x", "abc-gzip"'}, 304, '"abc-gzip"'),
    ("the plain tag", "gzip", {"if-none-match": '"abc"'}, 304, '"abc"'),
    (
        "the tag of a coding that it would not get now",
        "gzip",
        {"if-none-match": '"abc-br"'},
        200,
        '"abc-gzip"',
    ),
    ("a coded tag, of who reads no coding any more", "", {"if-none-match": '"abc-gzip"'}, 200, '"abc"'),
    ("another tag", "gzip", {"if-none-match": '"abd-gzip"'}, 200, '"abc-gzip"'),
    ("a state that it has seen in this coding", "gzip", {"if-match": '"abc-gzip"'}, 200, '"abc-gzip"'),
    ("a state that it has seen in another coding", "gzip", {"if-match": '"abc-zstd"'}, 200, '"abc-gzip"'),
    (
        "a state that it has seen in a coding, though it reads none",
        "",
        {"if-match": '"abc-br"'},
        200,
        '"abc"',
    ),
    ("another state", "gzip", {"if-match": '"abd-gzip"'}, 412, None),
]


@pytest.mark.parametrize(
    ("accepts", "headers", "status", "tag"), [row[1:] for row in TAGS], ids=[row[0] for row in TAGS]
)
@pytest.mark.parametrize("who", ["an app with tags of its own", "our conditional requests"])
async def test_coded_tags_are_understood(
    accepts: str, headers: dict[str, str], status: int, tag: str | None, who: str
) -> None:
    if who == "our conditional requests":
        app = Pipeline(Compression(), ConditionalRequests())(document(("etag", '"abc"')))
    else:
        app = Pipeline(Compression())(knowing('"abc"'))

    answer = await Client(app).get("/", headers={"accept-encoding": accepts, **headers})

    assert answer.status == status
    assert answer.header("vary") == "Accept-Encoding" or status == 412
    if status != 412:
        assert answer.header("etag") == tag


async def test_an_own_tag_that_ends_like_a_coding_is_still_found() -> None:
    answer = await served(knowing('"abc-gzip"')).get(
        "/", headers={"accept-encoding": "gzip", "if-none-match": '"abc-gzip"'}
    )

    assert (answer.status, answer.header("etag")) == (304, '"abc-gzip"')


async def test_a_range_is_of_the_plain_bytes() -> None:
    answer = await served(knowing('"abc"')).get(
        "/", headers={"accept-encoding": "gzip", "if-range": '"abc-gzip"', "range": "bytes=0-9"}
    )

    assert answer.header("x-if-range") == '"abc-gzip"'


async def test_a_tag_that_is_made_behind_it_comes_back_as_304() -> None:
    client = Client(Pipeline(Compression(), ConditionalRequests())(document()))
    headers = {"accept-encoding": "zstd"}
    first = await client.get("/", headers=headers)

    again = await client.get("/", headers={**headers, "if-none-match": first.header("etag") or ""})

    assert (first.header("etag") or "").endswith('-zstd"')
    assert (again.status, again.header("etag"), again.body) == (304, first.header("etag"), b"")


async def test_the_request_of_somebody_else_is_not_changed() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await document()(scope, receive, send)

    await served(lint(app)).get("/", headers={"accept-encoding": "gzip", "if-none-match": '"abc-gzip"'})

    assert (b"if-none-match", b'"abc-gzip", "abc"') in seen[0]["headers"]


# --- streams ---

EVENTS = [b'data: {"number": %d}\n\n' % number for number in range(20)]


@pytest.mark.parametrize("coding", DECODERS)
async def test_an_event_can_be_read_when_the_app_has_sent_it(coding: str) -> None:
    decode = decoder(coding)
    async with served(stream(*EVENTS)).stream("GET", "/", headers={"accept-encoding": coding}) as answer:
        await answer.head()
        # The head has come, and the app has not been able to send anything further.
        assert answer.answer.header("content-encoding") == coding
        for event in EVENTS:
            assert decode(await answer.next_chunk()) == event


@pytest.mark.parametrize("coding", DECODERS)
async def test_a_stream_comes_out_whole(coding: str) -> None:
    parts = [LONG, b"", b"x", LONG * 30, b"", LONG]

    answer = await served(stream(*parts, media_type="application/x-ndjson")).get(
        "/", headers={"accept-encoding": coding}
    )

    assert content(answer) == b"".join(parts)
    assert answer.header("content-length") is None
    # One message for each: what is empty says something to a server, too.
    bodies = [message.get("body", b"") for message in answer.messages[1:-1]]
    assert [body == b"" for body in bodies] == [part == b"" for part in parts]


async def test_an_answer_in_pieces_whose_length_is_said_is_coded_as_a_whole() -> None:
    kinds = (b"content-type", b"application/json"), (b"content-length", SIZE.encode())
    app = scripted(head(200, *kinds), chunk(LONG[:9]), chunk(b""), chunk(LONG[9:]), chunk(b"", more=False))

    answer = await served(app).get("/", headers={"accept-encoding": "gzip"})

    assert (content(answer), answer.header("content-length")) == (LONG, str(len(answer.body)))


@pytest.mark.parametrize("large", [4096, 64 * 1024])
async def test_a_body_that_is_not_what_was_said_breaks_off(large: int) -> None:
    long = LONG * 2
    kinds = (b"content-type", b"application/json"), (b"content-length", b"%d" % (len(long) + 1))
    app = scripted(head(200, *kinds), chunk(long, more=False))

    answer = await served(app, large=large).get(
        "/", headers={"accept-encoding": "gzip"}, raise_app_exceptions=False
    )

    assert not answer.complete
    assert isinstance(answer.exception, RuntimeError)


@pytest.mark.parametrize("coding", DECODERS)
async def test_a_large_body_is_coded_outside_the_event_loop(
    coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    threads: set[str] = set()
    layer = Compression(codings=[coding])  # type: ignore[list-item]  # one of them
    coder = layer._coders[coding]
    begin = coder.begin

    def watched(*given: Any, **more: Any) -> Any:
        flow = begin(*given, **more)

        class Watching:
            def add(self, part: bytes) -> bytes:
                threads.add(threading.current_thread().name)
                return flow.add(part)

            def end(self, part: bytes) -> bytes:
                threads.add(threading.current_thread().name)
                return flow.end(part)

        return Watching()

    monkeypatch.setattr(coder, "begin", watched)
    body = LONG * 40

    answer = await Client(layer(document(body=body))).get("/", headers={"accept-encoding": coding})

    assert content(answer) == body
    assert threads
    assert threading.current_thread().name not in threads


# --- the unusual ---


@pytest.mark.parametrize("accepts", [ALL, "gzip", "br", ""])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_means_the_same(name: str, method: str, accepts: str) -> None:
    app = UNUSUAL_APPS[name]
    sent = b"some content" if method == "POST" else None
    bare = await Client(app).request(method, "/", content=sent)

    answer = await Client(Compression(minimum=0)(lint(app))).request(
        method, "/", content=sent, headers={"accept-encoding": accepts}
    )

    assert answer.complete == bare.complete
    assert (answer.body if answer.body == bare.body else content(answer)) == bare.body
    assert (answer.status, answer.trailers) == (bare.status, bare.trailers)
    kept = [b"content-encoding", b"content-length", b"vary", b"etag"]
    assert {line for line in answer.headers if line[0].lower() not in kept} == {
        (name, value) for name, value in bare.headers if name.lower() not in kept
    }


async def test_two_answers_at_once_do_not_mix() -> None:
    bodies = [bytes([65 + number]) * 3000 + b"%d" % number for number in range(20)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = bodies[int(scope["path"][1:])]
        await send(head(200, (b"content-type", b"text/plain")))
        for at in range(0, len(body), 500):
            await send(chunk(body[at : at + 500]))
            await anyio.lowlevel.checkpoint()
        await send(chunk(b"", more=False))

    client, read = served(app), dict[int, bytes]()

    async def ask(number: int) -> None:
        coding = [*DECODERS][number % 3]
        read[number] = content(await client.get(f"/{number}", headers={"accept-encoding": coding}))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(ask, number)

    assert [read[number] for number in range(20)] == bodies


async def test_a_message_of_the_app_is_the_apps_to_use_again() -> None:
    start: Message = head(200, (b"content-type", b"application/json"), (b"content-length", SIZE.encode()))
    before = {**start, "headers": [*start["headers"]]}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send(chunk(LONG, more=False))

    for accepts in ("gzip", ""):
        await served(app).get("/", headers={"accept-encoding": accepts})

    assert start == before


async def test_websockets_pass() -> None:
    async with served(hello).websocket("/", headers={"accept-encoding": "gzip"}) as socket:
        assert await socket.receive_text() == "hello"


# --- events ---


@pytest.mark.parametrize("sized", [True, False], ids=["short", "stream"])
async def test_an_event_tells_how_much_was_saved(sized: bool) -> None:
    client, events = heard(document(sized=sized))

    answer = await client.get("/", headers={"accept-encoding": "gzip"})

    assert events == [Compressed(coding="gzip", size=len(LONG), coded=len(answer.body))]


async def test_what_is_sent_plain_is_no_event() -> None:
    client, events = heard(document(("set-cookie", "a=1")))

    await client.get("/", headers={"accept-encoding": "gzip"})

    assert events == []
