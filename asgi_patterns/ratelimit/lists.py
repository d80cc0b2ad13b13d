"""Lists of who is let through uncounted, and of who is refused: networks, and keys as they are shown."""

import re
from collections.abc import Sequence
from typing import Annotated, final

from pydantic import AfterValidator

from asgi_patterns.kernel.address import TrustedProxies

_KEY = re.compile(r"(?:user|header|key):\S{1,80}")


@final
class Listed:
    """The entries of one list. Raises ``ValueError`` for one that is neither a network nor a key."""

    def __init__(self, entries: Sequence[str]) -> None:
        if isinstance(entries, str):
            raise ValueError(f"is a list: write [{entries!r}]")
        self.keys = frozenset(each for each in entries if _KEY.fullmatch(each))
        networks = [each for each in entries if each not in self.keys]
        try:
            self._networks = TrustedProxies(networks)
        except ValueError as error:
            right = "write a network such as 10.0.0.0/8, or a key such as user:alice"
            raise ValueError(f"{str(error).removeprefix('trusted proxy ')}; {right}") from None

    @property
    def has_users(self) -> bool:
        """Whether it has to be known who the request is for."""
        return any(key.startswith("user:") for key in self.keys)

    def __bool__(self) -> bool:
        return bool(self.keys) or not self._networks.nobody

    def has_address(self, host: str | None) -> bool:
        """Whether an address is in one of the networks."""
        return self._networks.trusts(host)


def _check(entries: Sequence[str]) -> Sequence[str]:
    Listed(entries)
    return entries


Entries = Annotated[Sequence[str], AfterValidator(_check)]
"""A setting that is such a list."""
