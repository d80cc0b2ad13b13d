"""The benchmarks run, and what they found is told as it was found. How long something takes is no test's business."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asgi_patterns.benching.numbers import Counts
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.settings.sections import SECTIONS
from benchmarks import readme
from benchmarks.comparing import Entrant, app, compared, floor, ours, peer
from benchmarks.groups import NAMES
from benchmarks.harness import Times, in_this_process, measure
from benchmarks.rendering import text
from benchmarks.results import FOLDER, Budget, Case, Group, Row, read, read_all, write
from benchmarks.shape import layered, whole

ROOT = Path(__file__).parents[1]


# --- they run ---


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All groups, run once with few calls: where that was written, and what was printed."""
    folder = tmp_path_factory.mktemp("results")
    done = _benchmarks("--light", "--write", "--folder", str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def _benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_group_finds_rows_and_says_what_they_stand_beside(name: str, light: tuple[Path, str]) -> None:
    folder, printed = light

    group = read(name, folder)

    assert group.name == name
    assert group.title in printed
    assert group.machine["packages"]["starlette"]
    for case in group.cases:
        assert f"{case.name}, {case.unit}" in printed
        assert [row.name for row in case.rows if row.kind == "ours"]
        assert all(row.minimum <= row.median for row in case.rows)
        assert all((row.over is None) == (row.kind == "app") for row in case.rows)


def test_every_table_ends_with_the_ratios(light: tuple[Path, str]) -> None:
    _, printed = light
    groups = [read(name, light[0]) for name in NAMES]

    heads = [line for line in printed.splitlines() if line.split()[:2] == ["minimum", "median"]]

    assert len(heads) == sum(len(group.cases) for group in groups)
    assert all(line.endswith("of the floor  of the best peer") for line in heads)


def test_every_layer_has_a_line_or_a_reason(light: tuple[Path, str]) -> None:
    folder, _ = light

    found = [row.layer for group in read_all(NAMES, folder) for _, row in group.rows() if row.layer]

    assert sorted([*found, *readme.UNMEASURED]) == sorted(layer.__name__ for layer in SECTIONS.values())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["metrix"], "there is no group metrix", id="a group that is not there"),
        pytest.param(["--light", "--write"], "name another folder", id="light numbers as results"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], complaint: str) -> None:
    done = _benchmarks(*arguments)

    assert done.returncode == 2
    assert complaint in done.stderr


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("on purpose")


def test_a_contender_that_fails_is_named() -> None:
    with pytest.raises(RuntimeError, match="broken: LookupError: on purpose"):
        measure({"fine": lambda: whole, "broken": lambda: failing}, rounds=2, calls=5)


# --- what is counted, and compared ---


def test_counts_are_the_same_in_this_process_and_in_others() -> None:
    made = {"1": lambda: layered(whole, 1), "2": lambda: layered(whole, 2)}

    forked = measure(made, rounds=2, calls=5)
    with in_this_process():
        here = measure(made, rounds=2, calls=5)

    assert {name: times.counts for name, times in here.items()} == {
        name: times.counts for name, times in forked.items()
    }
    assert forked["1"].counts != forked["2"].counts


ALONE, BY_HAND, MINE = app("alone", None), floor("by hand", None), ours("mine", None)
BASE, OTHER, THIRD = app("base", None), peer("other", None, over="base"), peer("third", None)

