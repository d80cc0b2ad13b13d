"""What ``Compression`` reports."""

from dataclasses import dataclass
from typing import ClassVar, final

from asgi_patterns.kernel.events import Event


@final
@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Compressed(Event):
    """An answer was sent in a coding, all of it."""

    is_routine: ClassVar[bool] = True

    coding: str
    size: int
    """Bytes that the app sent."""
    coded: int
    """Bytes that went out."""

    # There is one for nearly every request. The __init__ of a frozen class takes half as long again: it looks each
    # field up by its name.
    def __init__(self, *, coding: str, size: int, coded: int) -> None:
        _set_coding(self, coding)
        _set_size(self, size)
        _set_coded(self, coded)


_set_coding, _set_size, _set_coded = (vars(Compressed)[name].__set__ for name in ("coding", "size", "coded"))
