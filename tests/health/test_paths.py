"""Which path asks what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.health.paths import Aliases, Endpoint, clean, table

TABLES: list[tuple[str, Aliases, str, Endpoint | None]] = [
    ("the path itself", True, "/health", "health"),
    ("with a slash at its end", True, "/health/", "health"),
    ("live", True, "/health/live", "live"),
    ("live with a slash", True, "/health/live/", "live"),
    ("ready", True, "/health/ready", "ready"),
    ("startup", True, "/health/startup", "startup"),
    ("nothing else below it", True, "/health/other", None),
    ("no second slash", True, "/health//", None),
    ("no other case", True, "/Health", None),
    ("no longer word", True, "/healthy", None),
    ("healthz", True, "/healthz", "health"),
    ("livez", True, "/livez", "live"),
    ("readyz with a slash", True, "/readyz/", "ready"),
    ("healthz switched off", False, "/healthz", None),
    ("the path without aliases", False, "/health", "health"),
    ("an alias of one's own", {"/ping": "live"}, "/ping", "live"),
    ("in place of the customary ones", {"/ping": "live"}, "/livez", None),
    ("an alias with a slash at its end", {"/ping/": "live"}, "/ping", "live"),
    ("an alias that says the same", {"/health/": "health"}, "/health", "health"),
]


@pytest.mark.parametrize(
    ("aliases", "path", "endpoint"), [row[1:] for row in TABLES], ids=[row[0] for row in TABLES]
)
def test_what_a_path_asks(aliases: Aliases, path: str, endpoint: Endpoint | None) -> None:
    assert table("/health", aliases).get(path) == endpoint


def test_an_alias_for_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="'/health/live' cannot ask for ready: it asks for live already"):
        table("/health", {"/health/live": "ready"})


@pytest.mark.parametrize("path", ["", "/", "//", "health", "/a*", "/a?b", "/a#b", "/a\n", "/a\\b"])
def test_what_cannot_be_a_path_of_health(path: str) -> None:
    with pytest.raises(ValueError, match="is no path for health"):
        clean(path)


@given(st.text())
def test_a_clean_path_stays_as_it_is(text: str) -> None:
    try:
        bare = clean(text)
    except ValueError:
        return

    assert clean(bare) == clean(f"{bare}/") == bare
    assert bare.startswith("/")
    assert not bare.endswith("/")
