"""What a check is, and the ready-made ones: a Redis that answers, a URL that answers 2xx."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, final

import anyio
from pydantic import AfterValidator, BeforeValidator, Field, GetPydanticSchema, SecretStr, ValidationInfo

from asgi_patterns.health.core import Finding
from asgi_patterns.kernel.dotted import Dotted, load
from asgi_patterns.kernel.layer import settings
from asgi_patterns.kernel.optional import require

CheckResult = bool | str | Mapping[str, object] | None
"""``None`` and ``True`` are up, ``False`` is down, a text or a mapping is up with details."""

CheckFunction = Callable[[], CheckResult | Awaitable[CheckResult]]
"""What a user writes: async, or sync and then run in a thread of its own. Raising means down."""

Ready = Callable[[], Awaitable[Finding]]
"""A ready-made check."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer to a URL check up to which its body is read."""

_CLOSING = 1.0  # seconds that a connection may take to close after it has been given up
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_SOURCES = ("check", "redis", "url")


def _hide(value: object) -> object:
    return SecretStr(value) if isinstance(value, str) else value


def reveal(secret: SecretStr | str | None) -> str:
    """Return the text of a setting that ``Secret`` has taken in; ``""`` where it is not set."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret or ""


# Hidden before anything can be wrong with it: the error of a validator further in shows asterisks.
Secret = Annotated[SecretStr | str, BeforeValidator(_hide)]
"""A text that no error and no ``show`` repeats. In code a plain string will do."""


def hide_sources(checks: object) -> object:
    """Hide the URLs in ``checks`` as they stand in a file, so that no error about a check repeats them."""
    if isinstance(checks, list | tuple):
        return [hide_sources(each) for each in checks]
    if isinstance(checks, Mapping):
        return {name: _hide(value) if name in _SOURCES[1:] else value for name, value in checks.items()}
    return checks


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a check: 1 to 64 letters, digits, dots, dashes, underscores"
        )
    return name


def _check_redis(secret: SecretStr | str | None) -> SecretStr | str | None:
    if secret is not None:
        client = require("redis.asyncio", "redis")
        try:
            client.Redis.from_url(reveal(secret))
        except ValueError:  # its message repeats parts of the URL
            raise ValueError(
                "is no Redis URL: write redis://, rediss:// or unix://, then the address"
            ) from None
    return secret


def _check_url(secret: SecretStr | str | None) -> SecretStr | str | None:
    if secret is not None:
        client = require("httpx2", "client")
        try:
            url = client.URL(reveal(secret))
        except (client.InvalidURL, ValueError):  # its message repeats parts of the URL
            raise ValueError("is no URL") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("is no URL that can be asked: write http:// or https://, then the host")
    return secret


def _check_function(function: CheckFunction | None, info: ValidationInfo) -> CheckFunction | None:
    if function is not None and "name" in info.data and not (info.data["name"] or function_name(function)):
        raise ValueError(
            f'{function!r} has no name that an answer could show: give the check one, name="..."'
        )
    return function


def _only_one(value: object, info: ValidationInfo) -> object:
    given = [name for name in _SOURCES[:-1] if info.data.get(name) is not None]
    given += [_SOURCES[-1]] if value is not None else []
    # A source that was refused itself is not there any more; its own error says enough.
    if len(given) > 1 or (not given and all(name in info.data for name in _SOURCES[:-1])):
        asked = " and ".join(given) or "nothing"
        raise ValueError(f"asks {asked}: a check has exactly one of check, redis and url")
    return value


@final
@settings
class Check:
    """One thing that the app cannot do without, or not do well: exactly one of `check`, `redis` and `url`."""

    name: Annotated[str, AfterValidator(_check_name)] | None = None
    """What answers call it. By default the function's name, `redis` or `url`."""
    check: Annotated[CheckFunction | None, AfterValidator(_check_function), Dotted] = None
    """A callable without arguments, sync or async; in a file its dotted name, `package.module:function`."""
    redis: Annotated[Secret | None, AfterValidator(_check_redis), BeforeValidator(_hide)] = None
    """The URL of a Redis that has to answer a PING. Needs asyncio."""
    url: Annotated[
        Secret | None,
        AfterValidator(_check_url),
        AfterValidator(_only_one),
        BeforeValidator(_hide),
        Field(validate_default=True),
    ] = None
    """A URL that has to answer GET with 2xx. Redirects are not followed, no body above 64 KiB is read."""
    limit: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 0.9
    """Seconds after which the check counts as failed."""
    critical: bool = True
    """Whether its failure makes the whole DOWN; otherwise DEGRADED."""
    cache: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 1.0
    """Seconds for which a reading counts. With 0 every probe runs the check, a failing one too."""

    @property
    def label(self) -> str:
        """What answers call it."""
        if self.name is not None:
            return self.name
        if self.check is not None:
            return function_name(self.check)
        return "redis" if self.redis is not None else "url"

    @property
    def kind(self) -> str:
        """Its ``componentType`` in the draft's form."""
        return "datastore" if self.redis is not None else "component"

    def function(self, tls: Callable[[], ssl.SSLContext]) -> Callable[[], object]:
        """Return what has to be run. ``tls`` gives the context that all URL checks share."""
        if self.check is not None:
            return self.check
        if self.redis is not None:
            return redis_check(reveal(self.redis), limit=self.limit)
        return url_check(reveal(self.url), limit=self.limit, tls=tls())


