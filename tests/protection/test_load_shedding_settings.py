"""What is refused at start-up, what is doubted, and what the layer says of itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from asgi_patterns import LoadShedding, Pipeline
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.protection import Pool, PriorityRule
from asgi_patterns.settings import load
from tests.test_explain import rows

REPORTS = {"name": "reports", "match": "/reports/**", "limit": 4}

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("no slot at all", {"limit": 0}, "limit.*\n.*greater than or equal to 1"),
    ("a word that is none", {"limit": "adaptiv"}, "limit"),
    ("bounds the wrong way round", {"min_limit": 9, "max_limit": 8}, "is less than min_limit, which is 9"),
    ("a tolerance that noise is over", {"tolerance": 1.1}, "tolerance"),
    ("a time that is none", {"queue_timeout": "soon"}, "'soon' is no duration"),
    ("no time to come again", {"retry_after": 0}, "no time at all"),
    ("a share of nothing", {"low_share": 0}, "low_share"),
    ("a share of more than all", {"normal_share": 1.1}, "normal_share"),
    ("two pools of one name", {"pools": [REPORTS, REPORTS]}, "two pools are called 'reports'"),
    (
        "a pool with a name of ours",
        {"pools": [{**REPORTS, "name": "main"}]},
        "'main' is what the requests of no pool",
    ),
    ("a pool that is no pattern's", {"pools": [{**REPORTS, "match": "reports"}]}, 'must start with "/"'),
    (
        "a priority that is none",
        {"priorities": [{"match": "/", "priority": "urgent"}]},
        "'critical', 'normal' or 'low'",
    ),
    ("a name that names nothing", {"priority": "tests.protection:nobody"}, "has no 'nobody'"),
    ("a misspelt field", {"quue": 1}, "quue"),
]


@pytest.mark.parametrize(("given", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_setting_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LoadShedding(**given)


SAID: list[tuple[str, LoadShedding, Sequence[str]]] = [
    ("nothing by default", LoadShedding(), []),
    ("bounds of an adaptive limit", LoadShedding(min_limit=4, tolerance=2), []),
    (
        "bounds of a fixed one",
        LoadShedding(limit=9, min_limit=4),
        ["has min_limit, which only an adaptive limit goes by: the limit is 9"],
    ),
    ("a target and a tolerance", LoadShedding(target=1, tolerance=2), ["has tolerance, which a target replaces"]),
    (
        "a pattern that never gets its turn",
        LoadShedding(pools=[Pool(name="a", match="/x/**", limit=1), Pool(name="b", match=["/y", "/x/**"], limit=1)]),
        ["never gets to '/x/**' in the pool b: a has it and comes first"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "said"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_doubts(layer: LoadShedding, said: Sequence[str]) -> None:
    assert layer.doubts(DEFAULT) == said


FULL = LoadShedding(
    limit=50,
    pools=[Pool(name="reports", match=["/reports/**", "/exports"], limit=4)],
    priorities=[PriorityRule(match="/checkout/**", priority="critical")],
    websockets=100,
)


def test_the_outline_has_every_limit() -> None:
    assert LoadShedding().outline == ["lets 2 to 500, as latency allows, in at once"]
    assert FULL.outline == [
        "lets 50 in at once",
        "lets 4 in at once in the pool reports, on /reports/** and /exports",
        "takes /checkout/** for critical",
        "lets 100 WebSockets be open at once",
    ]


EXPLAINED: list[tuple[LoadShedding, str, str]] = [
    (LoadShedding(), "/", "lets 20 in at once at the moment, this request with priority normal"),
    (FULL, "/checkout/1", "lets 50 in at once, this request with priority critical"),
    (FULL, "/reports/1", "lets 4 in at once in the pool reports, this request with priority normal"),
    (
        LoadShedding(limit=3, priority=lambda scope, caller: None),
        "/",
        "lets 3 in at once, this request with a priority that a function names",
    ),
]


@pytest.mark.parametrize(("layer", "path", "said"), EXPLAINED, ids=[row[2] for row in EXPLAINED])
def test_explain_says_where_a_request_is_counted(layer: LoadShedding, path: str, said: str) -> None:
    found = rows(Pipeline(layer), "GET", path)

    assert found["load_shedding"] == said


FILE = """
[load_shedding]
limit = 40
queue = 10
queue_timeout = "250ms"
priority = "tests.protection.test_load_shedding:paying"

[[load_shedding.pools]]
name = "reports"
match = "/reports/**"
limit = 4

[[load_shedding.priorities]]
match = ["/checkout/**"]
priority = "critical"
"""


def test_all_of_it_can_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "asgi-patterns.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)

    (layer,) = load(None).load_shedding

    assert (layer.limit, layer.pools[0].limit, layer.priorities[0].priority) == (40, 4, "critical")
    assert callable(layer.priority)


def test_a_number_can_stand_in_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASGI_PATTERNS_LOAD_SHEDDING__LIMIT", "40")

    (layer,) = load(None).load_shedding

    assert layer.limit == 40
