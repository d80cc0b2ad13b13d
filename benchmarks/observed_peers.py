"""What others cost that measure requests for Prometheus, over Starlette, where they find the names of routes."""

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from prometheus_client import REGISTRY

from asgi_patterns import Metrics
from asgi_patterns.kernel.types import ASGIApp
from benchmarks.comparing import Entrant, app, compare, floor, peer
from benchmarks.comparing import ours as our
from benchmarks.results import Case
from benchmarks.whole import checked
from benchmarks.whole_floors import Measured
from benchmarks.whole_stacks import Instruments, Stack, alone, shop

FEATURES: Final = ("metrics",)


def over_starlette(*, rounds: int, calls: int | None) -> Case:
    """Measure; whoever is not installed is left out."""
    return compare("an answer of Starlette's", *entrants(), rounds=rounds, calls=calls, how=checked)


def entrants() -> Iterator[Entrant]:
    """Yield who measures."""
    yield app("Starlette alone", alone)
    yield floor("the same four instruments, by hand", by_hand)
    yield our("Metrics", ours, layer="Metrics")
    yield our("Metrics without exemplars", partial(ours, exemplars=False))
    yield our("Metrics, names of instrumentator", partial(ours, names="instrumentator", exemplars=False))
    if find_spec("prometheus_fastapi_instrumentator"):
        yield peer("prometheus-fastapi-instrumentator", instrumentator)
    if find_spec("starlette_exporter"):
        yield peer("starlette-exporter", exporter)


def by_hand() -> Stack:
    """Return the same four instruments as ours, by hand."""
    instruments = Instruments()
    return Stack(Measured(shop(), instruments.registry), FEATURES, instruments)


def ours(**settings: Any) -> Stack:
    """Return ours."""
    instruments = Instruments()
    layer = Metrics(registry=instruments.registry, networks=["127.0.0.0/8"], **settings)
    return Stack(layer(shop()), FEATURES, instruments)


def instrumentator() -> Stack:
    """Return the two lines of its page: five instruments."""
    from prometheus_fastapi_instrumentator import Instrumentator

    instruments, app = Instruments(), shop()
    Instrumentator(registry=instruments.registry).instrument(app).expose(app)
    return _stack(app, instruments)


def exporter() -> Stack:
    """Return the two lines of its page: three instruments, always in the registry of the process."""
    from starlette_exporter import PrometheusMiddleware, handle_metrics

    app = shop()
    app.add_middleware(PrometheusMiddleware)
    app.add_route("/metrics", handle_metrics)
    return _stack(app, Instruments(REGISTRY))


def _stack(app: Any, instruments: Instruments) -> Stack:
    wrapped: ASGIApp = app
    return Stack(wrapped, FEATURES, instruments)
