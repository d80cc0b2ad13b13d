"""What the settings of health take, and how they refuse."""

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from unittest.mock import Mock

import httpx2
import pytest
from pydantic import TypeAdapter, ValidationError

from asgi_patterns.health import Check, Health
from asgi_patterns.kernel.optional import MissingExtra
from asgi_patterns.testing import hello


def database() -> bool:
    return True


class Pool:
    @staticmethod
    def connect() -> None:
        """Open a connection."""


def from_file(**fields: Any) -> Health:
    """Take settings in as a file gives them: lists, tables, strings."""
    return TypeAdapter(Health).validate_python(fields)


NAMES: list[tuple[str, Check, str]] = [
    ("its own", Check(name="db", check=database), "db"),
    ("the function's", Check(check=database), "database"),
    ("redis", Check(redis="redis://localhost"), "redis"),
    ("url", Check(url="http://localhost/"), "url"),
    ("sql", Check(sql=database), "sql"),
    ("disk", Check(disk="/", free="1GB"), "disk"),
    ("memory", Check(memory="90%"), "memory"),
    ("its own, whatever it asks", Check(name="db", sql=database), "db"),
]


@pytest.mark.parametrize(("check", "label"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_what_a_check_is_called(check: Check, label: str) -> None:
    assert check.label == label


TAKEN: list[tuple[str, object, str]] = [
    ("a check", Check(name="db", check=database), "db"),
    ("a function", database, "database"),
    ("a dotted name", f"{__name__}:database", "database"),
    ("a table", {"name": "db", "check": f"{__name__}:database"}, "db"),
    ("a table with a URL", {"redis": "redis://localhost"}, "redis"),
    ("the URL of a cluster", {"redis": "redis+cluster://a,b:7000"}, "redis"),
    ("the URL of sentinels", {"redis": "redis+sentinel://a,b/shop"}, "redis"),
    ("a Redis at a path", {"redis": "unix:///run/redis.sock"}, "redis"),
    ("a dotted name that opens a connection", {"sql": f"{__name__}:database"}, "sql"),
    ("a dotted name with another dot", {"sql": f"{__name__}:Pool.connect"}, "sql"),
    ("a disk", {"disk": "/var/lib", "free": "500MB"}, "disk"),
    ("a number of bytes", {"disk": "/", "free": 500}, "disk"),
    ("memory", {"memory": "1.5GiB"}, "memory"),
]


@pytest.mark.parametrize(("given", "label"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_stands_for_a_check(given: object, label: str) -> None:
    (check,) = from_file(checks=[given]).checks

    assert isinstance(check, Check)
    assert check.label == label


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a misspelt name", {"pathh": "/health"}, "pathh"),
    ("a path without a slash", {"path": "health"}, "path"),
    ("the root as path", {"path": "/"}, "path"),
    ("an alias that asks what nobody knows", {"aliases": {"/ping": "pong"}}, "aliases.+ping"),
    ("an alias that is taken", {"aliases": {"/health": "live"}}, "aliases"),
    ("a text in place of a list", {"checks": "shop:db"}, "checks"),
    ("a table in place of a list", {"checks": {"check": "shop:db"}}, "checks"),
    ("a check that is a number", {"checks": [3]}, r"checks\.0"),
    ("a dotted name of nothing", {"checks": ["json:nothing"]}, r"checks\.0"),
    ("a function without a name", {"checks": [lambda: True]}, r"checks\.0"),
    ("a part of a function", {"checks": [{"check": partial(database)}]}, r"checks\.0\.check"),
    ("a name with a colon", {"checks": [{"name": "a:b", "check": database}]}, r"checks\.0\.name"),
    ("a check without anything", {"checks": [{"name": "db"}]}, r"checks\.0\.url"),
    ("a check that asks two", {"checks": [{"url": "http://a", "check": database}]}, r"checks\.0\.url"),
    (
        "a check that asks two of the others",
        {"checks": [{"disk": "/", "free": "5%", "memory": "90%"}]},
        r"checks\.0\.url",
    ),
    ("a database that nobody can call", {"checks": [{"sql": 3}]}, r"checks\.0\.sql"),
    ("a database that is not there", {"checks": [{"sql": "json:nothing"}]}, r"checks\.0\.sql"),
    ("a disk without what has to be free", {"checks": [{"disk": "/"}]}, r"checks\.0\.free"),
    ("what has to be free on no disk", {"checks": [{"check": database, "free": "5%"}]}, r"checks\.0\.free"),
    ("an amount that is none", {"checks": [{"disk": "/", "free": "much"}]}, r"checks\.0\.free"),
    ("true as an amount", {"checks": [{"disk": "/", "free": True}]}, r"checks\.0\.free"),
    ("memory that is none", {"checks": [{"memory": "all"}]}, r"checks\.0\.memory"),
    ("all of the memory", {"checks": [{"memory": "100%"}]}, r"checks\.0\.memory"),
    ("no cluster", {"checks": [{"redis": "redis+cluster://"}]}, r"checks\.0\.redis"),
    ("sentinels without a master", {"checks": [{"redis": "redis+sentinel://a"}]}, r"checks\.0\.redis"),
    ("no Redis URL", {"checks": [{"redis": "http://localhost"}]}, r"checks\.0\.redis"),
    ("no port in a Redis URL", {"checks": [{"redis": "redis://localhost:port"}]}, r"checks\.0\.redis"),
    ("no HTTP URL", {"checks": [{"url": "ftp://localhost/"}]}, r"checks\.0\.url"),
    ("no host", {"checks": [{"url": "http:///path"}]}, r"checks\.0\.url"),
    ("no port in a URL", {"checks": [{"url": "http://localhost:port"}]}, r"checks\.0\.url"),
    ("no time at all", {"checks": [{"check": database, "limit": 0}]}, r"checks\.0\.limit"),
    ("time without end", {"checks": [{"check": database, "limit": float("inf")}]}, r"checks\.0\.limit"),
    ("a cache of less than nothing", {"checks": [{"check": database, "cache": -1}]}, r"checks\.0\.cache"),
    ("one name twice", {"checks": [database, database]}, "checks"),
    ("an empty token", {"details_token": ""}, "details_token"),
    ("a token of spaces", {"details_token": " \n"}, "details_token"),
    ("a network that is none", {"details_token": "t", "details_networks": ["home"]}, "details_networks"),
    ("everybody as network", {"details_token": "t", "details_networks": ["0.0.0.0/0"]}, "details_networks"),
    ("networks without a token", {"details_networks": ["10.0.0.0/8"]}, "details_networks"),
    ("a back-off of less than nothing", {"backoff": -1}, "backoff"),
    ("a clock that nobody can call", {"clock": 3}, "clock"),
]


@pytest.mark.parametrize(("fields", "place"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused_and_where(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?m)^{place}"):
        from_file(**fields)


SECRET = "pa55word"
REDIS = f"redis://user:{SECRET}@cache:6379/0"
URL = f"https://user:{SECRET}@shop.example/?key={SECRET}"

LEAKS: list[tuple[str, Callable[[], object]]] = [
    ("a Redis URL that is none", lambda: Check(redis=f"redis://user:{SECRET}@cache:port")),
    ("a cluster that is none", lambda: Check(redis=f"redis+cluster://user:{SECRET}@cache:port")),
    ("a Redis URL in a table", lambda: from_file(checks=[{"redis": f"rdis://:{SECRET}@cache"}])),
    ("a table in place of a list", lambda: from_file(checks={"redis": REDIS})),
    ("a URL that is none", lambda: Check(url=f"ftp://{SECRET}@shop")),
    ("a URL that cannot be read", lambda: Check(url=f"http://user:{SECRET}@shop:port")),
    ("two URLs", lambda: Check(redis=REDIS, url=URL)),
    ("two URLs in a table", lambda: from_file(checks=[{"redis": REDIS, "url": URL}])),
    ("one name twice", lambda: from_file(checks=[{"redis": REDIS}, {"redis": REDIS}])),
    ("another field that is wrong", lambda: from_file(checks=[{"redis": REDIS, "limit": 0}])),
]


@pytest.mark.parametrize("refused", [row[1] for row in LEAKS], ids=[row[0] for row in LEAKS])
def test_an_error_never_repeats_a_credential(refused: Callable[[], object]) -> None:
    with pytest.raises(ValidationError) as caught:
        refused()

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.errors())


def test_a_layer_never_shows_a_credential() -> None:
    layer = Health(checks=[Check(redis=REDIS), Check(url=URL)], details_token=SECRET)

    shown = repr(layer) + repr(layer.changed())

    assert SECRET not in shown


@pytest.mark.parametrize(
    ("fields", "module", "extra"),
    [
        ({"redis": "redis://localhost"}, "redis.asyncio", "redis"),
        ({"url": "http://localhost"}, "httpx2", "client"),
    ],
    ids=["redis", "url"],
)
def test_a_missing_extra_is_named_when_a_check_asks_for_it(
    fields: Mapping[str, Any], module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name.partition(".")[0])

    monkeypatch.setattr(importlib, "import_module", missing)

    with pytest.raises(MissingExtra, match=rf"'{module}' is not installed.+\[{extra}\]"):
        Check(**fields)


def test_the_certificates_are_loaded_once_for_all_checks_and_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Mock(wraps=httpx2.create_ssl_context)
    monkeypatch.setattr(httpx2, "create_ssl_context", load)
    layer = Health(checks=[Check(name=name, url="https://localhost") for name in ("a", "b")])

    for _ in range(3):
        layer(hello)

    assert load.call_count == 1


def test_the_paths_are_known() -> None:
    layer = Health(path="/status", aliases={"/ping/": "live"})

    assert list(layer.paths) == ["/status", "/status/live", "/status/ready", "/status/startup", "/ping"]
