"""HTTP/2 and TLS, on each server that has them."""

import socket
import ssl
from ssl import TLSVersion

import pytest

from tests.serving.hosts import BARE, CERTIFICATE, HOSTS, KEY, ON_EVERY_SERVER
from tests.serving.http2 import ask_http2
from tests.sockets.raw import SECONDS
from tests.support.servers import serve, serving

TEAPOT = b'{"product":"teapot","price":12}'
SECURED = ("--certfile", str(CERTIFICATE), "--keyfile", str(KEY))
WITH_HTTP2 = pytest.mark.parametrize(
    "host", [host for name, host in HOSTS.items() if name != "uvicorn"], ids=[*HOSTS][1:]
)


def tls(*protocols: str) -> ssl.SSLContext:
    """What a client needs to believe our certificate, speaking ``protocols``."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.set_alpn_protocols([*protocols])
    return context


@WITH_HTTP2
def test_a_client_may_begin_with_http_2(host: tuple[str, ...]) -> None:
    with serving(*serve(BARE, *host)) as server:
        head, body = ask_http2(server.port, "/json")

    assert (head[b":status"], body) == (b"200", TEAPOT)
    assert head[b"x-request-id"]


@ON_EVERY_SERVER
def test_with_tls_client_and_server_agree_on_versions(host: tuple[str, ...]) -> None:
    with serving(*serve(BARE, *host, *SECURED)) as server:
        versions = [ask_http1(server.port, version) for version in (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)]
        if host != HOSTS["uvicorn"]:
            head, body = ask_http2(server.port, "/json", tls("h2", "http/1.1"))
            assert (head[b":status"], body) == (b"200", TEAPOT)

    assert versions == ["TLSv1.2", "TLSv1.3"]
    assert f"https://127.0.0.1:{server.port}" in server.log.text


def ask_http1(port: int, version: TLSVersion) -> str | None:
    """Ask for the teapot in one version of TLS; return the one that was spoken."""
    context = tls("http/1.1")
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        spoken = secured.version()
        secured.sendall(b"GET /json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: secured.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(TEAPOT)
        return spoken
