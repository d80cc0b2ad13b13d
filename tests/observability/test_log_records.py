"""A record that is made in haste is the one that logging would have made."""

import logging
import os
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import anyio
import pytest

from asgi_patterns.observability.log_records import Records

LOGGER = logging.getLogger("tests.log_records")
MOVING = ("created", "msecs", "relativeCreated")


def pair(records: Records, level: int = logging.INFO) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a record of ours that is not the first, and one of logging's, made right after it."""
    records.make(level)
    ours = records.make(level)
    theirs = LOGGER.makeRecord(LOGGER.name, level, "(asgi_patterns)", 0, None, (), None, "known")
    return vars(ours), vars(theirs)


def check(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert {name: value for name, value in ours.items() if name not in MOVING} == {
        "other": None,
        **{name: value for name, value in theirs.items() if name not in MOVING},
    }
    for name, most in (("created", 5), ("relativeCreated", 5000)):
        assert 0 <= theirs[name] - ours[name] < most
    assert ours["msecs"] == int((ours["created"] - int(ours["created"])) * 1000)


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_it_has_all_that_logging_puts_there(level: int) -> None:
    check(*pair(Records(LOGGER, "known", {"other": None}), level))


def test_in_another_thread_it_names_that() -> None:
    records = Records(LOGGER, "known", {"other": None})
    records.make(logging.INFO)
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []

    for name in ("one", "two"):
        thread = Thread(target=lambda: found.append(pair(records)), name=name)
        thread.start()
        thread.join()

    for ours, theirs in found:
        check(ours, theirs)
    assert [ours["threadName"] for ours, _ in found] == ["one", "two"]


def test_in_a_task_it_names_that() -> None:
    async def within() -> None:
        check(*pair(Records(LOGGER, "known", {"other": None})))

    anyio.run(within)


def test_in_a_child_it_names_the_child() -> None:
    records = Records(LOGGER, "known", {"other": None})
    records.make(logging.INFO)
    reads, writes = os.pipe()

    child = os.fork()
    if not child:
        os.write(writes, str(records.make(logging.INFO).process).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reads, 20) == str(child).encode()
    os.close(reads)
    os.close(writes)


def test_it_is_a_record_of_its_own() -> None:
    records = Records(LOGGER, "known", {"other": None})
    first, second = records.make(logging.INFO), records.make(logging.INFO)

    first.msg, first.added = "one", True  # as filters do

    assert second.msg is None
    assert not hasattr(second, "added")
    assert not hasattr(records.make(logging.INFO), "added")


@pytest.fixture
def factory() -> Iterator[Callable[[Any], None]]:
    before = logging.getLogRecordFactory()
    yield logging.setLogRecordFactory
    logging.setLogRecordFactory(before)


def test_who_sets_what_makes_records_is_asked_for_each(factory: Callable[[Any], None]) -> None:
    records = Records(LOGGER, "known", {"other": None})
    records.make(logging.INFO)
    made = iter(range(10))

    def numbered(*args: Any, **others: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **others)
        record.number = next(made)
        return record

    factory(numbered)

    assert [vars(records.make(logging.INFO))["number"] for _ in range(3)] == [0, 1, 2]


def test_however_many_threads_log_it_remembers_few() -> None:
    records = Records(LOGGER, "known", {"other": None})
    for at in range(200):
        thread = Thread(target=records.make, args=(logging.INFO,), name=f"thread {at}")
        thread.start()
        thread.join()

    assert len(records._known) <= 64
