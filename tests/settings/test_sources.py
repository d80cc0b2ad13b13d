"""Where settings come from, and who wins."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asgi_patterns import Health, Pipeline, Problems, RequestId, Settings, wrap
from asgi_patterns.kernel.caller import from_scope
from asgi_patterns.settings import SettingsError, load
from asgi_patterns.testing import hello

PATH = "[health]\npath = {!r}\n"
CALLER = "asgi_patterns.kernel.caller"
PROJECT = "[tool.asgi_patterns.health]\npath = {!r}\n"


def health(settings: Settings) -> Health:
    (only,) = settings.health
    return only


def test_without_any_source_three_layers_are_on() -> None:
    pipeline = load().pipeline()

    assert [layer.label for layer in pipeline.layers] == ["health", "request_id", "problems"]


# Each row adds one source, with its own number in the path; the last one wins.
LADDER = ["pyproject.toml", "asgi-patterns.toml", "a secret", "the environment", "config", "a keyword"]


@pytest.mark.parametrize("step", range(len(LADDER)), ids=LADDER)
def test_a_later_source_beats_those_before(
    step: int, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    config: Mapping[str, Any] | None = None
    keywords: dict[str, Any] = {}
    (here / "pyproject.toml").write_text(PROJECT.format("/0"))
    if step >= 1:
        (here / "asgi-patterns.toml").write_text(PATH.format("/1"))
    if step >= 2:
        monkeypatch.setenv("ASGI_PATTERNS_SECRETS_DIR", str(secrets))
        (secrets / "ASGI_PATTERNS_HEALTH__PATH").write_text("/2\n")
    if step >= 3:
        monkeypatch.setenv("ASGI_PATTERNS_HEALTH__PATH", "/3")
    if step >= 4:
        config = {"health": {"path": "/4"}}
    if step >= 5:
        keywords["health"] = {"path": "/5"}

    settings = load(config, **keywords)

    assert health(settings).path == f"/{step}"


def test_tables_are_merged_key_by_key_and_lists_replaced(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "asgi-patterns.toml").write_text('[health]\npath = "/h"\nexclude = ["/a", "/b"]\nbackoff = 3\n')
    monkeypatch.setenv("ASGI_PATTERNS_HEALTH__EXCLUDE", "/c")

    settings = load(health={"backoff": 4})

    assert (health(settings).path, health(settings).exclude, health(settings).backoff) == ("/h", ["/c"], 4)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        pytest.param("", "/here", id="not set: the working directory"),
        pytest.param("elsewhere", "/elsewhere", id="a directory: both files are looked for there"),
        pytest.param("elsewhere/other.toml", "/other", id="a file: that one in place of asgi-patterns.toml"),
        pytest.param("elsewhere/pyproject.toml", "/project", id="a project file: its table"),
    ],
)
def test_the_variable_points_to_files(
    point: str, expected: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    (here / "asgi-patterns.toml").write_text(PATH.format("/here"))
    (elsewhere / "asgi-patterns.toml").write_text(PATH.format("/elsewhere"))
    (elsewhere / "other.toml").write_text(PATH.format("/other"))
    (elsewhere / "pyproject.toml").write_text(PROJECT.format("/project"))
    monkeypatch.setenv("ASGI_PATTERNS_CONFIG", point)

    settings = load()

    assert health(settings).path == expected


def test_directories_above_are_never_looked_at(here: Path) -> None:
    (here.parent / "asgi-patterns.toml").write_text(PATH.format("/above"))
    (here.parent / "pyproject.toml").write_text(PROJECT.format("/above"))

    settings = load()

    assert health(settings).path == "/health"


def test_a_config_file_is_named_by_its_path(here: Path) -> None:
    (here / "shop.toml").write_text(PATH.format("/shop"))

    settings = load(here / "shop.toml")

    assert health(settings).path == "/shop"
    assert settings.origin("health.path") == str(here / "shop.toml")


@pytest.mark.parametrize(
    ("name", "text", "path", "expected"),
    [
        pytest.param(
            "TRUSTED_PROXIES", "10.0.0.0/8, unix", "trusted_proxies", ["10.0.0.0/8", "unix"], id="commas"
        ),
        pytest.param("TRUSTED_PROXIES", '["10.0.0.0/8"]', "trusted_proxies", ["10.0.0.0/8"], id="JSON"),
        pytest.param("TRUSTED_PROXIES", "", "trusted_proxies", [], id="nothing is an empty list"),
        pytest.param("STARTUP_TIMEOUT", "2.5", "startup_timeout", 2.5, id="a number"),
        pytest.param("HEALTH__PATH", "/x", "health.path", "/x", id="a string"),
        pytest.param("HEALTH__VERSION", "1,2", "health.version", "1,2", id="a string with a comma stays one"),
        pytest.param("HEALTH__VERSION", "17", "health.version", "17", id="a string of digits stays one"),
        pytest.param("HEALTH__ENABLED", "off", "health.enabled", False, id="a switch"),
        pytest.param("HEALTH__ALIASES", "no", "health.aliases", False, id="a switch or a table: the switch"),
        pytest.param("HEALTH__ALIASES", '{"/up": "live"}', "health.aliases", {"/up": "live"}, id="the table"),
        pytest.param("HEALTH", '{"path": "/x"}', "health.path", "/x", id="a whole section as JSON"),
        pytest.param("HEALTH", "false", "health.enabled", False, id="a whole section switched off"),
        pytest.param("IDENTIFY", "scope", "identify", from_scope, id="a collaborator"),
        pytest.param("health__path", "/x", "health.path", "/x", id="lower case"),
    ],
)
def test_a_variable_is_read_as_what_its_setting_is(
    name: str, text: str, path: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ASGI_PATTERNS_{name}", text)

    found: Any = load()
    for part in path.split("."):
        found = getattr(found, part)
        found = found[0] if part == "health" else found

    assert found == expected
    assert load().origin(path) == f"ASGI_PATTERNS_{name}"


def test_only_files_that_are_called_like_variables_are_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "database_password").write_text("not ours")
    (tmp_path / "ASGI_PATTERNS_HEALTH__DETAILS_TOKEN").write_text("hush-hush\n")
    monkeypatch.setenv("ASGI_PATTERNS_SECRETS_DIR", str(tmp_path))

    settings = load()

    assert settings.origin("health.details_token") == str(tmp_path / "ASGI_PATTERNS_HEALTH__DETAILS_TOKEN")
    assert "hush-hush" not in repr(settings) + repr(settings.sources)
    assert health(settings).details_token == Health(details_token="hush-hush").details_token


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(RequestId(header="X-Id"), ["X-Id"], id="a layer"),
        pytest.param({"header": "X-Id"}, ["X-Id"], id="its fields"),
        pytest.param([{"name": "a"}, RequestId(name="b")], ["X-Request-ID", "X-Request-ID"], id="a list"),
        pytest.param(True, ["X-Request-ID"], id="true"),
        pytest.param(False, [], id="false"),
        pytest.param([], [], id="an empty list"),
        pytest.param({}, ["X-Request-ID"], id="an empty table"),
    ],
)
def test_a_keyword_may_be_a_layer_its_fields_several_or_a_switch(given: Any, expected: list[str]) -> None:
    pipeline = load(request_id=given).pipeline()

    assert [layer.header for layer in pipeline.layers if isinstance(layer, RequestId)] == expected


def test_a_layer_that_is_given_stays_the_same_object() -> None:
    mine = Health()

    pipeline = wrap(hello, health=mine).pipeline

    assert pipeline.layers[0] is mine


def test_two_loads_share_no_layer() -> None:
    first, second = load(), load()

    assert health(first) is not health(second)


def test_a_section_can_be_an_array_of_tables(here: Path) -> None:
    text = '[[request_id]]\nname = "edge"\nheader = "X-Edge-ID"\n[[request_id]]\naccept = "proxies"\n'
    (here / "asgi-patterns.toml").write_text(text)

    settings = load()

    assert [layer.label for layer in settings.request_id] == ["edge", "request_id"]
    assert settings.origin("request_id[1].accept") == "asgi-patterns.toml"
    assert settings.origin("request_id[1].header") == "default"


SWITCHES: dict[str, tuple[Any, bool]] = {
    "an array switched off": ([{"name": "a"}, {}], False),
    "an array switched on": ([{"name": "a", "enabled": False}, {"enabled": False}], True),
    "an object in code switched off": (RequestId(), False),
    "an object in code switched on": (RequestId(enabled=False), True),
    "a table switched off": ({"header": "X-Id"}, False),
    "off and on again": (False, True),
}


@pytest.mark.parametrize(("before", "switch"), SWITCHES.values(), ids=SWITCHES)
def test_a_switch_changes_nothing_else(before: Any, switch: bool) -> None:
    as_given = load({"request_id": before}).request_id

    settings = load({"request_id": before}, request_id=switch)

    assert [layer.enabled for layer in settings.request_id] == [switch] * len(as_given)
    assert [layer.header for layer in settings.request_id] == [layer.header for layer in as_given]


def test_what_is_off_is_kept_but_not_in_the_pipeline() -> None:
    settings = load(problems=False)

    assert [layer.enabled for layer in settings.problems] == [False]
    assert [layer.label for layer in settings.pipeline().layers] == ["health", "request_id"]


def test_options_reach_the_pipeline(here: Path) -> None:
    lines = ['trusted_proxies = ["10.0.0.0/8"]', "startup_timeout = 3", f'identify = "{CALLER}:from_scope"']
    (here / "asgi-patterns.toml").write_text("\n".join(lines))

    options = Pipeline.from_settings(listeners=[print]).options

    assert list(options.trusted_proxies) == ["10.0.0.0/8"]
    assert options.startup_timeout == 3.0
    assert options.identify is from_scope
    assert list(options.listeners) == [print]


def test_a_given_order_is_the_order_of_the_sections() -> None:
    config = {"order": "given", "request_id": {}, "problems": {}}

    pipeline = Pipeline.from_settings(config)

    assert [layer.label for layer in pipeline.layers] == ["health", "request_id", "problems"]
    with pytest.warns(UserWarning, match="request_id stands inside problems"):
        Pipeline.from_settings({"order": "given", "problems": {}, "request_id": {}})


def test_sources_say_what_was_read_and_what_was_not_there(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    (here / "asgi-patterns.toml").write_text(PATH.format("/x"))
    monkeypatch.setenv("ASGI_PATTERNS_PROBLEMS__LIMIT", "5")

    sources = load({}, request_id=True).sources

    assert [(source.name, source.note) for source in sources] == [
        ("pyproject.toml", "no [tool.asgi_patterns]"),
        ("asgi-patterns.toml", ""),
        ("secrets", "ASGI_PATTERNS_SECRETS_DIR is not set"),
        ("environment", ""),
        ("load() config", ""),
        ("load()", ""),
    ]


def test_the_mapping_that_was_given_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"health": {"aliases": {"/up": "live"}}}
    before = json.dumps(config)

    load(config, health={"aliases": {"/down": "ready"}}, problems=False)

    assert json.dumps(config) == before


def test_wrap_returns_the_app_behind_its_pipeline() -> None:
    wrapped = wrap(hello, problems=Problems(upgrade="off"))

    assert wrapped.app is hello
    assert wrapped.pipeline.settings is not None
    with pytest.raises(TypeError, match="wrapped already"):
        wrap(wrapped)


def test_a_section_of_the_settings_is_called_like_its_layer() -> None:
    from asgi_patterns.settings.sections import SECTIONS

    assert {name: layer.section() for name, layer in SECTIONS.items()} == {name: name for name in SECTIONS}


def test_every_setting_is_a_keyword_argument() -> None:
    from asgi_patterns.settings import Sections
    from asgi_patterns.settings.schema import fields

    assert set(Sections.__annotations__) == set(fields(Settings))


def test_defaults_are_settings_too() -> None:
    assert Settings() == load()
    assert Settings().origin("health.path") == "default"


def test_nothing_wrong_is_swallowed_by_a_mapping() -> None:
    with pytest.raises(SettingsError):
        load({"health": {"path": "/x", "pth": "/y"}})
