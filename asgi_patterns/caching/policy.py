"""Which rule an answer falls under, and what it gets where there is none."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, final

from asgi_patterns.caching.media_types import TYPES as TYPES_OF_EXTENSION
from asgi_patterns.caching.media_types import extension
from asgi_patterns.caching.picking import Case, Choice
from asgi_patterns.caching.rule import USUAL, CacheRule, Status, texts
from asgi_patterns.caching.treatment import (
    CONTROL,
    COOKIE,
    CREDENTIALS,
    KEYS,
    NO_STORE,
    PLAIN,
    SILENT,
    TIMED,
    Treatment,
)
from asgi_patterns.kernel.headers import Kinds, field_name
from asgi_patterns.kernel.media_types import MediaTypes, essence
from asgi_patterns.kernel.patterns import Pattern
from asgi_patterns.kernel.types import Message, RawHeaders

# RFC 9110 9.2.1, and QUERY, which is safe too.
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "QUERY", "TRACE"})
# RFC 9110 9.3.7 and 9.3.8: no cache keeps their answers, so there is nothing to say.
_UNKEPT: Final = frozenset({"OPTIONS", "TRACE"})

_TYPE, _SAID = 1, 2


def cases(rules: Sequence[CacheRule]) -> Iterator[Case]:
    """Yield the patterns of all rules, in order."""
    for index, rule in enumerate(rules):
        treatment, statuses = Treatment.of(rule), _statuses(rule.statuses)
        for text in texts(rule.match):
            pattern = Pattern.parse(text)
            types = rule.media_types or TYPES_OF_EXTENSION.get(extension(text) or "", ())
            yield Case(
                index=index,
                rule=rule,
                text=text,
                pattern=pattern,
                methods=pattern.methods or USUAL,
                statuses=statuses,
                types=MediaTypes(types) if types and "*/*" not in types else None,
                treatment=treatment,
                is_at=pattern.path_test(),
            )


def _statuses(statuses: Sequence[Status]) -> frozenset[int]:
    found: set[int] = set()
    for each in statuses:
        found |= {each} if isinstance(each, int) else {*range(int(each[0]) * 100, int(each[0]) * 100 + 100)}
    # RFC 9110 15.4.5: a 304 repeats what the 200 would have said.
    return frozenset(found | {304} if 200 in found else found)


@final
class Policy:
    """The rules of a layer, ready to be asked. ``clock`` gives the seconds since 1970."""

    __slots__ = ("_cases", "_choices", "_clock", "_credentials", "_kinds")

    def __init__(
        self, rules: Sequence[CacheRule], credentials: Collection[str], clock: Callable[[], float]
    ) -> None:
        self._cases = tuple(cases(rules))
        self._clock = clock
        self._credentials = frozenset(map(field_name, credentials))
        methods = {method for case in self._cases for method in case.methods}
        self._choices = {
            each: Choice(case for case in self._cases if each in case.methods) for each in methods
        }
        kinds = dict.fromkeys([CONTROL, KEYS, *TIMED, b"vary"], _SAID)
        for case in self._cases:
            kinds |= {name: _SAID for name, _ in case.treatment.shared.targeted}
        self._kinds = Kinds({**kinds, b"content-type": _TYPE, b"set-cookie": COOKIE})

    def fitting(self, method: str, path: str) -> list[Case]:
        """Return what could be for an answer to such a request, in order."""
        return [case for case in self._cases if method in case.methods and case.is_at(path)]

    def has_rules_for(self, method: str) -> bool:
        """Whether there are rules for answers to such requests at all."""
        return method in self._choices

    def has_credentials(self, asked: RawHeaders) -> bool:
        """Whether a request brings what tells one caller from another."""
        for line in asked:  # noqa: SIM110 (any() would build a generator for every request)
            if line[0] in self._credentials:
                return True
        return False

    def treatment(self, method: str, path: str, status: int, content_type: bytes | None) -> Treatment:
        """Return what becomes of an answer."""
        choice = self._choices.get(method)
        if choice is not None:
            for statuses, types, found in choice.of(path):
                if status in statuses:
                    if types is None or types.has(content_type):
                        return found
                    if is_untold(status, content_type):
                        return SILENT
        return otherwise(method, status)

    def write(self, head: Message, method: str, path: str, asked: RawHeaders) -> None:
        """Write into the head of an answer what caches are told of it."""
        headers: RawHeaders = head["headers"]
        kinds, content_type, seen = self._kinds, None, 0
        for line in headers:
            kind = kinds[line[0]]
            if kind:
                seen |= kind
                if kind == _TYPE:
                    content_type = line[1]
        found = self.treatment(method, path, head["status"], content_type)
        is_own = seen & found.private_for or (found.private_for & CREDENTIALS and self.has_credentials(asked))
        if seen & _SAID or found.is_dated:
            (found.own if is_own else found.shared).join(headers, self._clock)
        else:
            headers.extend(found.own_lines if is_own else found.shared_lines)


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
