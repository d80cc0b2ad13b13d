"""Who may see details."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.bearer import bears

BEARERS: list[tuple[str, list[bytes], bool]] = [
    ("the token", [b"Bearer s3cret"], True),
    ("the scheme in any case", [b"bEARER s3cret"], True),
    ("more than one space", [b"Bearer   s3cret "], True),
    ("no field", [], False),
    ("another token", [b"Bearer s3crets"], False),
    ("the beginning of it", [b"Bearer s3cre"], False),
    ("another case", [b"Bearer S3CRET"], False),
    ("no token", [b"Bearer "], False),
    ("the scheme alone", [b"Bearer"], False),
    ("another scheme", [b"Basic s3cret"], False),
    ("the token alone", [b"s3cret"], False),
    ("a list", [b"Bearer s3cret, Bearer s3cret"], False),
    ("two fields", [b"Bearer s3cret", b"Bearer s3cret"], False),
    ("nothing", [b""], False),
]


@pytest.mark.parametrize(("lines", "allowed"), [row[1:] for row in BEARERS], ids=[row[0] for row in BEARERS])
def test_who_bears_the_token(lines: list[bytes], allowed: bool) -> None:
    headers = [(b"authorization", line) for line in lines]

    assert bears(headers, b"s3cret") is allowed


@given(st.binary(max_size=64).filter(lambda value: b"s3cret" not in value))
def test_nothing_opens_that_does_not_hold_the_token(value: bytes) -> None:
    assert not bears([(b"authorization", value)], b"s3cret")