def function_name(function: Callable[..., object]) -> str:
    """Return the name of ``function``, or ``""`` where it has none that an answer could show."""
    name = getattr(function, "__name__", "")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _as_check(value: object) -> object:
    value = load(value) if isinstance(value, str) else value
    if not callable(value):
        return value
    name = function_name(value)
    if not name:
        raise ValueError(f"{value!r} has no name that an answer could show: write Check(name=..., check=...)")
    return Check(name=name, check=value)


AnyCheck = Annotated[
    Check | CheckFunction,
    GetPydanticSchema(lambda _, handler: handler.generate_schema(Check)),
    BeforeValidator(_as_check),
]
"""A check, or what it has to run: a callable, in a file its dotted name. It is a ``Check`` once it is taken in."""


def redis_check(url: str, *, limit: float) -> Ready:
    """Return a check that a Redis answers PING, over a connection that is opened for it and closed again."""
    client = require("redis.asyncio", "redis")

    async def ping() -> Finding:
        if not _is_on_asyncio():
            return Finding(False, "the Redis client needs asyncio")
        connection = client.Redis.from_url(url, socket_connect_timeout=limit, socket_timeout=limit)
        try:
            await connection.ping()
        finally:
            with anyio.move_on_after(_CLOSING, shield=True):
                await connection.aclose()
        return Finding(True)

    return _discreet(ping)


def url_check(url: str, *, limit: float, tls: ssl.SSLContext) -> Ready:
    """Return a check that ``url`` answers GET with 2xx.

    A body that is announced with at most ``MAX_ANSWER`` bytes is read to its end, of any other nothing.
    """
    client = require("httpx2", "client")

    async def fetch() -> Finding:
        session = client.AsyncClient(verify=tls, timeout=limit, trust_env=False, follow_redirects=False)
        async with session, session.stream("GET", url) as response:
            if _is_short(response.headers.get("content-length", "")):
                async for _ in response.aiter_raw():
                    pass
        up = response.is_success
        return Finding(up, None if up else f"answered {response.status_code}")

    return _discreet(fetch)


def _is_short(length: str) -> bool:
    return length.isdecimal() and len(length) < 10 and int(length) <= MAX_ANSWER


def _is_on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _discreet(check: Ready) -> Ready:
    """Keep of an exception the name of its class alone: messages of clients repeat addresses and credentials."""

    async def run() -> Finding:
        try:
            return await check()
        except Exception as exc:
            return Finding(False, type(exc).__name__)

    return run
