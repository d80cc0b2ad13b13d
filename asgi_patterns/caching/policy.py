"""Which rule an answer falls under, and what it gets where there is none."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from asgi_patterns.caching.media_types import TYPES as TYPES_OF_EXTENSION
from asgi_patterns.caching.media_types import MediaTypes, essence, extension
from asgi_patterns.caching.rule import USUAL, CacheRule, Status, texts
from asgi_patterns.caching.treatment import CONTROL, KEYS, NO_STORE, PLAIN, SILENT, TIMED, Treatment
from asgi_patterns.kernel.headers import field_name
from asgi_patterns.kernel.patterns import Pattern
from asgi_patterns.kernel.types import Message, RawHeaders

# RFC 9110 9.2.1, and QUERY, which is safe too.
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "QUERY", "TRACE"})
# RFC 9110 9.3.7 and 9.3.8: no cache keeps their answers, so there is nothing to say.
_UNKEPT: Final = frozenset({"OPTIONS", "TRACE"})

_TYPE, _COOKIE, _SAID = 1, 2, 3


@final
@dataclass(frozen=True, slots=True)
class Case:
    """One pattern of one rule."""

    index: int
    """Which rule it is of."""
    rule: CacheRule
    text: str
    pattern: Pattern
    methods: frozenset[str]
    statuses: frozenset[int]
    types: MediaTypes | None
    """``None`` where any will do."""
    treatment: Treatment

    def is_at(self, path: str) -> bool:
        """Whether it is for this path."""
        # Most patterns differ in how they begin, and that is cheap to see.
        return path.startswith(self.pattern.lead) and self.pattern.matches(_any_method(self.pattern), path)


def cases(rules: Sequence[CacheRule]) -> Iterator[Case]:
    """Yield the patterns of all rules, in order."""
    for index, rule in enumerate(rules):
        treatment, statuses = Treatment.of(rule), _statuses(rule.statuses)
        for text in texts(rule.match):
            pattern = Pattern.parse(text)
            types = rule.media_types or _promised(text)
            yield Case(
                index=index,
                rule=rule,
                text=text,
                pattern=pattern,
                methods=pattern.methods or USUAL,
                statuses=statuses,
                types=MediaTypes(types) if types and "*/*" not in types else None,
                treatment=treatment,
            )


def _promised(pattern: str) -> Sequence[str]:
    """Return what the extension of a pattern says; nothing where it is for one path that the app knows by name."""
    return TYPES_OF_EXTENSION.get(extension(pattern) or "", ())


def _statuses(statuses: Sequence[Status]) -> frozenset[int]:
    found: set[int] = set()
    for each in statuses:
        found |= {each} if isinstance(each, int) else {*range(int(each[0]) * 100, int(each[0]) * 100 + 100)}
    # RFC 9110 15.4.5: a 304 repeats what the 200 would have said.
    return frozenset(found | {304} if 200 in found else found)


@final
class Policy:
    """The rules of a layer, ready to be asked."""

    __slots__ = ("_cases", "_credentials", "_first", "_kinds", "_literal", "_open")

    def __init__(self, rules: Sequence[CacheRule], credentials: Collection[str]) -> None:
        self._cases = tuple(cases(rules))
        self._credentials = frozenset(map(field_name, credentials))
        self._kinds = dict.fromkeys([CONTROL, KEYS, *TIMED, b"vary"], _SAID)
        for case in self._cases:
            self._kinds |= {line[0]: _SAID for line in case.treatment.shared.targeted}
        self._kinds |= {b"content-type": _TYPE, b"set-cookie": _COOKIE}
        # What is known of a path before any pattern is tried: all about one that is written out somewhere, and
        # else, by its first segment, which patterns come into question.
        self._literal = {path: self._about(path) for path in _literals(self._cases)}
        self._open = self._beginning(None)
        self._first = {name: self._beginning(name) for name in map(_first_of, self._cases) if name}

    @property
    def is_dated(self) -> bool:
        """Whether what is written depends on the time."""
        return any(case.rule.expires for case in self._cases)

    def _about(self, path: str) -> tuple[Case, ...]:
        return tuple(case for case in self._cases if case.is_at(path or "/"))

    def _beginning(self, name: str | None) -> tuple[Case, ...]:
        globs = [case for case in self._cases if case.pattern.literal is None]
        return tuple(case for case in globs if _first_of(case) in (None, name))

    def fitting(self, method: str, path: str) -> list[Case]:
        """Return what could be for an answer to such a request, in order."""
        return [case for case in self._cases if method in case.methods and case.is_at(path)]

    def has_credentials(self, asked: RawHeaders) -> bool:
        """Whether a request brings what tells one caller from another."""
        for line in asked:  # noqa: SIM110 (any() would build a generator for every request)
            if line[0] in self._credentials:
                return True
        return False

    def treatment(self, method: str, path: str, status: int, content_type: bytes | None) -> Treatment:
        """Return what becomes of an answer."""
        found, is_known = self._candidates(path)
        for case in found:
            if status in case.statuses and method in case.methods and (is_known or case.is_at(path)):
                if case.types is None or case.types.has(content_type):
                    return case.treatment
                if is_untold(status, content_type):
                    return SILENT
        return otherwise(method, status)

    def _candidates(self, path: str) -> tuple[tuple[Case, ...], bool]:
        """Return what may be for a path, in order, and whether it is certain."""
        known = self._literal.get(path[:-1] if path[-1:] == "/" else path)
        if known is not None:
            return known, True
        end = path.find("/", 1)
        return self._first.get(path if end < 0 else path[:end], self._open), False

    def write(self, head: Message, method: str, path: str, asked: RawHeaders, now: float) -> None:
        """Write into the head of an answer what caches are told of it."""
        headers: RawHeaders = head["headers"]
        content_type, has_cookie, has_said = self._look(headers)
        found = self.treatment(method, path, head["status"], content_type)
        is_own = (has_cookie and not found.despite_cookies) or (
            not found.despite_credentials and self.has_credentials(asked)
        )
        fields = found.own if is_own else found.shared
        if has_said:
            fields.join(headers, None if fields.expires is None else now)
        else:
            headers.extend(found.own_lines if is_own else found.shared_lines)
            if fields.expires is not None:
                headers.append(fields.expiry(now))

    def _look(self, headers: RawHeaders) -> tuple[bytes | None, bool, bool]:
        """Return the ``Content-Type``, and whether a cookie is set, and anything said that concerns caches."""
        content_type, has_cookie, has_said = None, False, False
        for name, value in headers:
            kind = self._kinds.get(name.lower())
            if kind is None:
                continue
            if kind == _TYPE:
                content_type = value
            elif kind == _COOKIE:
                has_cookie = True
            else:
                has_said = True
        return content_type, has_cookie, has_said


def is_untold(status: int, content_type: bytes | None) -> bool:
    """Whether an answer cannot say what type the whole has: then a later rule must not take it for another."""
    if status == 304:
        return content_type is None
    return status == 206 and content_type is not None and essence(content_type) == "multipart/byteranges"


def otherwise(method: str, status: int) -> Treatment:
    """Return what becomes of an answer that no rule is for."""
    if method not in SAFE or status >= 500:
        return NO_STORE
    # What a 304 does not say stays as the cache has it (RFC 9111 3.2).
    return SILENT if status == 304 or method in _UNKEPT else PLAIN


def _any_method(pattern: Pattern) -> str:
    return next(iter(pattern.methods)) if pattern.methods else "GET"


def _literals(found: Sequence[Case]) -> set[str]:
    return {case.pattern.literal for case in found if case.pattern.literal is not None}


def _first_of(case: Case) -> str | None:
    """Return the first segment of all paths of a pattern, with its slash; ``None`` where there are several."""
    run = case.pattern.runs[0]
    return f"/{run[0][0]}" if run and len(run[0]) == 1 else None
