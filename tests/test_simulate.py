"""``asgi-patterns simulate``: what it prints, and what it does with a log that somebody else has written."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asgi_patterns.cli import main
from asgi_patterns.ratelimit.access_log import LONGEST_LINE
from tests.support.pages import blocks

LIMITS = """
identify = "scope"

[rate_limit]
quotas = [
  "30/minute burst 10",
  { name = "search", limit = 5, window = "1m", match = "GET /search/**", mode = "observe" },
  { name = "logins", limit = 3, window = "1h", match = "POST /login", counts = "failed" },
  { name = "premium", limit = 9, window = "1h", key = "user", tier = "premium" },
  { name = "reports", limit = 2, algorithm = "concurrency", match = "POST /reports" },
]
"""


def line(at: int, request: str, *, client: str = "203.0.113.7", user: str = "-", status: int = 200) -> str:
    """A line of a combined log, ``at`` seconds after ten o'clock."""
    time = f"01/Mar/2026:10:{at // 60:02}:{at % 60:02} +0000"
    return f'{client} - {user} [{time}] "{request} HTTP/1.1" {status} 512 "-" "curl/8.9"\n'


def day() -> str:
    """A log with one who searches a lot, one who guesses passwords, probes, a preflight, and noise."""
    lines = [line(second // 3, f"GET /search?page={second}") for second in range(90)]
    lines += [
        line(40 + 5 * turn, "POST /login", client="2001:db8:1:2::9", status=401 if turn % 2 else 200)
        for turn in range(12)
    ]
    lines += [line(100 + second, "GET /health/live", client="10.0.0.1") for second in range(8)]
    lines += [line(110, "OPTIONS /search"), line(111, "GET /", user="alice")]
    return "".join(lines) + 'TLS to a plain port\n192.0.2.1 - - [01/Mar/2026:10:02:00 +0000] "-" 408 0\n'


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with limits and a log, and nothing else set."""
    for name in [name for name in os.environ if name.upper().startswith("ASGI_PATTERNS")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asgi-patterns.toml").write_text(LIMITS)
    (tmp_path / "access.log").write_text(day())
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is printed, all being well."""
    code = main(["simulate", *arguments])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


def test_the_page_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    samples = [block.text for block in blocks("text") if block.page.name == "cli.md"]

    shown = said(capsys, "access.log")

    assert shown in samples


def test_only_the_top_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "access.log", "--top", "1")

    table = shown.partition("Who would have been limited\n")[2].partition("\n\n")[0].splitlines()
    assert (len(table), table[-1]) == (3, "  and 2 more")


def test_a_log_comes_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(day().encode())))

    assert said(capsys, "-") == said(capsys, "access.log")


def test_the_quotas_of_an_app_count(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "limited.py").write_text(
        "from asgi_patterns import Pipeline, RateLimit\n"
        "async def bare(scope, receive, send): ...\n"
        "app = Pipeline(RateLimit(quotas=['50/hour']), RateLimit(name='inner', quotas=['40/hour']))(bare)\n"
    )
    monkeypatch.syspath_prepend(shop)

    shown = said(capsys, "access.log", "limited:app")

    assert re.findall(
        r"\w+\.\d+-per-hour$", shown.partition("\n\n")[2].partition("\n\n")[0], re.MULTILINE
    ) == [
        "rate_limit.50-per-hour",
        "inner.40-per-hour",
    ]


def test_durations_make_concurrency_known(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"client": "203.0.113.7", "request": "POST /reports HTTP/1.1", "status": 200, "duration": 10}
    log = "".join(json.dumps(entry | {"time": 1_772_366_400 + at}) + "\n" for at in range(4))
    (shop / "access.log").write_text(log)

    shown = said(capsys, "access.log", "--format", "json")

    assert "  4     2  50.0 %  reports\n" in shown


HOSTILE: dict[str, bytes] = {
    "control characters": b"\x1b]0;mine\x07\x1b[31m\r\n\x00\x9b\n",
    "in a user": line(0, "GET /", user="\x1b[31mroot\u202e").encode() * 60,
    "in an address": line(0, "GET /", client="\x1b[31m").encode() * 60,
    "in JSON": b'{"time":1,"client":"\\u001b[31m","request":"GET / HTTP/1.1","user":"\\u001b"}\n' * 60,
    "in a path": line(0, "GET /\x1b[31m").encode() * 60,
    "not UTF-8": b"\xff\xfe" * 100 + b"\n",
    "one line without an end": b"x" * (LONGEST_LINE * 9),
    "nothing": b"",
    "empty lines": b"\n" * 10,
}


@pytest.mark.parametrize("log", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_log_does_no_harm(log: bytes, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "access.log").write_bytes(log)

    shown = said(capsys, "access.log")

    assert shown.replace("\n", "").isprintable()
    assert shown.isascii()


def test_what_follows_a_long_line_is_read(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "access.log").write_text("x" * (LONGEST_LINE * 9) + "\n" + line(0, "GET /"))

    shown = said(capsys, "access.log")

    assert re.search(r"lines +2\n", shown)
    assert "not read  1: line 1 is longer than 65536 characters" in shown


@pytest.mark.parametrize(
    ("arguments", "limits", "wrong"),
    [
        pytest.param(["no.log"], LIMITS, "'no.log' cannot be read: No such file or directory", id="no file"),
        pytest.param(["."], LIMITS, "'.' cannot be read: Is a directory", id="a directory"),
        pytest.param(
            ["access.log"], "", "there is no quota to simulate: set rate_limit.quotas", id="no quota"
        ),
        pytest.param(
            ["access.log"],
            '[rate_limit]\nquotas = ["1/second"]\nenabled = false',
            "there is no quota to simulate: set rate_limit.quotas",
            id="switched off",
        ),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], limits: str, wrong: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "asgi-patterns.toml").write_text(limits)

    code = main(["simulate", *arguments])

    assert (code, capsys.readouterr()) == (2, ("", f"{wrong}\n"))


class Terminal(io.StringIO):
    """Where somebody looks."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_that_a_long_log_goes_on(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("asgi_patterns.simulate.PROGRESS", 0.0)
    monkeypatch.setattr("sys.stderr", terminal)
    (shop / "access.log").write_text(line(0, "GET /") * 2048)

    main(["simulate", "access.log"])

    assert terminal.getvalue() == "\r1,024 lines\r2,048 lines\r\x1b[K"


def test_memory_does_not_grow_with_the_log(shop: Path) -> None:
    """Five times as many clients, in the same memory: what is left grows by less than 200 bytes for each."""
    script = (
        "import resource, sys\n"
        "from asgi_patterns.cli import main\n"
        "from asgi_patterns.ratelimit import simulation\n"
        "simulation.AT_ONCE = 1000\n"
        "main(['simulate', '-'])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    (shop / "asgi-patterns.toml").write_text('[rate_limit]\nquotas = ["1/day"]\nmax_keys = 1000\n')

    def peak(lines: int) -> int:
        log = "".join(
            line(number // 1000, "GET /", client=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
            for number in range(lines)
        )
        done: Any = subprocess.run(
            [sys.executable, "-c", script], input=log, capture_output=True, text=True, check=True
        )
        return int(done.stderr)

    assert peak(20_000) - peak(4_000) < 16_000 * 200 / 1024
