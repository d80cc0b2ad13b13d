"""What an answer gets: the fields of a rule as bytes, and how they join those of the app."""

from dataclasses import dataclass
from email.utils import formatdate
from typing import Self, final

from asgi_patterns.caching.directives import CacheDirectives, may_share, read, text
from asgi_patterns.caching.rule import CacheRule
from asgi_patterns.kernel.durations import seconds
from asgi_patterns.kernel.headers import field, get_all, has, merge_vary, set_field
from asgi_patterns.kernel.types import RawHeaders

CONTROL = b"cache-control"
CDN = "CDN-Cache-Control"
KEYS = b"surrogate-key"
TIMED = (b"expires", b"pragma")
"""Older fields that say how long, or that nothing may be kept: ``Cache-Control`` would overrule them."""

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
        targets = {CDN: rule.cdn, **rule.targeted} if shared else {}
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
        keys = ((KEYS, " ".join(self.keys).encode()),) if self.keys else ()
        return (*self.control, *self.targeted, *vary, *keys)

    def join(self, headers: RawHeaders, now: float | None) -> None:
        """Write it beside what the app says: nothing of that is changed, and nothing overruled."""
        said, is_timed = get_all(headers, CONTROL), any(has(headers, name) for name in TIMED)
        if not said:
            headers.extend(self.restriction if is_timed else self.control)
        # RFC 9213 2.2: a cache that goes by a targeted field does not look at what the app says.
        if not is_timed and may_share(read(said)):
            headers.extend(line for line in self.targeted if not has(headers, line[0]))
        if now is not None and not said and not is_timed:
            headers.append(self.expiry(now))
        if self.vary:
            merge_vary(headers, *self.vary)
        if self.keys:
            self._join_keys(headers)

    def _join_keys(self, headers: RawHeaders) -> None:
        given = b" ".join(get_all(headers, KEYS)).decode("latin-1").split()
        set_field(headers, KEYS, " ".join(dict.fromkeys([*given, *self.keys])))

    def expiry(self, now: float) -> Line:
        """Return ``Expires`` (RFC 9111 5.3) for an answer of this second."""
        return b"expires", formatdate(int(now) + (self.expires or 0), usegmt=True).encode()


def _control(rule: CacheDirectives, *, shared: bool, timed: bool = True) -> tuple[Line, ...]:
    value = text(rule, shared=shared, timed=timed)
    return ((CONTROL, value.encode()),) if value else ()


@final
class Treatment:
    """What becomes of an answer that falls under a rule, or under none."""

    __slots__ = ("despite_cookies", "despite_credentials", "own", "own_lines", "shared", "shared_lines")

    def __init__(
        self, shared: Fields, own: Fields, *, despite_credentials: bool = False, despite_cookies: bool = False
    ) -> None:
        self.shared = shared
        """For everybody."""
        self.own = own
        """For the receiver alone: where a request has credentials, or an answer sets a cookie."""
        self.shared_lines = shared.lines
        self.own_lines = own.lines
        self.despite_credentials = despite_credentials or shared == own
        self.despite_cookies = despite_cookies or shared == own

    @classmethod
    def of(cls, rule: CacheRule) -> Self:
        """Return what a rule makes of an answer."""
        return cls(
            Fields.of(rule, shared=True),
            Fields.of(rule, shared=False),
            despite_credentials=rule.despite_credentials,
            despite_cookies=rule.despite_cookies,
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
