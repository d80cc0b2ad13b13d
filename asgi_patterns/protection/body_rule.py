"""A rule of ``BodyLimit`` as a user writes it, and which one a request falls under."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, final

from pydantic import AfterValidator, Field

from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.headers import get
from asgi_patterns.kernel.media_types import MediaType, MediaTypes
from asgi_patterns.kernel.patterns import Patterns, route_path, texts_of
from asgi_patterns.kernel.sizes import Size, octets
from asgi_patterns.kernel.types import Scope

Where: TypeAlias = PathPattern | Annotated[Sequence[PathPattern], Field(min_length=1)]


@final
@settings
class BodyRule:
    """How large the content of some requests may be."""

    match: Where = "/**"
    """Path patterns of the requests; one without a method is for all."""
    media_types: Sequence[MediaType] = ()
    """Media types of the content, such as `image/*`; empty means any, and none."""
    limit: Size
    """How large it may be, on the wire: bytes, `10 MB` or `64 KiB`."""

    @property
    def texts(self) -> Sequence[str]:
        """The patterns, as they were written."""
        return texts_of(self.match)


def check_rules(rules: Sequence[BodyRule]) -> Sequence[BodyRule]:
    """Return ``rules``. Raises ``ValueError`` for one that does not say what it is for."""
    for index, rule in enumerate(rules):
        if rule.match == "/**" and not rule.media_types:
            raise ValueError(f"[{index}] is for everything: that is what limit says, beside the rules")
    return rules


Rules: TypeAlias = Annotated[Sequence[BodyRule], AfterValidator(check_rules)]


@final
class ContentLimits:
    """How large the content of which request may be, ready to be asked."""

    __slots__ = ("_cases", "default", "has_rules")

    def __init__(self, limit: int, rules: Sequence[BodyRule]) -> None:
        self.default = limit
        self.has_rules = bool(rules)
        self._cases = tuple(
            (
                None if "/**" in rule.texts else Patterns(rule.texts),
                MediaTypes(rule.media_types) if rule.media_types else None,
                (octets(rule.limit), index),
            )
            for index, rule in enumerate(rules)
        )

    def find(self, scope: Scope) -> tuple[int, int | None]:
        """Return the limit in bytes, and the index of the first rule that fits; ``None`` where none does."""
        method, path, headers = scope["method"], route_path(scope), scope["headers"]
        for patterns, types, found in self._cases:
            if patterns is not None and not patterns.matches(method, path):
                continue
            if types is None or types.has(get(headers, b"content-type")):
                return found
        return self.default, None
