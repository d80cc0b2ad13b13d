"""Why budgets cannot be reached, where several rows have the same reason."""

from typing import Final

FIRST: Final = (
    "the first layer of ours makes what all of them share, the exchange and the link around send, for about 0.6 us; "
    "six layers cost what six functions do"
)
COLD: Final = (
    "the instructions are those of 2 KB, which keeps to it; after a codec that has had the processor's caches for "
    "a long while they take longer"
)
TOLD: Final = (
    "ours reports each coded answer, as three counts of Metrics and an event of the span, which by hand nobody does: "
    "most of what coding adds; then come tracing and metrics themselves (python -m benchmarks.whole_profile)"
)
SERVED: Final = "a part of each answer is the time of the server and of Starlette, which no layer can save"
