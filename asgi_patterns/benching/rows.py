"""Which rows there are for an app, and the app of each: alone, behind one layer, behind all of them.

``rows``: their names; ``Make``: makes the app of a row, in the process that measures it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

from starlette.middleware import Middleware

from asgi_patterns.benching.results import Kind
from asgi_patterns.kernel.layer import app_name
from asgi_patterns.kernel.lifespan import Lifespan
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import Pipeline, Wrapped
from asgi_patterns.serving.logging_requests import takes_over
from asgi_patterns.show import named
from asgi_patterns.target import Target

__all__ = ["Row", "loaded", "rows"]

EMPTY = "pipeline, no layer"
WHOLE = "all layers"
UNCOLLECTED = "all, collector off"
# Where frameworks keep what requests go to: a pipeline may stand there.
_INSIDE = ("asgi_app", "asgi_handler")


@lru_cache(maxsize=16)
def loaded(target: Target) -> tuple[ASGIApp, Pipeline]:
    """Load an app once in this process, or in the one that this is a copy of."""
    return target.load()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row, which can be pickled. Called, it makes its app, which changes the app that was loaded."""

    target: Target
    name: str
    kind: Kind
    index: int = 0
    """Of a layer, where it stands in its pipeline."""

    def __call__(self) -> ASGIApp:
        """Return the app with what stands in front of it in this row."""
        return self.made()[0]

    def made(self) -> tuple[ASGIApp, Pipeline]:
        """Return the app of this row, and the pipeline in front of it: for the app alone an empty one."""
        app, pipeline = loaded(self.target)
        if self.kind in ("whole", "uncollected"):
            takes_over(pipeline)  # as a server does, or an access log would write nothing, at no price
            return app, pipeline
        layers = [pipeline.layers[self.index]] if self.kind == "layer" else []
        other = Pipeline(*layers)
        other.options = pipeline.options
        takes_over(other)
        return _behind(app, pipeline, None if self.kind == "bare" else other), other

    def served(self) -> tuple[ASGIApp, Pipeline]:
        """Return what ``made`` does, for a server that insists on a lifespan."""
        app, pipeline = self.made()
        if self.kind != "bare":
            return app, pipeline
        timeout = pipeline.options.startup_timeout
        return Lifespan(app, (), startup_timeout=timeout, name=app_name(app)), pipeline


def rows(target: Target, pipeline: Pipeline) -> list[Row]:
    """Return all rows, layers in the order in which they stand."""
    found = [
        Row(target=target, name=f"{target.app} alone", kind="bare"),
        Row(target=target, name=EMPTY, kind="empty"),
    ]
    found += [
        Row(target=target, name=named(layer), kind="layer", index=index)
        for index, layer in enumerate(pipeline.layers)
        if layer.enabled
    ]
    whole: Sequence[tuple[str, Kind]] = ((WHOLE, "whole"), (UNCOLLECTED, "uncollected"))
    return found + [Row(target=target, name=name, kind=kind) for name, kind in whole]


def _behind(app: ASGIApp, pipeline: Pipeline, other: Pipeline | None) -> ASGIApp:
    """Put ``other``, or nothing, in the place where ``pipeline`` stands: around the app, or inside it."""
    if isinstance(app, Wrapped):
        return app.app if other is None else other(app.app)
    _replace_inside(app, pipeline, other)
    return app


def _replace_inside(app: Any, pipeline: Pipeline, other: Pipeline | None) -> None:
    for name in _INSIDE:
        inner = getattr(app, name, None)
        if isinstance(inner, Wrapped):
            setattr(app, name, inner.app if other is None else other(inner.app))
            return
    mine = [] if other is None else [Middleware(other)]
    app.user_middleware = [
        each for one in app.user_middleware for each in (mine if one.cls is pipeline else [one])
    ]
    app.middleware_stack = None
