"""What a process counts for itself: nothing is lost, whoever counts and whenever somebody looks."""

import math
from collections.abc import Callable, Sequence
from threading import Barrier, Thread

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily

from asgi_patterns.observability.metrics_instruments import ACTIVE, DURATION, STREAM_SENT, Instrument
from asgi_patterns.observability.metrics_series import Apart, Rows
from asgi_patterns.observability.metrics_tallies import (
    AT_ONCE,
    Balance,
    Columns,
    Level,
    Row,
    Tallies,
    Tally,
    Together,
)

BOUNDS = (0.1, 1.0, 10.0)
LABELS = ("GET", "/items/{id}", "200", "ok")
VALUES = [0.0, 0.1, 0.10001, 1.0, 5.0, 10.0, 10.1, 1e9]
INSTRUMENT = Instrument(
    name=DURATION.name,
    dotted=DURATION.dotted,
    kind="histogram",
    help="h",
    labels=DURATION.labels,
    buckets=BOUNDS,
)


def shown(tallies: Tallies) -> dict[str, float]:
    (family,) = tallies.collect()
    return {each.name + each.labels.get("le", ""): each.value for each in family.samples}


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE + 5])
def test_values_are_counted_as_prometheus_counts_them(count: int) -> None:
    tallies = Tallies(INSTRUMENT)
    tally = tallies.labels(*LABELS)
    assert isinstance(tally, Tally)
    registry = CollectorRegistry()
    theirs = Histogram(INSTRUMENT.name, "h", INSTRUMENT.labels, registry=registry, buckets=BOUNDS).labels(
        *LABELS
    )

    for at in range(count):
        tally.observe(VALUES[at % len(VALUES)])
        theirs.observe(VALUES[at % len(VALUES)])

    (family,) = registry.collect()
    expected = {
        each.name + each.labels.get("le", ""): each.value
        for each in family.samples
        if not each.name.endswith("_created")
    }
    found = shown(tallies)
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[name], expected[name]) for name in expected)


def test_who_looks_twice_sees_each_value_once() -> None:
    tallies = Tallies(INSTRUMENT)
    tally = tallies.labels(*LABELS)
    assert isinstance(tally, Tally)
    tally.observe(0.5)

    first, second = shown(tallies), shown(tallies)

    assert first == second
    assert first["http_server_request_duration_seconds_count"] == 1


def test_nothing_is_lost_between_threads() -> None:
    tallies, levels = Tallies(INSTRUMENT), Tallies(ACTIVE)
    tally, level = tallies.labels(*LABELS), levels.labels("GET")
    assert isinstance(tally, Tally)
    assert isinstance(level, Balance)
    threads, each = 8, 5_000
    ready = Barrier(threads + 1)

    def count() -> None:
        ready.wait()
        for _ in range(each):
            level.up()
            tally.observe(0.5)
            level.down()
            level.up()

    running = [Thread(target=count) for _ in range(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    while any(thread.is_alive() for thread in running):
        shown(tallies)
        shown(levels)
    for thread in running:
        thread.join()

    assert shown(tallies)["http_server_request_duration_seconds_count"] == threads * each
    assert shown(levels) == {"http_server_active_requests": threads * each}


@pytest.mark.parametrize("count", [0, 1, AT_ONCE, 2 * AT_ONCE + 3])
def test_what_adds_to_several_adds_to_each(count: int) -> None:
    kinds = [
        Instrument(name=f"{name}_total", dotted=name, kind="counter", help="h", labels=("coding",))
        for name in ("answers", "plain", "coded")
    ]
    tallies = [Tallies(kind) for kind in kinds]
    levels = [each.labels("zstd") for each in tallies]
    together = Together([level for level in levels if isinstance(level, Level)])

    for at in range(count):
        add(together, (1.0, 10.0, None if at % 2 else 2.0))

    for _ in range(2):  # to look changes nothing
        found = [shown(each) for each in tallies]
        assert found == [
            {"answers_total": count},
            {"plain_total": 10 * count},
            {"coded_total": 2 * ((count + 1) // 2)},
        ]


def add(rows: Rows, row: Row) -> None:
    """Do what is done for each request and each event."""
    rows.kept.append(row)
    if len(rows.kept) >= rows.at_once:
        rows.count()


def while_looking(tallies: Sequence[Tallies], work: Callable[[], None]) -> None:
    """Work in four threads, and look at what there is all the time."""
    running = [Thread(target=work) for _ in range(4)]
    for thread in running:
        thread.start()
    while any(thread.is_alive() for thread in running):
        for each in tallies:
            shown(each)
    for thread in running:
        thread.join()


def test_nothing_that_is_added_to_several_is_lost_between_threads() -> None:
    tallies = [Tallies(STREAM_SENT), Tallies(STREAM_SENT)]
    levels = [each.labels(*LABELS) for each in tallies]
    together = Together([level for level in levels if isinstance(level, Level)])

    def work() -> None:
        for _ in range(5_000):
            add(together, (1.0, 2.0))

    while_looking(tallies, work)

    assert [shown(each)[STREAM_SENT.name] for each in tallies] == [20_000, 40_000]


def test_a_row_has_a_value_for_each_histogram() -> None:
    tallies = [Tallies(INSTRUMENT), Tallies(INSTRUMENT)]
    rows = Columns(tallies, LABELS)

    rows.kept.append((0.5, None))
    few = [shown(each) for each in tallies]
    rows.kept.append((5.0, 0.5))
    for _ in range(2):  # to look changes nothing
        found = [shown(each) for each in tallies]

    count = "http_server_request_duration_seconds_count"
    assert [each.get(count) for each in few] == [1, None]  # no lines of zeros where there is no value
    assert [each[count] for each in found] == [2, 1]


def test_no_row_is_lost_between_threads() -> None:
    tallies = [Tallies(INSTRUMENT), Tallies(INSTRUMENT)]
    rows = Columns(tallies, LABELS)

    def work() -> None:
        for at in range(5_000):
            add(rows, (0.5, None if at % 2 else 1.0))

    while_looking(tallies, work)

    count = "http_server_request_duration_seconds_count"
    assert [shown(each)[count] for each in tallies] == [20_000, 10_000]


def test_rows_that_are_handed_on_one_by_one_are_not_lost_between_threads_either() -> None:
    level = Level()
    rows = Apart([level.inc])

    def work() -> None:
        for _ in range(5_000):
            add(rows, (1.0,))

    while_looking([], work)

    family = CounterMetricFamily("answers", "h")
    level.add_to(family, ())
    assert [sample.value for sample in family.samples] == [20_000]
    assert rows.kept == []


def test_an_exemplar_stands_until_its_second_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("asgi_patterns.observability.metrics_tallies.time.monotonic", lambda: now)
    tally = Tally(BOUNDS)
    assert tally.is_due(0.5)

    tally.show(0.5, {"trace_id": "1"})

    assert not tally.is_due(0.6)
    assert tally.is_due(5.0)  # of another bucket
    now += 1.0
    assert tally.is_due(0.6)
