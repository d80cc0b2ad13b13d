"""The command line: what it prints, and the exit codes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asgi_patterns.cli import main

APP = """
from asgi_patterns import Health, Pipeline, wrap
from starlette.applications import Starlette

async def app(scope, receive, send): ...

def build():
    return app

number = 7
wrapped = wrap(app, health={"path": "/wrapped"})
in_code = Pipeline(Health(path="/code", details_token="hush-hush", enabled=True))(app)
starlette = Starlette()
starlette.add_middleware(Pipeline.from_settings(problems=False))
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a module ``shop``, and nothing set."""
    for name in [name for name in os.environ if name.upper().startswith("ASGI_PATTERNS")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "shop.py").write_text(APP)
    yield tmp_path
    for name in ("shop", "broken", "needy", "misled"):
        sys.modules.pop(name, None)


def test_check_counts(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "asgi-patterns.toml").write_text('[health]\npath = "/h"\nversion = "1"\n')
    monkeypatch.setenv("ASGI_PATTERNS_PROBLEMS", "off")

    code = main(["check"])

    assert code == 0
    assert capsys.readouterr().out == (
        "ok: 2 layers, 2 settings from asgi-patterns.toml, 1 setting from environment\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "ok: 3 layers, all as by default", id="nothing is set"),
        pytest.param(["shop:app"], "ok: shop:app behind 3 layers, all as by default", id="a bare app"),
        pytest.param(
            ["--factory", "shop:build"], "ok: shop:build behind 3 layers, all as by default", id="a factory"
        ),
        pytest.param(
            ["shop:wrapped"], "ok: shop:wrapped behind 3 layers, 1 setting from wrap()", id="wrapped already"
        ),
        pytest.param(["shop:in_code"], "ok: shop:in_code behind 1 layer, set in code", id="in code"),
        pytest.param(
            ["shop:starlette"],
            "ok: shop:starlette behind 2 layers, 1 setting from Pipeline.from_settings()",
            id="as middleware",
        ),
    ],
)
def test_check_says_ok(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", *arguments])

    assert (code, capsys.readouterr().out) == (0, f"{said}\n")


@pytest.mark.parametrize("app", [[], ["shop:app"]], ids=["no app", "an app"])
def test_check_warns_of_what_is_probably_not_meant(
    app: list[str], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "asgi-patterns.toml").write_text(
        '[rate_limit]\nquotas = ["5/minute"]\nkey = "header:X-API-Key"\n'
    )

    code = main(["check", *app])

    out, err = capsys.readouterr()
    assert code == 0
    assert out.splitlines() == [
        (
            "warning: rate_limit: counts 5-per-minute by a field that clients make up as they like: "
            "without a quota by address beside it, a new key is a new quota"
        ),
        f"ok: {'shop:app behind ' if app else ''}4 layers, 2 settings from asgi-patterns.toml",
    ]
    assert err == ""  # where logging is not set up, a warning would be said a second time here


MISTAKES = {
    "no colon": (["check", "shop"], "'shop' names no app: write module:name, such as shop.api:app"),
    "no module": (["check", "shp:app"], "there is no module 'shp', which 'shp:app' names"),
    "no name": (["check", "shop:ap"], "'shop' has no 'ap', which 'shop:ap' names"),
    "no app": (
        ["check", "shop:number"],
        "'shop:number' is no app, its type is int: an ASGI app is callable",
    ),
    "a factory that returns no app": (
        ["show", "--factory", "shop:number"],
        "'shop:number' is no app, its type is int: an ASGI app is callable",
    ),
    "no file": (
        ["show", "--config", "no.toml"],
        "--config: there is no such file, got 'no.toml'; name a TOML file that exists",
    ),
    "trio where there is none": (
        ["serve", "--worker-class", "trio", "shop:app"],
        "--worker-class trio needs --server hypercorn, uvicorn runs on asyncio",
    ),
    "an app that cannot be served": (
        ["serve", "--port", "0", "shop:number"],
        "'shop:number' is no app, its type is int: an ASGI app is callable",
    ),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    assert code == 2
    assert capsys.readouterr() == ("", f"{said}\n")


@pytest.mark.parametrize("command", ["check", "show", "serve"])
def test_every_wrong_setting_is_listed(
    command: str, shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "asgi-patterns.toml").write_text('[health]\npth = "/h"\n')
    monkeypatch.setenv("ASGI_PATTERNS_HELTH", "off")

    code = main([command, "shop:app", *(["--port", "0"] if command == "serve" else [])])

    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        "ASGI_PATTERNS_HELTH: there is no such variable; did you mean ASGI_PATTERNS_HEALTH?",
        "asgi-patterns.toml: health.pth: there is no such setting; did you mean path?",
    ]


def test_wrong_settings_in_the_module_are_no_crash(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "misled.py").write_text("from asgi_patterns import wrap\nasgi = wrap(print, health={'pth': 1})\n")

    code = main(["check", "misled:asgi"])

    assert code == 2
    assert capsys.readouterr().err == "wrap(): health.pth: there is no such setting; did you mean path?\n"


@pytest.mark.parametrize(
    ("name", "text", "last"),
    [
        pytest.param("broken", "raise ValueError('mine')", "ValueError: mine", id="it raises"),
        pytest.param(
            "needy",
            "import not_installed",
            "ModuleNotFoundError: No module named 'not_installed'",
            id="it needs more",
        ),
    ],
)
def test_a_module_that_fails_shows_its_own_traceback(
    name: str, text: str, last: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / f"{name}.py").write_text(text)

    code = main(["check", f"{name}:app"])

    assert code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "Traceback (most recent call last):",
        f'  File "{shop / name}.py", line 1, in <module>',
    ]
    assert lines[-1] == last


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "the following arguments are required: command", id="no command"),
        pytest.param(["serve"], "the following arguments are required: module:app", id="nothing to serve"),
        pytest.param(
            ["serve", "a:b", "--port", "65536"], "'65536' is no number from 0 to 65535", id="one too many"
        ),
        pytest.param(["serve", "a:b", "--port", "-1"], "'-1' is no number from 0 to 65535", id="one too few"),
        pytest.param(["serve", "a:b", "--workers", "0"], "'0' is no number from 1 to 512", id="no worker"),
        pytest.param(
            ["serve", "a:b", "--drain-delay", "nan"], "'nan' is no number from 0 to 3600", id="no delay"
        ),
        pytest.param(["serve", "a:b", "--graceful-timeout", "soon"], "'soon' is no number", id="no number"),
        pytest.param(["serve", "a:b", "--server", "daphne"], "invalid choice: 'daphne'", id="no such server"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_show_says_what_stands_where_and_why(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "asgi-patterns.toml").write_text(
        'trusted_proxies = ["10.0.0.0/8", "unix"]\n[health]\npath = "/h"\naliases = false\n'
        '[[request_id]]\nname = "edge"\nheader = "X-Edge-ID"\n[[request_id]]\n[problems]\nenabled = false\n'
    )
    monkeypatch.setenv("ASGI_PATTERNS_HEALTH__DETAILS_TOKEN", "hush-hush")

    code = main(["show", "shop:app"])

    assert code == 0
    assert (
        capsys.readouterr().out
        == """\
