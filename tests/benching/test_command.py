"""``asgi-patterns bench`` as a user runs it, in a process of its own. No test looks at a time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from asgi_patterns.cli import main
from tests.benching.shop import APPS, FRAMEWORKS

QUICK = ("--seconds", "0.5", "--rounds", "2")


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    code: int
    out: str
    err: str

    def row(self, name: str) -> list[str]:
        """The cells behind ``name`` in the first table."""
        (found, *_) = (line for line in self.out.splitlines() if line.startswith(f"{name}  "))
        return found.removeprefix(name).split()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the module ``shop``, and nothing set."""
    for name in [name for name in os.environ if name.upper().startswith("ASGI_PATTERNS")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(APPS)
    (tmp_path / "asgi-patterns.toml").write_text('[health]\n[request_id]\nname = "ids"\n[problems]\n')
    return tmp_path


def bench(*arguments: str, **environment: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "asgi_patterns", "bench", *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_every_layer_has_a_row_under_its_name_in_order(shop: Path) -> None:
    done = bench("shop:app", "/lamps", *QUICK)

    rows = done.out.partition("status\n")[2].partition("\n\n")[0].splitlines()
    assert (done.code, done.err) == (0, "measuring 7 rows in turns, about 1 s\n")
    assert [line[:20].rstrip() for line in rows] == [
        "shop:app alone",
        "pipeline, no layer",
        "health",
        "ids (request_id)",
        "problems",
        "all layers",
        "all, collector off",
    ]
    assert all(" 200" in line for line in rows)
    assert "do not\nadd up" in done.out
    assert "CPython" in done.out
    assert str(shop) not in done.out


def test_a_plain_terminal_gets_plain_text(shop: Path) -> None:
    plain = {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1", "TERM": "dumb"}

    done = bench("--factory", "shop:build", "/lampé", *QUICK, **plain)

    assert done.code == 0, done.err
    assert done.out.isascii()
    assert "\x1b" not in done.out + done.err
    assert done.out.startswith("GET /lamp\\xe9\n")


def test_numbers_are_written_drawn_and_compared(shop: Path) -> None:
    first = bench(
        "shop:app", "/lamps?token=hush", "-H", "X-Key: hush", *QUICK, "--json", "a.json", "--plot", "a.svg"
    )
    second = bench(
        "shop:app",
        "/lamps?token=hush",
        "-H",
        "X-Key: hush",
        *QUICK,
        "--against",
        "a.json",
        "--max-overhead",
        "100000",
    )

    tree: dict[str, Any] = json.loads((shop / "a.json").read_text())
    whole = next(each for each in tree["lines"] if each["kind"] == "whole")
    assert (first.code, second.code) == (0, 0)
    assert whole["times"].keys() == {"minimum", "median", "rounds"}
    assert whole["times"]["rounds"] == 2
    assert whole["counts"]["bytecodes"] > 0
    assert whole["answers"] == [{"first": 200, "others": {}}]
    assert tree["machine"].keys() == {"cpu", "cpus", "system", "python", "implementation"}
    assert {"asgi-patterns", "starlette"} <= tree["packages"].keys()
    assert "hush" not in (shop / "a.json").read_text() + (shop / "a.svg").read_text()
    assert ET.parse(shop / "a.svg").getroot().tag.endswith("svg")  # noqa: S314 - written by us a moment ago
    assert "Against a.json" in second.out
    # Health, a pipeline without a layer, and the rest: seven rows whose bytecodes have not changed.
    assert second.out.count("the same") == 7


def test_a_limit_that_is_exceeded_names_who_is_too_dear(shop: Path) -> None:
    # The key function sleeps for five milliseconds: no machine is so busy that this would not be seen.
    done = bench("shop:slow", "/lamps", *QUICK, "--max-overhead", "1000")

    assert done.code == 1
    assert " us over the app alone, more than 1000: rate_limit alone " in done.err


def test_requests_of_a_file_are_a_mix(shop: Path) -> None:
    lines = [
        '{"path": "/lamps"}',
        '{"path": "/orders", "json": {}}',
        '{"path": "/stream"}',
        '{"path": "/none"}',
    ]
    (shop / "mix.jsonl").write_text("\n".join(lines))

    done = bench("shop:app", "--requests", "mix.jsonl", *QUICK)

    assert done.code == 0
    assert done.out.startswith("GET /lamps, POST /orders (2 bytes), GET /stream and 1 more\n")
    assert done.row("ids (request_id)")[5] == "200,201,404"
    assert done.out.count("answers 404 to GET /none") == 1


def test_a_request_has_a_method_fields_and_content(shop: Path) -> None:
    (shop / "order.json").write_text('{"lamp": 2}')

    done = bench(
        "shop:app", "/orders", "-X", "post", "-d", "@order.json", "-H", "Content-Type: text/json", *QUICK
    )

    assert done.out.startswith("POST /orders (11 bytes)\n")
    assert done.row("all layers")[5] == "201"


@pytest.mark.parametrize("app", ["shop:wrapped", "shop:inside", "fastapi", "quart", "litestar"])
def test_the_app_alone_is_without_the_pipeline_inside(shop: Path, app: str) -> None:
    if app in FRAMEWORKS:
        (shop / f"on_{app}.py").write_text(FRAMEWORKS[app])
        app = f"on_{app}:app"

    done = bench(app, "/lamps", *QUICK, "--json", "a.json")

    tree = json.loads((shop / "a.json").read_text())
    codes = {each["name"]: each["counts"]["bytecodes"] for each in tree["lines"]}
    assert (done.code, len(codes)) == (0, 6)
    assert codes[f"{app} alone"] < codes["pipeline, no layer"] < codes["health"] < codes["all layers"]
    assert all(each["answers"][0]["first"] == 200 for each in tree["lines"])


def test_a_quota_that_is_used_up_is_told_and_is_no_price(shop: Path) -> None:
    done = bench("shop:limited", "/lamps", *QUICK, "--max-overhead", "100000")

    assert done.code == 1
    assert "  ! answers 429 after 5\n" in done.out
    assert "let more --clients ask" in done.out
    assert done.err.endswith("all layers: what it costs is not known, because it answers 429 after 5\n")


def test_more_clients_use_up_less(shop: Path) -> None:
    done = bench("shop:limited", "/lamps", *QUICK, "--clients", "100000")

    assert done.code == 0
    assert "!" not in done.out
    assert "from 100,000 addresses in turn" in done.out


def test_an_app_that_raises_is_measured_and_told(shop: Path) -> None:
    done = bench("shop:app", "/breaks", *QUICK, "--max-overhead", "100000")

    assert done.code == 0
    assert "  ! answers 500\n" in done.out


@pytest.mark.parametrize(
    ("app", "said"),
    [
        pytest.param("fails", "startup failed: there is no database", id="does not start"),
        pytest.param("dies", "its process has died", id="ends its process"),
    ],
)
def test_an_app_that_cannot_be_measured(shop: Path, app: str, said: str) -> None:
    done = bench(f"shop:{app}", *QUICK)

    assert done.code == 1
    assert f"shop:{app} is not measured:" in done.out
    assert said in done.out.replace("\n", " ")


MISTAKES = [
    pytest.param([], "the following arguments are required: module:app", id="no app"),
    pytest.param(["shop"], "'shop' names no app: write module:name", id="no name"),
    pytest.param(["shop:none"], "'shop' has no 'none'", id="no such app"),
    pytest.param(["shop:app", "lamps"], "'lamps' is neither a path that begins with / nor", id="no path"),
    pytest.param(["shop:app", "-H", "x"], "'x' is no field: write 'Name: value'", id="no field"),
    pytest.param(["shop:app", "-X", "G T"], "'G T' is no method", id="no method"),
    pytest.param(
        ["shop:app", "-H", "Content-Length: 1"], "'content-length' is written by the", id="a length"
    ),
    pytest.param(["shop:app", "-d", "@none"], "-d @none: it cannot be read: No such file", id="no data"),
    pytest.param(
        ["shop:app", "--requests", "none"], "--requests none: it cannot be read: No such", id="no file"
    ),
    pytest.param(
        ["shop:app", "--requests", "bad.jsonl"], "--requests bad.jsonl: line 2: this is no", id="a line"
    ),
    pytest.param(
        ["shop:app", "/", "--requests", "x"], "--requests has whole requests: leave out the", id="both"
    ),
    pytest.param(["shop:app", "--seconds", "0"], "'0' is no number from 0.1 to 3,600", id="no seconds"),
    pytest.param(["shop:app", "--seconds", "nan"], "'nan' is no number from 0.1 to 3,600", id="not a number"),
    pytest.param(["shop:app", "--rounds", "0"], "'0' is no number from 1 to 100,000", id="no rounds"),
    pytest.param(["shop:app", "--clients", "x"], "'x' is no number from 1 to 1,000,000", id="no clients"),
    pytest.param(["shop:app", "--connections", "257"], "'257' is no number from 1 to 256", id="connections"),
    pytest.param(["shop:app", "--serve", "apache"], "invalid choice: 'apache'", id="no server"),
    pytest.param(
        ["shop:app", "--json", "no/where"], "--json no/where: no file can be written there", id="json"
    ),
    pytest.param(["shop:app", "--plot", "."], "--plot .: no file can be written there", id="a folder"),
    pytest.param(
        ["shop:app", "--against", "none"], "--against none: it cannot be read", id="nothing to compare"
    ),
    pytest.param(["shop:app", "--against", "shop.py"], "--against shop.py: it is no JSON", id="no result"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_mistake_is_told_before_anything_is_measured(
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    (shop / "bad.jsonl").write_text('{"path": "/"}\n{"path": "/"\n')
    monkeypatch.setattr(sys, "path", [*sys.path])

    try:
        code = main(["bench", *arguments])
    except SystemExit as exc:  # argparse's own way
        code = int(str(exc.code))
    finally:
        sys.modules.pop("shop", None)

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert said in err
