"""Several workers: replaced when one dies, told to stop once, and never left behind."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.serving.hosts import BARE, HOSTS, code_of, draining, is_unready, until
from tests.sockets.raw import ask
from tests.support.processes import alive_in_group, answering, descendants
from tests.support.servers import START_SECONDS, Server, running, serve, serving

TWO = ("--workers", "2")
UNTOLD = "there is no module 'absent', which 'absent:app' names"


def workers_of(server: Server) -> set[int]:
    """Those that have begun to run the app's Python."""
    return answering(descendants(server.pid))


def test_a_worker_that_dies_is_replaced() -> None:
    with serving(*serve(BARE, *TWO)) as server:
        assert until(lambda: len(workers_of(server)) == 2)
        first = workers_of(server)

        os.kill(min(first), signal.SIGKILL)
        server.log.wait_for("has ended with exit code -9, another one takes its place", seconds=START_SECONDS)
        replaced = until(lambda: len(workers_of(server) - {min(first)}) == 2)
        answer = ask(server.port, "GET", "/json")
        server.terminate()

        assert code_of(server) == 0
    assert (replaced, answer.status) == (True, 200)


def test_workers_end_when_their_parent_is_killed() -> None:
    with serving(*serve(BARE, *TWO)) as server:
        os.kill(server.pid, signal.SIGKILL)

        assert until(lambda: alive_in_group(server.pid) == [])
        assert server.wait() == -signal.SIGKILL


def test_a_sigterm_to_all_processes_is_one_sigterm() -> None:
    """As systemd sends it. Workers hear of it twice, from it and from their parent."""
    with serving(*draining(*TWO)) as server:
        assert until(lambda: server.log.text.count("startup complete") == 2)
        os.killpg(server.pid, signal.SIGTERM)

        unready = until(lambda: is_unready(server.port))
        said = until(lambda: server.log.text.count("Readiness drops now") == 2)
        answer = ask(server.port, "GET", "/json")
        server.terminate()

        assert code_of(server) == 0
    assert (unready, said, answer.status) == (True, True, 200)


@pytest.mark.parametrize("host", [HOSTS["uvicorn"], HOSTS["granian"]], ids=["uvicorn", "granian"])
def test_ctrl_c_in_a_terminal_leaves_no_traceback(host: tuple[str, ...]) -> None:
    """It goes to every process of the terminal, also to a worker that only begins."""
    with running(*draining(*host, *TWO)) as server:
        server.log.wait_for("is running on", seconds=START_SECONDS)
        assert until(
            lambda: len(descendants(server.pid)) == 3
        )  # two workers, and Python's tracker of resources
        os.killpg(server.pid, signal.SIGINT)

        assert code_of(server) == 0
    assert "Traceback" not in server.log.text


FAILING = {
    "it is not there": ("", UNTOLD),
    "it raises": ("raise ValueError('mine')", "ValueError: mine"),
    "its settings are wrong": (
        "from asgi_patterns import wrap\napp = wrap(print, health={'pth': 1})",
        "wrap(): health.pth: there is no such setting",
    ),
}


@pytest.mark.parametrize(("text", "said"), FAILING.values(), ids=FAILING)
def test_workers_that_cannot_load_the_app_are_not_started_for_ever(
    text: str, said: str, tmp_path: Path
) -> None:
    if text:
        (tmp_path / "absent.py").write_text(text)

    with running(*serve("absent:app", *TWO), env={"PYTHONPATH": str(tmp_path)}) as server:
        assert code_of(server) == 1

    assert said in server.log.text


def test_workers_whose_app_fails_to_start_are_not_started_for_ever(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
    )

    with running(
        *serve("failing:app", *HOSTS["hypercorn"], *TWO), env={"PYTHONPATH": str(tmp_path)}
    ) as server:
        assert code_of(server) == 1

    assert "no database" in server.log.text


def test_wrong_settings_are_said_before_workers_start() -> None:
    with running(*serve(BARE, *TWO), env={"ASGI_PATTERNS_HELTH": "off"}) as server:
        assert code_of(server) == 2

    assert server.log.text == (
        "ASGI_PATTERNS_HELTH: there is no such variable; did you mean ASGI_PATTERNS_HEALTH?\n"
    )


LIMITED = "[rate_limit]\nquotas = ['10/minute', '100/hour']\n"
SHARED = f"store = 'redis://127.0.0.1:1'\n{LIMITED}"
ONE_SHARED = f"{LIMITED}[[rate_limit.default]]\nlimit = 9\nwindow = '1d'\nstore = 'redis://127.0.0.1:1'\n"
IN_CODE = """
from asgi_patterns import Pipeline, RateLimit
from examples.bare_app import bare
app = Pipeline(RateLimit(name="edge", quotas=["7/second"]))(bare)
"""
WARNED = re.compile(r"With 2 workers, (\w+ counts .*): set store = \"redis://...\" to count together")
STARTED = re.compile(r"startup complete|Started worker-")
TWICE = "in each process by itself, so that each lets the whole limit pass"


@pytest.mark.parametrize(
    ("app", "config", "options", "said"),
    [
        pytest.param(
            BARE, LIMITED, TWO, [f"rate_limit counts 10-per-minute, 100-per-hour {TWICE}"], id="in memory"
        ),
        pytest.param(BARE, SHARED, TWO, [], id="on Redis"),
        pytest.param(BARE, LIMITED, (), [], id="one process"),
        pytest.param(
            BARE,
            ONE_SHARED,
            (*TWO, *HOSTS["granian"]),
            [f"rate_limit counts 10-per-minute, 100-per-hour {TWICE}"],
            id="one of them on Redis, with granian",
        ),
        pytest.param("limited:app", "", TWO, [f"edge counts 7-per-second {TWICE}"], id="set in code"),
    ],
)
def test_what_several_workers_change_is_said_once(
    app: str, config: str, options: tuple[str, ...], said: list[str], tmp_path: Path
) -> None:
    (tmp_path / "limits.toml").write_text(config)
    (tmp_path / "limited.py").write_text(IN_CODE)

    with serving(
        *serve(app, *options, "--config", str(tmp_path / "limits.toml")), env={"PYTHONPATH": str(tmp_path)}
    ) as server:
        # All have begun to serve: whoever wanted to say something has done so.
        assert until(lambda: len(STARTED.findall(server.log.text)) == (2 if options else 1))
        server.terminate()
        assert code_of(server) == 0

    assert WARNED.findall(server.log.text) == said
