"""What the page on Django promises of views behind a trusted proxy."""

import json

from tests.sockets.raw import Connection
from tests.support.servers import serving, uvicorn


def test_a_sync_view_sees_the_client_behind_a_trusted_proxy_and_the_id() -> None:
    said = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("X-Request-ID", "behind-0001"),
    ]
    app = uvicorn("tests.sockets.proxied_django_app:app", "--no-proxy-headers")

    with serving(*app) as server, Connection(server.port) as connection:
        connection.send("GET", "/", *said, host="10.0.0.8:8000")
        answer = connection.answer()

    assert json.loads(answer.body) == {
        "address": "203.0.113.9",
        "secure": True,
        "host": "shop.example",
        "id": "behind-0001",
    }
