"""Where each layer stands in a pipeline, and why there. From the outside in."""

from enum import Enum


class Place(Enum):
    """A place in the pipeline: a rank, lower is further out, and the reason in one sentence."""

    HEALTH = (100, "probes are not limited, shed, logged or cached")
    REQUEST_ID = (200, "every answer carries the id, refusals and 500s included")
    ACCESS_LOG = (210, "sees every answer, refusals and 500s included")
    METRICS = (220, "sees every answer, refusals and 500s included")
    TRACING = (230, "sees every answer, refusals and 500s included")
    SERVER_TIMING = (240, "sees every answer, refusals and 500s included")
    BUDGETS = (250, "sees every answer, refusals and 500s included")
    CORS = (300, "a browser must be able to read our refusals; preflights cost no quota")
    SECURITY_HEADERS = (310, "every answer carries them, refusals included")
    PROBLEMS = (400, "every failure inside becomes a problem")
    BODY_LIMIT = (500, "cheap refusals first")
    DECOMPRESSION = (510, "cheap refusals first; the limit before it counts bytes on the wire")
    RATE_LIMIT = (
        600,
        "outside the shedder: a flooder takes no place in the queue, a delayed request no slot",
    )
    RESPONSE_CACHE = (700, "hits are neither shed nor timed; stale-if-error has to see sheds and timeouts")
    FALLBACK = (800, "sees what the layers below refuse")
    DEADLINE = (900, "covers the shedder's queue and background refresh")
    LOAD_SHEDDING = (1000, "its latency signal is without hits and waiters")
    COMPRESSION = (1100, "outside the validators: a tag belongs to a representation")
    CONDITIONAL_REQUESTS = (1200, "a 304 repeats what the cache policy set")
    CACHE_POLICY = (1210, "next to the app: what the app sets wins")
    STREAM_ERRORS = (1300, "the error event has to be compressed too")
    IDEMPOTENCY = (1400, "next to the handler: a replay works while the route is broken")
    BATCH = (1410, "next to the handler")
    OPERATIONS = (1420, "next to the handler")
    CIRCUIT_BREAKER = (1430, "next to the handler")

    @property
    def rank(self) -> int:
        """Lower is further out."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """Why it stands here, for ``asgi-patterns show``."""
        return self.value[1]
