"""Pipelines: order, names, start-up, and one state whatever the number of apps."""

import warnings
from collections.abc import Sequence
from typing import ClassVar, final

import pytest
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from asgi_patterns import Cors, Pipeline, Problems, RateLimit, RequestId
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.lifespan import Resource
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.pipeline import pipeline_of
from asgi_patterns.testing import Client, hello

pytestmark = pytest.mark.anyio

LOG: list[str] = []


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    LOG.clear()


class Opened:
    """Something that has to be opened."""

    def __init__(self, label: str) -> None:
        self.label = label

    async def open(self) -> None:
        LOG.append(f"{self.label} opens")

    def started(self) -> None:
        LOG.append(f"{self.label} has started")

    async def aclose(self) -> None:
        LOG.append(f"{self.label} closes")


@final
@settings
class Outer(Layer):
    """Marks the head, and has something to open."""

    place: ClassVar[Place] = Place.CORS

    def wire(self, app: ASGIApp) -> ASGIApp:
        return _Marking(app, self.label)

    @property
    def resources(self) -> Sequence[Resource]:
        return (Opened(self.label),)

    def drain(self) -> None:
        LOG.append(f"{self.label} drains")


@final
@settings
class Inner(Layer):
    """Marks the head, next to the app."""

    place: ClassVar[Place] = Place.CACHE_POLICY

    def wire(self, app: ASGIApp) -> ASGIApp:
        return _Marking(app, self.label)


class _Marking:
    def __init__(self, app: ASGIApp, label: str) -> None:
        self._app = app
        self._label = label

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        await self._app(scope, receive, Link(send, self._on_head))

    def _on_head(self, head: Message) -> None:
        head["headers"].append((b"x-passed", self._label.encode()))


async def passed(app: ASGIApp, path: str = "/") -> list[str]:
    """The layers that the answer passed, innermost first."""
    return (await Client(app).get(path)).all("x-passed")


@pytest.mark.parametrize(
    "layers", [(Inner(), Outer()), (Outer(), Inner())], ids=["inner first", "outer first"]
)
async def test_layers_stand_in_the_order_of_their_places(layers: tuple[Layer, ...]) -> None:
    pipeline = Pipeline(*layers)

    assert [layer.label for layer in pipeline.layers] == ["outer", "inner"]
    assert await passed(pipeline(hello)) == ["inner", "outer"]


async def test_a_given_order_is_kept_with_a_warning_that_says_why_not() -> None:
    with pytest.warns(UserWarning, match="outer stands inside inner, but belongs outside it: a browser must"):
        pipeline = Pipeline(Inner(), Outer(), order="given")

    assert await passed(pipeline(hello)) == ["outer", "inner"]


def test_a_given_order_that_is_right_is_no_reason_to_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert Pipeline(Outer(), Inner(), order="given").layers


def test_two_layers_with_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two layers are called 'outer'"):
        Pipeline(Outer(), Outer())


async def test_two_of_a_kind_have_names() -> None:
    app = Pipeline(Outer(name="first"), Outer(name="second"))(hello)

    assert await passed(app) == ["second", "first"]


@pytest.mark.parametrize("name", ["", "First", "a-b", "1a", "a" * 65])
def test_a_name_that_cannot_prefix_a_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Outer(name=name)


def test_something_that_is_no_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer"):
        Pipeline(hello)  # type: ignore[arg-type]  # that is the mistake


@pytest.mark.parametrize(
    "bad",
    [{"trusted_proxies": ["*"]}, {"startup_timeout": 0}, {"order": "random"}, {"proxy_fields": ["Via"]}],
)
def test_a_wrong_option_is_refused_by_name(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Pipeline(**bad)  # type: ignore[arg-type]  # that is the mistake


CHOICES: list[tuple[str, Layer, str, bool]] = [
    ("without patterns it acts everywhere", Outer(), "/any", True),
    ("switched off it acts nowhere", Outer(enabled=False), "/any", False),
    ("an included path", Outer(include=["/api/**"]), "/api/items", True),
    ("a path that is not included", Outer(include=["/api/**"]), "/about", False),
    ("an excluded path", Outer(exclude=["/api/**"]), "/api/items", False),
    ("excluded although included", Outer(include=["/api/**"], exclude=["/api/raw"]), "/api/raw", False),
    ("another method", Outer(include=["POST /api"]), "/api", False),
]


@pytest.mark.parametrize(("layer", "path", "acts"), [r[1:] for r in CHOICES], ids=[r[0] for r in CHOICES])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a pipeline"])
async def test_where_a_layer_acts(layer: Layer, path: str, acts: bool, alone: bool) -> None:
    app = layer(hello) if alone else Pipeline(layer)(hello)

    assert await passed(app, path) == (["outer"] if acts else [])


def test_a_pattern_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"include\.0"):
        Outer(include=["api"])


