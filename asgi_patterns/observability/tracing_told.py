"""What our layers report, as events of a span: ``asgi_patterns.ratelimit.limited``, with its facts."""

from dataclasses import fields
from functools import lru_cache
from typing import Any, Final

from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.observability.tracing_attributes import as_attributes

_PACKAGE: Final = "asgi_patterns"


def add_event(event: Event, exchange: Exchange) -> None:
    """Note ``event`` in the span of ``exchange``, if somebody records it; a listener.

    Not what happens to nearly every request: an event costs as much as a span, and says nothing then.
    """
    if event.is_routine or (span := exchange.span) is None or not span.is_recording():
        return
    kind: Any = type(event)  # mypy finds no hash on the class of an event
    prefix, name, facts = _named(kind)
    span.add_event(name, as_attributes({fact: getattr(event, fact) for fact in facts}, prefix))


@lru_cache(maxsize=256)
def _named(kind: Any) -> tuple[str, str, tuple[str, ...]]:
    """Return the prefix of its facts, the name of the event, and the facts."""
    package, _, rest = kind.__module__.partition(".")
    folder = rest.partition(".")[0]
    prefix = f"{_PACKAGE}.{folder}." if package == _PACKAGE and folder else f"{package}."
    words = "".join(f"_{char.lower()}" if char.isupper() else char for char in kind.__name__)
    return prefix, prefix + words.removeprefix("_"), tuple(field.name for field in fields(kind))
