"""The JSON Schema of a settings file: an editor accepts what the start-up accepts, and no misspelt word."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from jsonschema import Draft202012Validator

from asgi_patterns.cli import main
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.settings import SettingsError, load
from asgi_patterns.settings.json_schema import json_schema
from asgi_patterns.settings.schema import fields
from asgi_patterns.settings.sections import SECTIONS, Settings
from tests.support.pages import Block, blocks

SCHEMA = json_schema()
CLASSES: dict[str, Any] = SCHEMA["$defs"]

CHECKER = Draft202012Validator(SCHEMA)
PROJECT_CHECKER = Draft202012Validator(json_schema(pyproject=True))


def complaints(checker: Draft202012Validator, tree: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(tree)]


def properties() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each field of each class, and each option, with its schema."""
    for owner, schema in [("Settings", SCHEMA), *CLASSES.items()]:
        for name, field in schema["properties"].items():
            yield owner, name, field


FIELDS = [pytest.param(owner, name, field, id=f"{owner}.{name}") for owner, name, field in properties()]


@pytest.mark.parametrize("pyproject", [False, True])
def test_it_is_a_json_schema_that_can_be_printed(pyproject: bool) -> None:
    schema = json_schema(pyproject=pyproject)

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("block", list(blocks("toml")), ids=str)
def test_every_file_in_the_documentation_is_accepted(block: Block) -> None:
    tree = tomllib.loads(block.text)

    found = complaints(PROJECT_CHECKER if "tool" in tree else CHECKER, tree)

    assert found == []


GOOD = {
    "nothing": "",
    "a section is empty": "[cors]",
    "a section is switched off": "health = false",
    "several layers of a kind": '[[request_id]]\nname = "edge"\n[[request_id]]',
    "options above the sections": 'trusted_proxies = ["10.0.0.0/8", "unix"]\nstartup_timeout = 5',
    "a word for a callable": 'identify = "scope"',
    "a pattern with methods": '[problems]\ninclude = ["GET,POST /api/**", "/x/*.json"]',
    "a table of what aliases ask": '[health.aliases]\n"/ping" = "live"',
    "a bare switch where a table could be": "[health]\naliases = false",
    "a number where a word could be": "[security_headers]\nhsts = 0",
    "rules for caches": (
        '[[cache_policy.rules]]\nmatch = "/a/*.css"\nmax_age = "1d"\nstatuses = [200, "3xx"]\ncdn = {max_age = 5}\n'
        "[cache_policy.rules.targeted]\nX-Control = {no_store = true}"
    ),
    "a word where a number could be": '[security_headers]\nhsts = "off"',
}

