"""Other layers for one test."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from asgi_patterns.kernel.layer import Layer
from asgi_patterns.pipeline import Pipeline, Wrapped
from asgi_patterns.settings.schema import closest
from asgi_patterns.settings.sections import SECTIONS

Entry = Layer | Mapping[str, Any]


@contextmanager
def override(target: Wrapped | Pipeline, **layers: Entry | Sequence[Entry] | bool) -> Iterator[None]:
    """Switch or replace layers of ``target``, on all its apps, until the ``with`` block ends.

        with override(asgi, problems=False, request_id=RequestId(header="X-Id")):
            ...

    A name is that of one layer, or a section for all layers of its kind. What is given stands in their place:
    a layer, a mapping with its fields, a list of either. ``False`` takes them out; ``True`` switches them on, or
    puts one in. Raises ``ValueError`` for a name or a field that there is not; then nothing has changed.
    """
    pipeline = target.pipeline if isinstance(target, Wrapped) else target
    before, wanted = pipeline.layers, list(pipeline.layers)
    for name, given in layers.items():
        wanted = _replaced(wanted, name, given)
    _put(pipeline, Pipeline(*wanted, order=pipeline.options.order).layers)
    try:
        yield
    finally:
        _put(pipeline, before)


def _put(pipeline: Pipeline, layers: tuple[Layer, ...]) -> None:
    pipeline.layers = layers
    for wrapped in pipeline.wrapped:
        wrapped.wire(layers)


def _replaced(layers: list[Layer], name: str, given: Entry | Sequence[Entry] | bool) -> list[Layer]:
    old = [layer for layer in layers if layer.label == name]
    old = old or [layer for layer in layers if layer.section() == name]
    kind = type(old[0]) if old else _kind(name, layers)
    place = layers.index(old[0]) if old else len(layers)
    kept = [layer for layer in layers if layer not in old]
    return [*kept[:place], *_new(kind, old, given), *kept[place:]]


def _kind(name: str, layers: list[Layer]) -> type[Layer]:
    if name not in SECTIONS:
        meant = closest(name, [*SECTIONS, *(layer.label for layer in layers)])
        raise ValueError(
            f"there is no layer called {name!r}" + (f"; did you mean {meant!r}?" if meant else "")
        )
    return SECTIONS[name]


def _new(kind: type[Layer], old: list[Layer], given: Entry | Sequence[Entry] | bool) -> list[Layer]:
    if isinstance(given, bool):
        return [replace(layer, enabled=True) for layer in old or [kind()]] if given else []
    entries = [given] if isinstance(given, Layer | Mapping) else given
    return [_layer(kind, old, entry) for entry in entries]


def _layer(kind: type[Layer], old: list[Layer], entry: Entry) -> Layer:
    if isinstance(entry, Mapping):
        name = old[0].name if len(old) == 1 else None
        return kind(**{"name": name, **entry})
    if not isinstance(entry, kind):
        raise ValueError(f"{entry!r} cannot stand in place of a {kind.__name__}")
    return entry
