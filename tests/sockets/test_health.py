"""Probes are answered in front of the app, and before it could refuse them."""

import json

import pytest

from tests.sockets.conftest import Example
from tests.sockets.hosts import pairs
from tests.sockets.raw import Connection, ask

STRANGER = "10.0.3.7:8000"


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/healthz", "/livez", "/readyz"]
)
def test_a_probe_is_answered_although_the_app_knows_no_such_path(example: Example, path: str) -> None:
    bare = ask(example.bare.port, "GET", path)

    answer = ask(example.wrapped.port, "GET", path)

    assert bare.status == 404
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "UP")
    assert answer.get("cache-control") == "no-store"


@pytest.mark.parametrize("example", pairs("django"), indirect=True, scope="session")
def test_a_probe_is_answered_before_the_host_is_checked(example: Example) -> None:
    with Connection(example.wrapped.port) as connection:
        connection.send("GET", "/health", host=STRANGER)
        probe = connection.answer()
        connection.send("GET", "/json", host=STRANGER)
        refused = connection.answer()

    assert probe.status == 200
    assert refused.status == 400
