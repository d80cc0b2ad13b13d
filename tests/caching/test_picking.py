"""The rules of a path are found by looking it up, and they are those that trying every pattern finds."""

from hypothesis import example, given
from hypothesis import strategies as st

from asgi_patterns import CacheRule
from asgi_patterns.caching.picking import Choice
from asgi_patterns.caching.policy import cases
from asgi_patterns.kernel.patterns import Pattern

ENDS = ["/*.css", "/*.js", "/x.css"]
patterns = st.builds(
    lambda parts, end, slash: ("".join(parts) + end + slash) or "/",
    st.lists(st.sampled_from(["/a", "/b", "/*", "/**", "/a*"]), max_size=3),
    st.sampled_from(["", *ENDS]),
    st.sampled_from(["", "/"]),
).filter(lambda text: "//" not in text)
paths = st.builds(
    lambda parts, end: ("".join(parts) + end) or "/",
    st.lists(st.sampled_from(["/a", "/b", "/ab", "/", "/a.css", "/.css"]), max_size=3),
    st.sampled_from(["", "/", "/x.css", "/y.js", "/.css", "/x.css/", "/css"]),
)


@example(["/**/*.css", "/a/**", "/a/x.css"], ["/a/x.css", "/a/x.css/", "/x.css"])
@example(["/"], ["/", "//"])
@given(st.lists(patterns, max_size=6), st.lists(paths, min_size=1, max_size=4))
def test_looking_up_finds_what_trying_all_finds(texts: list[str], asked: list[str]) -> None:
    choice = Choice(cases([CacheRule(match=text, statuses=[200 + at]) for at, text in enumerate(texts)]))
    # Twice: what is remembered is the same.
    for path in asked * 2:
        expected = [200 + at for at, text in enumerate(texts) if Pattern.parse(text).matches("GET", path)]

        found = [min(statuses) for statuses, _, _ in choice.of(path)]

        assert found == expected, (texts, path)


def test_a_path_that_leads_elsewhere_falls_under_no_rule() -> None:
    choice = Choice(cases([CacheRule(match="/assets/**", public=True, max_age="1d")]))

    (found,) = choice.of("/assets/../account")

    assert found[2].shared.control == ((b"cache-control", b"no-store"),)


def test_only_so_many_short_paths_are_remembered() -> None:
    choice = Choice(cases([CacheRule(match="/items/*")]))

    for number in range(3000):
        choice.of(f"/items/{number}")
        choice.of(f"/items/{'x' * 300}{number}")

    assert choice._recent.cache_info().currsize == 1024
