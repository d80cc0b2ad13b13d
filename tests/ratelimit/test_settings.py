"""What is refused at start-up, with the sentence that says what would be right; and where settings may stand."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asgi_patterns import Quota, RateLimit
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.kernel.types import Scope
from asgi_patterns.ratelimit.gauge import Gauge
from asgi_patterns.settings import SettingsError, load
from tests.ratelimit.reading import one

RIGHT = "write such as 10/second, 100 per 5 minutes or 10/second burst 20"


async def later(scope: Scope) -> Any:
    """What would have to be awaited."""


TEXTS: list[tuple[str, str]] = [
    ("5/minuet", f"'5/minuet' is no rate: {RIGHT}"),
    ("", f"'' is no rate: {RIGHT}"),
    ("minute", f"'minute' is no rate: {RIGHT}"),
    ("5", f"'5' is no rate: {RIGHT}"),
    ("five/minute", f"'five/minute' is no rate: {RIGHT}"),
    ("-5/minute", f"'-5/minute' is no rate: {RIGHT}"),
    ("1.5/minute", f"'1.5/minute' is no rate: {RIGHT}"),
    ("0/minute", f"'0/minute' cannot be a limit: {RIGHT}"),
    ("5 per 0 minutes", f"'5 per 0 minutes' cannot be a limit: {RIGHT}"),
    ("5/minute burst 0", f"'5/minute burst 0' cannot be a limit: {RIGHT}"),
    ("5/minute burst", f"'5/minute burst' is no rate: {RIGHT}"),
    ("5/minute burst many", f"'5/minute burst many' is no rate: {RIGHT}"),
    ("5/minute burts 10", f"'5/minute burts 10' is no rate: {RIGHT}"),
    ("burst 20", f"'burst 20' is no rate: {RIGHT}"),
    ("5/minute; 10/hour", "'5/minute; 10/hour' is more than one rate: give each an entry of its own"),
    ("5/minute, 10/hour", "'5/minute, 10/hour' is more than one rate: give each an entry of its own"),
    ("1000000000000000/day", f"'1000000000000000/day' cannot be a limit: {RIGHT}"),
]


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[row[0] or "nothing" for row in TEXTS])
def test_a_misspelt_quota_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"quotas\.1\n  Value error, {re.escape(said)}"):
        RateLimit(quotas=["5/hour", text])


PLAIN = {"limit": 1, "window": 1}
SLOTS = {"limit": 1, "algorithm": "concurrency"}
CLAIMED = one(key="header:X-API-Key")

QUOTAS: list[tuple[str, dict[str, Any], str, str]] = [
    ("no limit", {"window": 1}, "limit", "required"),
    ("a limit of nothing", {"limit": 0, "window": 1}, "limit", "greater than 0"),
    ("a limit that no field can say", {"limit": 10**15, "window": 1}, "limit", "less than or equal to"),
    ("no window", {"limit": 1}, "window", "is missing: say in which time the limit counts, such as 1m"),
    ("a window of nothing", {"limit": 1, "window": 0}, "window", "no time at all"),
    ("a window that is none", {"limit": 1, "window": "soon"}, "window", "is no duration"),
    ("a window of slots", {**PLAIN, "algorithm": "concurrency"}, "window", "leave it out"),
    ("an unknown algorithm", {**PLAIN, "algorithm": "gcra"}, "algorithm", "token_bucket"),
    ("a burst of nothing", {**PLAIN, "burst": 0}, "burst", "greater than 0"),
    ("a burst of a window", {**PLAIN, "burst": 2, "algorithm": "fixed_window"}, "burst", "fixed_window has no burst"),
    ("a queue of a bucket", {**PLAIN, "max_delay": 1}, "max_delay", "token_bucket has none"),
    ("too long a log", {"limit": 10_001, "window": 1, "algorithm": "sliding_log"}, "limit", "use sliding_window"),
    ("too many slots", {**SLOTS, "limit": 10_001}, "limit", "10000 entries"),
    ("slots that are lent for no time", {**SLOTS, "lease": 0}, "lease", "no time at all"),
    ("a cost below 0", {**PLAIN, "cost": -1}, "cost", "greater than or equal to 0"),
    ("a cost above all there is", {"limit": 5, "window": 1, "cost": 6}, "cost", "which is 5: no request would pass"),
    ("a cost above the burst", {"limit": 5, "window": 1, "burst": 2, "cost": 3}, "cost", "which is 2"),
    ("a cost to be awaited", {**PLAIN, "cost": later}, "cost", "not async def"),
    ("a cost that is not there", {**PLAIN, "cost": "no.module:here"}, "cost", "no"),
    ("bytes one by one", {**PLAIN, "unit": "content-bytes", "algorithm": "sliding_log"}, "unit", "one by one"),
    ("bytes and a cost", {"limit": 9, "window": 1, "unit": "content-bytes", "cost": 2}, "unit", "leave cost out"),
    ("another unit", {**PLAIN, "unit": "bytes"}, "unit", "content-bytes"),
    ("failed slots", {**SLOTS, "counts": "failed"}, "counts", "leave it out"),
    ("a condition to be awaited", {**PLAIN, "condition": later}, "condition", "not async def"),
    ("a key to be awaited", {**PLAIN, "key": later}, "key", "not async def"),
    ("an unknown key", {**PLAIN, "key": "ip"}, "key", "'ip' is no key: write address"),
    ("a field that is none", {**PLAIN, "key": "header:X API"}, "key", "is no key"),
    ("a field without a name", {**PLAIN, "key": "header:"}, "key", "is no key"),
    ("a function that is not there", {**PLAIN, "key": "shop.nowhere:key"}, "key", "shop"),
    ("a match that is no pattern", {**PLAIN, "match": "search"}, "match", "must start with"),
    ("an unknown mode", {**PLAIN, "mode": "dry-run"}, "mode", "observe"),
    ("a name with capitals", {**PLAIN, "name": "Search"}, "name", "small letters"),
    ("a name that ends its field", {**PLAIN, "name": 'a";r=9'}, "name", "is no name for a quota"),
    ("a name that ends its line", {**PLAIN, "name": "a\r\nx"}, "name", "is no name for a quota"),
    ("too long a name", {**PLAIN, "name": "a" * 65}, "name", "is no name for a quota"),
    ("a store that is none", {**PLAIN, "store": "mysql://x"}, "store", "redis"),
    ("a misspelt field", {"limit": 1, "windw": 1}, "windw", "nexpected"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "field", "right"), [row[1:] for row in QUOTAS], ids=[row[0] for row in QUOTAS]
)
def test_a_quota_refuses(settings: dict[str, Any], field: str, right: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s)for Quota\n(.*\n)?{re.escape(field)}\b.*{re.escape(right)}"):
        Quota(**settings)


LAYERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("no quota", {}, "default", "says no quota, and neither does quotas"),
    ("a text in place of a list", {"quotas": "5/minute"}, "quotas", "Sequence"),
    ("two of one name", {"quotas": [one(), one()]}, "quotas", "two quotas are called 'one'"),
    ("two texts that say the same", {"quotas": ["60/minute", "60 per minute"]}, "quotas", "called '60-per-minute'"),
    ("one of the name of a default", {"quotas": [one()], "default": [one()]}, "default", "two quotas are called 'one'"),
    ("a default with a match", {"default": [one(match="/x")]}, "default", "'one' has a match: a default is for"),
    ("an unknown key", {"quotas": [one()], "key": "ip"}, "key", "'ip' is no key"),
    ("two profiles of one field", {"quotas": [one()], "profiles": ["draft", "draft-07"]}, "profiles", "choose one"),
    ("a profile twice", {"quotas": [one()], "profiles": ["draft", "draft"]}, "profiles", "names a profile twice"),
    ("an unknown profile", {"quotas": [one()], "profiles": ["draft-08"]}, "profiles.0", "draft-07"),
    ("a share above all", {"quotas": [one()], "warn_at": 1.1}, "warn_at", "less than or equal to 1"),
    ("no network", {"quotas": [one()], "allow": ["10.0.0.0/33"]}, "allow", "or a key such as"),
    ("a name for a network", {"quotas": [one()], "block": ["shop.example"]}, "block", "write a network such as"),
    ("everybody", {"quotas": [one()], "block": ["*"]}, "block", "write a network such as"),
    ("a text for a list", {"quotas": [one()], "allow": "10.0.0.0/8"}, "allow", "Sequence"),
    ("a rate of messages that is none", {"quotas": [one()], "messages": "20/secnd"}, "messages", "is no rate"),
    ("a store that is none", {"quotas": [one()], "store": "mysql://x"}, "store", "redis"),
    ("no time for the store", {"quotas": [one()], "store_timeout": 0}, "store_timeout", "greater than 0"),
    ("what is done without the store", {"quotas": [one()], "store_away": "fail"}, "store_away", "closed"),
    ("a prefix with braces", {"quotas": [one()], "prefix": "{x}"}, "prefix", "pattern"),
    ("no partition", {"quotas": [one()], "partitions": 0}, "partitions", "greater than or equal to 1"),
    ("no key at all", {"quotas": [one()], "max_keys": 0}, "max_keys", "greater than or equal to 1"),
    ("a jitter that is none", {"quotas": [one()], "retry_jitter": -1}, "retry_jitter", "is no duration"),
    ("a misspelt field", {"qoutas": [one()]}, "qoutas", "nexpected"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "field", "right"), [row[1:] for row in LAYERS], ids=[row[0] for row in LAYERS]
)
def test_a_layer_refuses(settings: dict[str, Any], field: str, right: str) -> None:
    with pytest.raises(
        ValueError, match=rf"(?s)for RateLimit\n(.*\n)?{re.escape(field)}\b.*{re.escape(right)}"
    ):
        RateLimit(**settings)


ACCEPTED: dict[str, dict[str, Any]] = {
    "a text": {"quotas": ["10/second burst 20"]},
    "only a default": {"default": ["10/second"]},
    "a cost that fills the burst": {"quotas": [one(limit=5, burst=7, cost=7)]},
    "a cost above what leaks at once": {"quotas": [one(algorithm="leaky_bucket", cost=9)]},
    "the longest log": {"quotas": [one(algorithm="sliding_log", limit=10_000)]},
    "all of the older profiles": {"quotas": [one()], "profiles": ["draft-07", "draft-03", "x-ratelimit"]},
    "no profile": {"quotas": [one()], "profiles": []},
    "one name in two tiers": {"quotas": [one(name="a", tier="x"), one(name="b", tier="y")]},
}


@pytest.mark.parametrize("settings", ACCEPTED.values(), ids=ACCEPTED)
def test_a_layer_accepts(settings: dict[str, Any]) -> None:
    assert RateLimit(**settings).section() == "rate_limit"


# --- in files and variables ---


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a module ``shop_keys``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shop_keys.py").write_text(
        "def tenant(scope):\n    return 'shop'\n\ndef pages(scope):\n    return 3\n"
    )
    return tmp_path


FILE = """
[rate_limit]
key = "header:X-API-Key"
profiles = ["draft", "x-ratelimit"]
quotas = ["10/second burst 20", {name = "reports", limit = 5, algorithm = "concurrency", match = "POST /reports"}]

