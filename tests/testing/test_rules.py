"""The linter's state machines against regular expressions over the kinds of messages."""

import re

from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.types import Message
from asgi_patterns.testing.answer_rules import AnswerRules
from asgi_patterns.testing.http_rules import HttpRules
from asgi_patterns.testing.lifespan_rules import LifespanRules
from asgi_patterns.testing.scopes import EXTENSIONS, Server
from asgi_patterns.testing.uploads import messages
from asgi_patterns.testing.violation import ProtocolViolation
from asgi_patterns.testing.websocket_rules import WebSocketRules

START = "http.response.start"
BODY = "http.response.body"

ANSWER: dict[str, Message] = {
    "s": {"type": START, "status": 200},
    "S": {"type": START, "status": 200, "trailers": True},
    "x": {"type": START, "status": 200, "headers": [(b"X", b"")]},
    "b": {"type": BODY, "body": b"", "more_body": True},
    "B": {"type": BODY, "body": b"a", "more_body": True},
    "e": {"type": BODY},
    "p": {"type": "http.response.pathsend", "path": __file__},
    "t": {"type": "http.response.trailers", "headers": [], "more_trailers": True},
    "T": {"type": "http.response.trailers"},
    "h": {"type": "http.response.early_hint", "links": []},
    "d": {"type": "http.response.debug", "info": {}},
    "u": {"type": "http.response.unknown"},
}
LEGAL_ANSWER = re.compile(r"[hu]*(d[hu]*)?(s([Bbhu]*e|[bhu]*p)|S([Bbhu]*e|[bhu]*p)[tu]*T)")

SOCKET: dict[str, Message] = {
    "a": {"type": "websocket.accept"},
    "m": {"type": "websocket.send", "text": "a"},
    "c": {"type": "websocket.close"},
    "s": {"type": "websocket.http.response.start", "status": 403},
    "b": {"type": "websocket.http.response.body", "more_body": True},
    "e": {"type": "websocket.http.response.body"},
    "u": {"type": "example"},
    "h": {"type": "http.response.start", "status": 403},
}
LEGAL_SOCKET = re.compile(r"u*(a[mu]*c?|c|s[bu]*e)")

REQUEST: dict[str, Message] = {
    "m": {"type": "http.request", "body": b"a", "more_body": True},
    "e": {"type": "http.request"},
    "d": {"type": "http.disconnect"},
    "w": {"type": "websocket.receive", "text": "a"},
}
LEGAL_REQUEST = re.compile(r"m*e?d*")

SOCKET_REQUEST: dict[str, Message] = {
    "c": {"type": "websocket.connect"},
    "m": {"type": "websocket.receive", "bytes": b"a"},
    "x": {"type": "websocket.receive"},
    "d": {"type": "websocket.disconnect"},
}
LEGAL_SOCKET_REQUEST = re.compile(r"(cm*)?d*")

SCOPE = {"method": "GET", "extensions": {name: {} for name in EXTENSIONS}}


def sequences(kinds: dict[str, Message], legal: re.Pattern[str]) -> st.SearchStrategy[str]:
    """Sequences of any kind, and as many that are legal or nearly so: chance alone seldom finds those."""
    usual = st.from_regex(legal, fullmatch=True).map(lambda letters: letters[:12])
    return st.text(alphabet=sorted(kinds), max_size=8) | usual


@given(sequences(ANSWER, LEGAL_ANSWER))
def test_answers_are_accepted_exactly_when_they_are_legal(letters: str) -> None:
    rules = AnswerRules("GET", EXTENSIONS)

    try:
        for letter in letters:
            rules.sent(ANSWER[letter])
        rules.ended()
        accepted = True
    except ProtocolViolation:
        accepted = False

    assert accepted == bool(LEGAL_ANSWER.fullmatch(letters))


@given(sequences(SOCKET, LEGAL_SOCKET))
def test_sockets_are_accepted_exactly_when_they_are_legal(letters: str) -> None:
    rules = WebSocketRules(SCOPE, any_case=False)

    try:
        for letter in letters:
            rules.sent(SOCKET[letter])
        rules.returned()
        accepted = True
    except ProtocolViolation:
        accepted = False

    assert accepted == bool(LEGAL_SOCKET.fullmatch(letters))


