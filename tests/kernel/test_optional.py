"""What comes with an extra is imported late, and its absence is told with the command that ends it."""

import json
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from asgi_patterns.kernel.optional import Extra, MissingExtra, require

ROOT = Path(__file__).parents[2]


def test_an_installed_module_is_returned() -> None:
    found = require("json", "redis")

    assert found is json


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("no_such_package", id="the package is missing"),
        pytest.param("no_such_package.asyncio", id="the package of a submodule is missing"),
        pytest.param("json.no_such_part", id="a part of a shared namespace is missing"),
    ],
)
def test_a_missing_module_is_an_error_that_names_the_extra(module: str) -> None:
    with pytest.raises(MissingExtra) as caught:
        require(module, "otel")

    assert str(caught.value) == f"{module!r} is not installed: pip install 'asgi-patterns[otel]'"
    assert caught.value.extra == "otel"
    assert caught.value.name == module


def test_who_catches_import_errors_catches_a_missing_extra() -> None:
    with pytest.raises(ImportError):
        require("no_such_package", "redis")


def test_a_broken_import_inside_an_installed_package_is_shown_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(tmp_path, "installed_but_broken.py").write_text("import its_own_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError) as caught:
        require("installed_but_broken", "redis")

    assert type(caught.value) is ModuleNotFoundError
    assert caught.value.name == "its_own_dependency"


def test_every_extra_that_can_be_named_can_be_installed() -> None:
    project = tomllib.loads(Path(ROOT, "pyproject.toml").read_text())["project"]

    published = set(project["optional-dependencies"]) - {"all", "bench", "test"}

    assert set(get_args(Extra)) == published


def test_all_is_every_extra() -> None:
    project = tomllib.loads(Path(ROOT, "pyproject.toml").read_text())["project"]

    (everything,) = project["optional-dependencies"]["all"]

    assert everything == f"asgi-patterns[{','.join(get_args(Extra))}]"
