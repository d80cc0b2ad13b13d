"""A Django project in one file, its ASGI application wrapped as in an ``asgi.py``.

    uvicorn examples.django_app:app

In a project of your own the settings stand in ``settings.py``, the last three lines in ``asgi.py``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from asgi_patterns import Problem, request_id, wrap
from examples.paced import EVENTS, LINES, Pacer

settings.configure(
    SECRET_KEY="for this example only",  # noqa: S106 - nothing here is signed with it
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", f"{__name__}.ProblemAnswers"],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django": {"handlers": ["console"], "level": "INFO"}},
    },
    ASGI_PATTERNS={"health": {"version": "1.4.2"}},
)

pacer = Pacer()

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def show(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"product": "teapot", "price": 12})


async def stream(request: HttpRequest) -> HttpResponse:
    lines = pacer.send(LINES, request.GET.get("hold", ""))
    return StreamingHttpResponse(lines, content_type="text/plain")


async def events(request: HttpRequest) -> HttpResponse:
    prices = pacer.send(EVENTS, request.GET.get("hold", ""))
    return StreamingHttpResponse(prices, content_type="text/event-stream")


async def release(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"released": pacer.release(request.GET["hold"])})


async def streams(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"open": pacer.open})


async def upload(request: HttpRequest) -> HttpResponse:
    # Django has the whole body by now, on disk where it is large; this keeps it out of memory.
    received = sum(len(chunk) for chunk in iter(partial(request.read, 64 * 1024), b""))
    return JsonResponse({"received": received})


async def error(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret of this app")


async def slow(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(min(float(request.GET.get("seconds", 1)), 10))
    return JsonResponse({"slow": True})


async def order(request: HttpRequest) -> HttpResponse:
    raise Problem(409, "there are 6 teapots, not 7", available=6)


class ProblemAnswers:
    """Answers a ``Problem`` that a view raised; Django would take it for a crash."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        return await self.get_response(request)

    async def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Problem):
            return None
        body = exception.body(request_id())
        head = exception.head(len(body))
        fields = {name.decode(): value.decode("latin-1") for name, value in head["headers"]}
        return HttpResponse(body, status=head["status"], headers=fields)


urlpatterns = [
    path("json", show),
    path("stream", stream),
    path("events", events),
    path("streams", streams),
    path("release", require_POST(release)),
    path("upload", require_POST(upload)),
    path("error", error),
    path("slow", slow),
    path("orders", require_POST(order)),
]

bare = get_asgi_application()
app = application = wrap(bare, config=settings.ASGI_PATTERNS)
