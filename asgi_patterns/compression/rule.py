"""A rule of ``Compression`` as a user writes it."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, final

from pydantic import Field, ValidationInfo, field_validator

from asgi_patterns.compression.padding import MOST
from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.patterns import Patterns, texts_of

Padding: TypeAlias = Annotated[int, Field(ge=0, le=MOST)]


@final
@settings
class CompressionRule:
    """What is different for the answers on some paths."""

    match: PathPattern | Annotated[Sequence[PathPattern], Field(min_length=1)]
    """Path patterns of the requests; one without a method is for all."""
    compress: bool = True
    """Whether these answers are coded at all."""
    despite_cookies: bool = False
    """Whether answers that set a cookie are coded, and pages for requests with one: nothing in them is a secret."""
    padding: Padding | None = None
    """Bytes by which these answers are lengthened at most, if not as the layer says."""

    @field_validator("despite_cookies", "padding")
    @classmethod
    def _check_is_coded(cls, value: bool | int | None, info: ValidationInfo) -> bool | int | None:
        if value and info.data.get("compress") is False:
            raise ValueError("is about answers that are coded: leave it out, or compress")
        return value

    @property
    def texts(self) -> Sequence[str]:
        """The patterns, as they were written."""
        return texts_of(self.match)

    @property
    def patterns(self) -> Patterns:
        """The patterns, ready to be asked."""
        return Patterns(self.texts)
