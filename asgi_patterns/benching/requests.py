"""The requests that are measured, as a command line or a file describes them.

``Sent``: one request; ``from_options``: what curl would send; ``from_lines``: a file of JSON, one request a line.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final
from urllib.parse import quote

from asgi_patterns.kernel.headers import field, has
from asgi_patterns.kernel.types import RawHeaders, Scope
from asgi_patterns.question import Request, as_field, as_method, as_url

MOST: Final = 1000
"""Requests in one file."""
MOST_CLIENTS: Final = 1_000_000
_KEYS: Final = ("method", "path", "headers", "body", "json")
_FORM: Final = (b"content-type", b"application/x-www-form-urlencoded")
_JSON: Final = (b"content-type", b"application/json")
_USUAL: Final = ((b"accept", b"*/*"), (b"user-agent", b"asgi-patterns-bench"))
# Whose business they are: the client's own, and those of the connection.
_FRAMING: Final = (b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade")


class WrongRequest(ValueError):
    """A request that cannot be sent; one sentence, with the line where it comes from a file."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request. ``headers`` are complete, those that a client adds by itself included."""

    method: str
    url: str
    headers: RawHeaders
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.url}"

    @property
    def shown(self) -> str:
        """How it is called where others read it: values of a query are nobody's business."""
        path, query, _ = self.url.partition("?")
        return f"{self.method} {path}{query and '?...'}"

    def scope(self) -> Scope:
        """Return it as a server would describe it, without ``state``."""
        scope = Request(method=self.method, url=self.url, headers=self.headers).scope()
        return {**scope, "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000)}

    def wire(self) -> bytes:
        """Return it as it goes over a connection that is kept."""
        scope = self.scope()
        query = scope["query_string"]
        target = scope["raw_path"] + (
            b"?" + quote(query, safe="/%:@!$&'()*+,;=?~").encode() if query else b""
        )
        lines = [b"%b %b HTTP/1.1" % (self.method.encode(), target)]
        lines += [b"%b: %b" % pair for pair in scope["headers"]]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


def sent(*, method: str | None, url: str, headers: RawHeaders, body: bytes | None) -> Sent:
    """Return a complete request. Raises ``WrongRequest`` for fields that it has by itself."""
    own = {name for name, _ in headers}
    for name in _FRAMING:
        if name in own:
            raise WrongRequest(
                f"{name.decode()!r} is written by the client itself, by what is sent: leave it out"
            )
    usual = [pair for pair in _USUAL if pair[0] not in own]
    length = [] if body is None else [(b"content-length", b"%d" % len(body))]
    chosen = method or ("GET" if body is None else "POST")
    return Sent(method=chosen, url=url, headers=[*usual, *headers, *length], body=body or b"")


def from_options(method: str | None, url: str, headers: RawHeaders, data: Sequence[bytes]) -> Sent:
    """Return what curl would send: data makes a POST of a form, unless something else is said."""
    body = b"&".join(data) if data else None
    form = [_FORM] if body is not None and not has(headers, b"content-type") else []
    return sent(method=method, url=url, headers=[*headers, *form], body=body)


def from_lines(text: str) -> list[Sent]:
    """Return the requests of a file. Raises ``WrongRequest``, which names the line."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append(_from_object(_object(line)))
        except ValueError as exc:
            raise WrongRequest(f"line {number}: {exc}") from None
        if len(found) > MOST:
            raise WrongRequest(f"line {number}: this is one request more than {MOST}, the most there can be")
    if not found:
        raise WrongRequest('there is no request in it: write lines such as {"path": "/products/1"}')
    return found


def clients(number: int) -> list[tuple[str, int]]:
    """Return so many addresses, of a network that is nobody's."""
    return [(f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}", 50000) for at in range(1, number + 1)]


def _object(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as exc:
        raise ValueError(f"this is no JSON: {exc.msg} at column {exc.colno}") from None
    except RecursionError:
        raise ValueError("this is no JSON that can be read: it is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError('this is no JSON object: write lines such as {"path": "/products/1"}')
    return found


def _from_object(given: Mapping[str, Any]) -> Sent:
    for key in given:
        if key not in _KEYS:
            raise ValueError(f"there is no {key!r}: a request has {', '.join(_KEYS)}")
    if "path" not in given:
        raise ValueError("a request needs a 'path'")
    headers = _headers(given.get("headers", {}))
    body = _body(given)
    if "json" in given and not has(headers, b"content-type"):
        headers.append(_JSON)
    method = as_method(_text(given, "method")) if "method" in given else None
    return sent(method=method, url=as_url(_text(given, "path")), headers=headers, body=body)


def _body(given: Mapping[str, Any]) -> bytes | None:
    if "body" in given and "json" in given:
        raise ValueError("'body' and 'json' are two ways to say the same: give one of them")
    if "json" in given:
        return json.dumps(given["json"], separators=(",", ":")).encode()
    return _text(given, "body").encode() if "body" in given else None


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given[key]
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is text, not {json.dumps(value)[:40]}")
    return value


def _headers(given: Any) -> RawHeaders:
    """Read an object of fields, or a list of lines for fields that stand there twice."""
    if isinstance(given, list) and all(isinstance(line, str) for line in given):
        return [as_field(line) for line in given]
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ValueError("'headers' is an object of texts, or a list of lines 'Name: value'")
    try:
        return [field(name, value) for name, value in given.items()]
    except ValueError as exc:
        raise ValueError(f"'headers': {exc}") from None
