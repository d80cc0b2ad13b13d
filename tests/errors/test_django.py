"""The middleware for Django, in a real app. Django runs on asyncio."""

import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.errors import Problem, Problems
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client

MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    "asgi_patterns.errors.django.ProblemMiddleware",
]


def sold_out() -> Problem:
    return Problem(
        409, "only 2 left", type="sold-out", title="Sold out", headers={"X-Why": "late"}, available=2
    )


async def raise_async(request: HttpRequest) -> HttpResponse:
    raise sold_out()


def raise_sync(request: HttpRequest) -> HttpResponse:
    raise sold_out()


async def missing(request: HttpRequest) -> HttpResponse:
    raise Http404("no such order")


async def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the password is hunter2")


async def fine(request: HttpRequest) -> HttpResponse:
    return HttpResponse("fine")


@pytest.fixture
def project() -> Iterator[None]:
    import_module("examples.django_app")  # configures Django, which can be done once in a process
    urls: Any = ModuleType("tests_errors_urls")
    urls.urlpatterns = [path(each.__name__, each) for each in (raise_async, raise_sync, missing, crash, fine)]
    sys.modules[urls.__name__] = urls
    with override_settings(
        DEBUG=False,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls.__name__,
        MIDDLEWARE=MIDDLEWARE,
        SECRET_KEY="secret",
    ):
        yield
    del sys.modules[urls.__name__]


def application() -> ASGIApp:
    return Pipeline(RequestId(), Problems(base="/problems/"))(ASGIHandler())


@pytest.mark.asyncio
@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("view", ["raise_async", "raise_sync"])
async def test_a_problem_that_a_view_raises_is_the_answer(view: str, method: str) -> None:
    answer = await Client(application(), lint=False).request(method, f"/{view}")

    assert (answer.status, answer.header("x-why")) == (409, "late")
    assert answer.all("content-type") == ["application/problem+json"]
    identity = answer.header("x-request-id")
    if method == "GET":
        assert answer.json() == {
            "type": "/problems/sold-out",
            "title": "Sold out",
            "status": 409,
            "detail": "only 2 left",
            "available": 2,
            "requestId": identity,
        }
        assert answer.all("content-length") == [str(len(answer.body))]
    else:
        assert int(answer.header("content-length") or 0) > 0


@pytest.mark.asyncio
@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("url", "status", "media_type"),
    [
        pytest.param("/fine", 200, "text/html; charset=utf-8", id="a good answer"),
        pytest.param("/missing", 404, "text/html; charset=utf-8", id="Http404"),
        pytest.param("/crash", 500, "text/html; charset=utf-8", id="a crash"),
    ],
)
async def test_everything_else_is_djangos(url: str, status: int, media_type: str) -> None:
    answer = await Client(ASGIHandler(), lint=False).get(url)

    assert (answer.status, answer.header("content-type")) == (status, media_type)


@pytest.mark.usefixtures("project")
def test_under_wsgi_a_problem_is_answered_too() -> None:
    handler = WSGIHandler()

    response = handler.get_response(RequestFactory().get("/raise_sync"))

    assert (response.status_code, response["content-type"]) == (409, "application/problem+json")
    assert b'"available":2' in response.content
