"""Who is counted: how a quota's ``key`` is written, and what stands for a caller where counts are kept.

``KeyKind``: what a key counts by; ``of_user``, ``of_field``, ``of_text``: the forms that may be stored and shown.
"""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from asgi_patterns.kernel.parameters import TOKEN

ADDRESS: Final = "address"
USER: Final = "user"
GLOBAL: Final = "global"
FIELD: Final = "header:"
FUNCTION: Final = "function"

EVERYBODY: Final = "*"
"""The one key of a global quota."""

LONGEST: Final = 64
"""Characters of a key that are kept as they are."""

_TOKEN = re.compile(TOKEN)
_PLAIN = re.compile(r"[A-Za-z0-9._@:+-]{1,64}")

KeyFunction = Callable[[Any], str | None]
"""``scope -> text | None``, sync; ``None`` leaves the request out of the quota."""


class KeyKind(NamedTuple):
    """What a quota counts by: one of the words, a field of the request, or a function."""

    word: str
    field: bytes = b""
    function: KeyFunction | None = None

    @property
    def needs_caller(self) -> bool:
        """Whether somebody has to say who the request is for."""
        return self.word == USER


def parse(key: str | KeyFunction) -> KeyKind:
    """Read a key as settings have it. Raises ``ValueError`` that says what would be right."""
    if callable(key):
        return KeyKind(FUNCTION, function=key)
    if key in (ADDRESS, USER, GLOBAL):
        return KeyKind(key)
    name = key.removeprefix(FIELD)
    if name != key and _TOKEN.fullmatch(name):
        return KeyKind(FIELD, field=name.lower().encode())
    raise ValueError(
        f"{key!r} is no key: write address, user, global, header:X-API-Key, or in a file package.module:function"
    )


def of_user(identity: str) -> str:
    """Return what stands for a verified caller. An unusual or long id is told by its digest."""
    return f"user:{identity}" if _PLAIN.fullmatch(identity) else f"user:#{digest(identity.encode())}"


def of_field(values: list[bytes]) -> str:
    """Return what stands for a field's value: never the value itself, which may be a secret."""
    return f"header:#{digest(b','.join(values))}"


def of_text(found: object) -> str | None:
    """Return what stands for what a key function returned. Raises ``TypeError`` for what is no text."""
    if found is None:
        return None
    if not isinstance(found, str):
        raise TypeError(f"a key function returned {type(found).__name__}, but must return a text or None")
    return f"key:{found}" if _PLAIN.fullmatch(found) else f"key:#{digest(found.encode('utf-8', 'replace'))}"


def digest(value: bytes) -> str:
    """Return 96 bits of a hash, in hexadecimal: enough that no two keys ever share a count by chance."""
    return blake2b(value, digest_size=12).hexdigest()
