"""The check of a database: against sqlite3, and against every form of connection that drivers give."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from asgi_patterns.health import Check, Health
from asgi_patterns.testing import Client, hello
from tests.health.gates import SOON

pytestmark = pytest.mark.anyio

SECRET = "pa55word"
BEARER = {"authorization": "Bearer s3cret"}


async def found(sql: Callable[[], object], **fields: Any) -> tuple[str, object]:
    check = Check(sql=sql, **fields)
    client = Client(Health(checks=[check], details_token="s3cret")(hello), headers=BEARER)
    (line,) = (await client.get("/health")).json()["checks"].values()
    return line["status"], line.get("details")


async def test_sqlite_is_up_and_closed(tmp_path: Path) -> None:
    opened: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        # The check has a thread of its own, the look at its connection afterwards does not.
        opened.append(sqlite3.connect(tmp_path / "shop.db", check_same_thread=False))
        return opened[0]

    status = await found(connect)

    assert status == ("UP", None)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


async def test_a_database_that_is_not_there_is_down_and_its_address_is_not_shown(tmp_path: Path) -> None:
    status = await found(lambda: sqlite3.connect(tmp_path / SECRET / "shop.db"))

    assert status == ("DOWN", "OperationalError")


class Log:
    """A connection, or a cursor, that says what was done with it."""

    def __init__(self, log: list[str], name: str = "") -> None:
        self.log = log
        self.name = name

    def said(self, word: str) -> None:
        self.log.append(f"{self.name}{word}")


class Closing(Log):
    def close(self) -> None:
        self.said("close")


class Executing(Closing):
    def execute(self, statement: str) -> None:
        self.said(statement)


class Driver(Executing):
    """As SQLAlchemy's: ``execute`` takes no plain text."""

    def exec_driver_sql(self, statement: str) -> None:
        self.said(f"driver {statement}")

    def execute(self, statement: str) -> None:
        raise TypeError("no text")


class Cursor(Executing):
    def fetchone(self) -> tuple[int]:
        self.said("fetch")
        return (1,)


class OnlyCursors(Closing):
    """As the database interface of PEP 249 has it, and Django."""

    def cursor(self) -> Cursor:
        return Cursor(self.log, "cursor ")


class Transaction(Executing):
    """As sqlite3's and psycopg2's: leaving it commits, and closes nothing."""

    def __enter__(self) -> "Transaction":
        self.said("enter")
        return self

    def __exit__(self, *_: object) -> None:
        self.said("exit")


class Settled:
    """What can be awaited, and is no coroutine."""

    def __init__(self, value: object = None) -> None:
        self.value = value

    def __await__(self) -> Generator[None, None, object]:
        yield from ()
        return self.value


class AsyncExecuting(Log):
    """As asyncpg's connection: nothing to enter."""

    async def execute(self, statement: str) -> str:
        self.said(statement)
        return "SELECT 1"

    async def close(self) -> None:
        self.said("close")


class AsyncEntered(AsyncExecuting):
    """As SQLAlchemy's and psycopg's: leaving it closes it."""

    async def __aenter__(self) -> "AsyncEntered":
        self.said("enter")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.said("exit")


class AsyncCursor(Log):
    async def execute(self, statement: str) -> None:
        self.said(statement)

    async def fetchone(self) -> tuple[int]:
        self.said("fetch")
        return (1,)

    async def close(self) -> None:
        self.said("close")


class AsyncOnlyCursors(Log):
    """As aiomysql's: the cursor is awaited, closing is not."""

    def cursor(self) -> Settled:
        return Settled(AsyncCursor(self.log, "cursor "))

    def close(self) -> None:
        self.said("close")


@contextmanager
def pooled(log: list[str]) -> Iterator[Log]:
    log.append("borrow")
    yield Executing(log)
    log.append("return")


@asynccontextmanager
async def async_pooled(log: list[str]) -> AsyncIterator[Log]:
    log.append("borrow")
    yield AsyncExecuting(log)
    log.append("return")


async def coroutine(log: list[str]) -> object:
    return AsyncExecuting(log)


async def entered_later(log: list[str]) -> object:
    return AsyncEntered(log)


async def sync_later(log: list[str]) -> object:
    return Executing(log)


ENTERED = ["enter", "SELECT 1", "exit"]
CURSOR = ["cursor SELECT 1", "cursor fetch", "cursor close", "close"]

