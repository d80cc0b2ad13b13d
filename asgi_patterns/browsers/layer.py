"""The layers ``Cors`` and ``SecurityHeaders``."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, final

from pydantic import Field, field_validator

from asgi_patterns.browsers.allowances import (
    Credentials,
    ExposedNames,
    FieldNames,
    Methods,
    OriginPatterns,
    Origins,
)
from asgi_patterns.browsers.core import EXPOSED, VARY, Refusal, Sharing
from asgi_patterns.browsers.forecast import of_lines, of_preflight, of_sharing
from asgi_patterns.browsers.policies import (
    YEAR,
    Directives,
    Frame,
    Lines,
    OpenerPolicy,
    Permissions,
    Preload,
    ReferrerPolicy,
    ResourcePolicy,
    Seconds,
    complete,
    lines,
    transport,
)
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import get, get_all
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import Pattern
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send


@final
@settings
class Cors(Layer):
    """Lets pages of other origins call the API and read its answers (the CORS protocol of the Fetch standard)."""

    place: ClassVar[Place] = Place.CORS
    needs_every_request: ClassVar[bool] = True

    allow_origins: Origins = ()
    """Origins whose pages may call: `https://shop.example`, with a port where it is not the default one; or `*`."""
    allow_origin_patterns: OriginPatterns = ()
    """More of them: in `https://*.shop.example` the `*` is some text within one label; as a port it is any port."""
    allow_methods: Methods = ("GET",)
    """Methods that they may use; `*` is every one."""
    allow_headers: FieldNames = ()
    """Request fields that they may send besides those that need no permission; `*` is every one."""
    allow_credentials: Credentials = False
    """Whether they may send cookies and client certificates along, and so act as the user who is signed in."""
    allow_private_network: bool = False
    """Whether pages from the public internet may call an API in a private network."""
    expose_headers: ExposedNames = ()
    """Answer fields of the app that they may read besides the ones that need no permission; `*` is every one."""
    expose_usual: bool = True
    """Whether they may also read what the layers of this toolkit add: limits, tags, ids, links."""
    max_age: Annotated[int, Field(ge=0, le=86400)] = 600
    """Seconds for which a browser may keep the answer to a preflight. Most keep it for less than two hours."""

    @field_validator("include", "exclude")
    @classmethod
    def _check_paths(cls, patterns: Sequence[str]) -> Sequence[str]:
        for text in patterns:
            if Pattern.parse(text).methods is not None:
                raise ValueError(
                    f"{text!r} names a method, and a preflight is always OPTIONS: choose by path"
                )
        return patterns

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Shared(app, self._sharing, label=self.label)

    def explain(self, scope: Scope) -> Forecast:
        """Say what a browser would be told."""
        sender, method = _preflight(scope)
        if sender is not None and method is not None:
            names = get_all(scope["headers"], b"access-control-request-headers")
            return of_preflight(self._sharing.preflight(sender, method, names), method, names)
        return of_sharing(sender, self._sharing.share(sender))

    @cached_property
    def _sharing(self) -> Sharing:
        return Sharing(
            origins=self.allow_origins,
            patterns=self.allow_origin_patterns,
            methods=self.allow_methods,
            headers=self.allow_headers,
            credentials=self.allow_credentials,
            exposed=[*self.expose_headers, *(EXPOSED if self.expose_usual else ())],
            max_age=self.max_age,
            private_network=self.allow_private_network,
        )


def _preflight(scope: Scope) -> tuple[bytes | None, bytes | None]:
    """Return the origin of a request, and the method that it asks permission for where it is a preflight."""
    sender = get(scope["headers"], b"origin")
    if sender is None or scope["method"] != "OPTIONS":
        return sender, None
    return sender, get(scope["headers"], b"access-control-request-method")


@final
class _Shared:
    __slots__ = ("_app", "_label", "_refusals", "_sharing")

    def __init__(self, app: ASGIApp, sharing: Sharing, *, label: str) -> None:
        self._app = app
        self._sharing = sharing
        self._label = label
        # Without a field of CORS and with this status, as Fetch recommends to servers that do not take part.
        self._refusals = {why: Problem(403, why.value, headers={"Vary": VARY}) for why in Refusal}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        sender, method = _preflight(scope)
        if sender is not None and method is not None:
            return await self._preflight(exchange, sender, method, scope, receive, send)
        shared = self._sharing.share(sender)

        def on_head(head: Message) -> None:
            if not exchange.is_off(self._label):
                self._sharing.write(head["headers"], shared)

        await self._app(scope, receive, Link(send, on_head))

    async def _preflight(
        self,
        exchange: Exchange,
        sender: bytes,
        method: bytes,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        names = get_all(scope["headers"], b"access-control-request-headers")
        answer = self._sharing.preflight(sender, method, names)
        exchange.answered(self._label, "rejected" if isinstance(answer, Refusal) else None)
        if isinstance(answer, Refusal):
            return await self._refusals[answer](scope, receive, send)
        await send({"type": "http.response.start", "status": 204, "headers": answer})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@final
@settings
class SecurityHeaders(Layer):
    """Tells browsers to handle every answer with care. A field that the app sets itself stays as it is."""

    place: ClassVar[Place] = Place.SECURITY_HEADERS

    hsts: Seconds = YEAR
    """`Strict-Transport-Security`: seconds of HTTPS only, sent on HTTPS only; 0 ends it, `off` leaves it out."""
    hsts_include_subdomains: bool = False
    """Whether that is so for all names below the host's, too."""
    hsts_preload: Preload = False
    """Whether browsers may have the name built in; needs a year and the names below. Hard to take back."""
    nosniff: bool = True
    """`X-Content-Type-Options: nosniff`: browsers believe `Content-Type` instead of guessing."""
    frame: Frame = "DENY"
    """`X-Frame-Options`: who may show an answer in a frame, nobody or its own origin; `off` leaves it out."""
    referrer_policy: ReferrerPolicy = "no-referrer"
    """`Referrer-Policy`: what a page's requests tell about the address of that page; `off` leaves it out."""
    permissions_policy: Permissions | None = None
    """What pages may use, such as `camera=(), geolocation=(self)`."""
    content_security_policy: Directives | None = None
    """What pages may load and run. For an API without pages `default-src 'none'; frame-ancestors 'none'`."""
    content_security_policy_report_only: Directives | None = None
    """The same, for browsers to report only and not to enforce."""
    cross_origin_opener_policy: OpenerPolicy | None = None
    """Whether a page shares its window with pages that it opens or that open it."""
    cross_origin_resource_policy: ResourcePolicy | None = None
    """Whose pages may embed an answer, as an image or a script. Has no say over what `Cors` allows."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        plain = self._plain()
        return _Hardened(app, plain, (*plain, *self._transport()), label=self.label)

    def explain(self, scope: Scope) -> Forecast:
        """Say which fields the answer gets."""
        scheme, transport = scope.get("scheme", "http"), self._transport()
        shown = (*self._plain(), *(transport if scheme == "https" else ()))
        return of_lines(shown, scheme, has_hsts=bool(transport))

    def _plain(self) -> Lines:
        chosen = {
            "X-Content-Type-Options": "nosniff" if self.nosniff else None,
            "X-Frame-Options": self.frame,
            "Referrer-Policy": self.referrer_policy,
            "Permissions-Policy": self.permissions_policy,
            "Content-Security-Policy": self.content_security_policy,
            "Content-Security-Policy-Report-Only": self.content_security_policy_report_only,
            "Cross-Origin-Opener-Policy": self.cross_origin_opener_policy,
            "Cross-Origin-Resource-Policy": self.cross_origin_resource_policy,
        }
        return lines({name: value for name, value in chosen.items() if value != "off"})

    def _transport(self) -> Lines:
        if not isinstance(self.hsts, int):
            return ()
        value = transport(self.hsts, subdomains=self.hsts_include_subdomains, preload=self.hsts_preload)
        return lines({"Strict-Transport-Security": value})


@final
class _Hardened:
    __slots__ = ("_app", "_label", "_plain", "_secure")

    def __init__(self, app: ASGIApp, plain: Lines, secure: Lines, *, label: str) -> None:
        self._app = app
        self._plain = plain
        self._secure = secure
        self._label = label

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        # RFC 6797 7.2: over plain HTTP the field must not be sent, a browser would ignore it anyway.
        ours = self._secure if scope.get("scheme", "http") in ("https", "wss") else self._plain

        def on_head(head: Message) -> None:
            if head["type"] != "websocket.accept" and not exchange.is_off(self._label):
                complete(head["headers"], ours)

        await self._app(scope, receive, Link(send, on_head))
