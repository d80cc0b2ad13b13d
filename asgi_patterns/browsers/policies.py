"""The fields that tell a browser how carefully to handle an answer, checked and ready to be sent."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

import http_sf
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from asgi_patterns.kernel.headers import field, field_value
from asgi_patterns.kernel.types import RawHeaders

YEAR: Final = 365 * 24 * 60 * 60
"""Seconds that browsers have to remember a host for before its name may be preloaded (hstspreload.org)."""

Lines = tuple[tuple[bytes, bytes], ...]


def lines(fields: Mapping[str, str | None]) -> Lines:
    """Return ``fields`` ready to be sent, less those without a value."""
    return tuple(field(name, value) for name, value in fields.items() if value)


def complete(headers: RawHeaders, additions: Lines) -> None:
    """Add each of ``additions`` that is not in ``headers`` under its name yet."""
    there = {line[0].lower() for line in headers}
    headers.extend(line for line in additions if line[0] not in there)


def transport(seconds: int, *, subdomains: bool, preload: bool) -> str:
    """Return the value of ``Strict-Transport-Security`` (RFC 6797 6.1)."""
    return f"max-age={seconds}" + "; includeSubDomains" * subdomains + "; preload" * preload


def _check_seconds(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("takes no switch: write a number of seconds, or 'off'")
    return value


def _check_preload(preload: bool, info: ValidationInfo) -> bool:
    seconds = info.data.get("hsts", YEAR)
    long_enough = isinstance(seconds, int) and seconds >= YEAR
    if preload and not (long_enough and info.data.get("hsts_include_subdomains", True)):
        raise ValueError(f"lists take no such name: set hsts_include_subdomains, and hsts to {YEAR} or more")
    return preload


def _check_text(text: str) -> str:
    field_value(text)
    if not text.strip():
        raise ValueError("is empty: leave it out")
    if not text.isascii() or not text.isprintable():
        raise ValueError(
            "has characters that no browser reads there: write hosts with xn--, and paths with %"
        )
    return text


def _check_permissions(text: str) -> str:
    _check_text(text)
    try:
        http_sf.parse(text.encode(), tltype="dictionary")  # RFC 9651 3.2
    except http_sf.StructuredFieldError as exc:
        raise ValueError(
            f'{exc}: write it like camera=(), geolocation=(self "https://maps.example")'
        ) from exc
    return text


# How a field that is sent by default is left out. The word is for files, which have no None.
_Off: TypeAlias = Literal["off"] | None

Seconds: TypeAlias = Annotated[
    Annotated[int, Field(ge=0, le=10 * YEAR)] | _Off, BeforeValidator(_check_seconds)
]
Preload: TypeAlias = Annotated[bool, AfterValidator(_check_preload)]
Frame: TypeAlias = Literal["DENY", "SAMEORIGIN"] | _Off
ReferrerPolicy: TypeAlias = (
    Literal[
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    ]
    | _Off
)
Permissions: TypeAlias = Annotated[str, AfterValidator(_check_permissions)]
Directives: TypeAlias = Annotated[str, AfterValidator(_check_text)]
OpenerPolicy: TypeAlias = Literal[
    "same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"
]
ResourcePolicy: TypeAlias = Literal["same-origin", "same-site", "cross-origin"]
