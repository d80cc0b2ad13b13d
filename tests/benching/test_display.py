"""What is seen on a terminal while it is measured: the table in its place, or plain text where nothing can move."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.benching.shop import APPS


def on_terminal(*, term: str, columns: int) -> str:
    """What a terminal of that kind gets to see of the command."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, "-m", "asgi_patterns", "bench", "shop:wrapped", "/lamps", "--seconds", "1"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **size, "TERM": term, "PYTHONIOENCODING": "utf-8"},
    )
    os.close(theirs)
    shown = b""
    with process:
        with suppress(OSError):  # how the end of a terminal is told on Linux
            while piece := os.read(ours, 65536):
                shown += piece
        assert process.wait(60) == 0
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(APPS)


def test_the_table_is_drawn_in_its_place() -> None:
    *drawn, last = on_terminal(term="xterm", columns=80).split("\x1b[J")

    assert all("measuring 6 rows in turns" in each for each in drawn)
    assert all(each.endswith("F") for each in drawn)
    assert "all layers" in last
    assert "measuring" not in last
    assert last.count("\x1b") == 0


def test_what_is_drawn_anew_is_never_wrapped() -> None:
    *drawn, _ = on_terminal(term="xterm", columns=60).split("\x1b[J")

    assert max(len(line) for each in drawn for line in each.rpartition("\x1b")[0].splitlines()) < 60


def test_a_terminal_that_cannot_move_gets_plain_text() -> None:
    shown = on_terminal(term="dumb", columns=80)

    assert "\x1b" not in shown
    assert shown.isascii()
    assert shown.startswith("measuring 6 rows in turns, about 1 s\n")
    assert shown.count("all layers") == 1
