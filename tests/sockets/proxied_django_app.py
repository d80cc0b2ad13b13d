"""A Django project that trusts a proxy on this machine, and tells what it takes a request for."""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from asgi_patterns import request_id, wrap

settings.configure(
    SECRET_KEY="for this test only",
    ALLOWED_HOSTS=["shop.example"],
    ROOT_URLCONF=__name__,
    ASGI_PATTERNS={
        "trusted_proxies": ["127.0.0.1"],
        "proxy_fields": ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"],
    },
)


def tell(request: HttpRequest) -> JsonResponse:
    """Run in a thread, as every sync view does."""
    return JsonResponse(
        {
            "address": request.META["REMOTE_ADDR"],
            "secure": request.is_secure(),
            "host": request.get_host(),
            "id": request_id(),
        }
    )


urlpatterns = [path("", tell)]

app = wrap(get_asgi_application(), config=settings.ASGI_PATTERNS)
