"""What may be set, what is refused, and what is said about it."""

import sys

import pytest
from pydantic import ValidationError

from asgi_patterns import Compression, CompressionRule, Pipeline
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Scope
from asgi_patterns.testing import hello

WRONG: list[tuple[str, dict[str, object], str, str]] = [
    ("a coding that nobody makes", {"codings": ["deflate"]}, "codings.0", "'zstd', 'br' or 'gzip'"),
    ("a coding twice", {"codings": ["gzip", "gzip"]}, "codings", "names one coding twice"),
    ("no coding", {"codings": []}, "codings", "at least 1 item"),
    ("a level that zstd does not have", {"zstd_level": 23}, "zstd_level", "less than or equal to 22"),
    ("a level that br does not have", {"br_level": 12}, "br_level", "less than or equal to 11"),
    ("a level that gzip does not have", {"gzip_level": 0}, "gzip_level", "greater than or equal to 1"),
    ("a type that is none", {"media_types": ["json"]}, "media_types.0", "pattern"),
    ("a negative minimum", {"minimum": -1}, "minimum", "greater than or equal to 0"),
    ("padding that no coding has room for", {"padding": 257}, "padding", "less than or equal to 256"),
    ("no thread", {"threads": 0}, "threads", "greater than or equal to 1"),
    ("a rule for no path", {"rules": [{"match": "x"}]}, "rules.0.match", 'must start with "/"'),
    ("an unknown name", {"level": 3}, "level", "Unexpected keyword"),
    (
        "a rule that contradicts itself",
        {"rules": [{"match": "/", "compress": False, "despite_cookies": True}]},
        "rules.0.despite_cookies",
        "about answers that are coded",
    ),
]


@pytest.mark.parametrize(
    ("given", "where", "what"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_wrong_setting_is_refused(given: dict[str, object], where: str, what: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Compression(**given)  # type: ignore[arg-type]  # wrong on purpose

    assert where in str(refused.value)
    assert what in str(refused.value)


def test_a_coding_that_is_asked_for_and_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)

    with pytest.raises(ValueError, match=r"compression\.codings\[1\]: brotli is not installed; pip install"):
        Compression(codings=["gzip", "br"])(hello)
    Compression()(hello)


def ask(layer: Compression, accepts: str | None, path: str = "/", cookie: bool = False) -> tuple[str, ...]:
    """Explain a request."""
    lines = [] if accepts is None else [(b"accept-encoding", accepts.encode())]
    lines += [(b"cookie", b"a=1")] if cookie else []
    scope: Scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": lines}
    return layer.explain(Exchange.of(scope)[1]).says


def test_explain() -> None:
    layer = Compression(
        codings=["zstd", "gzip"],
        rules=[
            CompressionRule(match="/x/**", compress=False),
            CompressionRule(match="/p", despite_cookies=True),
        ],
    )

    assert ask(layer, None) == (
        "leaves answers as they are: the client reads none of zstd, gzip ahead of the plain one",
    )
    assert ask(layer, "gzip") == (
        "sends answers in gzip, if their type is worth it and they have 1024 bytes",
        "leaves those that set a cookie as they are",
    )
    assert ask(layer, "gzip", cookie=True)[1] == "leaves those that set a cookie as they are, and pages"
    assert ask(layer, "gzip", "/x/y") == ("leaves answers as they are, as rules[0] says",)
    assert ask(layer, "gzip", "/p") == (
        "sends answers in gzip, if their type is worth it and they have 1024 bytes, as rules[1] says",
    )


def test_outline() -> None:
    layer = Compression(
        codings=["zstd"],
        rules=[
            CompressionRule(match=["/a", "/b"], compress=False),
            CompressionRule(match="/c", despite_cookies=True, padding=9),
        ],
    )

    assert layer.outline == [
        "sends answers from 1024 bytes in zstd",
        "leaves answers as they are on /a and /b, as rules[0]",
        "sends answers coded in spite of cookies and lengthens answers by up to 9 bytes on /c, as rules[1]",
    ]


def test_doubts() -> None:
    layer = Compression(media_types=["*/*"], rules=[CompressionRule(match="/a")])

    doubts = [doubt for _, doubt in Pipeline(layer).doubts()]

    assert doubts == [
        "codes image/png too, as media_types has it: that is small already, and gets no smaller",
        "has rules[0], which says nothing that is different",
    ]
    assert [*Pipeline(Compression()).doubts()] == []
