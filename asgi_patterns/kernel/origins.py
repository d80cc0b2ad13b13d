"""Origins as browsers send them (RFC 6454 6.2), and patterns of origins.

A pattern is a glob: each ``*`` is some text within one label of the host, ``[a-z0-9_-]`` and at least one of them;
a ``*`` in place of the port is any port. Nothing is searched for and nothing is tried twice: an origin is cut into
its labels, and a label has one beginning and one end.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, final

EVERY: Final = "*"
"""Stands for every origin."""
OPAQUE: Final = "null"
"""What a sandboxed frame, a local file or a redirected request sends. Any page can get itself this origin."""

# The longest name that DNS allows has 127 labels of 253 characters; nobody's has more than these.
_SCHEME = r"[a-z][a-z0-9+.-]{0,31}"
_LABEL = r"[a-z0-9_-]{1,63}"
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,31}}"
_GLOB = r"[a-z0-9_-]{0,63}\*?[a-z0-9_-]{0,63}"
_PORT = r"[1-9][0-9]{0,4}"

_NAMED = re.compile(rf"({_SCHEME})://({_HOST}|\[[0-9a-f:.]{{2,45}}\])(?::({_PORT}))?")
_PATTERN = re.compile(rf"({_SCHEME})://({_GLOB}(?:\.{_GLOB}){{0,31}})(?::({_PORT}|\*))?")
_SENT = re.compile(rf"({_SCHEME})://({_HOST})(?::({_PORT}))?".encode())

_DEFAULT_PORTS = {"http": "80", "https": "443"}
# Top-level names that are nobody's to sell: below them one label is as good as two elsewhere.
_RESERVED = frozenset({"localhost", "test", "internal"})


def origin(text: str) -> str:
    """Return ``text`` as browsers send this origin: in lower case, without a default port. ``*`` and ``null`` stay.

    Raises ``ValueError`` that says what is wrong with anything else.
    """
    if text in (EVERY, OPAQUE):
        return text
    if "*" in text:
        raise ValueError(f"{text!r} is not one origin: patterns belong into allow_origin_patterns")
    match = _NAMED.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        raise ValueError(f"{text!r} is not an origin: {_mistake(text)}")
    scheme, host, port = match.groups()
    port = _checked_port(text, scheme, port)
    return f"{scheme}://{host}" + (f":{port}" if port else "")


@final
@dataclass(frozen=True, slots=True)
class Pattern:
    """Many origins of one scheme; make it with ``parse``."""

    scheme: bytes
    labels: tuple[tuple[bytes, ...], ...]
    """Each label of the host cut at its star: ``(b"pr-", b"")`` is ``pr-*``, ``(b"shop",)`` is itself."""
    port: bytes | None
    """The port, ``*`` for any; ``None`` for the default one, which browsers leave out."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises ``ValueError`` that says what is wrong with it."""
        match = _PATTERN.fullmatch(text.lower()) if text.isascii() else None
        labels = match[2].split(".") if match else []
        if match is None or "" in labels:
            raise ValueError(f"{text!r} is not a pattern of origins: {_mistake(text)}")
        _check_reach(text, labels)
        port = _checked_port(text, match[1], match[3])
        return cls(
            match[1].encode(),
            tuple(tuple(label.encode().split(b"*")) for label in labels),
            port.encode() if port else None,
        )

    def fits(self, scheme: bytes, labels: Sequence[bytes], port: bytes | None) -> bool:
        """Whether an origin with these parts is one of them."""
        return (
            scheme == self.scheme
            and (port == self.port or self.port == b"*")
            and len(labels) == len(self.labels)
            and all(map(_fits, self.labels, labels))
        )


def matches(patterns: Sequence[Pattern], sent: bytes) -> bool:
    """Whether the origin that a browser sent is among those of ``patterns``. ``null`` never is."""
    match = _SENT.fullmatch(sent)
    if match is None:
        return False
    labels = match[2].split(b".")
    return any(pattern.fits(match[1], labels, match[3]) for pattern in patterns)


def _fits(glob: tuple[bytes, ...], label: bytes) -> bool:
    if len(glob) == 1:
        return label == glob[0]
    head, tail = glob
    return len(label) > len(head) + len(tail) and label.startswith(head) and label.endswith(tail)


def _check_reach(text: str, labels: Sequence[str]) -> None:
    """Refuse what is open to whoever registers a name: two labels have to stand behind the last star."""
    if not any("*" in label for label in labels):
        return
    fixed = next(at for at, label in enumerate(reversed(labels)) if "*" in label)
    if fixed < 2 and not (fixed == 1 and labels[-1] in _RESERVED):
        raise ValueError(
            f"{text!r} is open to whoever registers a name: at least two labels have to follow the last *, "
            "as in https://*.shop.example"
        )


def _checked_port(text: str, scheme: str, port: str | None) -> str | None:
    if port is not None and port != "*" and int(port) > 65535:
        raise ValueError(f"{text!r} has a port that does not exist: ports end with 65535")
    return None if port == _DEFAULT_PORTS.get(scheme) else port


def _mistake(text: str) -> str:
    """Say what is probably meant by what cannot be read."""
    _, separator, rest = text.partition("://")
    if not separator:
        return "begin with the scheme, as in https://shop.example"
    if not text.isascii():
        return "write the host as browsers send it, with xn-- for letters beyond ASCII"
    if "@" in rest:
        return "leave out user and password"
    if any(mark in rest for mark in "/?#"):
        return "leave out the path, the slash at the end too"
    if "*" in text:
        return "one * in a label at most, and none in the scheme"
    return "write scheme://host or scheme://host:port"
