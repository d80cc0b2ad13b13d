"""What a check is: its settings, and what has to be run for it."""

import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetPydanticSchema,
    SecretStr,
    Strict,
    ValidationInfo,
    WithJsonSchema,
)

from asgi_patterns.health import amounts
from asgi_patterns.health.dependencies import is_deployment, redis_check, url_check
from asgi_patterns.health.machine import disk_check, memory_check, tells_memory
from asgi_patterns.health.sql import sql_check
from asgi_patterns.kernel.dotted import Dotted, load
from asgi_patterns.kernel.layer import settings
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.secret import Secret, hide, reveal
from asgi_patterns.kernel.store import Store

CheckResult = bool | str | Mapping[str, object] | None
"""``None`` and ``True`` are up, ``False`` is down, a text or a mapping is up with details."""

CheckFunction = Callable[[], CheckResult | Awaitable[CheckResult]]
"""What a user writes: async, or sync and then run in a thread of its own. Raising means down."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_SOURCES = ("check", "sql", "redis", "disk", "memory", "url")
_SECRETS = ("redis", "url")


_SCHEMA = {"type": ["integer", "string"], "title": "size or share"}

Quantity = Annotated[Annotated[int, Strict()] | str, WithJsonSchema(_SCHEMA)]
"""Bytes, or what ``amounts.parse`` reads; kept as it was written."""


def hide_sources(checks: object) -> object:
    """Hide the URLs in ``checks`` as they stand in a file, so that no error about a check repeats them."""
    if isinstance(checks, list | tuple):
        return [hide_sources(each) for each in checks]
    if isinstance(checks, Mapping):
        return {name: hide(value) if name in _SECRETS else value for name, value in checks.items()}
    return checks


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a check: 1 to 64 letters, digits, dots, dashes, underscores"
        )
    return name


def _check_redis(secret: SecretStr | str | None) -> SecretStr | str | None:
    if secret is None:
        return None
    client, url = require("redis.asyncio", "redis"), reveal(secret)
    if is_deployment(url):
        Store.parse(url)
        return secret
    try:
        client.Redis.from_url(url)
    except ValueError:  # its message repeats parts of the URL
        raise ValueError("is no Redis URL: write redis://, rediss:// or unix://, then the address") from None
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


def _check_free(free: int | str | None, info: ValidationInfo) -> int | str | None:
    has_disk = info.data.get("disk", ...) is not None
    if free is None and info.data.get("disk") is not None:
        raise ValueError("disk needs free beside it: say how much of it has to be free, such as 500MB or 5%")
    if free is not None and not has_disk:
        raise ValueError("is about a disk: name a folder on it with disk")
    return _check_amount(free)


def _check_memory(most: int | str | None) -> int | str | None:
    if most is not None and not tells_memory():
        raise ValueError(
            "cannot be checked on this system, which has no /proc/meminfo: leave it out, or check it yourself"
        )
    return _check_amount(most)


def _check_amount(amount: int | str | None) -> int | str | None:
    if amount is not None:
        amounts.parse(amount)
    return amount


def _only_one(value: object, info: ValidationInfo) -> object:
    given = [name for name in _SOURCES[:-1] if info.data.get(name) is not None]
    given += [_SOURCES[-1]] if value is not None else []
    # A source that was refused itself is not there any more; its own error says enough.
    if len(given) > 1 or (not given and all(name in info.data for name in _SOURCES[:-1])):
        asked = " and ".join(given) or "nothing"
        raise ValueError(f"asks {asked}: a check has exactly one of {', '.join(_SOURCES)}")
    return value


@final
@settings
class Check:
    """One thing that the app cannot do without, or not do well: exactly one kind of check."""

    name: Annotated[str, AfterValidator(_check_name)] | None = None
    """What answers call it. By default the function's name, or the kind: `sql`, `redis`, `disk`, ..."""
    check: Annotated[CheckFunction | None, AfterValidator(_check_function), Dotted] = None
    """A callable without arguments, sync or async; in a file its dotted name, `package.module:function`."""
    sql: Annotated[Callable[[], object] | None, Dotted] = None
    """A callable that opens a connection, which gets SELECT 1 and is closed; in a file its dotted name."""
    redis: Annotated[Secret | None, AfterValidator(_check_redis), BeforeValidator(hide)] = None
    """The URL of a Redis that has to answer PING; also `redis+cluster://`, `redis+sentinel://`. Needs asyncio."""
    disk: Annotated[Path | str, WithJsonSchema({"type": "string", "format": "path"})] | None = None
    """A folder on the disk that has to have `free` bytes left."""
    free: Annotated[Quantity | None, AfterValidator(_check_free), Field(validate_default=True)] = None
    """How much of `disk` has to be free: bytes, `500MB`, `2GiB` or `5%`."""
    memory: Annotated[Quantity | None, AfterValidator(_check_memory)] = None
    """How much may be in use: `90%` of the machine's or container's memory, `800MB` by this process. Linux only."""
    url: Annotated[
        Secret | None,
        AfterValidator(_check_url),
        AfterValidator(_only_one),
        BeforeValidator(hide),
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
        return next((name for name in _SOURCES if getattr(self, name) is not None), "url")

    @property
    def kind(self) -> str:
        """Its ``componentType`` in the draft's form."""
        if self.disk is not None or self.memory is not None:
            return "system"
        return "component" if self.redis is None and self.sql is None else "datastore"

    def function(self, tls: Callable[[], ssl.SSLContext]) -> Callable[[], object]:
        """Return what has to be run. ``tls`` gives the context that all URL checks share."""
        if self.check is not None:
            return self.check
        if self.sql is not None:
            return sql_check(self.sql)
        if self.redis is not None:
            return redis_check(reveal(self.redis), limit=self.limit)
        if self.disk is not None and self.free is not None:
            return disk_check(Path(self.disk), amounts.parse(self.free))
        if self.memory is not None:
            return memory_check(amounts.parse(self.memory))
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
    BeforeValidator(_as_check, json_schema_input_type=Check | CheckFunction),
]
"""A check, or what it has to run: a callable, in a file its dotted name. It is a ``Check`` once it is taken in."""
