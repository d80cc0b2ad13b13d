"""Who logs requests under ``asgi-patterns serve``: one of the two, never both."""

import json
import logging
from pathlib import Path

import pytest

from asgi_patterns import AccessLog, Pipeline
from asgi_patterns.serving.logging_requests import takes_over
from tests.serving.hosts import BARE, ON_EVERY_SERVER
from tests.sockets.raw import ask
from tests.support.servers import serve, serving

LOGGER = "asgi_patterns.access_log.quiet"


@ON_EVERY_SERVER
@pytest.mark.parametrize("workers", ["1", "2"], ids=["one process", "two workers"])
def test_the_server_leaves_that_to_the_pipeline(host: tuple[str, ...], workers: str, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[access_log]\n")
    options = ("--config", str(tmp_path / "shop.toml"), "--workers", workers)

    with serving(*serve(BARE, *host, *options)) as server:
        ask(server.port, "GET", "/json")
        found = server.log.wait_for(r'(?m)^\{"time".*\}$', seconds=10)
        server.terminate()
        server.wait()
        mentions = [line for line in server.log.text.splitlines() if "/json" in line]

    assert json.loads(found[0])["path"] == "/json"
    assert len(mentions) == 1


@ON_EVERY_SERVER
def test_without_one_the_server_logs_as_ever(host: tuple[str, ...]) -> None:
    with serving(*serve(BARE, *host)) as server:
        ask(server.port, "GET", "/json")

        server.log.wait_for("/json", seconds=10)


def test_a_reloaded_server_leaves_it_to_the_pipeline_too(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[access_log]\n")

    with serving(*serve(BARE, "--reload", "--config", str(tmp_path / "shop.toml"))) as server:
        ask(server.port, "GET", "/json")
        server.log.wait_for(r'(?m)^\{"time".*\}$', seconds=10)

        assert len([line for line in server.log.text.splitlines() if "/json" in line]) == 1


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        pytest.param(AccessLog(name="quiet"), True, id="it is there"),
        pytest.param(AccessLog(name="quiet", include=["/admin/**"]), False, id="it is for some paths"),
    ],
)
def test_who_takes_over_can_be_heard_once(layer: AccessLog, expected: bool) -> None:
    logger = logging.getLogger(LOGGER)
    logger.propagate = False
    try:
        found = [takes_over(Pipeline(layer)) for _ in range(2)]

        assert found == [expected, expected]
        assert len(logger.handlers) == 1
    finally:
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


def test_one_that_is_off_takes_nothing_over() -> None:
    assert not takes_over(Pipeline(AccessLog(name="quiet", enabled=False)))
    assert logging.getLogger(LOGGER).handlers == []


def test_what_the_app_has_set_up_stays() -> None:
    logger = logging.getLogger(LOGGER)
    handler = logging.NullHandler()
    logger.addHandler(handler)
    try:
        takes_over(Pipeline(AccessLog(name="quiet")))

        assert (logger.handlers, logger.level) == ([handler], logging.NOTSET)
    finally:
        logger.handlers.clear()
