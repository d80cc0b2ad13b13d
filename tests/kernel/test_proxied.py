"""What trusted proxies say reaches the app through the scope, and nothing else does."""

from typing import Any

import pytest

from asgi_patterns import Pipeline
from asgi_patterns.kernel.address import ProxyField
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.headers import get_all
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import Client, hello

pytestmark = pytest.mark.anyio

ALL: list[ProxyField] = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix"]
SAID = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
    "x-forwarded-prefix": "/shop",
}


async def seen(
    peer: tuple[str, int], fields: list[ProxyField], headers: dict[str, str]
) -> tuple[Scope, str | None]:
    """Send one request and return the scope that the app got, and the client as our layers see it."""
    found: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.extend([dict(scope), Exchange.of(scope)[0].client(scope).host])
        await hello(scope, receive, send)

    asgi = Pipeline(trusted_proxies=["10.0.0.0/8"], proxy_fields=fields)(app)
    await Client(asgi, client=peer).get("/items/7", headers={"host": "inside:8000", **headers})
    return found[0], found[1]


async def test_the_app_sees_what_the_proxy_said() -> None:
    scope, client = await seen(("10.0.0.1", 5000), ALL, SAID)

    assert scope["client"] == ("203.0.113.9", 0)
    assert scope["scheme"] == "https"
    assert get_all(scope["headers"], b"host") == [b"shop.example"]
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == (
        "/shop",
        "/shop/items/7",
        b"/shop/items/7",
    )
    assert client == "203.0.113.9"


async def test_by_default_host_and_prefix_are_the_request_s_own() -> None:
    scope, _ = await seen(("10.0.0.1", 5000), ["X-Forwarded-For", "X-Forwarded-Proto"], SAID)

    assert (scope["client"], scope["scheme"]) == (("203.0.113.9", 0), "https")
    assert get_all(scope["headers"], b"host") == [b"inside:8000"]
    assert (scope["root_path"], scope["path"]) == ("", "/items/7")


async def test_what_anybody_else_says_changes_nothing() -> None:
    scope, client = await seen(("192.0.2.1", 5000), ALL, SAID)

    assert (scope["client"], scope["scheme"], scope["path"]) == (("192.0.2.1", 5000), "http", "/items/7")
    assert get_all(scope["headers"], b"host") == [b"inside:8000"]
    assert client == "192.0.2.1"


async def test_a_client_among_the_trusted_networks_is_still_the_client() -> None:
    scope, client = await seen(("10.0.0.1", 5000), ALL, {"x-forwarded-for": "10.7.7.7"})

    assert scope["client"] == ("10.7.7.7", 0)
    assert client == "10.7.7.7"


async def test_a_websocket_gets_the_scheme_of_a_websocket() -> None:
    schemes: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        schemes.append(scope["scheme"])
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    asgi = Pipeline(trusted_proxies=["10.0.0.0/8"])(app)
    async with Client(asgi, client=("10.0.0.1", 1)).websocket("/", headers=SAID):
        pass

    assert schemes == ["wss"]