async def started_app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        return await hello(scope, receive, send)
    await receive()
    LOG.append("the app starts")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    LOG.append("the app stops")
    await send({"type": "lifespan.shutdown.complete"})


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a pipeline"])
async def test_what_layers_need_is_open_while_the_app_runs(alone: bool) -> None:
    app = Outer()(started_app) if alone else Pipeline(Outer(), Inner())(started_app)

    async with Client(app) as client:
        LOG.append(str((await client.get("/")).status))

    assert LOG == [
        "outer opens",
        "the app starts",
        "outer has started",
        "200",
        "the app stops",
        "outer closes",
    ]


async def test_a_layer_that_is_off_opens_nothing() -> None:
    async with Client(Pipeline(Outer(enabled=False))(started_app)):
        pass

    assert LOG == ["the app starts", "the app stops"]


def test_draining_reaches_every_layer() -> None:
    Pipeline(Inner(), Outer()).drain()

    assert LOG == ["outer drains"]


def test_an_app_is_wrapped_once() -> None:
    wrapped = Pipeline(RequestId())(hello)

    with pytest.raises(TypeError, match="wrapped already"):
        Pipeline(Problems())(wrapped)

    assert wrapped.app is hello


def test_an_app_with_a_pipeline_among_its_middleware_is_wrapped_already() -> None:
    pipeline, app = Pipeline(RequestId()), Starlette()
    app.add_middleware(pipeline)

    with pytest.raises(TypeError, match="wrapped already"):
        Pipeline(Problems())(app)

    assert pipeline_of(app) is pipeline


async def test_a_pipeline_around_an_app_with_its_own_shares_one_exchange() -> None:
    inner = Pipeline(RequestId())(hello)

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(scope, receive, send)

    answer = await Client(Pipeline(RequestId())(routed)).get("/")

    assert len(answer.all("x-request-id")) == 1


async def test_in_starlette_it_is_a_middleware() -> None:
    app = Starlette()
    app.add_middleware(Pipeline(RequestId(), Problems()))

    answer = await Client(app).get("/nothing")

    assert answer.json()["requestId"] == answer.header("x-request-id")


def with_own_cors() -> Starlette:
    app = Starlette()
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    return app


def test_an_app_with_cors_of_its_own_gets_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    Pipeline(Problems())(with_own_cors())

    assert "Use the Cors layer in its place" in caplog.text


def test_an_app_behind_the_layer_gets_none(caplog: pytest.LogCaptureFixture) -> None:
    Pipeline(Cors(allow_origins=["https://shop.example"]))(with_own_cors())

    assert caplog.text == ""


async def test_middleware_that_comes_later_is_seen_when_the_app_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Starlette()
    asgi = Pipeline(Problems())(app)
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])

    async with Client(asgi):
        pass

    assert caplog.text.count("Use the Cors layer") == 1


def test_a_layer_is_a_value() -> None:
    layer = RequestId(header="X-Trace")

    assert layer == RequestId(header="X-Trace")
    assert layer.changed() == {"header": "X-Trace"}
    with pytest.raises(AttributeError):
        layer.header = "X-Other"  # type: ignore[misc]  # that is the mistake


def test_a_misspelt_field_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="heather"):
        RequestId(heather="X-Trace")  # type: ignore[call-arg]  # that is the mistake


def test_what_is_probably_not_meant_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = Pipeline(RateLimit(quotas=["5/minute"], key="header:X-API-Key"))

    for _ in range(2):
        pipeline(hello)

    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("asgi_patterns.pipeline", "WARNING")
    ]
    assert caplog.messages[0].startswith("rate_limit counts 5-per-minute by a field that clients make up")


def test_a_layer_that_is_off_has_no_doubts(caplog: pytest.LogCaptureFixture) -> None:
    Pipeline(RateLimit(quotas=["5/minute"], key="header:X-API-Key", enabled=False))(hello)

    assert caplog.messages == []
