"""What ``asgi-patterns explain`` says: what every layer would do with a request, and why.

The app is not called and nothing is sent. The pipeline itself finds out who the client is, and a layer decides
with what it decides real requests with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import get_args

import anyio

from asgi_patterns.kernel.address import ProxyField, TrustedProxies
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import has
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.patterns import Pattern, route_path
from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.pipeline import Options, Pipeline
from asgi_patterns.question import Request
from asgi_patterns.show import Row, block, named, off


def explanation(pipeline: Pipeline, app: str | None, request: Request) -> Iterator[str]:
    """Yield the lines about what becomes of ``request`` on its way to the app that is called ``app``."""
    scope = anyio.run(_enter, pipeline, request.scope(), _silence, _drop)
    yield from block(f"{scope['method']} {_printable(route_path(scope))}", _facts(pipeline, request, scope))
    yield from block("Layers, from the outside in", _layers(pipeline, app or "the app", scope))
    yield from block("Switched off", off(pipeline))


async def _enter(pipeline: Pipeline, scope: Scope, receive: Receive, send: Send) -> Scope:
    """Return the scope that the outermost layer would get."""
    seen: list[Scope] = []

    async def first(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append({**scope})  # the exchange goes when the request has ended

    options = {option.name: getattr(pipeline.options, option.name) for option in fields(Options)}
    await Pipeline(**options)(first)(scope, receive, send)
    return seen[0]


async def _silence() -> Message:
    return {"type": "http.disconnect"}


async def _drop(message: Message) -> None:
    """Nobody listens."""


def _facts(pipeline: Pipeline, request: Request, scope: Scope) -> Iterator[Row]:
    yield "client", _client(pipeline, request, scope)
    yield "scheme", scope["scheme"]
    if scope["root_path"]:
        yield "below", _printable(scope["root_path"])


def _client(pipeline: Pipeline, request: Request, scope: Scope) -> str:
    exchange, scope = Exchange.of(scope)
    client = exchange.client(scope)
    if client.proxied:
        return f"{client.host}, says {request.client}, a trusted proxy"
    claims = [name for name in get_args(ProxyField) if has(request.headers, name.lower().encode())]
    if not claims:
        return request.client
    why = f"{request.client} is none of trusted_proxies"
    if TrustedProxies(pipeline.options.trusted_proxies).trusts(client.host):
        why = f"of a proxy's fields {', '.join(pipeline.options.proxy_fields)} are read, and do not name a client"
    return f"{request.client}; {', '.join(claims)} not believed: {why}"


def _layers(pipeline: Pipeline, app: str, scope: Scope) -> Iterator[Row]:
    ended = ""
    for layer in (each for each in pipeline.layers if each.enabled):
        if ended:
            yield named(layer), f"does not see it: {ended} has answered"
        else:
            why, forecast = foretold(layer, scope)
            says = [*filter(None, [why, *forecast.says])]
            yield from zip((named(layer), *[""] * len(says)), says or ["acts on every request"], strict=False)
            ended = layer.label if forecast.ends else ""
    yield app, f"does not see it: {ended} has answered" if ended else "gets the request"


def foretold(layer: Layer, scope: Scope) -> tuple[str, Forecast]:
    """Return why the layer acts or does not, where there is a reason, and what it says itself."""
    acts, why = _chosen(layer, scope["method"], route_path(scope))
    if acts:
        return why, layer.explain(scope)
    # One that is attached in a way of its own may answer something whatever its patterns say.
    if type(layer).attach is not Layer.attach and (own := layer.explain(scope)).ends:
        return "", own
    return why, Forecast()


def _chosen(layer: Layer, method: str, path: str) -> tuple[bool, str]:
    """Return whether the layer acts on such a request, and which pattern decides that."""
    included, excluded = _first(layer.include, method, path), _first(layer.exclude, method, path)
    if layer.include and included is None:
        return False, f"leaves it alone: none of include fits ({_list(layer.include)})"
    if excluded is not None:
        return False, f"leaves it alone: exclude has {excluded!r}"
    if included is not None:
        return True, f"acts, as include has {included!r}"
    return True, f"acts, as none of exclude fits ({_list(layer.exclude)})" if layer.exclude else ""


def _first(patterns: Sequence[str], method: str, path: str) -> str | None:
    return next((text for text in patterns if Pattern.parse(text).matches(method, path)), None)


def _list(patterns: Sequence[str]) -> str:
    return ", ".join(map(repr, patterns))


def _printable(text: str) -> str:
    """Return ``text`` without what a terminal would act on."""
    return text if text.isprintable() else repr(text)[1:-1]
