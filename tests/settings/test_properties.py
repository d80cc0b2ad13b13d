"""What holds for any input: keys can be written and read, sources can be joined, nothing else than one error."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asgi_patterns import Settings
from asgi_patterns.settings import SettingsError, load
from asgi_patterns.settings.schema import Key, dotted, fields, parse
from asgi_patterns.settings.source import in_code, merge
from asgi_patterns.settings.values import show, spell

NAMES = [*fields(Settings), "health__path", "health__checks", "health__aliases", "problems__limit"]
KEYS = st.sampled_from(
    [*fields(Settings), "path", "name", "enabled", "aliases", "checks", "details_token", "pth"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3)
    ),
)
ANY_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@given(st.lists(st.text() | st.integers(0, 99), max_size=5).map(tuple))
@example(("health", 'a"b', "", "c.d[0]", 7, "\\"))
def test_a_key_can_be_written_and_read_again(key: Key) -> None:
    assert parse(dotted(key)) == key


@given(st.lists(TREES, max_size=4))
def test_joined_sources_say_what_the_last_one_said(trees: list[dict[str, Any]]) -> None:
    whole, _ = merge([in_code(str(at), tree) for at, tree in enumerate(trees)], ())

    for name in {name for tree in trees for name in tree}:
        last = next(tree[name] for tree in reversed(trees) if name in tree)
        assert _says(whole[name], last)


def _says(whole: object, part: object) -> bool:
    if not isinstance(part, Mapping):
        return whole is part
    return isinstance(whole, Mapping) and all(_says(whole[name], below) for name, below in part.items())


@ANY_FOLDER
@given(TREES)
def test_any_mapping_is_settings_or_one_error(tree: dict[str, Any]) -> None:
    lines = _lines({}, tree)

    assert all(line.startswith("load() config: ") for line in lines)


@ANY_FOLDER
@given(st.text() | st.sampled_from(["[", "{", '{"path":1}', "[{}]", "true", ",,"]), st.sampled_from(NAMES))
def test_any_variable_is_settings_or_one_error(text: str, name: str) -> None:
    readable = text.replace("\0", "").encode("utf-8", "ignore").decode()

    lines = _lines({f"ASGI_PATTERNS_{name.upper()}": readable}, None)

    assert all("ASGI_PATTERNS_" in line for line in lines)


@ANY_FOLDER
@given(
    st.binary(max_size=200) | st.text().map(str.encode) | st.sampled_from([b"[health]\npath=", b"a.b.c=1"])
)
def test_any_file_is_settings_or_one_error(here: Path, content: bytes) -> None:
    (here / "asgi-patterns.toml").write_bytes(content)

    lines = _lines({}, None)

    assert all(line.startswith("asgi-patterns.toml") for line in lines)


def _lines(variables: dict[str, str], config: dict[str, Any] | None) -> list[str]:
    with patch.dict(os.environ, variables):
        try:
            load(config)
        except SettingsError as exc:
            return list(exc.complaints)
    return []


@given(SCALARS | TREES | st.lists(SCALARS))
def test_any_value_is_shown_on_one_short_line(value: object) -> None:
    for shown in (show(value), spell(value)):
        assert len(shown) <= 60
        assert len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("redis://user:secret@host/0", "'redis://**********@host/0'", id="credentials in a URL"),
        pytest.param("redis://host/0", "'redis://host/0'", id="a URL without any"),
        pytest.param("a@b", "'a@b'", id="no URL"),
        pytest.param(Path("/run/drain"), "'/run/drain'", id="a path"),
        pytest.param(dotted, "asgi_patterns.settings.schema:dotted", id="a function"),
        pytest.param("x" * 58, f"'{'x' * 58}'", id="as long as it may be"),
        pytest.param("x" * 59, f"'{'x' * 56}...", id="one longer"),
    ],
)
def test_a_value_is_shown(value: object, expected: str) -> None:
    assert show(value) == expected
