"""The documentation is true: every block runs, every setting and every link exists."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from asgi_patterns import (
    AccessLog,
    BodyLimit,
    CachePolicy,
    Compression,
    ConditionalRequests,
    Cors,
    Deadline,
    Decompression,
    Health,
    LoadShedding,
    Metrics,
    Problems,
    RateLimit,
    RequestId,
    SecurityHeaders,
    ServerTiming,
    Tracing,
)
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.settings import load
from asgi_patterns.settings.json_schema import json_schema
from tests.support.pages import PAGES, ROOT, Block, blocks
from tests.support.settings_tables import OPTIONS, named, rewritten

KINDS = {"python", "toml", "sh", "yaml", "json", "text"}
SLICES: list[tuple[str, type[Layer]]] = [
    ("errors", Problems),
    ("request_id", RequestId),
    ("health", Health),
    ("browsers", Cors),
    ("browsers", SecurityHeaders),
    ("ratelimit", RateLimit),
    ("caching", CachePolicy),
    ("caching", ConditionalRequests),
    ("compression", Compression),
    ("compression", Decompression),
    ("body_limit", BodyLimit),
    ("deadline", Deadline),
    ("load_shedding", LoadShedding),
    ("observability", AccessLog),
    ("observability", ServerTiming),
    ("metrics", Metrics),
    ("tracing", Tracing),
]
HEADINGS = ["What it does", "Use it", "Settings", "Answers", "Security", "Corner cases"]


def test_every_block_says_what_it_is() -> None:
    unknown = [str(block) for block in blocks() if block.kind not in KINDS]

    assert unknown == []


@pytest.mark.parametrize("block", list(blocks("python")), ids=str)
def test_python_runs_as_it_stands(block: Block, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(block.text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-W", "error", "snippet.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_python_is_typed(tmp_path: Path) -> None:
    for block in blocks("python"):
        (tmp_path / block.module).write_text(block.text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ROOT / ".mypy_cache", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_python_is_typed_for_pyright_too(tmp_path: Path) -> None:
    """Editors show what pyright says, in its ``standard`` mode; the last file is one that it has to refuse."""
    for block in blocks("python"):
        (tmp_path / block.module).write_text(block.text, encoding="utf-8")
    (tmp_path / "wrong.py").write_text("from asgi_patterns import Health\n\nHealth(path=7)\n")
    config = {"typeCheckingMode": "standard", "pythonVersion": "3.11", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))

    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    found = json.loads(done.stdout)["generalDiagnostics"]
    said = [f"{each['file']}:{each['range']['start']['line'] + 1} {each['message']}" for each in found]
    assert [line.partition(" ")[0] for line in said] == [f"{tmp_path / 'wrong.py'}:3"], "\n".join(said)


@pytest.mark.parametrize("block", list(blocks("toml")), ids=str)
def test_toml_is_a_settings_file(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tomllib.loads(block.text)
    tool = tree.get("tool", {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(Path(__file__).parent / "project")

    settings = load(tool.get("asgi_patterns", tree))

    assert settings.pipeline().layers


@pytest.mark.parametrize("block", list(blocks("json")), ids=str)
def test_json_can_be_read(block: Block) -> None:
    assert isinstance(json.loads(block.text), dict)


@pytest.mark.parametrize("block", list(blocks("yaml")), ids=str)
def test_yaml_can_be_read(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), dict)


def commands() -> Iterator[tuple[str, str]]:
    for block in blocks("sh"):
        for line in filter(None, block.text.splitlines()):
            yield str(block), line


@pytest.mark.parametrize(("where", "line"), list(commands()), ids=lambda value: value)
def test_a_command_exists(where: str, line: str) -> None:
    words = [word for word in line.split() if "=" not in word]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    match words:
        case ["make", target, *_]:
            assert target in targets
        case ["asgi-patterns", command, *_] | ["python", "-m", "asgi_patterns", command, *_]:
            shown = subprocess.run(
                [sys.executable, "-m", "asgi_patterns", command, "--help"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            assert [option for option in words if option.startswith("--") and option not in shown] == []
        case _:
            pytest.fail(f"{where}: nothing checks {line!r}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", sorted({name for name, _ in SLICES}))
def test_the_page_of_a_slice_has_the_same_headings_as_the_others(name: str) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)

    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_settings_are_those_that_make_docs_writes(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == rewritten(text)


def test_every_class_of_settings_has_one_table() -> None:
    classes = [OPTIONS, *json_schema()["$defs"]]

    tables = [name for page in PAGES for name in named(page.read_text(encoding="utf-8"))]

    assert sorted(tables) == sorted(classes)


@pytest.mark.parametrize(("name", "layer"), SLICES)
def test_the_settings_table_names_every_field(name: str, layer: type[Layer]) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    section = page.partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)

    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)}

    assert {field.name for field in fields(layer)} <= named
