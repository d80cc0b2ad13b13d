"""Which framework answers become problems, for whom, and what they then say."""

import pytest

from asgi_patterns.errors.core import from_text, is_error_text, prefers_problem

CLIENTS = [
    # who asks                                              accept                              text/plain text/html
    ("a client that says nothing", [], True, True),
    ("curl", [b"*/*"], True, True),
    ("a client that wants JSON", [b"application/json"], True, True),
    ("a client that knows problems", [b"application/problem+json"], True, True),
    ("a browser", [b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], False, False),
    ("a client that likes HTML a little less", [b"text/html;q=0.9,application/json"], True, True),
    ("a client that likes both", [b"text/html, application/json"], True, True),
    ("a client that wants text", [b"text/plain, */*;q=0.1"], False, True),
    (
        "a client that refuses JSON",
        [b"*/*, application/json;q=0, application/problem+json;q=0"],
        False,
        False,
    ),
    ("a client that takes only images", [b"image/*"], False, False),
    ("a header in two lines", [b"text/html;q=0.5", b"application/json"], True, True),
]


@pytest.mark.parametrize(("accept", "text", "html"), [r[1:] for r in CLIENTS], ids=[r[0] for r in CLIENTS])
def test_who_gets_a_problem(accept: list[bytes], text: bool, html: bool) -> None:
    assert prefers_problem(accept, "text/plain") is text
    assert prefers_problem(accept, "text/html") is html


@pytest.mark.parametrize(
    ("status", "media_type", "expected"),
    [
        pytest.param(404, "text/plain", True, id="a plain 404"),
        pytest.param(500, "text/html", True, id="an HTML 500"),
        pytest.param(400, "text/html", True, id="the first error status"),
        pytest.param(399, "text/html", False, id="no error"),
        pytest.param(404, "application/json", False, id="JSON is parsed by clients"),
        pytest.param(404, "application/problem+json", False, id="a problem stays one"),
        pytest.param(404, "", False, id="of unknown type"),
    ],
)
def test_what_counts_as_an_error_text(status: int, media_type: str, expected: bool) -> None:
    assert is_error_text(status, media_type) is expected


TEXTS = [
    ("the phrase alone says nothing new", 404, "text/plain", b"Not Found", None),
    ("nor in other letters", 500, "text/plain", b"internal server error\n", None),
    ("a message is kept", 404, "text/plain", b"No such order: 7", "No such order: 7"),
    ("an empty text is none", 503, "text/plain", b"", None),
    ("markup is not kept", 404, "text/html", b"<h1>Not Found</h1>", None),
    ("bytes that are no UTF-8 are marked", 400, "text/plain", b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
]


@pytest.mark.parametrize(
    ("status", "media_type", "body", "detail"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS]
)
def test_what_the_problem_says(status: int, media_type: str, body: bytes, detail: str | None) -> None:
    problem = from_text(status, media_type, body)

    assert problem is not None
    assert (problem.status_code, problem.text) == (status, detail)


def test_several_lines_are_a_report_and_no_detail() -> None:
    assert from_text(500, "text/plain", b"Traceback (most recent call last):\n  File ...") is None
