"""What ``asgi-patterns show`` says, line by line, in columns that fit 80 characters."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from asgi_patterns.kernel.layer import Layer, app_name
from asgi_patterns.kernel.route_hooks import missing_hook
from asgi_patterns.pipeline import Options, Pipeline
from asgi_patterns.settings import Settings
from asgi_patterns.settings.source import Source
from asgi_patterns.settings.values import spell

WIDTH = 80
_SAID = ("enabled", "name")  # what the pipeline shows by itself
_WIDEST = 36  # of a first column; what is longer gets a line of its own

Row = tuple[str, str]
"""What a line is about, and what it says."""


def report(pipeline: Pipeline, app: str | None) -> Iterator[str]:
    """Yield the lines about ``pipeline``, which stands in front of the app that is called ``app``."""
    settings = pipeline.settings
    layers = [layer for layer in pipeline.layers if layer.enabled]
    yield from block(
        "Pipeline, from the outside in",
        [*((named(layer), layer.place.reason) for layer in layers), (app or "the app", "")],
    )
    yield from block("Routes", _routes(pipeline))
    yield from block("Switched off", off(pipeline))
    yield from block("Answered by layers", ((path, layer.label) for layer in layers for path in layer.paths))
    yield from block("Rules", (row for layer in layers for row in _rules(layer)))
    yield from block("Not as by default", _changed(pipeline))
    yield from block("Read", map(_read, settings.sources) if settings else [("code", "no other source")])


def leaves(tree: object) -> int:
    """Return how many settings ``tree`` makes."""
    if isinstance(tree, Mapping):
        return sum(map(leaves, tree.values())) if tree else 1
    return 1


def named(layer: Layer) -> str:
    """Return what ``layer`` is called, and its section where that is something else."""
    return layer.section() if layer.name is None else f"{layer.name} ({layer.section()})"


def off(pipeline: Pipeline) -> Iterator[Row]:
    """Yield each layer that is switched off, with what did it."""
    layers = pipeline.settings.layers if pipeline.settings else pipeline.layers
    for layer in layers:
        if not layer.enabled:
            yield layer.label, _origin(pipeline.settings, layer, "enabled")


def _rules(layer: Layer) -> Iterator[Row]:
    """Yield each rule of ``layer``, and its name beside the first."""
    for index, rule in enumerate(layer.outline):
        yield "" if index else layer.label, rule


def _routes(pipeline: Pipeline) -> Iterator[Row]:
    """Yield each app that does not say which route it has taken, with the line that makes it known."""
    for wrapped in pipeline.wrapped:
        if (line := missing_hook(wrapped.app)) is not None:
            yield app_name(wrapped.app), f"templates are missing; add {line}"


def _changed(pipeline: Pipeline) -> Iterator[Row]:
    """Yield each setting with its value, and what set it where that is known."""
    for option in fields(Options):
        value = getattr(pipeline.options, option.name)
        if value != option.default:
            origin = pipeline.settings.origin(option.name) if pipeline.settings else "code"
            yield option.name, f"{spell(value)}  ({origin})"
    for layer in pipeline.layers:
        for name, value in layer.changed().items():
            if name not in _SAID:
                yield f"{layer.label}.{name}", f"{spell(value)}  ({_origin(pipeline.settings, layer, name)})"


def _origin(settings: Settings | None, layer: Layer, name: str) -> str:
    if settings is None:
        return "code"
    section = layer.section()
    index = [each is layer for each in getattr(settings, section)].index(True)
    return settings.origin(f"{section}[{index}].{name}")


def _read(source: Source) -> Row:
    if source.note:
        return source.name, source.note
    if source.variables is not None:
        return source.name, ", ".join(source.variables.values())
    return source.name, ", ".join(source.tree)


def block(title: str, rows: Iterable[Row]) -> Iterator[str]:
    """Yield a title and aligned rows; nothing where there are no rows."""
    found = [*rows]
    if not found:
        return
    column = max((len(name) for name, _ in found if len(name) <= _WIDEST), default=0) + 4
    yield title
    for name, text in found:
        yield from _row(name, text, column)
    yield ""


def _row(name: str, text: str, column: int) -> Iterator[str]:
    first = f"  {name}".ljust(column)
    if len(first) > column or not text:
        yield first.rstrip()
        first = " " * column
    if text:
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=first, subsequent_indent=" " * column, break_on_hyphens=False
        )
