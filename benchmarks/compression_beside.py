"""What is ours of an answer that is coded, beside the codec."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, final
from unittest.mock import patch

from asgi_patterns.compression import Compression
from asgi_patterns.compression.codecs import Brotli, Coder, Gzip, Zstd
from asgi_patterns.kernel.types import ASGIApp
from benchmarks.answers import answering
from benchmarks.asking import Asking
from benchmarks.comparing import app, as_it_is, compare, ours
from benchmarks.compression_codecs import Code, coding_app
from benchmarks.harness import Contender, MakeRound, Round, call
from benchmarks.reasons import COLD
from benchmarks.results import Budget, Case

CODERS: dict[str, type[Coder]] = {"zstd": Zstd, "br": Brotli, "gzip": Gzip}


@final
class Stopwatch:
    """Takes the time of a codec out of that of a call.

    What we cost is a hundredth of what the codec does, and less than it varies: of two totals the difference would be
    mostly its own.
    """

    def __init__(self) -> None:
        self.spent = 0.0
        """Seconds in the codec."""

    def around(self, code: Callable[..., bytes]) -> Callable[..., bytes]:
        """Return the codec, timed."""

        def timed(*of: Any) -> bytes:
            begin = time.perf_counter()
            coded = code(*of)
            self.spent += time.perf_counter() - begin
            return coded

        return timed

    def without(self, make: Contender) -> MakeRound:
        """Return what measures calls of an app without its codec."""

        @asynccontextmanager
        async def rounds() -> AsyncIterator[Round]:
            app = make()
            await call(app, 20)
            yield partial(self._call, app)

        return rounds

    def inside(self, coder: type[Coder], make: MakeRound) -> MakeRound:
        """Return the same with the codec of ours timed meanwhile."""
        make_coder: Any = vars(coder)["__init__"]

        def make_timed(made: Coder, level: int) -> None:
            make_coder(made, level)
            vars(made)["whole"] = self.around(made.whole)

        @asynccontextmanager
        async def rounds() -> AsyncIterator[Round]:
            with patch.object(coder, "__init__", make_timed):
                async with make() as one_round:
                    yield one_round

        return rounds

    async def _call(self, app: ASGIApp, calls: int) -> float:
        self.spent = 0.0
        return await call(app, calls) - self.spent / calls * 1e6


def beside(size: str, body: bytes, coding: str, code: Code, *, rounds: int, calls: int | None) -> Case:
    """Measure the layer, and the app that codes by itself, both without the codec."""
    watch = Stopwatch()
    asked = (b"accept-encoding", coding.encode())

    def layer() -> ASGIApp:
        return Asking(Compression()(answering(body)), asked)

    return compare(
        f"{coding}, {size}, without the codec",
        app(
            "an app that codes by itself, once a request",
            watch.without(lambda: Asking(coding_app(body, watch.around(code)), asked)),
        ),
        ours(
            "Compression",
            watch.inside(CODERS[coding], watch.without(layer)),
            *([Budget(most=4, of="us", reason=COLD)] if size == "50 KB" else []),
        ),
        rounds=rounds,
        calls=calls,
        how=as_it_is,
        counts=False,
    )
