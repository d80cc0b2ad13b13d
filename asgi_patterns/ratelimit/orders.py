"""Which orders the script gets: the keys, spread over partitions, and what is done to them."""

from collections.abc import Sequence
from typing import Final, final
from zlib import crc32

from asgi_patterns.ratelimit.asks import Ask, Stake
from asgi_patterns.ratelimit.keys import EVERYBODY
from asgi_patterns.ratelimit.script import NO_TOKEN, Order, Verb, code_of, encode_ask, order, pack

MOST_FORMS: Final = 4096
"""Forms of asking that are kept ready."""


@final
class Orders:
    """Writes orders about keys that begin with ``prefix``. With one partition all is always one step."""

    def __init__(self, prefix: str, partitions: int) -> None:
        self._prefix = prefix
        self._partitions = partitions
        self._forms: dict[Stake, tuple[str, bytes, bytes]] = {}

    def are_apart(self, asks: Sequence[Ask]) -> bool:
        """Whether the keys are in several partitions, so that no single step can decide."""
        return self._partitions > 1 and len({self.tag(ask) for ask in asks}) > 1

    def tag(self, ask: Ask) -> str:
        """Return the hash tag of a key, which says where on a cluster it is."""
        if self._partitions == 1:
            return "0"
        # All of a client's own quotas fall into one partition, and are decided in one step.
        named = ask[0].quota if ask[1] == EVERYBODY else ask[1]
        return str(crc32(named.encode()) % self._partitions)

    def groups(self, asks: Sequence[Ask]) -> dict[str, list[int]]:
        """Return the places of the asks by their tags, in the order in which they are to be decided."""
        groups: dict[str, list[int]] = {}
        # What all clients share comes last: it is not held, even for a moment, by who is refused anyway.
        for place in sorted(range(len(asks)), key=lambda place: asks[place][1] == EVERYBODY):
            groups.setdefault(self.tag(asks[place]), []).append(place)
        return groups

    def write(
        self, verb: Verb, tag: str, asks: Sequence[Ask], *, at: float = 0.0, token: bytes = NO_TOKEN
    ) -> Order:
        """Return an order about ``asks``, whose keys all have ``tag``."""
        if verb == b"T" and len(asks) == 1 and token is NO_TOKEN:
            # Nearly every order is this one, and has been packed before.
            stake, key = asks[0]
            head, _, packed = self._form(stake)
            return Order(tag, (f"{self._prefix}:{{{tag}}}:{head}{key}".encode(),), packed, 1)
        keys, forms = [], []
        for stake, key in asks:
            head, form, _ = self._form(stake)
            keys.append(f"{self._prefix}:{{{tag}}}:{head}{key}".encode())
            forms.append(form)
        return order(verb, keys, forms, at=at, token=token, tag=tag)

    def _form(self, stake: Stake) -> tuple[str, bytes, bytes]:
        """Return what a key begins with, how the stake is put, and the order to take it alone."""
        found = self._forms.get(stake)
        if found is None:
            if len(self._forms) >= MOST_FORMS:
                self._forms.clear()  # costs that a function makes may be as many as there are requests
            ask = encode_ask(stake.rule, stake.cost, binding=stake.binding)
            found = self._forms[stake] = (f"{stake.quota}:{code_of(stake.rule)}:", ask, pack(b"T", (ask,)))
        return found
