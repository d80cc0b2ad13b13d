"""Tags made of bodies: the same for the same bytes, in every process."""

import hashlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.caching.digest import SIZE, tagging
from asgi_patterns.kernel.tags import parse_tag

BODIES = [b"", b"a", b"x" * 2048, b"x" * 51_200]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("body", BODIES, ids=len)
def test_a_tag_is_128_bits_of_the_body(body: bytes, fast: bool) -> None:
    tag = parse_tag(tagging(fast=fast)(body))

    assert tag is not None
    assert len(tag.opaque) == SIZE
    assert int(tag.opaque, 16) >= 0
    assert not tag.weak


@given(st.binary(), st.binary(), st.booleans())
def test_the_same_bytes_have_the_same_tag_and_others_another(one: bytes, other: bytes, fast: bool) -> None:
    tag = tagging(fast=fast)

    assert (tag(one) == tagging(fast=fast)(other)) == (one == other)


def test_a_tag_is_weak_on_request() -> None:
    assert tagging(weak=True)(b"a") == b"W/" + tagging()(b"a")
    assert tagging(weak=True, fast=False)(b"a") == b"W/" + tagging(fast=False)(b"a")


def test_it_is_xxh3_where_that_is_installed() -> None:
    # The value that the algorithm's own tests have for nothing.
    assert tagging()(b"") == b'"99aa06d3014798d86001c324468d497f"'


def test_it_is_sha256_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xxhash", None)
    expected = hashlib.sha256(b"abc").hexdigest()[:SIZE].encode()

    assert tagging()(b"abc") == tagging(fast=False)(b"abc") == b'"%b"' % expected
