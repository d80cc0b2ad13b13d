"""The ``Health`` layer: its settings, and what stands in front of an app to answer probes."""

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from asgi_patterns.health.checks import AnyCheck, Check, hide_sources
from asgi_patterns.health.core import status_code
from asgi_patterns.health.forecast import forecast
from asgi_patterns.health.page import HTML, POLICY, page
from asgi_patterns.health.paths import Aliases, Endpoint, clean, table
from asgi_patterns.health.report import DRAFT, PLAIN, Report, encode
from asgi_patterns.health.runner import Runner
from asgi_patterns.health.vitals import StartUp, Vitals
from asgi_patterns.kernel.address import TrustedProxies
from asgi_patterns.kernel.bearer import bears
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.gauges import Gauge
from asgi_patterns.kernel.headers import get_all
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.lifespan import Resource
from asgi_patterns.kernel.negotiation import choose_media
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.secret import Secret, reveal
from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

STORE = "store"
"""What the check of the pipeline's store is called."""
_UP = "Whether a check was up when it last ran."
_DRAINING = "Whether readiness has dropped by a call."


def _check_aliases(aliases: Aliases, info: ValidationInfo) -> Aliases:
    if "path" in info.data:
        table(info.data["path"], aliases)
    return aliases


def _check_names(checks: Sequence[Check]) -> Sequence[Check]:
    labels = [check.label for check in checks]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ValueError(f"two checks are called {twice!r}: give each a name of its own")
    return checks


def _check_token(token: Secret | None) -> Secret | None:
    if token is not None and not reveal(token).strip():
        raise ValueError("is empty: leave it out to show details to nobody")
    return token


def _check_networks(networks: Sequence[str], info: ValidationInfo) -> Sequence[str]:
    TrustedProxies(networks)
    if networks and info.data.get("details_token", ...) is None:
        raise ValueError(
            "narrow who may use details_token, which is not set: without a token nobody sees details"
        )
    return networks


@final
@settings
class Health(Layer):
    """Answers health probes: is the process alive, may it get requests, has it started."""

    place: ClassVar[Place] = Place.HEALTH
    needs_every_request: ClassVar[bool] = True

    path: Annotated[str, AfterValidator(clean)] = "/health"
    """Where it answers; `/live`, `/ready` and `/startup` stand below it."""
    aliases: Annotated[Aliases, AfterValidator(_check_aliases)] = True
    """Further paths: `true` is `/healthz`, `/livez` and `/readyz`, `false` none; or each path with what it asks."""
    checks: Annotated[
        Sequence[AnyCheck],
        AfterValidator(_check_names),
        BeforeValidator(hide_sources),
    ] = ()
    """What the app needs: checks, or callables (in a file their dotted names), which become critical checks."""
    version: str | None = None
    """The app's version, as every answer shows it."""
    details_token: Annotated[Secret | None, AfterValidator(_check_token)] = None
    """Who sends it as `Authorization: Bearer` sees why a check fails. Without a token nobody does."""
    details_networks: Annotated[Sequence[str], AfterValidator(_check_networks)] = ()
    """Networks (`10.0.0.0/8`) from which the token counts; empty means from everywhere."""
    drain_file: Path | None = None
    """As long as this file exists, readiness is DOWN."""
    store_check: bool = True
    """Whether the pipeline's `store`, where that is a Redis, is a check too: `store`, not critical."""
    backoff: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 15.0
    """Seconds for which a failure counts at most. Each further one counts twice as long as the one before."""
    clock: Annotated[Callable[[], float], Dotted] = time.monotonic
    """What gives the time, in seconds that never go back; another one is for tests."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app, self, vitals=self._vitals)

    def drain(self) -> None:
        """Make readiness DOWN from now on, on all apps of this layer. Liveness stays UP."""
        self._vitals.drained = True

    @property
    def resources(self) -> Sequence[Resource]:
        """One for each app: how the layer learns that the app has started."""
        return (StartUp(self._vitals),)

    @property
    def paths(self) -> Sequence[str]:
        """The paths that the layer answers itself."""
        return [path for path in table(self.path, self.aliases) if not path.endswith("/")]

    def explain(self, scope: Scope) -> Forecast:
        """Say which question it answers, if this is one."""
        wired = _Wired(_nobody, self, vitals=self._vitals)
        exchange, scope = Exchange.of(scope)
        checks = [check.label for check in self.checks if isinstance(check, Check)]
        checks += [STORE] if self.asks(exchange.context.store) else []
        detailed = wired.may_see_details(exchange, scope)
        return forecast(wired.endpoint(scope), scope["method"], checks, detailed=detailed)

    def gauges(self) -> Iterator[Gauge]:
        """Yield whether each check that has run was up, and whether readiness has dropped."""
        for check, up in self._vitals.last():
            labels = {"check": check}
            yield Gauge(name="health_check_up", value=float(up), help=_UP, labels=labels, merge="min")
        drained = float(self._vitals.drained)
        yield Gauge(name="health_draining", value=drained, help=_DRAINING, merge="max")

    @cached_property
    def _vitals(self) -> Vitals:
        # Each is a Check by now: AnyCheck.
        runners = [self._runner(check) for check in self.checks if isinstance(check, Check)]
        return Vitals(
            runners,
            store_runner=self._store_runner,
            version=self.version,
            drain_file=self.drain_file,
            clock=self.clock,
        )

    def _runner(self, check: Check) -> Runner:
        return Runner(check, check.function(lambda: self._tls), backoff=self.backoff, clock=self.clock)

    def _store_runner(self, store: Store) -> Runner | None:
        if not self.asks(store):
            return None
        return self._runner(Check(name=STORE, redis=store.url, critical=False))

    def asks(self, store: Store) -> bool:
        """Whether there is a check for ``store`` of its own accord; one of the same name takes its place."""
        labels = [check.label for check in self.checks if isinstance(check, Check)]
        return self.store_check and store.kind != "memory" and STORE not in labels

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Loading certificates takes milliseconds, far too long for every probe.
        context: ssl.SSLContext = require("httpx2", "client").create_ssl_context(trust_env=False)
        return context


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for the app where none is called."""


