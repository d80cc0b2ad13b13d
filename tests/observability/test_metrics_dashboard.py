"""Dashboard, alerts and documentation speak of what there is, of all of it, and of nothing else."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml

from asgi_patterns import Health, LoadShedding
from asgi_patterns.observability.metrics_events import COUNTS
from asgi_patterns.observability.metrics_instruments import CONVENTIONS, Instrument
from asgi_patterns.observability.metrics_recording import _instrument
from asgi_patterns.testing import Client, hello

DOCS = Path(__file__).parents[2] / "docs"
_NAME = re.compile(r"\b(?:http_server|asgi_patterns)_[a-z0-9_]+")
_BY = re.compile(r"\bby \(([^)]*)\)")
_PARTS = re.compile(r"_(?:bucket|sum|count)$")
OF_ALL = {"job", "instance", "le"}


def fine() -> bool:
    return True


@cache
def instruments() -> dict[str, Instrument]:
    health = Health(checks=[fine])
    anyio.run(Client(health(hello)).get, "/health")
    gauges = [_instrument(each) for layer in (LoadShedding(), health) for each in layer.gauges()]
    counts = [count.instrument for counts in COUNTS.values() for count in counts]
    return {each.name: each for each in (*CONVENTIONS, *counts, *gauges)}


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "metrics_dashboard.json").read_text(encoding="utf-8"))
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DOCS / "metrics_alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def shown() -> list[str]:
    return [target["expr"] for panel in board()["panels"] for target in panel.get("targets", ())]


def alerted() -> list[str]:
    return [rule["expr"] for rule in rules()]


def named(text: str) -> Iterator[str]:
    """Yield the instruments that a query is about."""
    known = instruments()
    for name in _NAME.findall(text):
        whole = _PARTS.sub("", name)
        yield whole if known.get(whole) and known[whole].kind == "histogram" else name


def test_the_dashboard_shows_every_instrument_and_nothing_else() -> None:
    assert {name for query in shown() for name in named(query)} == set(instruments())


def test_the_documentation_names_every_instrument_and_nothing_else() -> None:
    tables = [
        line for line in (DOCS / "metrics.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    ]

    assert {name for line in tables for name in named(line)} == set(instruments())


def test_alerts_are_about_instruments_that_there_are() -> None:
    assert {name for query in alerted() for name in named(query)} <= set(instruments())


@pytest.mark.parametrize("query", [*shown(), *alerted()])
def test_a_query_groups_by_labels_that_its_instruments_have(query: str) -> None:
    known = instruments()
    labels = {label for name in named(query) for label in known[name].labels}

    grouped = {label.strip() for found in _BY.findall(query) for label in found.split(",")}

    assert grouped <= labels | OF_ALL
    assert query.count("(") == query.count(")")


@pytest.mark.parametrize("query", [*shown(), *alerted()])
def test_what_is_a_counter_is_looked_at_as_a_rate(query: str) -> None:
    known = instruments()

    for match in re.finditer(r"([a-z_]*)\(?\b((?:http_server|asgi_patterns)_[a-z0-9_]+)", query):
        name = next(named(match[2]))
        is_state = known[name].kind in ("gauge", "up_down")
        assert (match[1] in ("rate", "increase")) != is_state, match[0]


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    panels = board()["panels"]
    cells = [
        (x, y)
        for panel in panels
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_what_is_wrong_with_what_it_groups_by(rule: dict[str, Any]) -> None:
    summary = rule["annotations"]["summary"]
    grouped = {label.strip() for found in _BY.findall(rule["expr"]) for label in found.split(",")}

    assert set(re.findall(r"\$labels\.(\w+)", summary)) <= grouped
    assert rule["labels"]["severity"] in ("page", "ticket")
