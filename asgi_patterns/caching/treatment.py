"""What an answer gets: the fields of a rule as bytes, and how they join those of the app."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Self, final

from asgi_patterns.caching.directives import CacheDirectives, may_share, read, text
from asgi_patterns.caching.rule import CacheRule
from asgi_patterns.kernel.durations import seconds
from asgi_patterns.kernel.headers import MAX_VALUE, field, get_all, has, merge_vary, remove
from asgi_patterns.kernel.types import RawHeaders

CONTROL = b"cache-control"
CDN = "CDN-Cache-Control"
KEYS = b"surrogate-key"
TIMED = (b"expires", b"pragma")
"""Older fields that say how long, or that nothing may be kept: ``Cache-Control`` would overrule them."""

# What makes an answer one for its receiver alone, as bits beside those of other things that a head may show.
COOKIE, CREDENTIALS = 4, 8

Line = tuple[bytes, bytes]


@final
@dataclass(frozen=True, slots=True)
class Fields:
    """What is said of one kind of answers."""

    control: tuple[Line, ...] = ()
    """``Cache-Control``, where the app says nothing of that kind."""
    restriction: tuple[Line, ...] = ()
    """``Cache-Control``, where the app has said in an older field how long."""
    targeted: tuple[Line, ...] = ()
    vary: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    expires: int | None = None
    """Seconds from now, where ``Expires`` is asked for."""

    @classmethod
    def of(cls, rule: CacheRule, *, shared: bool) -> Self:
        """Return what a rule says; without ``shared`` what it says for the receiver alone."""
        lifetime = None if rule.max_age is None else int(seconds(rule.max_age))
        targets = {CDN: rule.cdn, **(rule.targeted or {})} if shared else {}
        return cls(
            control=_control(rule, shared=shared),
            restriction=_control(rule, shared=shared, timed=False),
            targeted=tuple(field(name, text(says)) for name, says in targets.items() if says is not None),
            vary=tuple(rule.vary),
            keys=tuple(dict.fromkeys(rule.surrogate_key)) if shared else (),
            expires=lifetime if rule.expires else None,
        )

    @property
    def lines(self) -> tuple[Line, ...]:
        """All of it but ``Expires``, for an answer where the app says nothing of that kind."""
        vary = (field("vary", ", ".join(dict.fromkeys(self.vary))),) if self.vary else ()
        keys = (field("surrogate-key", " ".join(self.keys)),) if self.keys else ()
        return (*self.control, *self.targeted, *vary, *keys)

    def join(self, headers: RawHeaders, clock: Callable[[], float]) -> None:
        """Write it beside what the app says: nothing of that is changed, and nothing overruled."""
        said, is_timed = get_all(headers, CONTROL), any(has(headers, name) for name in TIMED)
        if not said:
            headers.extend(self.restriction if is_timed else self._timed(clock))
        # RFC 9213 2.2: a cache that goes by a targeted field does not look at what the app says.
        if self.targeted and not is_timed and may_share(read(said)):
            headers.extend([line for line in self.targeted if not has(headers, line[0])])
        if self.vary:
            merge_vary(headers, *self.vary)
        if self.keys:
            self._join_keys(headers)

    def _timed(self, clock: Callable[[], float]) -> tuple[Line, ...]:
        if self.expires is None:
            return self.control
        return (*self.control, (b"expires", formatdate(int(clock()) + self.expires, usegmt=True).encode()))

    def _join_keys(self, headers: RawHeaders) -> None:
        given = b" ".join(get_all(headers, KEYS)).split()
        joined = b" ".join(dict.fromkeys([*given, *(key.encode() for key in self.keys)]))
        # As much as fits: an answer does not fail for want of room for a name by which it can be purged.
        if len(joined) <= MAX_VALUE:
            remove(headers, KEYS)
            headers.append((KEYS, joined))


def _control(rule: CacheDirectives, *, shared: bool, timed: bool = True) -> tuple[Line, ...]:
    value = text(rule, shared=shared, timed=timed)
    return ((CONTROL, value.encode()),) if value else ()


@final
class Treatment:
    """What becomes of an answer that falls under a rule, or under none."""

    __slots__ = ("is_dated", "own", "own_lines", "private_for", "shared", "shared_lines")

    def __init__(self, shared: Fields, own: Fields, *, private_for: int = COOKIE | CREDENTIALS) -> None:
        self.shared = shared
        """For everybody."""
        self.own = own
        """For the receiver alone."""
        self.shared_lines = shared.lines
        self.own_lines = own.lines
        self.is_dated = shared.expires is not None
        self.private_for = 0 if shared == own else private_for
        """What makes it the latter."""

    @classmethod
    def of(cls, rule: CacheRule) -> Self:
        """Return what a rule makes of an answer."""
        return cls(
            Fields.of(rule, shared=True),
            Fields.of(rule, shared=False),
            private_for=COOKIE * (not rule.despite_cookies) | CREDENTIALS * (not rule.despite_credentials),
        )


def _alike(fields: Fields) -> Treatment:
    return Treatment(fields, fields)


def _saying(word: bytes) -> Fields:
    return Fields(((CONTROL, word),), ((CONTROL, word),))


NO_STORE = _alike(_saying(b"no-store"))
"""For answers to writes, and for errors of the server."""
SILENT = _alike(Fields())
"""Where nothing is known, so that nothing is said."""
PLAIN = Treatment(Fields(), _saying(b"private"))
"""For what no rule is for."""