@final
class _Wired:
    __slots__ = ("_app", "_label", "_networks", "_not_allowed", "_paths", "_token", "_vitals")

    def __init__(self, app: ASGIApp, settings: Health, *, vitals: Vitals) -> None:
        self._app = app
        self._vitals = vitals
        self._label = settings.label
        self._paths = table(settings.path, settings.aliases)
        self._token = reveal(settings.details_token).strip().encode()
        self._networks = TrustedProxies(settings.details_networks)
        self._not_allowed = Problem(405, "health answers GET and HEAD", headers={"Allow": "GET, HEAD"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.endpoint(scope) if scope["type"] == "http" else None
        if endpoint is None:
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        exchange.answered(self._label)
        if scope["method"] not in ("GET", "HEAD"):
            return await self._not_allowed(scope, receive, send)
        await self._answer(endpoint, exchange, scope, send)

    def endpoint(self, scope: Scope) -> Endpoint | None:
        """Return what the request asks; ``None`` where it is for the app."""
        endpoint = self._paths.get(scope["path"])
        # Probes often ignore the root path, so the whole path counts as well.
        if endpoint is None and scope.get("root_path"):
            endpoint = self._paths.get(route_path(scope))
        return endpoint

    async def _answer(self, endpoint: Endpoint, exchange: Exchange, scope: Scope, send: Send) -> None:
        media_type = choose_media(get_all(scope["headers"], b"accept"), (PLAIN, DRAFT, HTML)) or PLAIN
        detailed = self.may_see_details(exchange, scope)
        async with self._vitals.report(endpoint, exchange.emit, exchange.context.store) as report:
            body = _encoded(report, media_type, detailed=detailed)
            await send(_head(report, media_type, len(body)))
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def may_see_details(self, exchange: Exchange, scope: Scope) -> bool:
        """Whether the request has the token, and comes from where that counts."""
        if not self._token or not bears(scope["headers"], self._token):
            return False
        return self._networks.nobody or self._networks.trusts(exchange.client(scope).host)


def _encoded(report: Report, media_type: str, *, detailed: bool) -> bytes:
    if media_type == HTML:
        return page(report, detailed=detailed)
    return encode(report, media_type, detailed=detailed)


def _head(report: Report, media_type: str, length: int) -> Message:
    is_page = media_type == HTML
    headers = [
        (b"content-type", media_type.encode() + (b"; charset=utf-8" if is_page else b"")),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
    ]
    if is_page:
        headers += [(b"content-security-policy", POLICY), (b"x-content-type-options", b"nosniff")]
    return {"type": "http.response.start", "status": status_code(report.status), "headers": headers}