COMPARED = [
    # what is said of "mine", or of the entrant named      minimums                   who     over  floor  peer
    ("what a layer adds is without the app", [(ALONE, 1.0), (MINE, 3.5)], "mine", 2.5, None, None),
    ("without an app all of it is its own", [(MINE, 3.5)], "mine", 3.5, None, None),
    ("an app adds nothing to anything", [(ALONE, 1.0), (MINE, 3.5)], "alone", None, None, None),
    ("the floor is once the floor", [(ALONE, 1.0), (BY_HAND, 3.0)], "by hand", 2.0, 1.0, None),
    ("ours is so many floors", [(ALONE, 1.0), (BY_HAND, 3.0), (MINE, 4.0)], "mine", 3.0, 1.5, None),
    (
        "the first floor is the one that counts",
        [(ALONE, 1.0), (BY_HAND, 3.0), (floor("second", None), 2.0), (MINE, 4.0)],
        "mine",
        3.0,
        1.5,
        None,
    ),
    (
        "the best peer is the one that adds least, not the one that takes least",
        [(ALONE, 1.0), (BASE, 10.0), (OTHER, 12.0), (THIRD, 9.0), (MINE, 2.0)],
        "mine",
        1.0,
        None,
        0.5,
    ),
    ("a floor that adds nothing is no measure", [(ALONE, 1.0), (BY_HAND, 1.0), (MINE, 2.0)], "mine", 1.0, None, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("minimums", "who", "over", "of_floor", "of_peer"),
    [pytest.param(*rest, id=sentence) for sentence, *rest in COMPARED],
)
def test_rows_are_compared(
    minimums: list[tuple[Entrant, float]],
    who: str,
    over: float | None,
    of_floor: float | None,
    of_peer: float | None,
) -> None:
    times = {entrant.name: Times(least, least) for entrant, least in minimums}

    rows = {row.name: row for row in compared([entrant for entrant, _ in minimums], times)}

    assert (rows[who].over, rows[who].of_floor, rows[who].of_peer) == (over, of_floor, of_peer)


def test_counts_are_without_those_of_the_app() -> None:
    times = {"alone": Times(1, 1, Counts(50, 3)), "mine": Times(2, 2, Counts(190, 9))}

    alone, mine = compared([ALONE, MINE], times)

    assert (alone.bytecodes, alone.calls, mine.bytecodes, mine.calls) == (50, 3, 140, 6)


ASKED = [
    # what is asked                     in words                   with a floor  and peers   came to  is missed
    (Budget(most=1.5), "1.5x of the floor", 2.0, [], 1.5, False),
    (Budget(most=1.4), "1.4x of the floor", 2.0, [], 1.5, True),
    (Budget(most=3, of="us"), "3 us", 2.0, [], 3.0, False),
    (Budget(most=2.9, of="us"), "2.9 us", 2.0, [], 3.0, True),
    (Budget(most=1 / 4, of="peer"), "1/4 of the best peer", 2.0, [24.0, 12.0], 0.25, False),
    (Budget(most=1 / 5, of="peer"), "1/5 of the best peer", 2.0, [24.0, 12.0], 0.25, True),
    (Budget(most=1 / 5, of="peer 0"), "1/5 of peer 0", 2.0, [24.0, 12.0], 0.125, False),
    (Budget(most=1 / 5, of="peer 7"), "1/5 of peer 7", 2.0, [24.0, 12.0], None, False),
]


@pytest.mark.parametrize(
    ("budget", "words", "of_floor", "of_peers", "found", "is_missed"),
    [pytest.param(*each, id=f"{each[1]} came to {each[4]}") for each in ASKED],
)
def test_a_budget_is_kept_or_missed(
    budget: Budget, words: str, of_floor: float, of_peers: list[float], found: float | None, is_missed: bool
) -> None:
    mine, peers = ours("mine", None, budget), [peer(f"peer {at}", None) for at in range(len(of_peers))]
    minimums = {"by hand": of_floor, "mine": 3.0, **{f"peer {at}": each for at, each in enumerate(of_peers)}}

    rows = compared([BY_HAND, mine, *peers], {name: Times(each, each) for name, each in minimums.items()})

    (asked,) = rows[1].budgets
    assert (str(asked), asked.found, asked.is_missed) == (words, found, is_missed)


def _row(name: str, **found: Any) -> Row:
    return Row(name=name, kind="ours", minimum=2.0, median=2.5, **found)


def test_budgets_stand_below_and_a_missed_one_with_its_reason() -> None:
    budgets = Budget(most=1.3, reason="it looks twice", found=2.0), Budget(most=9, of="us", found=3.0)
    row = _row("mine", over=3.0, of_floor=2.0, budgets=budgets)

    printed = text(Group(name="x", title="All of it", cases=(Case(name="a case", rows=(row,)),)))

    assert printed.splitlines()[-3:] == [
        "mine     2.00    2.50  3.00                    missed, met          2.00                  ",
        "  mine, at most 1.3x of the floor: missed (2.00): it looks twice",
        "  mine, at most 9 us: met (3.00)",
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    row = _row("mine", over=3.0, budgets=(Budget(most=1.3, reason="it looks twice"),), layer="Cors")
    group = Group(
        name="x", title="All", cases=(Case(name="a case", rows=(row,), unit="ms"),), machine={"cores": 2}
    )

    write(group, tmp_path)

    assert read("x", tmp_path) == group


# --- what was found ---

RESULTS = read_all(NAMES)


def test_every_group_has_results_and_nothing_else_has() -> None:
    assert sorted(each.stem for each in FOLDER.glob("*.json")) == sorted(NAMES)


def test_all_results_are_of_one_machine() -> None:
    machines = [{**group.machine, "packages": None} for group in RESULTS]

    assert all(each == machines[0] for each in machines)


def test_results_name_the_kind_of_machine_and_no_folder_of_it() -> None:
    for group in RESULTS:
        assert set(group.machine) == {"python", "system", "processor", "cores", "packages"}
        written = (FOLDER / f"{group.name}.json").read_text(encoding="utf-8")
        assert [folder for folder in (ROOT, Path.home()) if str(folder) in written] == []


def test_every_budget_that_was_missed_has_its_reason() -> None:
    unexplained = [
        f"{group.name}: {case.name}: {row.name}, {missed}"
        for group in RESULTS
        for case, row in group.rows()
        for missed in row.budgets
        if missed.is_missed and not missed.reason
    ]

    assert unexplained == []


def test_the_readme_says_what_was_found() -> None:
    page = readme.README.read_text(encoding="utf-8")

    assert page == readme.rewritten(page, RESULTS)


def test_the_plot_shows_what_was_found() -> None:
    drawn = readme.PLOT.read_text(encoding="utf-8") if readme.PLOT.exists() else None

    assert drawn == readme.drawn(RESULTS)
