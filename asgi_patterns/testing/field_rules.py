"""What a header field may be, on the way in and on the way out."""

from collections.abc import Iterable
from typing import Any

from asgi_patterns.kernel.types import RawHeaders
from asgi_patterns.testing.violation import require

TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
FORBIDDEN = frozenset(b"\r\n\0")


def check_fields(fields: Any, where: str, *, any_case: bool = False) -> RawHeaders:
    """Check every field and give them as a list of pairs. Names are lower-case tokens, values one line."""
    require(isinstance(fields, Iterable), f"{where}: headers is {fields!r}, not a list of pairs")
    pairs = []
    for pair in fields:
        require(
            isinstance(pair, list | tuple) and len(pair) == 2, f"{where}: {pair!r} is not a name and a value"
        )
        name, value = pair
        _check_name(name, where, any_case=any_case)
        _check_value(name, value, where)
        pairs.append((name, value))
    return pairs


def _check_name(name: Any, where: str, *, any_case: bool) -> None:
    require(isinstance(name, bytes), f"{where}: header name {name!r} is not bytes")
    require(bool(name) and TOKEN.issuperset(name), f"{where}: header name {name!r} is not a token")
    hint = "Django sends such names, see lint(app, any_case=True)"
    require(any_case or name == name.lower(), f"{where}: header name {name!r} is not lower-case; {hint}")


def _check_value(name: bytes, value: Any, where: str) -> None:
    require(isinstance(value, bytes), f"{where}: header {name!r} has the value {value!r}, which is not bytes")
    require(
        FORBIDDEN.isdisjoint(value),
        f"{where}: header {name!r} has the value {value!r} with CR, LF or NUL in it",
    )


def declared_length(fields: RawHeaders, where: str) -> int | None:
    """Give the announced length in bytes; ``None`` where there is none. It comes once, and alone."""
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    require(len(lengths) <= 1, f"{where}: {len(lengths)} content-length fields: {lengths}")
    if not lengths:
        return None
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    require(not codings, f"{where}: content-length together with transfer-encoding {codings}")
    require(lengths[0].isdigit(), f"{where}: content-length {lengths[0]!r} is not a number")
    return int(lengths[0])
