"""A Django project in one file, its ASGI application wrapped as in an ``asgi.py``.

    uvicorn examples.django_app:app

In a project of your own the settings stand in ``settings.py``, the last three lines in ``asgi.py``.
"""

import asyncio
from functools import partial

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from asgi_patterns import Problem, wrap
from examples.paced import EVENTS, LINES, Pacer

settings.configure(
    SECRET_KEY="for this example only",  # noqa: S106 - nothing here is signed with it
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "asgi_patterns.kernel.route_hooks.django_routes",
        "django.middleware.common.CommonMiddleware",
        "asgi_patterns.errors.django.ProblemMiddleware",
    ],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django": {"handlers": ["console"], "level": "INFO"}},
    },
    ASGI_PATTERNS={"health": {"version": "1.4.2"}},
)

pacer = Pacer()


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
