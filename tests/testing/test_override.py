"""Layers are switched and replaced for one test, and come back."""

from typing import Any, ClassVar, final

import pytest
from starlette.applications import Starlette

from asgi_patterns import Health, Pipeline, Problems, RequestId, wrap
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import Wrapped
from asgi_patterns.testing import Answer, Client, hello, override

pytestmark = pytest.mark.anyio


@final
@settings
class Stamp(Layer):
    """A layer that no settings file knows."""

    place: ClassVar[Place] = Place.METRICS

    text: str = "stamp"

    def wire(self, app: ASGIApp) -> ASGIApp:
        return app


def labels(pipeline: Pipeline) -> list[str]:
    return [layer.label for layer in pipeline.layers]


def names(answer: Answer) -> set[bytes]:
    return {name for name, _ in answer.headers}


@pytest.fixture
def asgi() -> Wrapped:
    return Pipeline(Health(), RequestId(name="edge"), RequestId(), Stamp())(hello)


MINE = RequestId(header="X-Id")
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing is given": ({}, ["health", "edge", "request_id", "stamp"]),
    "one is taken out": ({"health": False}, ["edge", "request_id", "stamp"]),
    "one of several is taken out by its name": ({"edge": False}, ["health", "request_id", "stamp"]),
    "one that stands there stays": ({"health": True}, ["health", "edge", "request_id", "stamp"]),
    "one is put in": ({"problems": True}, ["health", "edge", "request_id", "stamp", "problems"]),
    "one is put in by its fields": (
        {"problems": {"limit": 5}},
        ["health", "edge", "request_id", "stamp", "problems"],
    ),
    "what is not there is taken out": ({"problems": False}, ["health", "edge", "request_id", "stamp"]),
    "one stands in place of another": ({"request_id": MINE}, ["health", "edge", "request_id", "stamp"]),
    "fields keep the name": ({"edge": {"header": "X-Id"}}, ["health", "edge", "request_id", "stamp"]),
    "two stand in place of one": (
        {"edge": [{"name": "a"}, RequestId(name="b")]},
        ["health", "a", "b", "request_id", "stamp"],
    ),
    "a layer of one's own": ({"stamp": False, "health": False}, ["edge", "request_id"]),
    "fields of a layer of one's own": ({"stamp": {"text": "x"}}, ["health", "edge", "request_id", "stamp"]),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_override(given: dict[str, Any], expected: list[str], asgi: Wrapped) -> None:
    before = asgi.pipeline.layers

    with override(asgi, **given):
        during = labels(asgi.pipeline)

    assert during == expected
    assert asgi.pipeline.layers is before


def test_a_section_names_all_layers_of_its_kind() -> None:
    asgi = Pipeline(RequestId(name="edge"), RequestId(name="inner"))(hello)

    with override(asgi, request_id=False):
        during = labels(asgi.pipeline)

    assert during == []


def test_true_switches_on_what_is_off() -> None:
    asgi = Pipeline(Problems(enabled=False, limit=7))(hello)

    with override(asgi, problems=True):
        (during,) = asgi.pipeline.layers

    assert during == Problems(limit=7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"helth": False}, "no layer called 'helth'; did you mean 'health'", id="a misspelt name"
        ),
        pytest.param(
            {"egde": False}, "no layer called 'egde'; did you mean 'edge'", id="a misspelt name of ours"
        ),
        pytest.param({"zzz": True}, "there is no layer called 'zzz'$", id="a name like no other"),
        pytest.param({"health": {"pth": "/x"}}, "pth", id="a misspelt field"),
        pytest.param({"health": MINE}, "cannot stand in place of a Health", id="another kind"),
        pytest.param({"health": RequestId(name="edge")}, "cannot stand", id="another kind with a taken name"),
        pytest.param({"edge": [{}, {}]}, "two layers are called 'edge'", id="two with one name"),
    ],
)
def test_a_mistake_changes_nothing(given: dict[str, Any], message: str, asgi: Wrapped) -> None:
    before = asgi.pipeline.layers

    with pytest.raises(ValueError, match=message), override(asgi, request_id=False, **given):
        pytest.fail("the block must not be entered")

    assert asgi.pipeline.layers is before


def test_nested_overrides_end_in_turn(asgi: Wrapped) -> None:
    seen = []

    with override(asgi, health=False):
        with override(asgi, edge=False):
            seen.append(labels(asgi.pipeline))
        seen.append(labels(asgi.pipeline))

    assert seen == [["request_id", "stamp"], ["edge", "request_id", "stamp"]]
    assert labels(asgi.pipeline) == ["health", "edge", "request_id", "stamp"]


def test_what_was_there_comes_back_after_an_error(asgi: Wrapped) -> None:
    before = asgi.pipeline.layers

    with pytest.raises(KeyError), override(asgi, health=False):
        raise KeyError

    assert asgi.pipeline.layers is before


async def test_a_wrapped_app_answers_through_the_layers_of_the_moment() -> None:
    asgi = wrap(hello)
    client = Client(asgi)

    with override(asgi, request_id={"header": "X-Other"}):
        during = await client.get("/")
    after = await client.get("/")

    assert names(during) & {b"x-other", b"x-request-id"} == {b"x-other"}
    assert names(after) & {b"x-other", b"x-request-id"} == {b"x-request-id"}


@pytest.mark.parametrize("asked_before", [True, False], ids=["built before", "built in the block"])
async def test_a_pipeline_among_middleware_is_overridden_too(asked_before: bool) -> None:
    pipeline = Pipeline(RequestId())
    app = Starlette()
    app.add_middleware(pipeline)
    client = Client(app)
    if asked_before:
        await client.get("/")

    with override(pipeline, request_id=False):
        during = await client.get("/")
    after = await client.get("/")

    assert b"x-request-id" not in names(during)
    assert b"x-request-id" in names(after)


async def test_all_apps_of_a_pipeline_are_overridden_whichever_is_named() -> None:
    pipeline = Pipeline(RequestId())
    first, second = pipeline(hello), pipeline(Starlette())

    with override(first, request_id=False):
        during = await Client(second).get("/")
    after = await Client(second).get("/")

    assert b"x-request-id" not in names(during)
    assert b"x-request-id" in names(after)