BAD = {
    "a section that there is not": "[helth]",
    "an option that there is not": "order_of_layers = 1",
    "a field that there is not": '[health]\npth = "/status"',
    "a field that there is not, in the second of several": '[[request_id]]\n[[request_id]]\nnmae = "x"',
    "a field that there is not, in a check": '[[health.checks]]\nurl = "https://x.example"\nlimits = 1',
    "a section that is a number": "health = 1",
    "several layers that are no tables": "health = [1]",
    "a text in place of a list": 'trusted_proxies = "10.0.0.0/8"',
    "a number below the least": "[problems]\nlimit = -1",
    "a number at a limit that is not allowed itself": "startup_timeout = 0",
    "a number that is not whole": "[cors]\nmax_age = 1.5",
    "a word that is not one of those": '[problems]\nupgrade = "texts"',
    "a word that is not one of those, in a list": 'proxy_fields = ["X-Forwarded-Fro"]',
    "a dotted name without a dot": 'identify = "somebody"',
    "a dotted name with a space": 'listeners = ["shop.audit: note"]',
    "a name with capitals": '[[request_id]]\nname = "Edge"',
    "a pattern that does not begin with a slash": '[problems]\ninclude = ["api/**"]',
    "a pattern with a method that there is not": '[problems]\ninclude = ["GTE /api"]',
    "a rule for caches with a field that there is not": '[[cache_policy.rules]]\nmax_agee = "1d"',
    "a rule for caches with a misspelt directive for CDNs": "[[cache_policy.rules]]\ncdn = {max_agee = 1}",
    "a status of no kind": '[[cache_policy.rules]]\nstatuses = ["2x"]',
    "a media type that is none": '[[cache_policy.rules]]\nmedia_types = ["css"]',
    "a list that may not be empty": "[cors]\nallow_methods = []",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_good_file_is_accepted_by_both(text: str) -> None:
    tree = tomllib.loads(text)

    found = complaints(CHECKER, tree)

    assert found == []
    assert load(tree).sources


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_by_both(text: str) -> None:
    tree = tomllib.loads(text)

    found = complaints(CHECKER, tree)

    assert found != []
    with pytest.raises(SettingsError):
        load(tree)


@pytest.mark.parametrize(
    ("section", "field"), [(section, field) for section, layer in SECTIONS.items() for field in fields(layer)]
)
def test_a_misspelt_field_is_refused_wherever_it_stands(section: str, field: str) -> None:
    misspelt = {f"{field}x": True}

    found = [
        complaints(CHECKER, {section: misspelt}),
        complaints(CHECKER, {section: [{}, misspelt]}),
        complaints(PROJECT_CHECKER, {"tool": {"asgi_patterns": {section: misspelt}}}),
    ]

    # One complaint, and it names the word: nothing else is wrong, and nobody has to search.
    assert [(len(each), f"'{field}x' was unexpected" in each[0]) for each in found] == [(1, True)] * 3


@pytest.mark.parametrize("name", [*fields(Settings)])
def test_a_misspelt_section_or_option_is_refused(name: str) -> None:
    misspelt = {f"{name}x": True}

    found = complaints(CHECKER, misspelt)

    assert len(found) == 1
    assert f"'{name}x' was unexpected" in found[0]


def test_what_belongs_to_others_may_stand_in_the_project_file() -> None:
    tree = {"project": {"name": "shop"}, "tool": {"ruff": {"line-length": 110}, "asgi_patterns": {}}}

    found = complaints(PROJECT_CHECKER, tree)

    assert found == []


@pytest.mark.parametrize(("owner", "name", "field"), FIELDS)
def test_a_field_says_what_it_is_for(owner: str, name: str, field: dict[str, Any]) -> None:
    assert field["description"].endswith(".")
    assert "\n" not in field["description"]


@pytest.mark.parametrize(("owner", "name", "field"), FIELDS)
def test_a_default_is_itself_possible(owner: str, name: str, field: dict[str, Any]) -> None:
    schema = {**field, "$defs": CLASSES}
    default = [field["default"]] if "default" in field else []

    found = [each for value in default for each in complaints(Draft202012Validator(schema), value)]

    assert found == []


def test_secrets_are_only_written() -> None:
    found = {f"{owner}.{name}" for owner, name, field in properties() if field.get("writeOnly")}

    assert found >= {"Health.details_token", "Check.redis", "Check.url"}
    assert "Check.check" not in found


def test_nothing_in_it_is_null() -> None:
    assert "null" not in json.dumps(SCHEMA)


def test_a_section_has_its_own_default_words_and_limits() -> None:
    upgrade, limit = CLASSES["Problems"]["properties"]["upgrade"], CLASSES["Problems"]["properties"]["limit"]

    assert upgrade["default"] == "text"
    assert {"text", "off"} <= {*upgrade["enum"]}
    assert (limit["default"], limit["minimum"], limit["maximum"]) == (65536, 0, 16777216)


def test_a_field_keeps_what_it_says_in_every_class_below() -> None:
    said = {name: field.description for name, field in fields(Below).items()}

    assert said["include"] == "Path patterns that the layer acts on; empty means every path."
    assert said["own"] == "What only this one has."
    assert said["enabled"] == "Said anew."


@settings
class Between(Layer):
    """A layer that adds a field."""

    place: ClassVar[Place] = Place.BATCH

    own: int = 1
    """What only this one has."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        return app


@settings
class Below(Between):
    """A layer that has another default."""

    enabled: bool = False
    """Said anew."""


@pytest.mark.parametrize("arguments", [[], ["--pyproject"]])
def test_the_command_prints_it(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["schema", *arguments])

    assert code == 0
    assert json.loads(capsys.readouterr().out) == json_schema(pyproject=bool(arguments))
