"""The field ``Server-Timing`` (W3C Server Timing): names with durations and descriptions.

``Costs``: what a request has taken, added up by name; ``shares``: how it is shared out between app and layers;
``value``: all of it as a field's value.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, final

LONGEST_NAME: Final = 64
LONGEST_DESCRIPTION: Final = 128
LONGEST_VALUE: Final = 4096
REST: Final = "other"
"""What durations are added to when there are as many names as there may be."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNFIT: Final = re.compile(r"[^\x20-\x7e]")


class Metric(NamedTuple):
    """One entry of the field."""

    name: str
    seconds: float | None = None
    description: str | None = None


@final
class Costs:
    """Durations by name and description. No more than ``most`` of these; the rest is one sum."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sums: dict[tuple[str, str | None], float] = {}

    def add(self, name: str, description: str | None, seconds: float) -> None:
        """Add what something has taken."""
        key = (name, description)
        if key not in self._sums and len(self._sums) >= self._most:
            key = (REST, None)
        self._sums[key] = self._sums.get(key, 0.0) + seconds

    @property
    def metrics(self) -> Sequence[Metric]:
        """The sums, in the order in which their names came."""
        return [Metric(name, seconds, description) for (name, description), seconds in self._sums.items()]


def shares(total: float, app: float | None) -> list[Metric]:
    """Return what of ``total`` the app had, if it was called, and what our layers had, before it and after it."""
    if app is None:
        return [Metric("layers", total)]
    # Two clocks may have been read for these.
    return [Metric("app", app), Metric("layers", max(0.0, total - app))]


def check_name(name: str) -> str:
    """Return ``name``. Raises ``ValueError`` where it is no token (RFC 9110 5.6.2), or too long."""
    if not _TOKEN.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValueError(
            f"{name[:80]!r} is no name of a timing: use letters, digits, - and _, at most {LONGEST_NAME};"
            " description takes any text"
        )
    return name


def value(metrics: Iterable[Metric]) -> str:
    """Return the value: printable ASCII, whatever the descriptions are. What would make it too long is left out."""
    found: list[str] = []
    left = LONGEST_VALUE
    for metric in metrics:
        entry = _entry(metric)
        left -= len(entry) + 2
        if left < 0:
            break
        found.append(entry)
    return ", ".join(found)


def only_total(seconds: float) -> bytes:
    """Return the value where ``total`` is all that is told."""
    return (b"total;dur=%.2f" % (seconds * 1000)).rstrip(b"0").rstrip(b".")


def _entry(metric: Metric) -> str:
    name, seconds, description = metric
    if seconds is not None:
        name = f"{name};dur={seconds * 1000:.2f}".rstrip("0").rstrip(".")
    return name if description is None else f'{name};desc="{_quoted(description)}"'


def _quoted(text: str) -> str:
    plain = _UNFIT.sub("?", text[:LONGEST_DESCRIPTION])
    return plain.replace("\\", "\\\\").replace('"', '\\"')
