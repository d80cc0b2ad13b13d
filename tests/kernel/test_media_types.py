"""Which ``Content-Type`` a set of media types has."""

import pytest

from asgi_patterns.kernel.media_types import MediaTypes

ROWS: list[tuple[str, str, bytes | None, bool]] = [
    ("a type by its name", "text/css", b"text/css", True),
    ("names know no case", "Text/CSS", b"TEXT/css", True),
    ("parameters do not count", "text/css", b"text/css; charset=utf-8", True),
    ("nor does space before them", "text/css", b"text/css ;charset=utf-8", True),
    ("another type of the same kind", "text/css", b"text/html", False),
    ("a type that begins like it", "text/css", b"text/css2", False),
    ("any of a kind", "image/*", b"image/webp", True),
    ("none of another kind", "image/*", b"images/webp", False),
    ("any with a suffix", "application/*+json", b"application/problem+json", True),
    ("a suffix behind parameters", "application/*+json", b"application/ld+json;profile=x", True),
    ("the type of the suffix is another one", "application/*+json", b"application/json", False),
    ("a suffix of another kind", "application/*+json", b"model/gltf+json", False),
    ("a suffix that only begins so", "application/*+json", b"application/x+json-seq", False),
    ("whatever there is", "*/*", b"application/x-unknown", True),
    ("but no content without a type", "*/*", None, False),
]


@pytest.mark.parametrize(
    ("text", "content_type", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_set_of_media_types(text: str, content_type: bytes | None, expected: bool) -> None:
    assert MediaTypes([text]).has(content_type) is expected