@given(sequences(REQUEST, LEGAL_REQUEST))
def test_requests_are_accepted_exactly_when_they_are_legal(letters: str) -> None:
    rules = HttpRules(SCOPE, any_case=False)

    try:
        for letter in letters:
            rules.received(REQUEST[letter])
        accepted = True
    except ProtocolViolation:
        accepted = False

    assert accepted == bool(LEGAL_REQUEST.fullmatch(letters))


@given(sequences(SOCKET_REQUEST, LEGAL_SOCKET_REQUEST))
def test_socket_requests_are_accepted_exactly_when_they_are_legal(letters: str) -> None:
    rules = WebSocketRules(SCOPE, any_case=False)

    try:
        for letter in letters:
            rules.received(SOCKET_REQUEST[letter])
        accepted = True
    except ProtocolViolation:
        accepted = False

    assert accepted == bool(LEGAL_SOCKET_REQUEST.fullmatch(letters))


LIFE = {
    "s": ("received", "lifespan.startup"),
    "c": ("sent", "lifespan.startup.complete"),
    "f": ("sent", "lifespan.startup.failed"),
    "e": ("received", "lifespan.shutdown"),
    "C": ("sent", "lifespan.shutdown.complete"),
    "F": ("sent", "lifespan.shutdown.failed"),
    "u": ("sent", "http.response.start"),
}
LEGAL_LIFE = re.compile(r"u*(su*([cf]u*(eu*[CF]u*)?)?)?")


@given(st.text(alphabet=sorted(LIFE), max_size=8) | st.from_regex(LEGAL_LIFE, fullmatch=True))
def test_lives_are_accepted_exactly_when_they_are_legal(letters: str) -> None:
    rules = LifespanRules()

    try:
        for letter in letters:
            direction, kind = LIFE[letter]
            getattr(rules, direction)({"type": kind})
        rules.returned()
        accepted = True
    except ProtocolViolation:
        accepted = False

    assert accepted == bool(LEGAL_LIFE.fullmatch(letters))


@given(
    st.lists(st.binary(max_size=4), min_size=1, max_size=5),
    st.integers(-1, 1),
    st.sampled_from(["GET", "HEAD"]),
    st.sampled_from([200, 204, 304, 500]),
)
def test_a_length_holds_or_is_refused(chunks: list[bytes], off: int, method: str, status: int) -> None:
    size = sum(map(len, chunks))
    declared = max(size + off, 0)
    rules = AnswerRules(method, EXTENSIONS)

    try:
        length = [(b"content-length", str(declared).encode())]
        rules.sent({"type": START, "status": status, "headers": length})
        for chunk in chunks:
            rules.sent({"type": BODY, "body": chunk, "more_body": True})
        rules.sent({"type": BODY})
        accepted = True
    except ProtocolViolation:
        accepted = False

    if method == "HEAD":
        assert accepted
    elif status in {204, 304}:
        assert accepted == (size == 0)
    else:
        assert accepted == (declared == size)


@given(st.lists(st.binary(max_size=3), max_size=6), st.booleans(), st.booleans())
def test_chunks_become_one_body_with_one_end(chunks: list[bytes], keep_open: bool, minimal: bool) -> None:
    made = list(messages(chunks, keep_open=keep_open, minimal=minimal))
    ends = [index for index, message in enumerate(made) if not message.get("more_body", False)]

    assert b"".join(message.get("body", b"") for message in made) == b"".join(chunks)
    assert ends == ([] if keep_open else [len(made) - 1])


SERVER = Server(
    client=None,
    scheme="http",
    root_path="",
    headers=[],
    http_version="1.1",
    spec_version="2.5",
    extensions={},
)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%?"), max_size=12))
def test_a_path_arrives_as_it_was_written(text: str) -> None:
    scope = SERVER.http("GET", f"/{text}", [], {})

    assert scope["path"] == f"/{text}"
    assert scope["raw_path"].isascii()
    assert b" " not in scope["raw_path"]
