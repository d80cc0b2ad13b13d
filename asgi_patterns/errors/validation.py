"""What is wrong with a request: one problem, and in its ``errors`` an item for each place (RFC 9457 3).

An item says what is wrong (``detail``), how the validator calls it (``type``, where it says so), and where: in
the body with a ``pointer`` (``#/items/3/price``), elsewhere with ``parameter`` and ``in``. It never holds what the
client sent, apart from names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from asgi_patterns.kernel.problems import Problem, ProblemType, built_in

INVALID: Final = built_in(
    ProblemType(
        "invalid-request",
        "The request is not valid",
        422,
        "Values of the request are missing or not as they have to be.\n\n"
        "Each item of errors says what is wrong (detail) and where: in the body (pointer, a JSON Pointer), "
        "or in a parameter (parameter, and in: query, path, header or cookie).",
    )
)
"""Answered with 422, or with the status that the framework has for it."""

Item = dict[str, str]

PARAMETERS: Final = ("query", "path", "header", "cookie")
MAX_ITEMS: Final = 100
"""Items that a problem lists. ``detail`` always tells how many there are."""
MAX_TEXT: Final = 1000
"""Characters of a message; and of a pointer, which is left out where it is longer: a part of it is another place."""

# RFC 3986 3.5: what may stand in a fragment as it is, less what a JSON Pointer escapes itself.
_FRAGMENT = "!$&'()*+,;=:@?-._~"
_NOWHERE: Final = object()
# The one message of pydantic that repeats what was sent, up to these words.
_TAG_TYPE, _TAG_TEXT = "union_tag_invalid", " does not match any of the expected tags"


def pointer(steps: Iterable[str | int]) -> str:
    """Return the JSON Pointer through ``steps`` as a URI fragment (RFC 6901 6)."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "#" + "".join("/" + quote(step, safe=_FRAGMENT, errors="replace") for step in escaped)


def item(detail: str, *, type: str | None = None, place: Mapping[str, str]) -> Item:
    """Return an item of ``errors``, its texts bounded."""
    said = detail if len(detail) <= MAX_TEXT else detail[: MAX_TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"
    where = {name: text for name, text in place.items() if len(text) <= MAX_TEXT}
    return {"detail": said, **({} if type is None else {"type": type}), **where}


def in_body(steps: Sequence[str | int], body: object = _NOWHERE, *, missing: bool = False) -> Item:
    """Return the place of a value in the body; ``missing``: the last step is what is not there.

    With ``body``, steps that do not exist in it are left out.
    """
    if body is not _NOWHERE:
        last = steps[-1:] if missing else ()
        steps = [*_existing(steps[: len(steps) - len(last)], body), *last]
    return {"pointer": pointer(steps)}


def in_parameter(kind: str, name: str) -> Item:
    """Return the place of a parameter; ``kind`` is one of ``PARAMETERS``."""
    return {"parameter": name, "in": kind}


def from_pydantic(error: Mapping[str, Any], body: object = _NOWHERE) -> Item:
    """Return the item for one of pydantic's errors whose ``loc`` begins with the part of the request.

    ``input``, ``ctx`` and ``url`` are left behind. ``body`` is what was validated, where that is known. An error
    that somebody made by hand may lack anything.
    """
    kind, message = error.get("type"), str(error.get("msg", "Not valid"))
    if kind == _TAG_TYPE:
        message = f"Input tag{_TAG_TEXT}{message.rpartition(_TAG_TEXT)[2]}"
    place = _place(kind, error.get("loc", ()), body)
    return item(message, type=kind if isinstance(kind, str) else None, place=place)


def _place(kind: object, loc: Any, body: object) -> Item:
    match loc:
        case ["body", *_] if kind == "json_invalid":
            return {"pointer": "#"}  # the step behind it is a position in text that is no JSON
        case ["body", *steps]:
            return in_body(steps, body, missing=kind == "missing")
        case [str(part), str(name), *_] if part in PARAMETERS:
            return in_parameter(part, name)
        case _:
            return {}


def _existing(steps: Sequence[str | int], body: object) -> list[str | int]:
    """Leave out what is no step: pydantic also names each member of a union that it tried."""
    taken: list[str | int] = []
    for step in steps:
        match body:
            case Mapping() if str(step) in body:  # the keys of JSON are texts
                body = body[str(step)]
            case list() if isinstance(step, int) and 0 <= step < len(body):
                body = body[step]
            case _:
                continue
        taken.append(step)
    return taken


def invalid(status: int, errors: Sequence[Any], read: Callable[[Any], Item]) -> Problem:
    """Return the problem that lists the first of ``errors``, each as ``read`` puts it."""
    count = len(errors)
    detail = "The request has 1 invalid value." if count == 1 else f"The request has {count} invalid values."
    if count > MAX_ITEMS:
        detail += f" The first {MAX_ITEMS} are listed."
    items = [read(each) for each in errors[:MAX_ITEMS]]
    return Problem(status, detail, type=INVALID.type, title=INVALID.title, errors=items)
