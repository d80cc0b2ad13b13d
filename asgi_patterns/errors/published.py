"""Answers for the URIs of problem types, in front of everything else that ``Problems`` does."""

from typing import final

from asgi_patterns.errors.catalogue import FORMS, JSON, Catalogue, plain_host
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.headers import get, get_all
from asgi_patterns.kernel.negotiation import choose_media
from asgi_patterns.kernel.problems import BASE, Problem
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

# A page of ours needs nothing from anywhere: should a text in it ever become markup, it stays dead.
_FIXED = (
    (b"cache-control", b"public, max-age=3600"),
    (b"vary", b"Accept"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
)


@final
class Published:
    """Tells every problem inside its base, and answers what lies below that."""

    __slots__ = ("_app", "_catalogue", "_label", "_prefix")

    def __init__(self, app: ASGIApp, catalogue: Catalogue, label: str) -> None:
        self._app = app
        self._catalogue = catalogue
        self._label = label
        self._prefix = catalogue.prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a path below the base; pass everything else on."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        scope[BASE] = self._catalogue.base
        if self.is_asked(scope):
            exchange.answered(self._label)
            return await self._answer(scope, receive, send)
        await self._app(scope, receive, send)

    def is_asked(self, scope: Scope) -> bool:
        """Whether this is below the base. A base without a host in it is every host's."""
        if self._prefix is None or not scope["path"].startswith(self._prefix) or scope["type"] != "http":
            return False
        if not self._catalogue.host:
            return True
        asked = (get(scope["headers"], b"host") or b"").decode("latin-1")
        return plain_host(asked, scope.get("scheme", "http")) == self._catalogue.host

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._catalogue.pages.get(scope["path"])
        if page is None:
            return await Problem(404, "There is no such problem type.")(scope, receive, send)
        if scope["method"] not in ("GET", "HEAD"):
            return await Problem(405, headers={"Allow": "GET, HEAD"})(scope, receive, send)
        form = choose_media(get_all(scope["headers"], b"accept"), FORMS) or JSON
        body = page[form]
        await send(_head(form, len(body)))
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _head(form: str, length: int) -> Message:
    headers = [(b"content-type", form.encode()), (b"content-length", b"%d" % length), *_FIXED]
    return {"type": "http.response.start", "status": 200, "headers": headers}