OPENED: list[tuple[str, Callable[[list[str]], object], list[str]]] = [
    ("a connection that executes", Executing, ["SELECT 1", "close"]),
    ("one that takes no plain text", Driver, ["driver SELECT 1", "close"]),
    ("one that has cursors only", OnlyCursors, CURSOR),
    ("one that is a transaction when it is entered", Transaction, ["SELECT 1", "close"]),
    ("one from a pool", pooled, ["borrow", "SELECT 1", "return"]),
    ("one from an async pool", async_pooled, ["borrow", "SELECT 1", "return"]),
    ("an async one that is entered", AsyncEntered, ENTERED),
    ("an async one that is awaited", coroutine, ["SELECT 1", "close"]),
    ("one that is awaited, then entered", entered_later, ENTERED),
    ("one that is awaited, and has cursors only", lambda log: Settled(AsyncOnlyCursors(log)), CURSOR),
    ("a sync one from an async function", sync_later, ["SELECT 1", "close"]),
]


@pytest.mark.parametrize(("connect", "done"), [row[1:] for row in OPENED], ids=[row[0] for row in OPENED])
async def test_a_connection_is_asked_and_let_go(
    connect: Callable[[list[str]], object], done: list[str]
) -> None:
    log: list[str] = []

    status = await found(lambda: connect(log))

    assert status == ("UP", None)
    assert log == done


class Broken(Closing):
    def execute(self, statement: str) -> None:
        raise ConnectionError(f"{SECRET}@db")


class AsyncBroken(AsyncExecuting):
    async def execute(self, statement: str) -> str:
        raise ConnectionError(f"{SECRET}@db")


class BrokenCursors(OnlyCursors):
    def cursor(self) -> Any:
        return Broken(self.log, "cursor ")


BROKEN: list[tuple[str, Callable[[list[str]], object], list[str]]] = [
    ("a connection", Broken, ["close"]),
    ("a cursor", BrokenCursors, ["cursor close", "close"]),
    ("an async connection", lambda log: Settled(AsyncBroken(log)), ["close"]),
]


@pytest.mark.parametrize(("connect", "done"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_what_breaks_is_down_let_go_and_not_quoted(
    connect: Callable[[list[str]], object], done: list[str]
) -> None:
    log: list[str] = []

    status = await found(lambda: connect(log))

    assert status == ("DOWN", "ConnectionError")
    assert log == done


class Pool(Transaction):
    """As psycopg's: leaving it closes the pool that the app lives on."""

    def getconn(self) -> Executing:
        return Executing(self.log)


class AsyncPool(AsyncEntered):
    """As asyncpg's, which executes and can be awaited too."""

    def acquire(self) -> object:
        return async_pooled(self.log)


@pytest.mark.parametrize("pool", [Pool, AsyncPool])
async def test_a_pool_is_refused_and_left_open(pool: type[Log]) -> None:
    log: list[str] = []

    status, said = await found(lambda: pool(log))

    assert (status, log) == ("DOWN", [])
    assert said == f"returned {pool.__name__}: give a connection, or ask the database and return nothing"


def fails() -> object:
    raise ConnectionError(f"{SECRET}@db")


async def fails_later() -> object:
    raise ConnectionError(f"{SECRET}@db")


ANSWERED: list[tuple[str, Callable[[], object], str, object]] = [
    ("nothing", lambda: None, "UP", None),
    ("a value", lambda: 1, "UP", None),
    ("an empty value", lambda: 0, "UP", None),
    ("a row", lambda: (1,), "UP", None),
    ("no rows", list, "UP", None),
    ("a value, later", lambda: Settled(1), "UP", None),
    ("a text, which is not shown", lambda: SECRET, "UP", None),
    ("true", lambda: True, "UP", None),
    ("false", lambda: False, "DOWN", None),
    ("false, later", lambda: Settled(False), "DOWN", None),
    (
        "an object",
        object,
        "DOWN",
        "returned object: give a connection, or ask the database and return nothing",
    ),
    ("an error", fails, "DOWN", "ConnectionError"),
    ("an error, later", fails_later, "DOWN", "ConnectionError"),
]


@pytest.mark.parametrize(
    ("ask", "status", "details"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED]
)
async def test_what_a_statement_of_ones_own_answers(
    ask: Callable[[], object], status: str, details: object
) -> None:
    assert await found(ask) == (status, details)


async def test_a_statement_that_hangs_is_given_up_at_the_limit_and_let_go() -> None:
    log: list[str] = []

    class Hanging(AsyncExecuting):
        async def execute(self, statement: str) -> str:
            await anyio.sleep_forever()
            raise AssertionError(statement)

    status, said = await found(lambda: Settled(Hanging(log)), limit=SOON)

    assert (status, said) == ("DOWN", f"timed out after {SOON:g} s")
    assert log == ["close"]


async def test_in_the_form_of_the_draft_it_is_a_datastore() -> None:
    app = Health(checks=[Check(sql=lambda: sqlite3.connect(":memory:"))])(hello)

    answer = await Client(app).get("/health", headers={"accept": "application/health+json"})

    (line,) = answer.json()["checks"]["sql:responseTime"]
    assert (line["status"], line["componentType"]) == ("pass", "datastore")
