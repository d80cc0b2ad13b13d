"""``asgi-patterns bench --serve``, and how the command ends: whatever happens, no process is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benching.shop import APPS
from tests.support.processes import alive_in_group

ENDING = 10.0
"""Seconds for what is left of a group; a process of Python's own ends a moment after the command."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the module ``shop``."""
    for name in [name for name in os.environ if name.upper().startswith("ASGI_PATTERNS")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(APPS)
    return tmp_path


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Let what is started meanwhile heed it, also where a shell has these tests in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def bench(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """The command, as the leader of a group that is empty when it has ended."""
    with heeding_ctrl_c():
        process = subprocess.Popen(
            [sys.executable, "-m", "asgi_patterns", "bench", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
    with process:
        try:
            yield process
            deadline = time.monotonic() + ENDING
            while (left := alive_in_group(process.pid)) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert left == []
        finally:
            if process.poll() is None:
                process.kill()


def wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    """Read what it says until it says this."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"it has not said {words!r}")


def test_a_real_server_is_measured_alone_behind_each_layer_and_behind_all(shop: Path) -> None:
    with bench("shop:wrapped", "/lamps", "--seconds", "0.5", "--serve", "--connections", "3") as process:
        out, err = process.communicate(timeout=120)

    table = out.partition("Behind uvicorn, 3 connections, requests a second\n")[2].partition("\n\n")[0]
    head, *rows = table.splitlines()
    assert (process.returncode, head.split()) == (0, ["req/s", "best", "p50", "ms", "p99", "ms"])
    assert [row.split("  ")[0] for row in rows] == [
        "shop:wrapped alone",
        "health",
        "request_id",
        "all layers",
    ]
    assert all(float(row[20:].split()[0].replace(",", "")) > 0 for row in rows)
    assert "asking 4 servers in turns" in err


@pytest.mark.parametrize("server", ["granian", "hypercorn"])
def test_another_server_is_measured_too(shop: Path, server: str) -> None:
    with bench("shop:bare_bones", "--seconds", "0.1", "--rounds", "1", "--serve", server) as process:
        out, _ = process.communicate(timeout=120)

    assert process.returncode == 0, out
    assert f"Behind {server}, 8 connections" in out


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
@pytest.mark.parametrize("words", ["measuring", "asking"], ids=["in process", "behind a server"])
def test_it_shows_what_there_is_and_leaves_nothing(shop: Path, words: str, number: int, code: int) -> None:
    seconds = "0.2" if words == "asking" else "60"
    with bench("shop:wrapped", "/lamps", "--seconds", seconds, "--serve") as process:
        wait_for(process, words)
        # Ctrl-C goes to all processes of a terminal.
        os.killpg(process.pid, number) if number == signal.SIGINT else os.kill(process.pid, number)
        out, _ = process.communicate(timeout=60)

    assert process.returncode == code
    assert out.startswith("GET /lamps\n")
    assert out.endswith("\nInterrupted.\n")


def test_processes_end_when_the_command_is_killed(shop: Path) -> None:
    with bench("shop:wrapped", "/lamps", "--seconds", "60") as process:
        wait_for(process, "measuring")
        process.kill()
        process.communicate(timeout=60)


def test_an_app_that_hangs_is_ended_with_the_command(shop: Path) -> None:
    with bench("shop:hangs", "--seconds", "60") as process:
        wait_for(process, "measuring")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)

    assert process.returncode == 130
