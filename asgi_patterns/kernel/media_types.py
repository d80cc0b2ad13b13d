"""Media types, as settings name them and as ``Content-Type`` says them (RFC 9110 section 8.3.1).

``MediaType``: a field of settings; ``MediaTypes``: a set of them; ``essence``: one without its parameters.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Final, TypeAlias, final

from pydantic import Field

from asgi_patterns.kernel.parameters import TOKEN

_PATTERN: Final = rf"^(\*/\*|{TOKEN}/{TOKEN})$"

MediaType: TypeAlias = Annotated[str, Field(title="media type", pattern=_PATTERN, max_length=255)]
"""``text/css``, ``image/*``, ``*/*``, or ``application/*+json``: any with this suffix (RFC 6839)."""


@final
class MediaTypes:
    """Some media types: ``text/css``, ``image/*``, ``application/*+json``, ``*/*``."""

    __slots__ = ("_exact", "_kinds", "_suffixed", "_texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(text.lower() for text in texts)
        self._exact = frozenset(self._texts)
        self._kinds = frozenset(text[:-1] for text in self._texts if text.endswith("/*"))
        parts = (text.partition("*+") for text in self._texts)
        self._suffixed = tuple((kind, f"+{suffix}") for kind, star, suffix in parts if star)

    def __str__(self) -> str:
        return " or ".join(self._texts)

    def has(self, content_type: bytes | None) -> bool:
        """Whether content with this ``Content-Type`` is one of them; content without is none."""
        if content_type is None:
            return False
        name = essence(content_type)
        if name in self._exact or name[: name.find("/") + 1] in self._kinds or "*/" in self._kinds:
            return True
        return any(name.startswith(kind) and name.endswith(suffix) for kind, suffix in self._suffixed)


@lru_cache(maxsize=256)
def essence(content_type: bytes) -> str:
    """Return a media type without its parameters, in lower case."""
    return content_type.split(b";", 1)[0].strip().lower().decode("latin-1")
