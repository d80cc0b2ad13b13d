"""Chosen header fields as attributes, and URLs that are left out, in the form of OpenTelemetry's own instrumentations.

``Capture``: fields as attributes; ``Excluded``: whether a URL is left out; ``listed``: what a variable lists.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, final

from pydantic import TypeAdapter, ValidationError

from asgi_patterns.kernel.types import RawHeaders, Scope

REDACTED: Final = "[REDACTED]"
SECRET: Final = ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")
_EXPRESSION: Final = TypeAdapter(re.Pattern[str])
"""Compiles what settings and variables give: once, when a layer is made."""
KEPT: Final = 256
"""Field names whose attributes are remembered: a client may send any."""


def listed(environment: Mapping[str, str], *names: str) -> Sequence[str] | None:
    """Return the items of the first of these variables that is set; ``None`` where none is."""
    for name in names:
        if (text := environment.get(name)) is not None:
            return [each for part in text.split(",") if (each := part.strip())]
    return None


def pattern(texts: Sequence[str], flags: Literal["", "i"] = "") -> re.Pattern[str] | None:
    """Return what finds any of some regular expressions; ``None`` where there are none.

    Raises ``ValueError`` for what is none.
    """
    for text in texts:
        _compiled(text)
    return _compiled("|".join(f"(?{flags}:{text})" for text in texts)) if texts else None


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return _EXPRESSION.validate_python(text)
    except ValidationError as error:
        raise ValueError(f"{text!r} is no regular expression") from error


@final
class Excluded:
    """Finds URLs that are not traced: scheme, host and path, without a query."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._pattern = pattern(texts)

    def __bool__(self) -> bool:
        return self._pattern is not None

    def __call__(self, scope: Scope, host: bytes | None) -> bool:
        """Whether the request is one of them."""
        if self._pattern is None:
            return False
        return self._pattern.search(_url(scope, host)) is not None


def _url(scope: Scope, host: bytes | None) -> str:
    address, port = scope.get("server") or ("0.0.0.0", 80)  # noqa: S104 - what others write where it is unknown
    server = address if port in (80, None) else f"{address}:{port}"
    name = server if host is None else host.decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{name}{scope['path']}"


@final
class Capture:
    """Shows those fields whose whole name matches, in any case, less the values of those that are secret."""

    def __init__(
        self, of: Literal["request", "response"], names: Sequence[str], secret: Sequence[str]
    ) -> None:
        self._names = pattern(names, "i")
        self._secret = pattern(secret, "i")
        self._prefix = f"http.{of}.header."
        self._attribute = lru_cache(maxsize=KEPT)(self._attribute_of)

    def __bool__(self) -> bool:
        return self._names is not None

    def __call__(self, headers: RawHeaders) -> dict[str, list[str]]:
        """Return the attributes of some fields: each has a list, with one value for each line."""
        found: dict[str, list[str]] = {}
        for name, value in headers:
            attribute, secret = self._attribute(bytes(name))
            if attribute is not None:
                text = REDACTED if secret else bytes(value).decode("utf-8", "backslashreplace")
                found.setdefault(attribute, []).append(text)
        return found

    def _attribute_of(self, name: bytes) -> tuple[str | None, bool]:
        text = name.decode("latin-1").lower()
        if self._names is None or self._names.fullmatch(text) is None:
            return None, False
        is_secret = self._secret is not None and self._secret.search(text) is not None
        return self._prefix + text.replace("-", "_"), is_secret
