"""One request over HTTP/2, on a connection that begins with it."""

import socket
import ssl

import h2.connection
import h2.events

from tests.sockets.raw import SECONDS


def ask_http2(port: int, path: str, tls: ssl.SSLContext | None = None) -> tuple[dict[bytes, bytes], bytes]:
    """Return the fields (the status is one) and the body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as plain:
        if tls is None:
            return _ask(plain, path)
        with tls.wrap_socket(plain, server_hostname="localhost") as secured:
            assert secured.selected_alpn_protocol() == "h2"
            return _ask(secured, path)


def _ask(connection: socket.socket, path: str) -> tuple[dict[bytes, bytes], bytes]:
    state = h2.connection.H2Connection()
    state.initiate_connection()
    fields = {":method": "GET", ":path": path, ":authority": "localhost", ":scheme": "https"}
    state.send_headers(1, [*fields.items()], end_stream=True)
    head: dict[bytes, bytes] = {}
    body = b""
    while True:
        connection.sendall(state.data_to_send())
        data = connection.recv(64 * 1024)
        assert data, "the server hung up within the answer"
        for event in state.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                head = {bytes(name): bytes(value) for name, value in event.headers or []}
            elif isinstance(event, h2.events.DataReceived):
                body += event.data or b""
            elif isinstance(event, h2.events.StreamEnded):
                return head, body
