"""Where state is kept: one URL for the whole pipeline, or for one layer.

``Store``: what the URL says. ``StoreUrl``: the type of a setting that holds one.

- ``memory://``: in this process
- ``redis://[user:password@]host[:port][/db]``, with ``rediss://`` over TLS
- ``redis+cluster://[user:password@]host[:port][,host[:port] ...]``: any of its nodes, as many as may be asked
- ``redis+sentinel://[user:password@]host[:port][,host[:port] ...]/master[/db]``: the sentinels, and the name
  that they know the master by

A cluster and sentinels take ``?tls=true``; sentinels that want a login of their own take
``sentinel_username`` and ``sentinel_password`` there. No message repeats any part of a URL.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Annotated, Final, Literal, NamedTuple, final
from urllib.parse import unquote_to_bytes

from pydantic import AfterValidator, BeforeValidator, SecretStr

from asgi_patterns.kernel.optional import require

Kind = Literal["memory", "redis", "cluster", "sentinel"]

MEMORY: Final = "memory://"
REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379
MAX_NODES: Final = 64
"""Nodes that one URL may name; a cluster tells of its others by itself."""

# What is wrong, and what would be right. Fixed texts: a URL that is wrong may have its password anywhere.
NO_SCHEME: Final = (
    "is no URL of a store: write memory://, redis://host:6379/0, rediss://host:6379/0, "
    "redis+cluster://host:6379,host:6379 or redis+sentinel://host:26379,host:26379/master"
)
NO_MORE: Final = "says more than memory:// alone: leave the rest out"
NO_HOST: Final = (
    "names no host that can be asked: write host or host:6379, an IPv6 address in brackets; "
    "in a user name or a password, write @ as %40, / as %2F, ? as %3F, # as %23"
)
NO_PORT: Final = (
    "has a port that is none: write a number from 1 to 65535; in a password, write / as %2F and ? as %3F"
)
ONE_HOST: Final = "names several hosts: only redis+cluster:// and redis+sentinel:// have more than one"
TOO_MANY: Final = f"names too many hosts: {MAX_NODES} are enough, the others are found through them"
NO_DB: Final = "has a database that is none: write its number, such as /0, after the address"
CLUSTER_DB: Final = "names a database: a cluster has only the first, so leave the path out"
NO_MASTER: Final = (
    "does not say which master: write the name that the sentinels know after the address, /master"
)
NO_QUERY: Final = "has a query that means nothing here: redis:// and rediss:// take none"
NO_OPTION: Final = (
    "has a query that means nothing here: a cluster takes tls=true, "
    "sentinels take tls=true, sentinel_username and sentinel_password"
)
NO_CODE: Final = (
    "has a user name or password that is not encoded: write all but letters, digits and -._~ as %XX"
)

_SCHEMES: dict[str, Kind] = {
    "memory": "memory",
    "redis": "redis",
    "rediss": "redis",
    "redis+cluster": "cluster",
    "redis+sentinel": "sentinel",
}
_OPTIONS: dict[Kind, Sequence[str]] = {
    "cluster": ("tls",),
    "sentinel": ("tls", "sentinel_username", "sentinel_password"),
}
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([^:\[\]]*))(?::([^:]*))?")
_PORT = re.compile(r"[0-9]{1,5}")
_DB = re.compile(r"[0-9]{1,4}")
_MASTER = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
_CREDENTIALS = re.compile(r"(?<=://)[^/]*@")
_MASK = "**********"
_MEMORY = SecretStr(MEMORY)


class Node(NamedTuple):
    """One address."""

    host: str
    port: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where state is kept, as one URL says it. The default is in this process."""

    kind: Kind = "memory"
    url: SecretStr = _MEMORY
    """What it was made from."""
    nodes: tuple[Node, ...] = ()
    """Whom to ask; one for ``redis``, none for ``memory``."""
    tls: bool = False
    """Whether the connection is encrypted, and the certificate verified."""
    db: int = 0
    username: SecretStr | None = None
    password: SecretStr | None = None
    master: str | None = None
    """The name of the master, where ``nodes`` are sentinels."""
    sentinel_username: SecretStr | None = None
    sentinel_password: SecretStr | None = None

    @classmethod
    def parse(cls, url: SecretStr | str) -> "Store":
        """Read a URL. Raises ``ValueError`` that says what would be right, and repeats nothing of ``url``."""
        text = url.get_secret_value() if isinstance(url, SecretStr) else url
        scheme, found, rest = text.partition("://")
        kind = _SCHEMES.get(scheme)
        if kind is None or not found:
            raise ValueError(NO_SCHEME)
        if kind == "memory":
            if rest:
                raise ValueError(NO_MORE)
            return IN_MEMORY
        rest, asked, query = rest.partition("?")
        address, _, path = rest.partition("/")
        login, _, hosts = address.rpartition("@")
        user, _, password = login.partition(":")
        nodes = _nodes(kind, hosts)
        master, db = _path(kind, path)
        options = _options(kind, query if asked else None)
        return cls(
            kind=kind,
            url=SecretStr(text),
            nodes=nodes,
            tls=scheme == "rediss" or options.get("tls") == "true",
            db=db,
            username=_secret(user),
            password=_secret(password),
            master=master,
            sentinel_username=_secret(options.get("sentinel_username", "")),
            sentinel_password=_secret(options.get("sentinel_password", "")),
        )

    def __str__(self) -> str:
        """The URL with credentials masked, and without its query."""
        return _CREDENTIALS.sub(f"{_MASK}@", self.url.get_secret_value().partition("?")[0])

    def __repr__(self) -> str:
        return f"Store({str(self)!r})"


