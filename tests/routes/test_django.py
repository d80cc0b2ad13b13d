"""The routes of Django projects, with ``django_routes`` in ``MIDDLEWARE``."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import include, path, re_path
from django.views import View

from asgi_patterns.kernel.route_hooks import django_routes, missing_hook
from asgi_patterns.kernel.types import ASGIApp
from tests.routes.contract import EVERYWHERE, Row, ask, table

ROUTES = "asgi_patterns.kernel.route_hooks.django_routes"


async def show(request: HttpRequest, *positional: Any, **named: Any) -> HttpResponse:
    return HttpResponse("shown")


def show_in_thread(request: HttpRequest) -> HttpResponse:
    return HttpResponse("shown")


async def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as it must")


class Things(View):  # type: ignore[misc]  # Django comes without types
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("things")


def sync_middleware(get_response: Any) -> Any:
    """Makes Django run all that is inside in a thread."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    return middleware


items = [path("items/<int:item>", show)]


class Urls:
    urlpatterns = (
        path("", show),
        path("orders", show),
        path("orders/<int:order_id>", show),
        path("orders/<int:order_id>/lines/<line>", show),
        path("files/<path:rest>", show),
        path("v1/", include(items)),
        path("v2/", include(items)),
        path("tenants/<slug:tenant>/", include(items)),
        path("crash", crash),
        path("things", Things.as_view()),
        path("slash/", show),
        path("in-thread", show_in_thread),
        re_path(r"^archive/(?P<year>[0-9]{4})/(?:page-(?P<page>\d+)/)?$", show),
        re_path(r"^unnamed/([a-z]+)/(\d+)\.html$", show),
        path("mixed/<slug:shop>/", include([re_path(r"^(?P<code>[a-z]{2,3})/?$", show)])),
        re_path(r"^web/.*$", show),
    )


@pytest.fixture(autouse=True, scope="module")
def project() -> Iterator[None]:
    """Other tests in this process may have a project of their own."""
    if not settings.configured:
        settings.configure(SECRET_KEY="tests")
    own = {"ALLOWED_HOSTS": ["*"], "ROOT_URLCONF": Urls, "LOGGING_CONFIG": None}
    with override_settings(**own, MIDDLEWARE=["django.middleware.common.CommonMiddleware", ROUTES]):
        django.setup()
        yield


@pytest.fixture
def app() -> ASGIApp:
    application: ASGIApp = get_asgi_application()
    return application


OWN: list[Row] = [
    ("the root", "GET /", 200, "/"),
    ("a class that refuses a method itself", "DELETE /things", 405, "/things"),
    ("a slash that is redirected", "GET /slash", 301, None),
    ("a slash at the end", "GET /slash/", 200, "/slash/"),
    ("a view in a thread", "GET /in-thread", 200, "/in-thread"),
    ("groups with names", "GET /archive/2024/page-3/", 200, "/archive/{year}/page-{page}/"),
    ("the same without what is optional", "GET /archive/2024/", 200, "/archive/{year}/page-{page}/"),
    ("groups without names", "GET /unnamed/abc/17.html", 200, "/unnamed/{1}/{2}.html"),
    ("a regular expression in a path", "GET /mixed/tea/en", 200, "/mixed/{shop}/{code}/"),
    ("what an expression leaves open", "GET /web/a/b/c", 200, "/web/{1}"),
]

ROWS = table(EVERYWHERE, OWN)


@pytest.mark.asyncio
@pytest.mark.parametrize(("request_line", "status", "template"), ROWS)
async def test_the_template(app: ASGIApp, request_line: str, status: int, template: str | None) -> None:
    asked = await ask(app, request_line)

    assert (asked.status, asked.at_head, asked.template) == (status, template, template)


@pytest.mark.asyncio
@pytest.mark.parametrize(("request_line", "status", "template"), ROWS)
async def test_the_root_of_the_server_stands_in_front(
    app: ASGIApp, request_line: str, status: int, template: str | None
) -> None:
    asked = await ask(app, request_line, root_path="/api")

    assert (asked.status, asked.template) == (status, None if template is None else "/api" + template)


@pytest.mark.newer  # on ASGI Django looks at FORCE_SCRIPT_NAME since 5.0
@pytest.mark.asyncio
async def test_a_forced_script_name_stands_in_front() -> None:
    with override_settings(FORCE_SCRIPT_NAME="/forced"):
        asked = await ask(get_asgi_application(), "GET /forced/orders/7", root_path="")

    assert asked.template == "/forced/orders/{order_id}"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "middleware",
    [
        pytest.param([ROUTES, f"{__name__}.sync_middleware"], id="sync middleware inside"),
        pytest.param([f"{__name__}.sync_middleware", ROUTES], id="sync middleware outside"),
    ],
)
async def test_it_stands_anywhere(middleware: list[str]) -> None:
    with override_settings(MIDDLEWARE=middleware):
        asked = await ask(get_asgi_application(), "GET /orders/7")

    assert (asked.status, asked.template) == (200, "/orders/{order_id}")


@pytest.mark.asyncio
async def test_without_the_line_there_is_no_template() -> None:
    with override_settings(MIDDLEWARE=[]):
        asked = await ask(get_asgi_application(), "GET /orders/7")

    assert (asked.status, asked.template) == (200, None)


def test_the_missing_line_is_named(app: ASGIApp) -> None:
    with override_settings(MIDDLEWARE=[]):
        missing = missing_hook(app)

    assert missing == f'MIDDLEWARE = ["{ROUTES}", ...]'
    assert missing_hook(app) is None


def test_on_wsgi_it_does_nothing() -> None:
    from django.test import Client

    answer = Client().get("/orders/7")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param(object(), id="nothing is where it was"),
        pytest.param(SimpleNamespace(scope={}), id="no match"),
        pytest.param(SimpleNamespace(scope={}, resolver_match=SimpleNamespace()), id="no route"),
        pytest.param(
            SimpleNamespace(scope={}, META={"SCRIPT_NAME": ""}, resolver_match=SimpleNamespace(route=7)),
            id="a route that is no text",
        ),
    ],
)
def test_django_gets_its_answer_whatever_has_moved(moved: Any) -> None:
    respond = django_routes(lambda _: "answer")

    assert respond(moved) == "answer"
