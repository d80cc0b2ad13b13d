"""Links against plain nesting: random stacks, random messages, everything noticeable must be equal."""

from collections.abc import Iterator, Sequence

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_patterns.kernel.types import Message, RawHeaders
from tests.kernel.stacks import LINKED, NESTED, Op, Spec, run

TAGS = st.sampled_from(["a", "b", "edited"])
SPECS = st.builds(Spec, st.sampled_from(sorted(LINKED)), TAGS, st.sampled_from([0, 1, 5, 200, 404, 503]))

BODIES: st.SearchStrategy[Message] = st.fixed_dictionaries(
    {"type": st.just("http.response.body")},
    optional={"body": st.sampled_from([b"", b"x", b"hello"]), "more_body": st.booleans()},
)
OTHERS: st.SearchStrategy[Message] = st.sampled_from(
    [
        {"type": "http.response.pathsend", "path": "/a/file"},
        {"type": "http.response.zerocopysend", "file": 3},
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]},
        {"type": "http.response.debug", "info": {}},
        {"type": "acme.unheard-of"},
        {"type": "websocket.send", "text": "hi"},
    ]
)
BEFORE: st.SearchStrategy[Op] = st.sampled_from(
    [{"type": "http.response.early_hint", "links": [b"</a>"]}, {"type": "http.response.debug", "info": {}}]
)
HEADERS: st.SearchStrategy[RawHeaders | None] = st.sampled_from(
    [
        None,
        [],
        [(b"content-length", b"0")],
        [(b"content-length", b"5")],
        [(b"Content-Length", b"1")],
        [(b"x-a", b"1")],
    ]
)


@st.composite
def heads(draw: st.DrawFn) -> Message:
    kind = draw(
        st.sampled_from(["http.response.start"] * 4 + ["websocket.accept", "websocket.http.response.start"])
    )
    head: Message = {"type": kind}
    if kind != "websocket.accept":
        head["status"] = draw(st.sampled_from([200, 404, 503]))
    headers = draw(HEADERS)
    if headers is not None:
        head["headers"] = headers
    if draw(st.integers(0, 9)) == 0:
        head["trailers"] = True
    return head


@st.composite
def attempts(draw: st.DrawFn) -> list[Op]:
    ops = draw(st.lists(BEFORE, max_size=1))
    if draw(st.integers(0, 4)):
        ops.append(draw(heads()))
        ops += draw(st.lists(st.one_of(BODIES, BODIES, BODIES, OTHERS), max_size=4))
    if draw(st.integers(0, 3)) == 0:
        ops.insert(draw(st.integers(0, len(ops))), "the app failed")
    return ops


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def portal(request: pytest.FixtureRequest) -> Iterator[BlockingPortal]:
    """One running event loop for all examples: starting one for each would take most of the time."""
    with start_blocking_portal(request.param) as running:
        yield running


@settings(max_examples=2000, deadline=None)
@given(
    specs=st.lists(SPECS, max_size=7),
    tries=st.lists(attempts(), min_size=1, max_size=2),
    fails_at=st.one_of(st.none(), st.none(), st.integers(0, 4)),
)
def test_links_do_what_nested_functions_do(
    portal: BlockingPortal, specs: list[Spec], tries: Sequence[Sequence[Op]], fails_at: int | None
) -> None:
    by_links = portal.call(run, LINKED, specs, tries, fails_at)
    by_nesting = portal.call(run, NESTED, specs, tries, fails_at)

    assert by_links == by_nesting
