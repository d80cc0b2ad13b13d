"""What ``wrap(app)`` costs where nothing is set: health probes, an id for every request, and failures as problems."""

from asgi_patterns import wrap
from benchmarks import errors, probes, request_id
from benchmarks.answers import small
from benchmarks.comparing import app, compare, floor, ours
from benchmarks.harness import ROUNDS
from benchmarks.results import Group


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    case = compare(
        "an answer of 2 KB",
        app("the app alone", lambda: small),
        floor("the three, by hand", lambda: probes.ByHand(request_id.ByHand(errors.Floor(small)))),
        ours("wrap(app)", lambda: wrap(small, config={})),
        rounds=rounds,
        calls=calls,
    )
    return Group(name="default", title="wrap(app), as it comes", cases=(case,))
