"""A listener beside the app's, for what is nobody's business outside: the numbers of ``Metrics``.

It runs in threads, so that it answers while the event loop does not.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from selectors import EVENT_READ, DefaultSelector
from socket import socket, socketpair
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import Any, Final, final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from asgi_patterns.observability import Metrics
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.serving.stopping import FailedToStart

__all__ = ["managing"]

PATIENCE: Final = 5.0
"""Seconds for which a connection may be silent."""

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    timeout = 0  # whoever made it wake up may have left again

    def serve(self, end: socket) -> None:
        """Answer until ``end`` can be read, without looking every half second as ``serve_forever`` does."""
        with DefaultSelector() as waiting:
            waiting.register(self, EVENT_READ)
            waiting.register(end, EVENT_READ)
            while all(key.fileobj is not end for key, _ in waiting.select()):
                self.handle_request()

    def server_bind(self) -> None:
        """Bind, without asking for the name of the address as its parents do: that may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


@final
class _SharedServer(_Server):
    """One of several workers, each with a socket of its own on one port: where one dies, the others answer."""

    allow_reuse_port = True


@final
class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: somebody reads every few seconds."""


@contextmanager
def managing(pipeline: Pipeline, *, shared: bool, log: logging.Logger) -> Iterator[None]:
    """Listen for each layer that has a port for it, as long as the context lasts. Raises ``FailedToStart``.

    ``shared``: several workers do the same.
    """
    with ExitStack() as stack:
        for layer in pipeline.layers:
            if isinstance(layer, Metrics) and layer.enabled and layer.management_port is not None:
                stack.enter_context(_listening(layer, layer.management_port, shared=shared, log=log))
        yield


@contextmanager
def _listening(layer: Metrics, port: int, *, shared: bool, log: logging.Logger) -> Iterator[None]:
    host = layer.management_host
    try:
        server = make_server(
            host, port, _app(layer), server_class=_SharedServer if shared else _Server, handler_class=_Handler
        )
    except OSError as error:
        log.error("Nobody can listen on %s:%d, which is to show metrics: %s", host, port, error)
        raise FailedToStart from error
    log.info("Metrics are shown on http://%s:%d%s", host, server.server_port, layer.path)
    begun, end = socketpair()
    thread = Thread(target=server.serve, args=(end,), name="asgi-patterns-management", daemon=True)
    thread.start()
    try:
        yield
    finally:
        begun.close()
        thread.join()
        server.server_close()
        end.close()


def _app(layer: Metrics) -> App:
    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != layer.path or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start("404 Not Found", [("Content-Length", "0")])
            return [b""]
        asked = [
            (field.encode(), environ[name].encode("latin-1"))
            for field, name in (("accept", "HTTP_ACCEPT"), ("accept-encoding", "HTTP_ACCEPT_ENCODING"))
            if name in environ
        ]
        headers, content = layer.read(asked)
        start("200 OK", [(name.decode(), value.decode("latin-1")) for name, value in headers])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else content]

    return app
