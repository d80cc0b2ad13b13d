"""When a circuit breaker lets calls through, and what it has others hear."""

import pytest

from asgi_patterns.kernel.breaker import Breaker, Edge

# What is done, in order: when, what, and what the breaker says to it.
Step = tuple[float, str, object]

STORIES: list[tuple[str, list[Step]]] = [
    ("at first all may call", [(0, "refuses", False), (0, "probe", False)]),
    ("success changes nothing", [(0, "succeeded", None), (0, "refuses", False)]),
    ("one failure is a doubt that nobody hears of", [(0, "failed", None), (0, "open", False)]),
    ("in doubt one alone may call, at once", [(0, "failed", None), (0, "probe", True), (0, "probe", False)]),
    ("in doubt all others are refused", [(0, "failed", None), (0, "refuses", True), (9, "refuses", True)]),
    (
        "a lost packet ends with the probe's success",
        [(0, "failed", None), (0, "probe", True), (0.05, "succeeded", None), (0.05, "refuses", False)],
    ),
    (
        "a second failure in a row opens",
        [(0, "failed", None), (0, "probe", True), (0.05, "failed", "opened"), (0.05, "open", True)],
    ),
    (
        "a success between them starts anew",
        [(0, "failed", None), (1, "succeeded", None), (2, "failed", None)],
    ),
    (
        "open, there is no probe before it has cooled down",
        [(0, "failed", None), (1, "failed", "opened"), (1.24, "probe", False), (1.25, "probe", True)],
    ),
    (
        "open, there is one probe for each time it has cooled down",
        [(0, "failed", None), (1, "failed", "opened"), (5, "probe", True), (5, "probe", False)],
    ),
    (
        "a failed probe keeps it open, which is no news",
        [
            (0, "failed", None),
            (1, "failed", "opened"),
            (2, "probe", True),
            (2.05, "failed", None),
            (2.05, "refuses", True),
            (2.29, "probe", False),
            (2.3, "probe", True),
        ],
    ),
    (
        "a probe that succeeds closes it for all",
        [
            (0, "failed", None),
            (1, "failed", "opened"),
            (2, "probe", True),
            (2.01, "succeeded", "closed"),
            (2.01, "refuses", False),
            (2.01, "probe", False),
            (2.01, "succeeded", None),
        ],
    ),
    (
        "a probe that never reports is followed by another",
        [(0, "failed", None), (0, "probe", True), (0.24, "probe", False), (0.25, "probe", True)],
    ),
    (
        "it opens as often as it has closed",
        [
            (0, "failed", None),
            (0, "failed", "opened"),
            (1, "succeeded", "closed"),
            (2, "failed", None),
            (2, "failed", "opened"),
        ],
    ),
]


def told(breaker: Breaker, now: float, what: str) -> object:
    match what:
        case "failed":
            return breaker.failed(now)
        case "succeeded":
            return breaker.succeeded()
        case "probe":
            return breaker.may_probe(now)
        case "refuses":
            return breaker.refuses
        case _:
            return breaker.is_open


@pytest.mark.parametrize("story", [row[1] for row in STORIES], ids=[row[0] for row in STORIES])
def test_a_breaker(story: list[Step]) -> None:
    breaker = Breaker(threshold=2, cool_down=0.25)

    said = [(now, what, told(breaker, now, what)) for now, what, _ in story]

    assert said == story


@pytest.mark.parametrize(
    ("began", "edge"),
    [
        pytest.param(0.9, None, id="a call that was on its way already is the same failure"),
        pytest.param(1.0, "opened", id="one that began with the knowledge of it is another"),
        pytest.param(None, "opened", id="one of which nothing is known is another"),
    ],
)
def test_what_fails_together_is_one_failure(began: float | None, edge: Edge | None) -> None:
    breaker = Breaker()
    breaker.failed(1.0, began=0.8)

    said = breaker.failed(1.1, began=began)

    assert said == edge


def test_what_was_on_its_way_does_not_bring_the_next_probe_forward() -> None:
    breaker = Breaker(cool_down=0.25)
    breaker.failed(1.0, began=0.9)
    breaker.may_probe(1.0)

    breaker.failed(1.01, began=0.95)

    assert not breaker.may_probe(1.02)


@pytest.mark.parametrize("threshold", [1, 3])
def test_the_failures_that_open_can_be_counted_otherwise(threshold: int) -> None:
    breaker = Breaker(threshold=threshold)

    said = [breaker.failed(now) for now in range(4)]

    assert said == [*[None] * (threshold - 1), "opened", *[None] * (4 - threshold)]


@pytest.mark.parametrize("fields", [{"threshold": 0}, {"cool_down": 0.0}, {"cool_down": -1.0}])
def test_a_breaker_that_could_not_work_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a breaker needs a threshold"):
        Breaker(**fields)  # type: ignore[arg-type]  # which a table has to leave open
