"""The JSON forms in which frameworks answer errors: each read exactly, or not at all.

FastAPI: ``{"detail": "..."}`` and ``{"detail": [{"type", "loc", "msg", ...}]}``. Litestar: ``{"status_code",
"detail"}``, with ``extra`` where there is more. A body that is anything else is somebody's own form, and stays.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from asgi_patterns.errors.core import from_words
from asgi_patterns.errors.validation import (
    PARAMETERS,
    Item,
    from_pydantic,
    in_body,
    in_parameter,
    invalid,
    item,
)
from asgi_patterns.kernel.problems import Problem

_PYDANTIC = {"type", "loc", "msg"}
_PARTS = ("body", *PARAMETERS)
# What msgspec says of a place: names and indices, and [...] for a key or an index that it does not tell.
_PATH = re.compile(r"(?:\.?[^.\[\]]+|\[(?:\d+|\.\.\.)\])+")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")
# What msgspec quotes here is what the client sent.
_QUOTING = re.compile(r"(Invalid (?:enum )?value) .*", re.DOTALL)
_MISSING = re.compile(
    r"Missing required (query|path|header|cookie) parameter '([^']+)' for path .*", re.DOTALL
)


def from_json(status: int, body: bytes) -> Problem | None:
    """Return the problem that says what ``body`` said; ``None`` where it has no form that we know."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    if members.keys() == {"detail"}:
        return _fastapi(status, members["detail"])
    if members.keys() in ({"status_code", "detail"}, {"status_code", "detail", "extra"}):
        return _litestar(status, **members)
    return None


def _fastapi(status: int, detail: object) -> Problem | None:
    if isinstance(detail, str):
        return from_words(status, detail)
    if isinstance(detail, list) and detail and all(map(_is_pydantic, detail)):
        return invalid(status, detail, from_pydantic)
    return None


def _is_pydantic(error: object) -> bool:
    if not isinstance(error, dict) or not _PYDANTIC <= error.keys() <= _PYDANTIC | {"input", "ctx", "url"}:
        return False
    loc = error["loc"]
    return (
        isinstance(error["type"], str)
        and isinstance(error["msg"], str)
        and isinstance(loc, list)
        and loc[:1] in [[part] for part in _PARTS]
        and all(type(step) in (str, int) for step in loc)
    )


def _litestar(status: int, status_code: object, detail: object, extra: Any = None) -> Problem | None:
    if status_code != status or not isinstance(detail, str):
        return None
    return litestar_problem(status, detail, extra)


def litestar_problem(
    status: int, detail: str, extra: Any = None, headers: Mapping[str, str] | None = None
) -> Problem | None:
    """Return the problem for what a Litestar exception holds; ``None`` where ``status`` is no error.

    Of a failed validation the detail is not kept: it repeats the URL, query string included.
    """
    missing = _MISSING.fullmatch(detail)
    if missing is not None and not extra:
        return invalid(status, [missing], _missing_item)
    if isinstance(extra, list) and extra and all(map(is_litestar_error, extra)):
        return invalid(status, extra, litestar_item)
    return from_words(status, detail, extra=extra, headers=headers)


def _missing_item(match: re.Match[str]) -> Item:
    return item("Required", place=in_parameter(match[1], match[2]))


def is_litestar_error(error: object) -> bool:
    """Whether this is one of the messages that Litestar makes of a failed validation."""
    return (
        isinstance(error, dict)
        and {"message"} <= error.keys() <= {"message", "key", "source"}
        and all(isinstance(text, str) for text in error.values())
    )


def litestar_item(error: Mapping[str, str]) -> Item:
    """Return the item for one of Litestar's messages.

    Without a ``source`` it may be about anything, so ``key`` stays as it is.
    """
    key, source = error.get("key", ""), error.get("source")
    place: Item = {"key": key} if key else {}
    if source == "body" and (steps := _steps(key)) is not None:
        place = in_body(steps)
    elif source in PARAMETERS and key:
        place = in_parameter(source, key)
    return item(_QUOTING.sub(r"\1", error["message"]), place=place)


def _steps(key: str) -> list[str | int] | None:
    """Read ``items[0].price``. What is below a ``[...]`` is not known, so the place is the one above it."""
    if key == "data":  # the body as a whole, by the name of the argument that takes it
        return []
    if not _PATH.fullmatch(key):
        return None
    steps: list[str | int] = []
    for match in _STEP.finditer(key):
        if match[2] == "...":
            break
        steps.append(match[1] if match[2] is None else int(match[2]))
    return steps
