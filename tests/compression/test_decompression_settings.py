"""What the settings refuse, doubt and say of a request."""

from typing import Any

import brotli
import pytest
from pydantic import ValidationError

from asgi_patterns import Decompression
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.testing import hello

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("deflate is no coding that is read", {"codings": ["deflate"]}, "codings"),
    ("no coding at all reads nothing", {"codings": []}, "codings"),
    ("a size of nothing reads nothing", {"max_size": 0}, "max_size"),
    ("a ratio below 1 would refuse what is not even smaller", {"max_ratio": 0.5}, "max_ratio"),
    ("a ratio without an end is none", {"max_ratio": float("inf")}, "max_ratio"),
    ("a size is not negative", {"ratio_from": -1}, "ratio_from"),
    ("a misspelt name is refused", {"max_sise": 1}, "max_sise"),
]


@pytest.mark.parametrize(("given", "field"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_settings_are_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Decompression(**given)


def test_a_coding_without_its_package_is_refused_at_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brotli, "Decompressor", object)
    layer = Decompression(codings=["gzip", "br"])

    with pytest.raises(ValueError, match=r"^decompression\.codings\[1\]: .*is not installed; pip install"):
        layer(hello)


DOUBTS: list[tuple[str, dict[str, Any], str | None]] = [
    ("nothing is wrong with the defaults", {}, None),
    ("a ratio that never counts", {"max_size": 1000, "ratio_from": 1000}, "never looks at the ratio"),
    ("a ratio that gzip never reaches", {"max_ratio": 2000}, "lets every gzip bomb pass"),
    ("much memory for each request", {"max_size": 1 << 30, "read_first": True}, "of each request in memory"),
    ("a large limit without read_first is fine", {"max_size": 1 << 30}, None),
]


@pytest.mark.parametrize(("given", "doubt"), [case[1:] for case in DOUBTS], ids=[case[0] for case in DOUBTS])
def test_what_is_probably_not_meant_is_doubted(given: dict[str, Any], doubt: str | None) -> None:
    doubts = Decompression(**given).doubts(DEFAULT)

    assert len(doubts) == (doubt is not None)
    assert doubt is None or doubt in doubts[0]


SAID: list[tuple[str, list[bytes], str, bool]] = [
    ("nothing is coded", [], "has nothing to decode", False),
    ("identity is no coding", [b"identity"], "has nothing to decode", False),
    (
        "a body is decoded",
        [b"x-gzip"],
        "decodes the body from gzip, to at most 10485760 bytes and 100",
        False,
    ),
    ("two codings are refused", [b"gzip, br"], "answers 415: the body is in more than one", True),
    ("another coding is refused", [b"deflate"], "answers 415: the content coding is none of gzip, br", True),
]


@pytest.mark.parametrize(
    ("lines", "says", "ends"), [case[1:] for case in SAID], ids=[case[0] for case in SAID]
)
def test_it_says_what_becomes_of_a_request(lines: list[bytes], says: str, ends: bool) -> None:
    headers = [(b"content-encoding", line) for line in lines]

    forecast = Decompression().explain({"type": "http", "method": "POST", "path": "/", "headers": headers})

    assert forecast.says[0].startswith(says)
    assert forecast.ends is ends


def test_show_has_what_is_read() -> None:
    layer = Decompression(codings=["zstd"], max_size=1000, max_ratio=12.5)

    assert layer.outline == ["decodes bodies from zstd, to at most 1000 bytes and 12.5 times what was sent"]
