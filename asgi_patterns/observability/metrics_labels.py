"""Values of labels: never more than there may be, whatever clients and apps come up with.

``METHODS``: those that count; ``Folds``: gives each label so many values and all others one together.
"""

from collections.abc import Callable, Mapping
from typing import Final, final

OTHER: Final = "_OTHER"
"""What all values come to that are too many, as in OpenTelemetry's conventions."""
NONE: Final = "none"
"""No route, or no status. A template begins with a slash, so none can be called that."""

# RFC 9110, RFC 5789 and QUERY: the methods of OpenTelemetry's conventions.
METHODS: Final[Mapping[str, str]] = {
    method: method
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY")
}
_MOST_CHARACTERS: Final = 256

Full = Callable[[str], None]
"""Told once of each label that has all its values: its name."""


@final
class Folds:
    """The values that each label has so far, ``most`` at most."""

    def __init__(self, most: int, full: Full) -> None:
        self._most = most
        self._full = full
        self._known: dict[str, set[str]] = {}
        self._said: set[str] = set()

    def fold(self, label: str, value: str) -> str:
        """Return ``value``, or ``_OTHER`` where ``label`` has too many already, or it is too long."""
        known = self._known.setdefault(label, {OTHER, NONE})
        if value in known:
            return value
        # The two that are always there are not counted.
        if len(known) - 2 < self._most and len(value) <= _MOST_CHARACTERS:
            known.add(value)
            return value
        if label not in self._said:
            self._said.add(label)
            self._full(label)
        return OTHER