IN_MEMORY: Final = Store()
"""What there is without any setting."""


def _options(kind: Kind, query: str | None) -> dict[str, str]:
    if query is None:
        return {}
    if kind == "redis":
        raise ValueError(NO_QUERY)
    pairs = [part.partition("=") for part in query.split("&")]
    options = {name: value for name, _, value in pairs}
    known = all(name in _OPTIONS[kind] and value for name, value in options.items())
    if not known or len(options) < len(pairs) or options.get("tls", "true") not in ("true", "false"):
        raise ValueError(NO_OPTION)
    return options


def _path(kind: Kind, path: str) -> tuple[str | None, int]:
    """Return the master's name, for sentinels, and the number of the database."""
    master: str | None = None
    if kind == "sentinel":
        master, _, path = path.partition("/")
        if not _MASTER.fullmatch(master):
            raise ValueError(NO_MASTER)
    elif kind == "cluster" and path:
        raise ValueError(CLUSTER_DB)
    if path and not _DB.fullmatch(path):
        raise ValueError(NO_DB)
    return master, int(path or 0)


def _nodes(kind: Kind, hosts: str) -> tuple[Node, ...]:
    texts = hosts.split(",")
    if kind == "redis" and len(texts) > 1:
        raise ValueError(ONE_HOST)
    if len(texts) > MAX_NODES:
        raise ValueError(TOO_MANY)
    usual = SENTINEL_PORT if kind == "sentinel" else REDIS_PORT
    return tuple(_node(text, usual) for text in texts)


def _node(text: str, usual: int) -> Node:
    match = _NODE.fullmatch(text)
    if match is None:
        raise ValueError(NO_HOST)
    address, host, port = match.groups()
    if not (_is_address(address) if address else _HOST.fullmatch(host)):
        raise ValueError(NO_HOST)
    if port is None:
        return Node(address or host, usual)
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise ValueError(NO_PORT)
    return Node(address or host, int(port))


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _secret(text: str) -> SecretStr | None:
    """Return the text that was encoded as a part of a URL; ``None`` where there is none."""
    if not text:
        return None
    if not _ENCODED.fullmatch(text):
        raise ValueError(NO_CODE)
    try:
        return SecretStr(unquote_to_bytes(text).decode())
    except UnicodeDecodeError:
        raise ValueError(NO_CODE) from None


def _hide(value: object) -> object:
    # What is in memory has nothing to hide, and can be shown as the default that it is.
    return SecretStr(value) if isinstance(value, str) and value != MEMORY else value


def _check(url: SecretStr | str) -> SecretStr | str:
    if Store.parse(url).kind != "memory":
        require("redis.asyncio", "redis")
    return url


# Hidden before anything can be wrong with it, so that pydantic's own errors show asterisks.
StoreUrl = Annotated[str | SecretStr, AfterValidator(_check), BeforeValidator(_hide)]
"""The URL of a store, as a setting: refused at start-up, shown to nobody. In code a plain string will do."""
