"""A pattern chooses requests by method and path, the same way everywhere, in time that grows with the path."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette._utils import get_route_path

from asgi_patterns.kernel.patterns import Pattern, Patterns, route_path

MATCHES = [
    # what                                            pattern          method  path              matches
    ("a literal is itself", "/health", "GET", "/health", True),
    ("a literal is not its child", "/health", "GET", "/health/live", False),
    ("a literal is not its parent", "/health/live", "GET", "/health", False),
    ("a literal has case", "/health", "GET", "/Health", False),
    ("a slash at the end of the path", "/health", "GET", "/health/", True),
    ("a slash at the end of the pattern", "/health/", "GET", "/health", True),
    ("one slash only", "/health", "GET", "/health//", False),
    ("two slashes in front are another path", "/x", "GET", "//x", False),
    ("two slashes inside are another path", "/a/b", "GET", "/a//b", False),
    ("the root", "/", "GET", "/", True),
    ("the root is nothing else", "/", "GET", "/x", False),
    ("the root is not two slashes", "/", "GET", "//", False),
    ("regular expressions are literal", "/a.c", "GET", "/abc", False),
    ("brackets are literal", "/[ab]", "GET", "/[ab]", True),
    ("braces are literal", "/{id}", "GET", "/7", False),
    ("a star is a segment", "/users/*", "GET", "/users/7", True),
    ("a star is not two segments", "/users/*", "GET", "/users/7/posts", False),
    ("a star is not a missing segment", "/users/*", "GET", "/users/", False),
    ("a star is also an empty segment", "/users/*/posts", "GET", "/users//posts", True),
    ("a star at the front", "/*.json", "GET", "/report.json", True),
    ("a star may be nothing", "/v*", "GET", "/v", True),
    ("the ends of a segment may not overlap", "/ab*ba", "GET", "/aba", False),
    ("several stars", "/a*b*c", "GET", "/a--b--c", True),
    ("several stars in this order only", "/a*b*c", "GET", "/a--c--b", False),
    ("the middle is not taken from the end", "/*ab*b", "GET", "/ab", False),
    ("two stars are any depth", "/a/**", "GET", "/a/b/c", True),
    ("two stars may be nothing", "/a/**", "GET", "/a", True),
    ("two stars may be nothing before a slash", "/a/**", "GET", "/a/", True),
    ("two stars begin at a segment", "/a/**", "GET", "/ab", False),
    ("two stars keep to two slashes", "/a/**", "GET", "//a", False),
    ("two stars alone are every path", "/**", "GET", "/", True),
    ("two stars in the middle", "/a/**/z", "GET", "/a/b/c/z", True),
    ("two stars in the middle may be nothing", "/a/**/z", "GET", "/a/z", True),
    ("what is before and after may not overlap", "/a/**/a", "GET", "/a", False),
    ("two stars at the front", "/**/z", "GET", "/a/z", True),
    ("a run between two stars is found late", "/**/b/c/**/d", "GET", "/b/x/b/c/d", True),
    ("a run between two stars is whole", "/**/b/c/**/d", "GET", "/b/x/c/d", False),
    ("stars within a run", "/**/v*/x.*", "GET", "/a/v1/x.y", True),
    ("two stars twice are two stars", "/a/**/**/b", "GET", "/a/b", True),
    ("no method is any method", "/x", "BREW", "/x", True),
    ("a method is this method", "POST /x", "POST", "/x", True),
    ("a method is no other", "POST /x", "PUT", "/x", False),
    ("of several methods any", "POST,PUT /x", "PUT", "/x", True),
    ("GET is for HEAD", "GET /x", "HEAD", "/x", True),
    ("HEAD is not for GET", "HEAD /x", "GET", "/x", False),
    ("a method with stars", "DELETE /**", "DELETE", "/a/b", True),
    ("another method with stars", "DELETE /**", "GET", "/a/b", False),
    ("a path may hold a space", "GET /a b", "GET", "/a b", True),
    ("space around a pattern is nothing", "  GET   /x ", "GET", "/x", True),
    ("an empty path is the root", "/", "GET", "", True),
]


@pytest.mark.parametrize(
    ("text", "method", "path", "expected"),
    [pytest.param(*row[1:], id=f"{row[0]}: {row[1]} on {row[3]}") for row in MATCHES],
)
def test_matches(text: str, method: str, path: str, expected: bool) -> None:
    assert Pattern.parse(text).matches(method, path) is expected
    assert Patterns([text]).matches(method, path) is expected


ERRORS = [
    ("empty", "", "is empty"),
    ("only space", "  ", "is empty"),
    ("no slash", "health", 'must start with "/"'),
    ("no slash behind a method", "GET health", "the path 'health' must start with \"/\""),
    ("a method alone", "GET", 'must start with "/"'),
    ("an unknown method", "FETCH /x", "unknown method 'FETCH', write CONNECT, DELETE, GET"),
    ("a method in lower case", "get /x", "unknown method 'get', write GET"),
    ("a missing method", "GET, /x", "unknown method ''"),
    ("two stars with a head", "/a**", "\"**\" must be a whole segment, not part of 'a**'"),
    ("two stars with a tail", "/**.json", '"**" must be a whole segment'),
    ("three stars", "/***", '"**" must be a whole segment'),
    ("a query string", "/x?page=*", "the path ends before a query string"),
    ("a fragment", "/x#top", "the path ends before a query string or a fragment"),
    ("a URL", "https://example.com/x", 'must start with "/"'),
]


@pytest.mark.parametrize(("text", "message"), [pytest.param(*row[1:], id=row[0]) for row in ERRORS])
def test_a_bad_pattern_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="path pattern") as one:
        Pattern.parse(text)
    with pytest.raises(ValueError, match="path pattern") as many:
        Patterns(["/fine", text])

    assert message in str(one.value)
    assert str(many.value) == str(one.value)


SEVERAL = ["/health", "GET /orders", "POST /orders", "/files/**", "PUT /up/*"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("GET", "/health", True, id="a literal"),
        pytest.param("BREW", "/health/", True, id="a literal for any method"),
        pytest.param("HEAD", "/orders", True, id="the first of two methods"),
        pytest.param("POST", "/orders", True, id="the second of two methods"),
        pytest.param("PUT", "/orders", False, id="neither of two methods"),
        pytest.param("GET", "/files/a/b", True, id="a glob"),
        pytest.param("PUT", "/up/1", True, id="a later glob"),
        pytest.param("GET", "/up/1", False, id="a glob for another method"),
        pytest.param("GET", "/else", False, id="none"),
    ],
)
def test_several_patterns_match_where_one_does(method: str, path: str, expected: bool) -> None:
    assert Patterns(SEVERAL).matches(method, path) is expected


def test_no_patterns_are_false_and_match_nothing() -> None:
    none = Patterns([])

    assert not none
    assert not none.matches("GET", "/")


@pytest.mark.parametrize("text", ["/", "GET /", "/**"])
def test_any_pattern_makes_them_true(text: str) -> None:
    assert Patterns([text])


def oracle(segments: list[str], path: list[str]) -> bool:
    """What the documentation says, word for word, however long it takes."""
    if not segments:
        return not path
    if segments[0] == "**":
        return any(oracle(segments[1:], path[skip:]) for skip in range(len(path) + 1))
    return bool(path) and oracle_segment(segments[0], path[0]) and oracle(segments[1:], path[1:])


def oracle_segment(glob: str, text: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "*":
        return any(oracle_segment(glob[1:], text[skip:]) for skip in range(len(text) + 1))
    return text[:1] == glob[0] and oracle_segment(glob[1:], text[1:])


segment_globs = st.text("ab*", max_size=5).filter(lambda text: "**" not in text)
pattern_segments = st.lists(segment_globs | st.just("**"), min_size=1, max_size=5).filter(
    lambda each: each[-1]
)
path_segments = st.lists(st.text("ab", max_size=4), max_size=6).filter(lambda each: not each or each[-1])


@example(["a*b"], ["ab"])
@example(["**", "a", "**", "a"], ["a"])
@example(["", "**"], [])
@given(pattern_segments, path_segments)
def test_the_fast_way_agrees_with_the_obvious_one(segments: list[str], path: list[str]) -> None:
    text, below = "/" + "/".join(segments), "/" + "/".join(path)
    expected = oracle(segments, path)

    assert Pattern.parse(text).matches("GET", below) is expected
    assert Pattern.parse(text + "/").matches("GET", below) is expected
    assert Pattern.parse(f"GET {text}").matches("HEAD", below) is expected
    assert Patterns(["/never", text]).matches("GET", below) is expected
    assert Pattern.parse(text).path_test()(below) is expected
    assert not path or Pattern.parse(text).matches("GET", below + "/") is expected
    assert not path or Pattern.parse(text).path_test()(below + "/") is expected


@example("/a/*", "/a/")
@example("/a/*", "/a//")
@example("/a/**/*a", "/a//")
@example("/a/**/a", "/a/")
@example("/*", "/")
@example("/**/*", "//")
@given(
    st.builds("".join, st.lists(st.sampled_from(["/a", "/*", "/**", "/*a", "/a*"]), min_size=1, max_size=4)),
    st.builds(lambda rest: f"/{rest}", st.text("/ab", max_size=7)),
)
def test_the_quickest_way_agrees_with_the_fast_one(text: str, path: str) -> None:
    pattern = Pattern.parse(text)

    assert pattern.path_test()(path) is pattern.matches("GET", path)


@given(st.text(max_size=40) | st.text("GETPOS ,/*?a", max_size=20))
def test_any_text_is_a_pattern_or_an_error_that_says_so(text: str) -> None:
    message = error_of(text)

    assert message is None or message.startswith(("path pattern", "a path pattern"))


def error_of(text: str) -> str | None:
    try:
        Pattern.parse(text)
    except ValueError as error:
        return str(error)
    return None


def calls_of(action: Callable[[], object]) -> int:
    """How many functions, Python's and C's, the action calls: work without a clock."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


