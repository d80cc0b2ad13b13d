"""The request that ``asgi-patterns explain`` is asked about, as the command line describes it.

``add_arguments``: what describes it; ``asked``: the ``Request`` that was described.
"""

import argparse
import re
from dataclasses import dataclass
from typing import Final, final
from urllib.parse import quote, unquote

from asgi_patterns.kernel.forwarded import parse_ip
from asgi_patterns.kernel.headers import field, has
from asgi_patterns.kernel.parameters import TOKEN
from asgi_patterns.kernel.patterns import METHODS
from asgi_patterns.kernel.types import RawHeaders, Scope

LOOPBACK: Final = "127.0.0.1"
UNIX: Final = "unix"
"""A client at the other end of a Unix socket, which has no address."""

_METHOD = re.compile(TOKEN)
_URL = re.compile(r"(?:(https?)://([^/?#\s]+))?(/[^#\s]*)?")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request that is asked about."""

    method: str
    url: str
    """A URL, or a path with or without a query, as a client would send it."""
    headers: RawHeaders
    client: str = LOOPBACK
    """The address at the other end of the socket, or ``unix``."""

    def scope(self) -> Scope:
        """Return it as a server would describe it."""
        match = _URL.fullmatch(self.url)
        scheme, host, target = match.groups() if match else (None, None, None)
        path, _, query = (target or "/").partition("?")
        named = [] if has(self.headers, b"host") else [(b"host", (host or "localhost").encode())]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": scheme or "http",
            "path": unquote(path),
            "raw_path": quote(path, safe="/%").encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [*named, *self.headers],
            "client": None if self.client == UNIX else (self.client, 0),
            "server": None,
        }


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what describes a request to the command line."""
    command.add_argument("method", type=_method, help="such as GET")
    command.add_argument("url", type=_url, help="a path, such as /search?q=tea, or a URL")
    command.add_argument(
        "--header",
        type=_header,
        action="append",
        default=[],
        metavar="FIELD",
        help="a field of the request, such as 'Accept: text/html'; may be given again",
    )
    command.add_argument(
        "--client",
        type=_client_address,
        default=LOOPBACK,
        metavar="ADDRESS",
        help="who is at the other end of the socket; 'unix' for a Unix socket (%(default)s)",
    )


def asked(options: argparse.Namespace) -> Request:
    """Return the request that the command line describes."""
    return Request(method=options.method, url=options.url, headers=options.header, client=options.client)


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no method")
    return text.upper() if text.upper() in METHODS else text


def _url(text: str) -> str:
    if not text or not _URL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a path that begins with / nor an http URL")
    return text


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    try:
        return field(name, value.strip() if colon else "\n")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no field: write 'Name: value'") from None


def _client_address(text: str) -> str:
    if text != UNIX and parse_ip(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no address: write for example 203.0.113.7, or unix")
    return text