[[rate_limit.default]]
name = "pages"
limit = 100
window = "1h"
key = "shop_keys:tenant"
cost = "shop_keys:pages"
"""


def test_a_file_says_all_that_code_can(here: Path) -> None:
    (here / "asgi-patterns.toml").write_text(FILE)

    (layer,) = load().rate_limit

    assert layer.key == "header:X-API-Key"
    first, second = layer.quotas
    assert first == Quota(limit=10, window=1, burst=20)
    assert second == Quota(name="reports", limit=5, algorithm="concurrency", match="POST /reports")
    (default,) = layer.default
    assert isinstance(default, Quota)
    assert callable(default.key)
    assert default.key({}) == "shop"
    assert callable(default.cost)
    assert default.cost({}) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10/second burst 20,1000/hour", ["10-per-second", "1000-per-hour"]),
        ('["10/second"]', ["10-per-second"]),
        ('[{"name": "search", "limit": 5, "window": "1m"}, "10/second"]', ["search", "10-per-second"]),
    ],
)
def test_a_variable_says_quotas(
    text: str, expected: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASGI_PATTERNS_RATE_LIMIT__QUOTAS", text)

    (layer,) = load().rate_limit

    assert [each.label for each in layer.quotas if isinstance(each, Quota)] == expected


WRONG: list[tuple[str, str, str]] = [
    (
        "a text",
        '[rate_limit]\nquotas = ["5/hour", "5/minuet"]',
        f"rate_limit.quotas[1]: '5/minuet' is no rate; {RIGHT}",
    ),
    (
        "a key of a table",
        '[rate_limit]\nquotas = [{limit = 5, windw = "1m"}]',
        "rate_limit.quotas[0].windw: there is no such setting; did you mean window?",
    ),
    (
        "a table without its window",
        "[rate_limit]\nquotas = [{limit = 5}]",
        "rate_limit.quotas[0].window: is missing; say in which time the limit counts, such as 1m",
    ),
    (
        "an algorithm",
        '[rate_limit]\nquotas = [{limit = 5, window = 1, algorithm = "sliding"}]',
        "rate_limit.quotas[0].algorithm: is not possible, got 'sliding'; it should be 'token_bucket', ",
    ),
    ("nothing at all", "[rate_limit]", "rate_limit.default: says no quota, and neither does quotas"),
]


@pytest.mark.parametrize(("text", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_mistake_in_a_file_is_named_with_its_place(text: str, said: str, here: Path) -> None:
    (here / "asgi-patterns.toml").write_text(text)

    with pytest.raises(SettingsError) as caught:
        load()

    assert any(each.startswith(f"asgi-patterns.toml: {said}") for each in caught.value.complaints)


def test_credentials_of_a_store_are_in_no_error_and_no_repr(here: Path) -> None:
    settings = {"quotas": [{"limit": 5, "window": 1, "store": "redis://u:s3cr3t@h:99999"}]}

    with pytest.raises(SettingsError) as caught:
        load(rate_limit=settings)
    layer = RateLimit(
        quotas=[one(store="redis://u:s3cr3t@h")], store="redis://u:s3cr3t@h", partition_secret="s3cr3t"
    )

    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t" not in repr(layer)


# --- what is probably not meant ---

KNOWN = {"identify": "scope"}
NOBODY = one(name="b", tier="anonymous")
OTHER = one(name="b", match="/b")

DOUBTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("by address", {"quotas": [one()]}, []),
    ("by a claimed key alone", {"quotas": [one()], "key": "header:X-API-Key"}, ["counts one by a field"]),
    ("by a claimed key beside an address", {"quotas": [CLAIMED, "100/hour"]}, []),
    ("by a claimed key beside an address elsewhere", {"quotas": [CLAIMED, OTHER]}, ["counts one by a field"]),
    ("by a claimed key beside an address of the same paths", {"quotas": [replace(CLAIMED, match="/b"), OTHER]}, []),
    ("by user alone", {"quotas": [one()], "key": "user", **KNOWN}, ["counts only callers that are known"]),
    ("by user and for those that are none", {"quotas": [one(key="user"), NOBODY], **KNOWN}, []),
    ("none is enforced", {"quotas": [one(mode="observe")]}, ["refuses nothing"]),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "said"), [row[1:] for row in DOUBTS], ids=[row[0] for row in DOUBTS])
def test_it_doubts_what_counts(settings: dict[str, Any], said: list[str]) -> None:
    found = RateLimit(**settings).doubts(DEFAULT)

    assert len(found) == len(said), found
    assert all(clause.startswith(begin) for clause, begin in zip(found, said, strict=True))


def test_a_name_is_made_of_the_limit() -> None:
    layer = RateLimit(quotas=["10/second", "5 per 2 hours", Quota(limit=3, algorithm="concurrency")])

    assert [gauge.name for gauge in layer._gauges] == ["10-per-second", "5-per-7200s", "3-at-once"]
    assert all(isinstance(gauge, Gauge) for gauge in layer._gauges)