# Each of them matches almost, and again at every place, which is where a search that goes back explodes.
EXPLOSIVE = [
    ("stars in a segment", "/" + "*a" * 20 + "b*", "a"),
    ("stars in a segment around two letters", "/" + "*ab" * 20 + "*c*", "ab"),
    ("two stars and segments", "/" + "**/a/" * 20 + "b/**", "a/"),
    ("two stars and runs", "/" + "**/a/a/a/" * 10 + "b/**", "a/"),
    ("both", "/" + "**/*a*a*/" * 10 + "b/**", "aa/"),
]


@pytest.mark.parametrize(("text", "unit"), [pytest.param(*row[1:], id=row[0]) for row in EXPLOSIVE])
def test_twice_the_path_is_about_twice_the_work(text: str, unit: str) -> None:
    pattern = Pattern.parse(text)
    short, long = "/" + unit * 500, "/" + unit * 1000

    little = calls_of(lambda: pattern.matches("GET", short))
    much = calls_of(lambda: pattern.matches("GET", long))

    assert not pattern.matches("GET", long)
    assert little < 20 * len(short)
    assert much < 2.2 * little


ROUTES = [
    ("no root path", {"path": "/x"}, "/x"),
    ("an empty root path", {"path": "/x", "root_path": ""}, "/x"),
    ("below the root path", {"path": "/api/x", "root_path": "/api"}, "/x"),
    ("the root path itself", {"path": "/api", "root_path": "/api"}, "/"),
    ("the root path with a slash", {"path": "/api/", "root_path": "/api"}, "/"),
    ("a path that only begins alike", {"path": "/apiary", "root_path": "/api"}, "/apiary"),
    ("a path outside the root path", {"path": "/x", "root_path": "/api"}, "/x"),
    ("a root path with a slash at its end", {"path": "/api/x", "root_path": "/api/"}, "/api/x"),
    ("no path at all", {"path": "", "root_path": ""}, "/"),
]


@pytest.mark.parametrize(("scope", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ROUTES])
def test_the_path_below_the_root_path(scope: dict[str, str], expected: str) -> None:
    assert route_path(scope) == expected


@given(st.text("/ab", max_size=6), st.text("/ab", max_size=4))
def test_it_is_the_path_that_starlette_routes_by(path: str, root: str) -> None:
    scope = {"path": "/" + path, "root_path": root}

    assert route_path(scope) == (get_route_path(scope) or "/")
