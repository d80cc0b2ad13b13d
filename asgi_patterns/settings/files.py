"""Settings in TOML files: our own, and the project's."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from asgi_patterns.settings.schema import Key, dotted
from asgi_patterns.settings.source import PREFIX, Source

CONFIG: Final = f"{PREFIX}CONFIG"
"""The variable that names another file, or another directory to look in."""
OWN: Final = "asgi-patterns.toml"
PROJECT: Final = "pyproject.toml"
TABLE: Final = ("tool", "asgi_patterns")
"""Where our settings stand in the project's file."""

LIMIT: Final = 1024 * 1024
"""Bytes that a file may have; far more than anybody writes by hand."""

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def usual_files() -> Iterator[Source]:
    """Yield the project's file and our own, from the working directory or from where the variable points."""
    given = os.environ.get(CONFIG, "")
    if not given or Path(given).is_dir():
        yield from (read_file(str(Path(given, name))) for name in (PROJECT, OWN))
    else:
        if Path(given).name != PROJECT:
            yield read_file(PROJECT)
        yield read_file(given, named_by=CONFIG)


def read_file(name: str, *, named_by: str = "") -> Source:
    """Return what the file ``name`` says. ``named_by`` is who asked for it: then it has to be there."""
    table = TABLE if Path(name).name == PROJECT else ()
    try:
        return _within(name, tomllib.loads(read_text(Path(name))), table)
    except (FileNotFoundError, NotADirectoryError):
        if not named_by:
            return Source(name=name, note="not there")
        return _refused(
            name, f"{named_by}: there is no such file, got {name!r}; name a TOML file that exists"
        )
    except OSError as exc:
        return _refused(name, f"{name}: cannot be read: {exc.strerror}")
    except ValueError as exc:
        return _refused(name, f"{name}: {say(exc)}")


def read_text(path: Path) -> str:
    """Return the text of a file, at most ``LIMIT`` bytes. Raises ``OSError``, and ``ValueError`` for ``say``."""
    with path.open("rb") as stream:
        content = stream.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise ValueError(f"is larger than {LIMIT} bytes; settings never are")
    return content.decode()


def say(exc: ValueError) -> str:
    """Return what is wrong with a file, without repeating what stands in it."""
    if isinstance(exc, UnicodeDecodeError):
        return "is no UTF-8 text; save it as UTF-8"
    place = _PLACE.search(str(exc))
    if not isinstance(exc, tomllib.TOMLDecodeError) or place is None:
        return str(exc)
    where = f"line {place[1]}, column {place[2]}" if place[1] else "the end"
    return f"{where}: is no TOML: {str(exc)[: place.start()]}"


def _refused(name: str, complaint: str) -> Source:
    return Source(name=name, note="cannot be read", complaints=(complaint,))


def _within(name: str, tree: Any, table: Key) -> Source:
    if table and "asgi-patterns" in tree.get("tool", ()):
        return _refused(name, f"{name}: tool.asgi-patterns: has no meaning; write [{dotted(table)}]")
    for part in table:
        tree = tree.get(part, {}) if isinstance(tree, dict) else tree
    if not isinstance(tree, dict):
        return _refused(name, f"{name}: {dotted(table)}: is no table; write [{dotted(table)}]")
    note = "" if tree else f"no [{dotted(table)}]" if table else "empty"
    return Source(name=name, tree=tree, table=table, note=note)
