"""What of a request may stand in a log.

``printable``: a text without what would break a line or colour a terminal; ``Query``: names of parameters, and values
where these are known to be harmless; ``Fields``: chosen header fields, less their secrets.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, final
from urllib.parse import unquote_plus

REDACTED: Final = "***"
EVERY: Final = "*"
LONGEST_QUERY: Final = 1024
LONGEST_VALUE: Final = 512
_URLS: Final = frozenset({b"referer", b"location", b"content-location"})
"""Fields whose values have a query of their own."""


def printable(text: str, most: int) -> str:
    """Return ``text``, escaped as Python does where it is not printable, and cut after ``most`` characters."""
    if len(text) > most:
        text = f"{text[:most]}..."
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


@final
class Query:
    """Shows a query string. ``shown`` are the names of parameters whose values may be seen, ``*`` is all."""

    def __init__(self, shown: Collection[str]) -> None:
        self._shown = frozenset(shown)
        self._all = EVERY in self._shown

    def __call__(self, query: bytes) -> str:
        """Return it with its other values replaced. What is no pair may be a value as well."""
        text = query[: LONGEST_QUERY + 1].decode("latin-1")
        if not self._all:
            text = "&".join(self._pair(each) for each in text.split("&"))
        return printable(text, LONGEST_QUERY)

    def _pair(self, text: str) -> str:
        name, equals, _ = text.partition("=")
        if not equals:
            return REDACTED if text else ""
        return text if unquote_plus(name) in self._shown else f"{name}={REDACTED}"

    def of_url(self, url: str) -> str:
        """Return a URL whose query is shown in the same way, without its fragment."""
        before, mark, query = url.partition("#")[0].partition("?")
        return f"{before}?{self(query.encode('latin-1', 'replace'))}" if mark else before


@final
class Fields:
    """Shows header fields: those with ``names``, in lower case, but not the values of those that are ``secret``."""

    def __init__(self, names: Sequence[bytes], secret: Collection[bytes], query: Query) -> None:
        self._names = {name: name.decode() for name in names}
        self._secret = frozenset(secret)
        self._query = query
        self._plain = {name for name in names if name not in self._secret and name not in _URLS}

    @property
    def has_any(self) -> bool:
        """Whether fields are chosen at all."""
        return bool(self._names)

    def of_request(self, headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
        """Return what a call does, of fields that have their names in lower case, as ASGI gives those of requests."""
        names = self._names
        found: dict[str, str] = {}
        for key, value in headers:
            if key in names:
                name = names[key]
                if name in found:  # there are several lines of it
                    return self(headers)
                text = value.decode("latin-1")
                if key not in self._plain or len(text) > LONGEST_VALUE or not text.isprintable():
                    text = self._value(key, (value,))
                found[name] = text
        return found

    def __call__(self, headers: Iterable[Sequence[bytes]]) -> Mapping[str, str]:
        """Return the values by name; several lines of one name are joined."""
        names = self._names
        if not names:
            return {}
        found: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            if name in names or name.lower() in names:
                found.setdefault(name.lower(), []).append(value)
        return {name: self._value(key, found[key]) for key, name in names.items() if key in found}

    def _value(self, name: bytes, lines: Sequence[bytes]) -> str:
        if name in self._secret:
            return REDACTED
        text = b", ".join(lines)[:65536].decode("latin-1")
        return printable(self._query.of_url(text) if name in _URLS else text, LONGEST_VALUE)
