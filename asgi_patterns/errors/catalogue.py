"""The problem types by their URIs, and what is shown of them: as JSON, and as a page for people."""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final, final
from urllib.parse import urlsplit

from asgi_patterns.kernel.problems import ProblemType, is_slug, phrase

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
FORMS: Final = (JSON, HTML)

_BASE = re.compile(r"(?:https?://[A-Za-z0-9.\[\]:-]+)?/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*")
_PORTS = {"http": ":80", "https": ":443"}

Page = Mapping[str, bytes]
"""The body in each of the ``FORMS``."""


def base_uri(base: str) -> str:
    """Return ``base`` with a slash at its end. Raises ``ValueError`` where nothing could stand behind it."""
    whole = base if base.endswith("/") else f"{base}/"
    if not _BASE.fullmatch(whole) or whole == "/":
        raise ValueError(
            f"{base!r} is no base for problem types: write a path, /problems/, or https://, a host and a path"
        )
    return whole


def by_uri(
    base: str | None, types: Iterable[ProblemType], built_in: Iterable[ProblemType]
) -> dict[str, ProblemType]:
    """Return all types by URI. Without ``base``, slugs have none: those of ``built_in`` are left out then.

    Raises ``ValueError`` for a slug in ``types`` without a base, and for one URI with two meanings.
    """
    found = {uri: kind for kind in built_in if (uri := kind.uri(base)) is not None}
    for kind in types:
        uri = kind.uri(base)
        if uri is None:
            raise ValueError(f"the problem type {kind.type!r} has no URI: set base, or give it a whole one")
        if found.setdefault(uri, kind) != kind:
            raise ValueError(f"two problem types are called {uri!r}: one URI means one thing")
    return found


@final
class Catalogue:
    """What is answered below ``base``: a page for each type, and one that lists them all."""

    def __init__(self, base: str, types: Mapping[str, ProblemType]) -> None:
        parts = urlsplit(base)
        self.base = base
        self.host = plain_host(parts.netloc, parts.scheme)
        """The host of the URIs; empty where they are paths on whatever host was asked."""
        # The root of a host belongs to the app: with a base of only a host, nothing is answered.
        self.prefix = parts.path if parts.path != "/" else None
        self.pages: dict[str, Page] = {} if self.prefix is None else self._pages(self.prefix, types)

    def _pages(self, prefix: str, types: Mapping[str, ProblemType]) -> dict[str, Page]:
        ours = {uri: kind for uri, kind in types.items() if is_slug(kind.type)}
        pages = {prefix: _index(ours)}
        return pages | {prefix + kind.type: _page(uri, kind) for uri, kind in ours.items()}


def plain_host(host: str, scheme: str) -> str:
    """Return ``host`` in lower case, without the port that ``scheme`` has by default."""
    return host.lower().removesuffix(_PORTS.get(scheme, ""))


def _page(uri: str, kind: ProblemType) -> Page:
    members = {"type": uri, "title": kind.title, "status": kind.status, "documentation": kind.documentation}
    paragraphs = [" ".join(text.split()) for text in kind.documentation.split("\n\n") if text.strip()]
    lines = [f"{kind.status} {phrase(kind.status)}", *paragraphs]
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return _both({name: each for name, each in members.items() if each != ""}, kind.title, body, uri)


def _index(types: Mapping[str, ProblemType]) -> Page:
    listed = [{"type": uri, "title": kind.title, "status": kind.status} for uri, kind in types.items()]
    rows = "".join(_row(uri, kind) for uri, kind in types.items())
    return _both({"types": listed}, "Problem types", f"<ul>{rows}</ul>")


def _row(uri: str, kind: ProblemType) -> str:
    return f'<li><a href="{escape(uri)}">{escape(kind.title)}</a> ({kind.status})</li>'


def _both(members: Mapping[str, object], title: str, body: str, uri: str = "") -> Page:
    name = f"<p><code>{escape(uri)}</code></p>" if uri else ""
    html = (
        '<!doctype html><html><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head><body><h1>{escape(title)}</h1>{body}{name}</body></html>"
    )
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return {JSON: text.encode("utf-8", "replace"), HTML: html.encode("utf-8", "replace")}
