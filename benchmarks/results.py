"""What was found: groups of cases, a case has a row for each contender. Written as JSON, one file for each group."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

FOLDER: Final = Path(__file__).parent / "results"

Kind = Literal["app", "floor", "ours", "peer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a row may cost at most."""

    most: float
    of: str = "floor"
    """What that is a part or a multiple of: the ``floor``, the best ``peer``, ``us``, or a row of this name."""
    reason: str = ""
    """Why it cannot be reached, where it cannot."""
    found: float | None = None
    """What it came to."""

    @property
    def is_missed(self) -> bool:
        """Whether more was found; what would be printed as the same is the same."""
        return self.found is not None and self.found > self.most + 0.005

    def __str__(self) -> str:
        if self.of == "us":
            return f"{self.most:g} us"
        share = f"1/{1 / self.most:g}" if self.most < 1 else f"{self.most:g}x"
        return f"{share} of {_NAMES.get(self.of, self.of)}"


_NAMES: Final = {"floor": "the floor", "peer": "the best peer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one contender takes for a request. Apart from an app's own row, counts are without the app's."""

    name: str
    kind: Kind
    minimum: float
    median: float
    over: float | None = None
    """The minimum, less that of the app which the contender stands in front of."""
    bytecodes: float | None = None
    calls: float | None = None
    of_floor: float | None = None
    """How many times as much as the floor of the case, over the app."""
    of_peer: float | None = None
    """The same of the best peer."""
    budgets: tuple[Budget, ...] = ()
    layer: str = ""
    """The layer whose line in the README this row is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Contenders that do the same thing."""

    name: str
    rows: tuple[Row, ...]
    unit: str = "us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The cases of one file."""

    name: str
    title: str
    cases: tuple[Case, ...]
    machine: dict[str, Any] = field(default_factory=dict)
    """Versions, and what it ran on."""

    def rows(self) -> Iterator[tuple[Case, Row]]:
        """Yield every row, with its case."""
        yield from ((case, row) for case in self.cases for row in case.rows)


def write(group: Group, folder: Path = FOLDER) -> None:
    """Write what was found."""
    text = json.dumps(asdict(group), indent=1, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{group.name}.json").write_text(text + "\n", encoding="utf-8")


def read(name: str, folder: Path = FOLDER) -> Group:
    """Return what was written."""
    tree = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    cases = tuple(_case(each) for each in tree["cases"])
    return Group(name=tree["name"], title=tree["title"], cases=cases, machine=tree["machine"])


def read_all(names: Iterable[str], folder: Path = FOLDER) -> list[Group]:
    """Return those of these groups that were written, in this order."""
    return [read(name, folder) for name in names if (folder / f"{name}.json").exists()]


def _case(tree: dict[str, Any]) -> Case:
    rows = (
        Row(**{**row, "budgets": tuple(Budget(**each) for each in row["budgets"])}) for row in tree["rows"]
    )
    return Case(name=tree["name"], rows=tuple(rows), unit=tree["unit"])
