"""What is counted of the events of all layers.

A slice knows no other one, so an event is found by where it is declared: ``("ratelimit", "Limited")``.
``counts_of`` returns the counts of a class of events; ``COUNTS`` is the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from asgi_patterns.kernel.events import Event
from asgi_patterns.observability.metrics_instruments import Instrument

PACKAGE: Final = "asgi_patterns"


@final
@dataclass(frozen=True, slots=True)
class Count:
    """A counter that an event adds to."""

    instrument: Instrument
    """Its labels are attributes of the event."""
    amount: str | None = None
    """The attribute that is added; ``None``: each event counts as one."""


def _count(name: str, text: str, *labels: str, amount: str | None = None, unit: str = "1") -> Count:
    instrument = Instrument(
        name=f"{PACKAGE}_{name}_total",
        dotted=f"{PACKAGE}.{name.replace('_', '.', 1)}",
        kind="counter",
        help=text,
        labels=labels,
        unit=unit,
    )
    return Count(instrument, amount)


COUNTS: Final[Mapping[tuple[str, str], tuple[Count, ...]]] = {
    ("ratelimit", "Limited"): (
        _count("ratelimit_limited", "Requests over a quota, by what the quota does then.", "quota", "mode"),
    ),
    ("ratelimit", "NearLimit"): (
        _count("ratelimit_near_limit", "Requests after which little was left of a quota.", "quota"),
    ),
    ("ratelimit", "Delayed"): (
        _count("ratelimit_delayed", "Requests that were held back."),
        _count("ratelimit_delay_seconds", "How long they were held back.", amount="seconds", unit="s"),
    ),
    ("ratelimit", "Blocked"): (_count("ratelimit_blocked", "Requests from who is on the block list."),),
    ("ratelimit", "StoreLost"): (_count("ratelimit_store_lost", "Times that the store was lost."),),
    ("ratelimit", "StoreBack"): (_count("ratelimit_store_back", "Times that the store came back."),),
    ("caching", "NotModifiedSent"): (
        _count("caching_not_modified", "Answers of 304 in place of what the client has."),
        _count("caching_saved_bytes", "What these would have sent.", amount="saved", unit="By"),
    ),
    ("caching", "PreconditionRefused"): (
        _count("caching_precondition_refused", "Requests for a state that is not the current one.", "field"),
    ),
    ("caching", "WriterRefused"): (_count("caching_writer_refused", "Writes that got no turn.", "reason"),),
    ("compression", "Compressed"): (
        _count("compression_compressed", "Answers that were sent coded.", "coding"),
        _count("compression_plain_bytes", "Bytes of these before.", "coding", amount="size", unit="By"),
        _count("compression_coded_bytes", "Bytes of these after.", "coding", amount="coded", unit="By"),
    ),
    ("compression", "BodyDecoded"): (
        _count("compression_request_decoded", "Requests whose content was decoded.", "coding"),
        _count(
            "compression_request_coded_bytes", "Bytes of these before.", "coding", amount="sent", unit="By"
        ),
        _count(
            "compression_request_plain_bytes", "Bytes of these after.", "coding", amount="decoded", unit="By"
        ),
    ),
    ("compression", "BodyNotDecoded"): (
        _count(
            "compression_request_not_decoded", "Requests whose content was not decoded.", "coding", "reason"
        ),
    ),
    ("errors", "Crashed"): (
        _count("errors_crashed", "Exceptions that were not meant as an answer.", "exception", "answered"),
    ),
    ("health", "CheckFailed"): (_count("health_check_failed", "Times that a check went down.", "check"),),
    ("health", "CheckRecovered"): (
        _count("health_check_recovered", "Times that a check came up again.", "check"),
    ),
    ("health", "DrainStarted"): (
        _count("health_drain_started", "Times that readiness dropped on purpose.", "by"),
    ),
    ("protection", "ContentRefused"): (
        _count("protection_content_refused", "Requests with too much content.", "announced"),
    ),
    ("protection", "HeadRefused"): (
        _count("protection_head_refused", "Requests whose head was too large.", "excess"),
    ),
    ("protection", "OriginRefused"): (
        _count("protection_origin_refused", "WebSockets that were refused for their origin."),
    ),
    ("protection", "WebSocketEnded"): (
        _count("protection_websocket_ended", "WebSockets that were closed by a limit.", "code"),
    ),
    ("protection", "TimedOut"): (
        _count("protection_timed_out", "Requests that took too long, by limit.", "limit", "cancelled"),
    ),
    ("protection", "Shed"): (
        _count("protection_shed", "Requests that found no room.", "reason", "pool", "priority"),
    ),
    ("protection", "LimitChanged"): (
        _count("protection_limit_changed", "Times that the adaptive limit became another one."),
    ),
}


def counts_of(kind: type[Event]) -> tuple[Count, ...]:
    """Return what an event of this class adds to; nothing where it is not one of ours."""
    package, _, rest = kind.__module__.partition(".")
    return COUNTS.get((rest.partition(".")[0], kind.__name__), ()) if package == PACKAGE else ()


def label_of(value: object) -> str:
    """Return an attribute as the value of a label; of an exception that is its class."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case BaseException():
            return type(value).__name__
        case _:
            return str(value)
