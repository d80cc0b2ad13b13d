"""What it costs to send an answer coded, and to see that a client reads no coding."""

from collections.abc import Iterator

from asgi_patterns.compression import Compression
from asgi_patterns.kernel.types import ASGIApp
from benchmarks.answers import SIZES, answering
from benchmarks.coding_peers import coders, pieces, reading
from benchmarks.comparing import Entrant, app, compare, floor, ours
from benchmarks.compression_beside import beside
from benchmarks.compression_codecs import Code, Floor, codes, coding_app
from benchmarks.compression_events import events
from benchmarks.harness import ROUNDS
from benchmarks.reasons import FIRST
from benchmarks.results import Budget, Case, Group
from benchmarks.shape import Nested


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    cases = [_unread(rounds, calls)]
    for size, body in SIZES.items():
        for coding, code in codes().items():
            cases += [
                _coded(size, body, coding, code, rounds=rounds, calls=calls),
                beside(size, body, coding, code, rounds=rounds, calls=calls),
                pieces(size, body, coding, rounds=max(2, rounds // 2), calls=calls),
            ]
    cases.append(events(rounds))
    return Group(name="compression", title="Compression", cases=tuple(cases))


def _unread(rounds: int, calls: int | None) -> Case:
    answer = answering(SIZES["2 KB"])
    return compare(
        "a client that reads no coding",
        app("the app alone", lambda: answer),
        floor("a function that adds a field, by hand", lambda: Nested(answer)),
        ours("Compression", lambda: Compression()(answer), Budget(most=1.5, of="us", reason=FIRST)),
        *coders("gzip", answer),
        rounds=rounds,
        calls=calls,
    )


def _coded(size: str, body: bytes, coding: str, code: Code, *, rounds: int, calls: int | None) -> Case:
    answer = answering(body)
    return compare(
        f"{coding}, {size}",
        *entrants(size, answer, body, coding, code),
        rounds=rounds,
        calls=calls,
        how=reading(coding, body, answer),
    )


def entrants(size: str, answer: ASGIApp, body: bytes, coding: str, code: Code) -> Iterator[Entrant]:
    """Yield who codes an answer that is there as a whole."""
    is_small = size == "2 KB"
    yield app("the app alone", lambda: answer)
    yield floor("by hand, with the same codec", lambda: Floor(answer, coding, code))
    yield floor("an app that codes by itself", lambda: coding_app(body, code))
    yield ours(
        "Compression",
        lambda: Compression()(answer),
        *([Budget(most=1.4)] if is_small else []),
        layer="Compression" if is_small and coding == "zstd" else "",
    )
    yield from coders(coding, answer)
