"""What the client prefers: ``Accept``, ``Accept-Encoding`` and ``Accept-Language`` (RFC 9110 section 12).

- :func:`weighted`: field lines to :class:`Weighted` elements, for any of the three fields.
- :func:`media_quality`, :func:`choose_media`: which of our media types, if any.
- :func:`coding_quality`, :func:`choose_coding`: which of our content codings, or ``identity``.

A quality is 0 (never) to 1. An element that breaks the grammar is left out, the others stay. At most
``MAX_BYTES`` and ``MAX_ELEMENTS`` are read; each different value is read once and remembered.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from asgi_patterns.kernel.parameters import PARAMETER, TOKEN, elements, parameter, parts

MAX_BYTES: Final = 4096
MAX_ELEMENTS: Final = 64
LEAST: Final = 0.001
"""The smallest quality that is not a refusal."""

Params = frozenset[tuple[str, str]]

_VALUE = re.compile(rf"{TOKEN}(?:/{TOKEN})?")
# Beyond the grammar: ".2" without its zero is what Java's own client sends with every request.
_QUALITY = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|\.[0-9]{1,3}|1(?:\.0{0,3})?)")
# The names that HTTP had before; a recipient takes them for the same (RFC 9110 section 8.4.1).
_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}


class Weighted(NamedTuple):
    """One element: ``value`` in lower case, its parameters without the weight, its quality."""

    value: str
    quality: float
    params: Params


def weighted(lines: Sequence[bytes]) -> tuple[Weighted, ...]:
    """Read the lines of one field, in the client's order."""
    return _parse(_joined(lines))


def media_quality(lines: Sequence[bytes], offer: str) -> float:
    """How much a client with these ``Accept`` lines wants ``offer``, a media type.

    The most specific range decides, so ``text/html;q=0, */*`` is everything but HTML. Without the field,
    or without one readable range in it, everything is as welcome. ``charset=utf-8`` in a range also fits an
    offer that names no charset.
    """
    return _media_quality(_joined(lines), offer)


def choose_media(lines: Sequence[bytes], offers: Sequence[str]) -> str | None:
    """The offer that the client wants most, of equals the first; ``None`` when it refuses all of them."""
    return _choose_media(_joined(lines), tuple(offers))


def coding_quality(lines: Sequence[bytes], coding: str) -> float:
    """How much a client with these ``Accept-Encoding`` lines wants ``coding``.

    Without the field every coding is acceptable. With it, what is not listed is refused, except
    ``identity``: that one has to be refused by name or by ``*;q=0``, and counts ``LEAST`` until then.
    """
    return _coding_quality(_joined(lines), coding) if lines else 1.0


def choose_coding(lines: Sequence[bytes], offers: Sequence[str]) -> str | None:
    """The offered coding that the client wants most, of equals the first, or ``identity``.

    ``identity`` need not be offered, and is last of equals then. It is also the choice without the
    field: such a client may not know any coding. ``None`` when the client refuses even ``identity``.
    """
    return _choose_coding(_joined(lines), tuple(offers)) if lines else "identity"


def _joined(lines: Sequence[bytes]) -> bytes:
    value = lines[0] if len(lines) == 1 else b",".join(lines)
    # An element that is cut in two could mean the opposite: "q=0" was "q=0.5".
    return value if len(value) <= MAX_BYTES else value[: MAX_BYTES + 1].rpartition(b",")[0]


@lru_cache(maxsize=256)
def _parse(value: bytes) -> tuple[Weighted, ...]:
    found = elements(value.decode("latin-1"))[:MAX_ELEMENTS]
    return tuple(each for element in found if (each := _parse_element(element)) is not None)


def _parse_element(text: str) -> Weighted | None:
    value, *rest = parts(text) or [""]
    if text.startswith(";") or _VALUE.fullmatch(value) is None:
        return None
    quality, params = None, set()
    for part in rest:
        if part[:2] in ("q=", "Q="):
            match = _QUALITY.fullmatch(part)
            if match is None or quality is not None:
                return None
            quality = float(match[1])
        elif (match := PARAMETER.fullmatch(part)) is not None:
            params.add(_param(match))
        else:
            return None
    return Weighted(value.lower(), 1.0 if quality is None else quality, frozenset(params))


def _param(match: re.Match[str]) -> tuple[str, str]:
    name, value = parameter(match)
    # Names never care for case; of the values, only the charset is known not to.
    return name, value.lower() if name == "charset" else value


@lru_cache(maxsize=256)
def _parse_offer(offer: str) -> tuple[str, str, Params]:
    parsed = _parse_element(offer)
    if parsed is None or "/" not in parsed.value:
        raise ValueError(f"{offer!r} is not a media type")
    charset = any(name == "charset" for name, _ in parsed.params)
    params = parsed.params if charset else parsed.params | {("charset", "utf-8")}
    return parsed.value, parsed.value.partition("/")[0] + "/*", params


def _is_range(value: str) -> bool:
    # Stars stand for a whole part: "application/*+json" is a type that nobody offers, "*/json" is nothing.
    return value == "*/*" or ("/" in value and value[:2] != "*/")


@lru_cache(maxsize=512)
def _media_quality(value: bytes, offer: str) -> float:
    ranges = [each for each in _parse(value) if _is_range(each.value)]
    if not ranges:
        return 1.0
    exact, family, params = _parse_offer(offer)
    best, quality = (0, -1), 0.0
    for each in ranges:
        rank = 3 if each.value == exact else 2 if each.value == family else 1 if each.value == "*/*" else 0
        if rank and (rank, len(each.params)) > best and each.params <= params:
            best, quality = (rank, len(each.params)), each.quality
    return quality


@lru_cache(maxsize=256)
def _choose_media(value: bytes, offers: tuple[str, ...]) -> str | None:
    return _best(offers, [_media_quality(value, offer) for offer in offers])


@lru_cache(maxsize=256)
def _codings(value: bytes) -> dict[str, float]:
    """The listed codings. Of one that is listed twice the first counts."""
    codings: dict[str, float] = {}
    for each in _parse(value):
        codings.setdefault(_ALIASES.get(each.value, each.value), each.quality)
    return codings


def _coding_quality(value: bytes, coding: str) -> float:
    codings = _codings(value)
    name = coding.lower()
    name = _ALIASES.get(name, name)
    return codings.get(name, codings.get("*", LEAST if name == "identity" else 0.0))


@lru_cache(maxsize=256)
def _choose_coding(value: bytes, offers: tuple[str, ...]) -> str | None:
    candidates = offers if "identity" in offers else (*offers, "identity")
    return _best(candidates, [_coding_quality(value, coding) for coding in candidates])


def _best(offers: Sequence[str], qualities: Sequence[float]) -> str | None:
    top = max(qualities, default=0.0)
    return offers[qualities.index(top)] if top > 0 else None
