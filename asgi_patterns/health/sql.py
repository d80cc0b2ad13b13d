"""The check for a database: SELECT 1, over whatever connection a user's callable gives.

Drivers agree on little: some connections are awaited, some are entered, some only closed; a statement goes to
``exec_driver_sql`` (SQLAlchemy), ``execute`` (sqlite3, psycopg, asyncpg) or to a cursor (all others).
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from asgi_patterns.health.core import Finding
from asgi_patterns.health.dependencies import close, discreet

STATEMENT = "SELECT 1"

# A pool that is entered or closed is a pool that the app has lost.
_OF_POOLS = ("acquire", "getconn")
_OF_CONNECTIONS = ("exec_driver_sql", "execute", "cursor")


def sql_check(connect: Callable[[], object]) -> Callable[[], object]:
    """Return a check that the connection which ``connect`` gives answers SELECT 1; it is closed again.

    ``connect`` is sync or async. Its connection may come in a context manager, as pools give theirs. It may also
    have asked the database itself: then what it returns is the answer, and only ``False`` is down.
    """

    def ask() -> object:
        try:
            opened = connect()
            later = hasattr(opened, "__aenter__") or inspect.isawaitable(opened)
            return discreet(partial(_ask_async, opened))() if later else _ask(opened)
        except Exception as exc:
            return Finding(False, type(exc).__name__)

    return ask


def _ask(opened: Any) -> Finding:
    if _can(opened, _OF_POOLS):
        return _refused(opened)
    # Closed rather than entered: to sqlite3 and some others, leaving is the end of a transaction only.
    if _can(opened, _OF_CONNECTIONS) and hasattr(opened, "close"):
        with closing(opened):
            _select(opened)
    elif hasattr(opened, "__enter__"):
        with opened as connection:
            _select(connection)
    else:
        return _read(opened)
    return Finding(True)


async def _ask_async(opened: Any) -> Finding:
    if not hasattr(opened, "__aenter__"):
        opened = await opened
    if _can(opened, _OF_POOLS):
        return _refused(opened)
    if hasattr(opened, "__aenter__"):
        async with opened as connection:
            await _select_async(connection)
    elif _can(opened, _OF_CONNECTIONS) and hasattr(opened, "close"):
        try:
            await _select_async(opened)
        finally:
            await close(partial(_settle, opened.close))
    else:
        return _read(opened)
    return Finding(True)


def _select(connection: Any) -> None:
    execute = _execute(connection)
    if execute is not None:
        execute(STATEMENT)
        return
    with closing(connection.cursor()) as cursor:
        cursor.execute(STATEMENT)
        cursor.fetchone()  # some drivers do not close a cursor that has a row left


async def _select_async(connection: Any) -> None:
    execute = _execute(connection)
    if execute is not None:
        await _settle(execute, STATEMENT)
        return
    cursor = await _settle(connection.cursor)
    try:
        await _settle(cursor.execute, STATEMENT)
        await _settle(cursor.fetchone)
    finally:
        await close(partial(_settle, cursor.close))


def _execute(connection: Any) -> Callable[[str], Any] | None:
    # SQLAlchemy's ``execute`` takes no plain text, so its own name for that goes first.
    found: Callable[[str], Any] | None = getattr(connection, "exec_driver_sql", None)
    return found or getattr(connection, "execute", None)


async def _settle(function: Callable[..., Any], *arguments: object) -> Any:
    """Return what ``function`` returns, now or when it is awaited."""
    value = function(*arguments)
    return await value if inspect.isawaitable(value) else value


def _can(found: object, names: tuple[str, ...]) -> bool:
    return any(hasattr(found, name) for name in names)


def _read(answer: object) -> Finding:
    """Return what an answer means that the user's own statement got."""
    if answer is None or isinstance(answer, int | float | str | tuple | list | Mapping):
        return Finding(answer is not False)
    return _refused(answer)


def _refused(found: object) -> Finding:
    return Finding(
        False, f"returned {type(found).__name__}: give a connection, or ask the database and return nothing"
    )
