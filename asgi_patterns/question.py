"""A request as somebody at a terminal describes it: the one that ``asgi-patterns explain`` is asked about.

``add_arguments``: what describes it; ``asked``: the ``Request`` that was described; ``as_method``, ``as_url`` and
``as_field``: its parts, which raise ``ValueError``; ``argument``: those for the command line.
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, final
from urllib.parse import quote, unquote

from asgi_patterns.kernel.forwarded import parse_ip
from asgi_patterns.kernel.headers import field, has
from asgi_patterns.kernel.parameters import TOKEN
from asgi_patterns.kernel.patterns import METHODS
from asgi_patterns.kernel.types import RawHeaders, Scope

LOOPBACK: Final = "127.0.0.1"
UNIX: Final = "unix"
"""A client at the other end of a Unix socket, which has no address."""

T = TypeVar("T")

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
    command.add_argument("method", type=argument(as_method), help="such as GET")
    command.add_argument("url", type=argument(as_url), help="a path, such as /search?q=tea, or a URL")
    command.add_argument(
        "--header",
        type=argument(as_field),
        action="append",
        default=[],
        metavar="FIELD",
        help="a field of the request, such as 'Accept: text/html'; may be given again",
    )
    command.add_argument(
        "--client",
        type=argument(_as_client),
        default=LOOPBACK,
        metavar="ADDRESS",
        help="who is at the other end of the socket; 'unix' for a Unix socket (%(default)s)",
    )


def asked(options: argparse.Namespace) -> Request:
    """Return the request that the command line describes."""
    return Request(method=options.method, url=options.url, headers=options.header, client=options.client)


def argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return ``parse`` for the command line, where a ``ValueError`` would lose its words."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None

    return parsed


def as_method(text: str) -> str:
    """Return a method, one that is known in capitals."""
    if not _METHOD.fullmatch(text):
        raise ValueError(f"{text!r} is no method")
    return text.upper() if text.upper() in METHODS else text


def as_url(text: str) -> str:
    """Return a path or an http URL."""
    if not text or not _URL.fullmatch(text):
        raise ValueError(f"{text!r} is neither a path that begins with / nor an http URL")
    return text


def as_field(text: str) -> tuple[bytes, bytes]:
    """Return the field that ``Name: value`` is."""
    name, colon, value = text.partition(":")
    try:
        return field(name, value.strip() if colon else "\n")
    except ValueError:
        raise ValueError(f"{text!r} is no field: write 'Name: value'") from None


def _as_client(text: str) -> str:
    if text != UNIX and parse_ip(text) is None:
        raise ValueError(f"{text!r} is no address: write for example 203.0.113.7, or unix")
    return text
