"""The CORS protocol of the Fetch standard, from the server's side: what a page of one origin may do.

All that depends on the settings alone is bytes before the first request comes.
"""

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, final

from asgi_patterns.kernel.headers import field, merge_vary
from asgi_patterns.kernel.origins import EVERY, Pattern, matches
from asgi_patterns.kernel.parameters import TOKEN
from asgi_patterns.kernel.patterns import METHODS
from asgi_patterns.kernel.types import RawHeaders

Lines = tuple[tuple[bytes, bytes], ...]
"""Header fields, ready to be sent."""

SAFELISTED: Final = ("accept", "accept-language", "content-language", "content-type", "range")
"""Request fields that need no permission as long as their values are simple; with others they are asked for."""
EXPOSED: Final = (
    *("RateLimit", "RateLimit-Policy", "Retry-After", "ETag", "X-Request-ID", "Server-Timing"),
    *("Link", "Location"),
)
"""What our layers put on answers for programs to read."""
VARY: Final = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
"""What the answer to a preflight depends on."""

NEVER_COMPARED: Final = frozenset({b"GET", b"HEAD", b"POST"})
"""Browsers send these without looking for them in the list (Fetch 4.8): only the status can keep them away."""
_NEVER_SENT = frozenset({"CONNECT", "TRACE"})
_PREFIX = b"access-control-"
_VARY_ORIGIN = field("Vary", "Origin")

_MOST_NAMES = 64
_LONGEST_NAMES = 4096
_TOKEN = re.compile(TOKEN.encode())


class Refusal(Enum):
    """Why a preflight is refused."""

    ORIGIN = (
        "Pages of this origin may not call this API: neither allow_origins nor allow_origin_patterns has it."
    )
    METHOD = "Pages of other origins may not use this method: allow_methods does not have it."


@final
class Sharing:
    """Who may read the answers, and send what. ``origins``, ``patterns``, names and methods are checked already."""

    def __init__(
        self,
        *,
        origins: Sequence[str],
        patterns: Sequence[str],
        methods: Sequence[str],
        headers: Sequence[str],
        credentials: bool,
        exposed: Sequence[str],
        max_age: int,
        private_network: bool,
    ) -> None:
        self._credentials: Lines = _fields(allow_credentials="true" if credentials else "")
        self._for_all = self._grant(b"*") if EVERY in origins else None
        self._named = {each.encode(): self._grant(each.encode()) for each in origins}
        self._patterns = [Pattern.parse(each) for each in patterns]
        self._exposed = _fields(expose_headers=", ".join(_once(exposed)))
        self._safe_methods = _safe(methods)
        # With credentials a browser takes * for a name, so what * allows has to be spelt out to it.
        self._mirrors = EVERY in headers and credentials
        self._asked: Lines = (
            *_fields(allow_methods=_method_list(methods, credentials=credentials), max_age=str(max_age)),
            *_fields(allow_private_network="true" if private_network else ""),
            *(() if self._mirrors else _fields(allow_headers=_name_list(headers))),
            field("Vary", VARY),
        )

    def share(self, origin: bytes | None) -> Lines:
        """Return the fields that let a page of ``origin`` read an answer; none for a page that may not."""
        granted = self._granted(origin)
        return (*granted, *self._exposed) if granted else ()

    def write(self, headers: RawHeaders, lines: Lines) -> None:
        """Put ``lines`` on an answer in place of all that the app said about CORS."""
        # Most answers have neither a field of CORS nor a Vary: one look at all names at once says so.
        names = b"\0%b\0" % b"\0".join([line[0] for line in headers]).lower()
        if _PREFIX in names:
            headers[:] = [line for line in headers if not line[0].lower().startswith(_PREFIX)]
        headers.extend(lines)
        if self._for_all is not None:
            return
        # To a page of another origin, or to none, the same answer looks different.
        if b"\0vary\0" in names:
            merge_vary(headers, "Origin")
        else:
            headers.append(_VARY_ORIGIN)

    def preflight(self, origin: bytes, method: bytes, names: Sequence[bytes]) -> RawHeaders | Refusal:
        """Return the fields of the answer to a preflight. ``names`` are the lines of the fields it asks for.

        A method or a field that is not allowed is no reason to refuse: the browser sees that it is not in the
        list, keeps the request back, and its console names the one that is missing.
        """
        granted = self._granted(origin)
        if not granted:
            return Refusal.ORIGIN
        if method in NEVER_COMPARED and method not in self._safe_methods:
            return Refusal.METHOD
        mirrored = _fields(allow_headers=mirror(names)) if self._mirrors else ()
        return [*granted, *mirrored, *self._asked]

    def _granted(self, origin: bytes | None) -> Lines:
        if self._for_all is not None:
            return self._for_all
        if origin is None:
            return ()
        named = self._named.get(origin)
        if named is None and self._patterns and matches(self._patterns, origin):
            return self._grant(origin)
        return named or ()

    def _grant(self, origin: bytes) -> Lines:
        return (field("Access-Control-Allow-Origin", origin), *self._credentials)


def mirror(lines: Sequence[bytes]) -> str:
    """Return a list of the request fields in ``lines``, and of those that are always allowed.

    Of a list that no browser sends (too long, or not of names) nothing is returned but the latter.
    """
    names: list[bytes] = []
    if sum(map(len, lines)) <= _LONGEST_NAMES:
        names = [name for line in lines for each in line.split(b",") if (name := each.strip(b" \t").lower())]
    if len(names) > _MOST_NAMES or not all(map(_TOKEN.fullmatch, names)):
        names = []
    return ", ".join(_once([*SAFELISTED, *(name.decode() for name in names)]))


def _fields(**values: str) -> Lines:
    """Return ``Access-Control-...`` fields, less those without a value."""
    return tuple(
        field(_PREFIX + name.replace("_", "-").encode(), value) for name, value in values.items() if value
    )


def _safe(methods: Sequence[str]) -> frozenset[bytes]:
    if EVERY in methods:
        return NEVER_COMPARED
    # Who may GET may ask for the head of it, too.
    return NEVER_COMPARED & {each.encode() for each in (*methods, *(["HEAD"] if "GET" in methods else []))}


def _method_list(methods: Sequence[str], *, credentials: bool) -> str:
    if EVERY not in methods:
        return ", ".join(_once(methods))
    return ", ".join(sorted(METHODS - _NEVER_SENT)) if credentials else EVERY


def _name_list(names: Sequence[str]) -> str:
    # Fetch: even where * counts, Authorization has to be named.
    return "*, authorization" if EVERY in names else ", ".join(_once([*SAFELISTED, *names]))


def _once(names: Iterable[str]) -> list[str]:
    """Return ``names`` without those that come again, in any case."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.lower(), name)
    return list(first.values())
