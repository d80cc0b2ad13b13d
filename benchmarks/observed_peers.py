"""What others cost that measure requests for Prometheus, over Starlette, where they find the names of routes."""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from prometheus_client import REGISTRY

from asgi_patterns import Metrics
from asgi_patterns.kernel.types import ASGIApp
from benchmarks.harness import Times, measure_rounds, table
from benchmarks.whole import checked
from benchmarks.whole_floors import Measured
from benchmarks.whole_stacks import Instruments, MakeStack, Stack, shop

FEATURES: Final = ("metrics",)


def run(*, rounds: int = 40, calls: int = 1000) -> str:
    """Measure, and return the table."""
    makers = {name: checked(make) for name, make in stacks().items()}
    times = measure_rounds(makers, rounds=rounds, calls=calls)
    rows = [(name, *_over(times, name)) for name in times if name != "app"]
    title = "Metrics, microseconds over Starlette, whose answer of 2 KB is measured"
    return table(title, rows, ("", "over", "of by hand"))


def _over(times: Mapping[str, Times], name: str) -> tuple[str, str]:
    floor, mine = (times[each].minimum - times["app"].minimum for each in ("by hand", name))
    return f"{mine:.2f}", f"{mine / floor:.2f}"


def stacks() -> Mapping[str, MakeStack]:
    """Return who measures; whoever is not installed is left out."""
    found: dict[str, MakeStack] = {
        "app": lambda: Stack(shop(), (), Instruments()),
        "by hand": by_hand,
        "Metrics": ours,
        "Metrics without exemplars": partial(ours, exemplars=False),
        "Metrics, names of instrumentator": partial(ours, names="instrumentator", exemplars=False),
    }
    if find_spec("prometheus_fastapi_instrumentator"):
        found["prometheus-fastapi-instrumentator"] = instrumentator
    if find_spec("starlette_exporter"):
        found["starlette-exporter"] = exporter
    return found


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
