"""A result as JSON, which is what ``--json`` writes and ``--against`` reads.

``written``: its text; ``read``: the result of a text, which may have been written by an other version, or by hand.
"""

import json
from functools import lru_cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from asgi_patterns.benching.results import Result

VERSION: Final = 1
"""Of the form of the file. It changes when one that was written before cannot be read any more."""


@lru_cache(maxsize=1)
def _form() -> TypeAdapter[Result]:
    """Made when it is needed: most commands never do."""
    return TypeAdapter(Result)


class WrongFile(ValueError):
    """A file that is no result of ours; one sentence."""


def written(result: Result) -> str:
    """Return the text of a file."""
    found = _form().dump_python(result, mode="json")
    for line, told in zip(result.lines, found["lines"], strict=True):
        told["over"] = result.over(line)
    return json.dumps({"asgi_patterns_bench": VERSION, **found}, indent=2) + "\n"


def read(text: str) -> Result:
    """Return the result of a text. Raises ``WrongFile``."""
    try:
        tree: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise WrongFile("it is no JSON") from None
    if not _is_printable(tree):
        raise WrongFile("it has control characters, which a terminal would obey")
    version = tree.pop("asgi_patterns_bench", None) if isinstance(tree, dict) else None
    if version is None:
        raise WrongFile("it was not written by asgi-patterns bench --json")
    if version != VERSION:
        raise WrongFile(f"it has the form {version!r}, this version reads {VERSION}")
    try:
        return _form().validate_python(tree)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongFile(f"{where}: {first['msg']}") from None


def _is_printable(tree: Any) -> bool:
    """Whether all its texts may be shown. ``tree`` is no deeper than the parser can go."""
    left = [tree]
    while left:
        match left.pop():
            case str(text):
                if not text.isprintable():
                    return False
            case dict(found):
                left += [*found.keys(), *found.values()]
            case list(found):
                left += found
    return True