Pipeline, from the outside in
  health             probes are not limited, shed, logged or cached
  edge (request_id)  every answer carries the id, refusals and 500s included
  request_id         every answer carries the id, refusals and 500s included
  shop:app

Routes
  shop:app  templates are missing; add record_route(scope, "/orders/{order_id}")
            to handlers, from asgi_patterns.kernel.routes

Switched off
  problems  asgi-patterns.toml

Answered by layers
  /h          health
  /h/live     health
  /h/ready    health
  /h/startup  health

Not as by default
  trusted_proxies       ['10.0.0.0/8', 'unix']  (asgi-patterns.toml)
  health.path           '/h'  (asgi-patterns.toml)
  health.aliases        False  (asgi-patterns.toml)
  health.details_token  **********  (ASGI_PATTERNS_HEALTH__DETAILS_TOKEN)
  edge.header           'X-Edge-ID'  (asgi-patterns.toml)

Read
  pyproject.toml      not there
  asgi-patterns.toml  trusted_proxies, health, request_id, problems
  secrets             ASGI_PATTERNS_SECRETS_DIR is not set
  environment         ASGI_PATTERNS_HEALTH__DETAILS_TOKEN
"""
    )


def test_show_lists_the_quotas(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "asgi-patterns.toml").write_text(
        "[rate_limit]\n"
        'identify = "scope"\n'
        'quotas = ["10/second burst 20", {name = "mine", limit = 9, window = "1h", key = "user", tier = "free", '
        'mode = "observe"}, {limit = 5, algorithm = "concurrency", match = ["POST /a", "/b"], key = "global"}]\n'
        'default = [{limit = 1, window = 90, key = "header:X-API-Key", unit = "content-bytes", counts = "failed"}]\n'
    )

    main(["show"])

    rules = capsys.readouterr().out.partition("\nRules\n")[2].partition("\n\n")[0]
    assert " ".join(rules.split()) == (
        "rate_limit counts 10-per-second: 10 per second for each address, 20 of them at once "
        "counts, but does not enforce, mine: 9 per hour for each user, of tier free "
        "counts 5-at-once: 5 at the same time for all together, on POST /a and /b "
        "counts 1-per-90s: 1 bytes per 90s for each x-api-key, only answers that fail, whose key is only claimed, "
        "on what no match takes"
    )


def test_show_knows_a_pipeline_in_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["show", "shop:in_code"])

    shown = capsys.readouterr().out
    assert code == 0
    assert "health.path           '/code'  (code)" in shown
    assert "health.details_token  **********  (code)" in shown
    assert shown.endswith("Read\n  code  no other source\n")


def test_show_says_how_to_make_routes_known(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "on_quart.py").write_text("from quart import Quart\napp = Quart(__name__)\n")

    main(["show", "on_quart:app"])

    shown = " ".join(capsys.readouterr().out.split())
    assert "templates are missing; add quart_routes(app), from asgi_patterns.kernel.route_hooks" in shown


def test_a_reader_who_has_seen_enough_sees_no_traceback() -> None:
    command = f"{sys.executable} -m asgi_patterns schema | head -1"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("{\n", "")


def test_show_fits_a_narrow_terminal(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = ", ".join(f'"10.{number}.0.0/16"' for number in range(40))
    secrets = shop / "a-directory-of-secrets-with-a-name-that-is-longer-than-a-column"
    secrets.mkdir()
    (shop / "asgi-patterns.toml").write_text(f"trusted_proxies = [{networks}]\n")
    monkeypatch.setenv("ASGI_PATTERNS_SECRETS_DIR", secrets.name)

    main(["show"])

    shown = capsys.readouterr().out
    assert secrets.name in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "module", "extra"),
    [
        pytest.param([], "uvicorn", "server", id="uvicorn"),
        pytest.param(["--server", "hypercorn"], "hypercorn", "hypercorn", id="hypercorn"),
        pytest.param(["--server", "granian"], "granian", "granian", id="granian"),
    ],
)
def test_without_a_server_the_extra_is_named(
    options: list[str],
    module: str,
    extra: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    code = main(["serve", "shop:app", *options])

    assert code == 2
    assert capsys.readouterr().err == f"{module!r} is not installed: pip install 'asgi-patterns[{extra}]'\n"
