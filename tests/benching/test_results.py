"""What is said of numbers: tables, comparisons, files, drawings, verdicts. The numbers are made up."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from asgi_patterns.benching.comparing import NOISE, compared
from asgi_patterns.benching.files import WrongFile, read, written
from asgi_patterns.benching.latencies import bucket, quantile
from asgi_patterns.benching.plot import svg
from asgi_patterns.benching.results import Answers, Line, Result, over_limit, remarks
from asgi_patterns.benching.table import Paper, bar, table
from tests.benching.made import line, result, served, usual

REFUSED = (Answers(200, {429: 100}),)


def said(found: Result, paper: Paper | None = None) -> str:
    return "\n".join(table(found, paper or Paper()))


def against(now: Result, then: Result) -> dict[str, str]:
    """What is said of each row of a comparison."""
    lines = compared(now, then, "old.json", Paper())
    return {text.partition("  ")[0]: text for text in lines}


def test_the_table_has_rows_prices_counts_and_bars() -> None:
    shown = said(usual())

    assert shown.splitlines()[2:8] == [
        "In process, microseconds for a request",
        "                     min  median   over  bytecodes  calls  status",
        "shop.api:app alone  10.0    10.1               100      7     200",
        "health              12.0    12.1   +2.0        +50     +0     200  #",
        "rate_limit          30.0    30.1  +20.0       +800     +0     200  ##########",
        "all layers          35.0    35.1  +25.0       +900     +0     200  #############",
    ]


@pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "ASCII"])
def test_the_table_fits_its_paper(blocks: bool) -> None:
    for width in (80, 100, 120):
        shown = said(usual(), Paper(width, has_blocks=blocks))
        assert max(map(len, shown.splitlines())) <= width
        assert blocks or shown.isascii()


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        pytest.param(0.0, "", id="nothing is no bar"),
        pytest.param(-1.0, "", id="less than nothing is none either"),
        pytest.param(0.0001, "▏", id="something is seen"),
        pytest.param(0.5, "████", id="half"),
        pytest.param(1.0, "████████", id="all"),
        pytest.param(9.0, "████████", id="more than all"),
    ],
)
def test_a_bar(share: float, drawn: str) -> None:
    assert bar(share, 8, has_blocks=True) == drawn
    assert len(bar(share, 8, has_blocks=False)) == len(drawn)


def test_a_result_without_numbers_can_be_shown() -> None:
    lines = [Line(name=each.name, kind=each.kind) for each in usual().lines]

    assert "rate_limit" in said(result(*lines))
    assert said(result()).startswith("GET /lamps")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param((Answers(200, {}),), [], id="the same"),
        pytest.param(REFUSED, ["answers 429 after 100"], id="refused later"),
        pytest.param(
            (Answers(401, {}),), ["answers 401, where the app alone answers 200"], id="refused at once"
        ),
        pytest.param(
            (Answers("raises KeyError", {}),),
            ["raises KeyError, where the app alone answers 200"],
            id="raises",
        ),
        pytest.param(
            (Answers(304, {}),), ["answers 304, where the app alone answers 200"], id="another success"
        ),
    ],
)
def test_what_is_strange_about_a_row_whose_answers_are(
    answers: tuple[Answers, ...], expected: list[str]
) -> None:
    found = usual(limit=line("layer", "rate_limit", 30.0, answers=answers))

    assert list(remarks(found, found.lines[2])) == expected
    assert all(each in said(found) for each in expected)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param(204, [], id="a success"),
        pytest.param(302, [], id="a redirection"),
        pytest.param(404, ["answers 404"], id="the path is wrong"),
        pytest.param(500, ["answers 500"], id="it fails"),
    ],
)
def test_what_is_strange_about_the_app_alone(first: int, expected: list[str]) -> None:
    bare = line("bare", "shop.api:app alone", 10.0, answers=(Answers(first, {}),))

    assert list(remarks(result(bare), bare)) == expected


def test_a_quota_that_was_used_up_is_explained() -> None:
    found = usual(limit=line("layer", "rate_limit", 30.0, answers=REFUSED))

    shown = said(found)

    assert "200!" in shown
    assert "--clients" in shown


def test_a_row_that_failed_says_why() -> None:
    failed = replace(line("layer", "rate_limit", 1.0), times=None, failure="ConnectionError: no Redis")

    assert "! is not measured: ConnectionError: no Redis" in said(usual(limit=failed))


def test_what_a_server_refused_or_could_not_do_stands_below_its_row() -> None:
    refused = replace(served(900.0), statuses={200: 100, 429: 4000}, requests=4100, failures=3)
    found = replace(
        usual(
            bare=line("bare", "a alone", 10.0, served=served(1000.0)),
            health=replace(line("layer", "health", 12.0), serving_failure="it does not start"),
            limit=line("layer", "rate_limit", 30.0, served=refused),
        ),
        server="uvicorn",
    )

    shown = said(found).partition("Behind uvicorn")[2].splitlines()

    assert shown[3:7] == [
        "health",
        "  ! is not served: it does not start",
        "rate_limit    900    900    1.00    2.00  ##################################",
        "  ! answers 429 to 4,000 of 4,100 requests; breaks 3 connections before the",
    ]
    assert "--clients" in shown[-1] or "--clients" in shown[-2]
    assert found.has_failed


def test_an_app_that_fails_in_all_rows_is_told_once() -> None:
    found = usual()
    failed = replace(
        found, lines=[replace(each, times=None, failure="it does not start") for each in found.lines]
    )

    assert said(failed).splitlines()[2:] == ["shop.api:app is not measured: it does not start"]
    assert failed.has_failed


LIMITS = [
    # what happens                                       limit   what is said
    pytest.param(usual(), 25.0, None, id="exactly the limit"),
    pytest.param(
        usual(),
        24.9,
        "all layers: 25.0 us over the app alone, more than 24.9: rate_limit alone 20.0",
        id="over it the dearest is named",
    ),
    pytest.param(
        usual(),
        1.0,
        "all layers: 25.0 us over the app alone, more than 1: rate_limit alone 20.0, health alone 2.0",
        id="over it all are named that are too dear alone",
    ),
    pytest.param(
        usual(whole=line("whole", "all layers", 11.0, answers=REFUSED)),
        99.0,
        "all layers: what it costs is not known, because it answers 429 after 100",
        id="a price of refusals is none",
    ),
    pytest.param(
        usual(
            bare=line("bare", "a", 10.0, answers=(Answers(404, {}),)),
            whole=line("whole", "all layers", 11.0, answers=(Answers(404, {}),)),
        ),
        99.0,
        None,
        id="a 404 that the app alone answers too has a price",
    ),
    pytest.param(
        usual(whole=line("whole", "all layers", 11.0, answers=(Answers(304, {}),))),
        99.0,
        None,
        id="a 304 has a price",
    ),
    pytest.param(
        usual(whole=Line(name="all layers", kind="whole", failure="no Redis")),
        99.0,
        "the price of all layers is not known: it could not be measured",
        id="what is not measured is not cheap",
    ),
]


@pytest.mark.parametrize(("found", "limit", "expected"), LIMITS)
def test_a_limit(found: Result, limit: float, expected: str | None) -> None:
    assert over_limit(found, limit) == ([] if expected is None else [expected])


COMPARED = [
    # what happens                       now          then         what is said
    pytest.param((30.0, 0.1, 900), (30.1, 0.1, 900), [NOISE, "the same"], id="less than the spread"),
    pytest.param((25.0, 0.1, 900), (30.0, 0.1, 900), ["-5.0", "the same"], id="faster"),
    pytest.param((35.0, 0.1, 900), (30.0, 0.1, 900), ["+5.0", "the same"], id="slower"),
    pytest.param((35.0, 9.0, 900), (30.0, 0.1, 900), [NOISE, "the same"], id="slower in a noisy run"),
    pytest.param((35.0, 0.1, 900), (30.0, 9.0, 900), [NOISE, "the same"], id="slower than a noisy run"),
    pytest.param((30.0, 0.1, 901), (30.0, 0.1, 900), [NOISE, "800 -> 801", "+1"], id="one bytecode more"),
]


@pytest.mark.parametrize(("now", "then", "expected"), COMPARED)
def test_what_has_changed(
    now: tuple[float, float, float], then: tuple[float, float, float], expected: list[str]
) -> None:
    new, old = (
        usual(limit=line("layer", "rate_limit", minimum, usual=spread, bytecodes=codes))
        for minimum, spread, codes in (now, then)
    )

    row = against(new, old)["rate_limit"]

    assert all(each in row for each in expected), row


def test_rows_that_only_one_has_are_new_or_gone() -> None:
    now, then = usual(), usual(health=line("layer", "cors", 12.0))

    found = against(now, then)

    assert (found["health"].split(), found["cors"].split()) == (["health", "new"], ["cors", "gone"])


def test_the_app_alone_is_compared_whatever_its_name() -> None:
    then = usual(bare=line("bare", "old:app alone", 10.0))

    assert "new" not in against(usual(), then)["shop.api:app alone"]


@pytest.mark.parametrize(
    ("other", "caveat", "judged"),
    [
        pytest.param({"cpu": "Abacus 4"}, "the other machine was another one", (False, True), id="a machine"),
        pytest.param({"python": "3.12.1"}, "the other Python was 3.12.1", (True, False), id="a Python"),
        pytest.param({"python": "3.11.9"}, None, (True, True), id="a fix of the same Python"),
    ],
)
def test_what_was_measured_elsewhere_is_not_judged(
    other: dict[str, str], caveat: str | None, judged: tuple[bool, bool]
) -> None:
    then = replace(usual(), machine={**usual().machine, **other})
    shown = "\n".join(compared(usual(), then, "old.json", Paper()))
    row = against(usual(), then)["rate_limit"]

    assert (NOISE in row, "the same" in row) == judged
    assert caveat is None or caveat in shown


def test_other_requests_apps_and_answers_are_told() -> None:
    now = usual(limit=line("layer", "rate_limit", 30.0, answers=REFUSED))
    then = replace(usual(), app="other:app", clients=9)

    shown = "\n".join(compared(now, then, "old.json", Paper()))

    assert "the other app is other:app" in shown
    assert "the other requests were GET /lamps" in shown
    assert "! rate_limit: status 200 then, 200! now" in shown


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        pytest.param((1000.0, 1020.0), "-100", id="no round was like one of the other"),
        pytest.param((1000.0, 1100.0), NOISE, id="the worst was like the best of the other"),
    ],
)
def test_servers_are_compared_by_what_they_serve(then: tuple[float, float], expected: str) -> None:
    new, old = (
        result(line("bare", "a alone", 1.0, served=served(*rates)), server="uvicorn")
        for rates in ((900.0, 910.0), then)
    )

    *_, row = (text for text in compared(new, old, "old.json", Paper()) if text.startswith("a alone"))

    assert row.startswith("a alone  1,000 -> 900")
    assert row.endswith(expected)


def test_a_file_is_read_as_it_was_written() -> None:
    found = usual(limit=line("layer", "rate_limit", 30.0, served=served(900.0)))

    assert written(read(written(found))) == written(found)
    assert read(written(found)).lines[2].times == found.lines[2].times


def test_a_file_says_what_each_row_costs() -> None:
    tree = json.loads(written(usual()))

    assert tree["asgi_patterns_bench"] == 1
    assert [each["over"] for each in tree["lines"]] == [None, 2.0, 20.0, 25.0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "it is no JSON", id="nothing"),
        pytest.param("[" * 100_000, "it is no JSON", id="nested too deep"),
        pytest.param("[]", "it was not written by asgi-patterns bench --json", id="a list"),
        pytest.param("{}", "it was not written by asgi-patterns bench --json", id="another object"),
        pytest.param(
            '{"asgi_patterns_bench": 7}', "it has the form 7, this version reads 1", id="another form"
        ),
        pytest.param('{"asgi_patterns_bench": 1, "app": 3}', "app: ", id="a field that is wrong"),
        pytest.param(
            '{"asgi_patterns_bench": 1, "app": "\\u001b[2J"}', "it has control characters", id="an escape"
        ),
    ],
)
def test_a_file_that_is_no_result_is_refused(text: str, why: str) -> None:
    with pytest.raises(WrongFile) as caught:
        read(text)

    assert str(caught.value).startswith(why)


def test_the_drawing_is_xml_and_says_all_in_words() -> None:
    found = replace(
        usual(limit=line("layer", "<b>&\x00", 30.0, served=served(900.0))), server="uvicorn", connections=8
    )

    root = ET.fromstring(svg(found))  # noqa: S314 - written by us a moment ago

    space = "{http://www.w3.org/2000/svg}"
    described = root.findtext(f"{space}desc") or ""
    assert (root.tag, root.get("role"), root.get("aria-labelledby")) == (f"{space}svg", "img", "title desc")
    assert root.findtext(f"{space}title") == "What shop.api:app costs behind each layer"
    assert "<b>&? 20.0 us" in described
    assert "900/s" in described
    assert "prefers-color-scheme: dark" in (root.findtext(f"{space}style") or "")


def test_a_drawing_of_nothing_is_xml_too() -> None:
    assert ET.fromstring(svg(result())) is not None  # noqa: S314 - written by us a moment ago


def test_refusals_are_drawn_as_such() -> None:
    found = usual(limit=line("layer", "rate_limit", 30.0, answers=REFUSED))

    assert 'class="refused"' in svg(found)
    assert "status 200!" in svg(found)


@pytest.mark.parametrize(
    ("seconds", "share", "expected"),
    [
        pytest.param([], 0.5, 0.0, id="nothing"),
        pytest.param([0.004], 0.99, 0.004, id="one"),
        pytest.param([0.001] * 99 + [1.0], 0.99, 0.001, id="one of a hundred is beyond p99"),
        pytest.param([0.001] * 98 + [1.0] * 2, 0.99, 1.0, id="two of a hundred are not"),
        pytest.param([0.0, 0.0], 0.5, 0.000001, id="no time at all"),
    ],
)
def test_a_quantile_is_right_to_a_hundredth(seconds: list[float], share: float, expected: float) -> None:
    assert quantile(Counter(map(bucket, seconds)), share) == pytest.approx(expected, rel=0.01)


def test_the_page_shows_what_is_said_of_an_offender() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bench.md").read_text(encoding="utf-8")
    found = usual(limit=line("layer", "access_log", 44.4), whole=line("whole", "all layers", 69.1))

    assert "\n".join(over_limit(found, 40)) in page
