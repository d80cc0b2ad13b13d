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
WEIGHED: Final = (
    "before it codes, ours weighs what the client accepts and what the app says of its answer; it checks the caller's "
    "trace and reports to listeners: most of what is above the floor is in coding, tracing and the log "
    "(python -m benchmarks.whole_profile)"
)
SHARED: Final = (
    "the same by hand takes most of that, and leaves less than the 1.4 times that the other budget allows"
)
SERVED: Final = "a part of each answer is the time of the server and of Starlette, which no layer can save"
