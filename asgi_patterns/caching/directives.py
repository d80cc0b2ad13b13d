"""Cache directives (RFC 9111 5.2.2, RFC 5861, RFC 8246): made from settings, and read as caches have to.

``CacheDirectives``: what a field says, refused where it contradicts itself; ``text``: the value of that field,
be it ``Cache-Control`` or a targeted one; ``read`` and ``lifetime``: what somebody else's field says.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from asgi_patterns.kernel.declaring import settings
from asgi_patterns.kernel.durations import Duration, seconds
from asgi_patterns.kernel.parameters import TOKEN, elements

MOST: Final = 2**31
"""The longest time in seconds: what caches take any longer one for (RFC 9111 1.2.2)."""


def _no_switch(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("takes no switch: write a duration, such as 5m")
    return value


def _check_whole(duration: float | str) -> float | str:
    length = seconds(duration)
    if length != int(length):
        raise ValueError(f"{duration!r} is no whole number of seconds, and caches know no parts of one")
    if length > MOST:
        raise ValueError(f"{duration!r} is longer than the {MOST} seconds that caches count to")
    return duration


Lifetime = Annotated[Duration, AfterValidator(_check_whole), BeforeValidator(_no_switch)]
"""A duration of whole seconds."""

_KEPT_OUT = "no_store keeps the answer out of every cache, so {} has no meaning: leave one of them out"
_CHECKED = "no_cache has every use checked with the app first, so {} has no meaning: leave one of them out"
_NEVER_STALE = "must_revalidate forbids stale answers, which {} is about: leave one of them out"
_NOT_SHARED = "private keeps shared caches out, and {} is for these alone: leave one of them out"

# Of each directive, those which it may not stand beside, and why.
_AGAINST: Mapping[str, Mapping[str, str]] = {
    "public": {"no_store": _KEPT_OUT},
    "private": {"public": "public invites shared caches, and {} keeps them out: leave one of them out"},
    "max_age": {"no_store": _KEPT_OUT, "no_cache": _CHECKED},
    "s_maxage": {"no_store": _KEPT_OUT, "private": _NOT_SHARED, "no_cache": _CHECKED},
    "immutable": {"no_store": _KEPT_OUT, "no_cache": _CHECKED},
    "proxy_revalidate": {"private": _NOT_SHARED},
    "stale_while_revalidate": {
        "no_store": _KEPT_OUT,
        "no_cache": _CHECKED,
        "must_revalidate": _NEVER_STALE,
    },
    "stale_if_error": {"no_store": _KEPT_OUT, "no_cache": _CHECKED, "must_revalidate": _NEVER_STALE},
}
_TIMES = ("max_age", "s_maxage", "stale_while_revalidate", "stale_if_error")


@settings
class CacheDirectives:
    """What caches may do with an answer, as one field says it."""

    no_store: Annotated[bool, Field(validate_default=True)] = False
    """No cache may keep the answer."""
    must_understand: bool = False
    """Caches that understand the status may keep it nevertheless; needs `no_store`, for those that do not."""
    public: bool = False
    """Shared caches may keep it, also where a request has `Authorization`."""
    private: bool = False
    """Only the receiver's own cache may keep it."""
    no_cache: bool = False
    """Caches ask the app before every use of what they keep."""
    max_age: Lifetime | None = None
    """For how long it is fresh: seconds, or `30s`, `5m`, `1h`, `1d`."""
    s_maxage: Lifetime | None = None
    """For how long it is fresh in shared caches, which then never use it stale."""
    immutable: bool = False
    """It does not change while it is fresh, so that browsers do not ask when a page is reloaded."""
    must_revalidate: bool = False
    """Caches never use it stale, also when the app cannot be asked."""
    proxy_revalidate: bool = False
    """The same for shared caches alone."""
    no_transform: bool = False
    """Nobody on the way may change the content."""
    stale_while_revalidate: Lifetime | None = None
    """For how long it may be used stale while a cache asks for a new one."""
    stale_if_error: Lifetime | None = None
    """For how long it may be used stale while the app fails."""

    @field_validator(*_AGAINST)
    @classmethod
    def _check_against(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        for other, why in _AGAINST[name].items() if _says(value) else ():
            if _says(info.data.get(other)) and not _agree(name, value, other, info.data):
                raise ValueError(why.format(name))
        return value

    @field_validator("must_understand")
    @classmethod
    def _check_understood(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not info.data.get("no_store", True):
            raise ValueError(
                "needs no_store beside it: that is what caches go by which do not know this one (RFC 9111 5.2.2.3)"
            )
        return value

    @field_validator("immutable")
    @classmethod
    def _check_lifetime(cls, value: bool, info: ValidationInfo) -> bool:
        # Where the lifetime was refused itself, nothing more is to be said.
        if value and not seconds(info.data.get("max_age", 1) or 0):
            raise ValueError("is about the time while the answer is fresh: say how long with max_age")
        return value


def _says(value: object) -> bool:
    return value is not None and value is not False


def _agree(name: str, value: object, other: str, beside: Mapping[str, object]) -> bool:
    """Whether two that mostly contradict each other have a meaning together."""
    # RFC 9111 5.2.2.3: who understands the status goes on as if no-store were not there.
    if other == "no_store":
        return bool(beside.get("must_understand"))
    # A lifetime of nothing is what old caches need to hear where others hear no-cache.
    return other == "no_cache" and isinstance(value, float | str) and seconds(value) == 0 and name in _TIMES


_PRIVATE = frozenset({"public", "s_maxage", "proxy_revalidate"})
_TIMED = frozenset({*_TIMES, "public", "immutable"})


def text(directives: CacheDirectives, *, shared: bool = True, timed: bool = True) -> str:
    """Return the value of a field; empty where nothing is said.

    Without ``shared`` it is for the receiver alone, whatever the settings say. Without ``timed`` it has no
    lifetimes and nothing that invites, so that it only restricts what somebody else has said.
    The same text is right in ``Cache-Control`` and, as a Dictionary, in targeted fields (RFC 9213 2.1).
    """
    left_out = (frozenset() if shared else _PRIVATE) | (frozenset() if timed else _TIMED)
    given = {name: getattr(directives, name) for name in _ORDER if name not in left_out}
    if not shared and (not directives.no_store or directives.must_understand):
        given["private"] = True
    return ", ".join(_word(name, value) for name, value in given.items() if _says(value))


_ORDER = (
    *("public", "private", "must_understand", "no_store", "no_cache", "max_age", "s_maxage", "immutable"),
    *("must_revalidate", "proxy_revalidate", "no_transform", "stale_while_revalidate", "stale_if_error"),
)


def _word(name: str, value: bool | float | str) -> str:
    word = name.replace("_", "-")
    return word if value is True else f"{word}={int(seconds(value))}"


Said = Mapping[str, str | None]
"""Directives by their name in lower case, with the argument where there is one."""

_NAME = re.compile(TOKEN)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def read(lines: Sequence[bytes]) -> Said:
    """Return what the lines of somebody's ``Cache-Control`` say.

    Unknown directives are kept, what is none is left out, and of several with one name the first counts
    (RFC 9111 4.2.1, 5.2). Arguments come as tokens and in quotes alike (RFC 9111 5.2).
    """
    found: dict[str, str | None] = {}
    for line in lines:
        for element in elements(line.decode("latin-1")):
            name, equals, argument = element.partition("=")
            name = name.strip().lower()
            if _NAME.fullmatch(name):
                found.setdefault(name, _unquoted(argument.strip()) if equals else None)
    return found


def _unquoted(argument: str) -> str:
    if len(argument) < 2 or argument[0] != '"' or argument[-1] != '"':
        return argument
    return _ESCAPED.sub(r"\1", argument[1:-1])


def lifetime(said: Said, name: str) -> int | None:
    """Return the seconds that a directive says; ``None`` where it is absent, 0 where it is broken.

    RFC 9111 4.2.1: what cannot be understood is better taken for stale. Any longer time is ``MOST``.
    """
    if name not in said:
        return None
    argument = said[name] or ""
    if not argument.isascii() or not argument.isdigit():
        return 0
    digits = argument.lstrip("0")
    return min(int(digits or "0"), MOST) if len(digits) <= len(str(MOST)) else MOST


def may_share(said: Said) -> bool:
    """Whether a shared cache may answer others with it, as far as these directives say."""
    return said.keys().isdisjoint(_KEEP_OUT)


_KEEP_OUT = frozenset({"private", "no-store", "no-cache"})
