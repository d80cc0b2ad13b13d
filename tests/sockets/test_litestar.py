"""The three places that a pipeline or a layer can have in a Litestar app, and what each of them sees."""

from collections.abc import Callable
from functools import cached_property
from typing import ClassVar, final

import pytest
from litestar import Litestar

from asgi_patterns import Cors, Health, Pipeline, Problems, RequestId, SecurityHeaders
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.lifespan import Resource
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import AnyApp, ASGIApp, Receive, Scope, Send
from asgi_patterns.pipeline import pipeline_of
from asgi_patterns.testing import Client
from examples.litestar_app import build

pytestmark = pytest.mark.anyio


@final
@settings
class Witness(Layer):
    """Notes what it sees, and that it was opened and closed."""

    place: ClassVar[Place] = Place.REQUEST_ID

    @cached_property
    def seen(self) -> list[str]:
        return []

    @cached_property
    def wired(self) -> list[ASGIApp]:
        return []

    def wire(self, app: ASGIApp) -> ASGIApp:
        self.wired.append(app)

        async def look(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                self.seen.append(scope["path"])
            await app(scope, receive, send)

        return look

    @property
    def resources(self) -> tuple[Resource, ...]:
        return (_Noted(self.seen),)


@final
class _Noted:
    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    async def open(self) -> None:
        self._seen.append("opened")

    def started(self) -> None:
        self._seen.append("started")

    async def aclose(self) -> None:
        self._seen.append("closed")


def around_the_handler(layer: Layer) -> Litestar:
    app = build()
    app.asgi_handler = Pipeline(layer)(app.asgi_handler)
    return app


@pytest.mark.parametrize(
    ("place", "seen"),
    [
        pytest.param(
            lambda layer: Pipeline(layer)(build()),
            ["opened", "started", "/json", "/missing", "/slow", "closed"],
            id="around the app: everything",
        ),
        pytest.param(
            around_the_handler, ["/json", "/missing", "/slow"], id="around its handler: every request"
        ),
        pytest.param(build, ["/json", "/slow"], id="as middleware: only routes that exist"),
    ],
)
async def test_what_a_layer_sees(place: Callable[[Layer], AnyApp], seen: list[str]) -> None:
    witness = Witness()

    async with Client(place(witness)) as client:
        for path in ("/json", "/missing", "/slow?seconds=0"):
            await client.get(path)

    assert witness.seen == seen


async def test_one_layer_in_front_of_every_route_keeps_one_state() -> None:
    witness = Witness()

    async with Client(build(witness)) as client:
        await client.get("/json")
        await client.get("/slow?seconds=0")

    assert len(witness.wired) > 2
    assert witness.seen == ["/json", "/slow"]


@pytest.mark.parametrize(
    ("middleware", "complaints"),
    [
        pytest.param([Health()], 1, id="health alone"),
        pytest.param(
            [RequestId(), Cors(allow_origins=["https://a.example"])], 1, id="CORS behind another layer"
        ),
        pytest.param([Pipeline(RequestId(), Cors(), Health())], 2, id="both in a pipeline"),
        pytest.param([Pipeline(RequestId(), Problems(), SecurityHeaders())], 0, id="layers for routes"),
    ],
)
def test_a_layer_that_needs_every_request_says_once_that_it_is_in_the_wrong_place(
    caplog: pytest.LogCaptureFixture, middleware: list[Layer | Pipeline], complaints: int
) -> None:
    build(*middleware)

    said = [record for record in caplog.records if record.name == "asgi_patterns.layers"]

    assert len(said) == complaints


@pytest.mark.parametrize("place", [around_the_handler, lambda layer: Pipeline(layer)(build())])
def test_the_right_places_are_no_matter_for_complaints(
    caplog: pytest.LogCaptureFixture, place: Callable[[Layer], AnyApp]
) -> None:
    place(Health())

    assert caplog.records == []


async def test_ids_and_problems_of_routes_work_as_middleware() -> None:
    async with Client(build(Pipeline(RequestId(), Problems()))) as client:
        shown = await client.get("/json", headers={"X-Request-ID": "inside-0001"})
        refused = await client.post("/orders", headers={"X-Request-ID": "inside-0002"})
        missing = await client.get("/missing", headers={"X-Request-ID": "inside-0003"})

    assert shown.all("x-request-id") == ["inside-0001"]
    assert (refused.status, refused.json()["requestId"]) == (409, "inside-0002")
    assert (missing.status, missing.all("x-request-id")) == (404, [])


def test_the_pipeline_around_the_handler_is_found_so_that_nobody_wraps_the_app_again() -> None:
    app = around_the_handler(RequestId())

    pipeline = pipeline_of(app)

    assert isinstance(app, Litestar)
    assert pipeline is not None
    assert [layer.label for layer in pipeline.layers] == ["request_id"]
