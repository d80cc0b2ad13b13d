"""A wired app is entered by a method; to servers and to those who look into it, it is an app like any other."""

import inspect

import pytest
from starlette.applications import Starlette

from asgi_patterns import Compression, Metrics, Pipeline, RateLimit, RequestId, ServerTiming
from asgi_patterns.kernel.entering import Entered, behind, straight
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.route_tables import inward
from asgi_patterns.kernel.types import Receive, Scope, Send

LAYERS = [
    RequestId(),
    RateLimit(default=["9/second"]),
    RateLimit(name="chosen", default=["9/second"], exclude=["/health"]),
    Compression(),
    Metrics(),
    ServerTiming(networks=["127.0.0.0/8"]),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.label)
def test_a_server_sees_a_coroutine_function(layer: Layer) -> None:
    wired = layer(Starlette())

    assert inspect.iscoroutinefunction(type(wired).__call__)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.label)
def test_who_looks_inwards_finds_the_app(layer: Layer) -> None:
    app = Starlette()

    wired = RequestId(name="outermost")(layer(app))

    assert inspect.iscoroutinefunction(Pipeline(layer)(app).__call__)
    if not layer.exclude and not layer.resources:  # others stand in front of two apps
        assert [*inward(wired)][-1] is app


def test_only_an_entered_app_is_called_by_another_name() -> None:
    class Own(Entered):
        def enter(self, scope: Scope, receive: Receive, send: Send) -> object:  # type: ignore[override]  # never called
            return None

    own, app = Own(), Starlette()

    assert straight(app) is app
    assert behind(app) is None
    assert behind(app.add_route) is None, "a method of somebody else's app is no app of ours"
    assert behind(straight(own)) is own
