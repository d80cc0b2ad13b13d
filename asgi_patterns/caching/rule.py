"""A rule as a user writes it: for which answers, and what caches are told of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeAlias, final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from asgi_patterns.caching.directives import CacheDirectives, text
from asgi_patterns.caching.media_types import TYPES, extension, is_glob
from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.headers import field_name
from asgi_patterns.kernel.media_types import MediaType
from asgi_patterns.kernel.patterns import Pattern

USUAL: Final = frozenset({"GET", "HEAD"})
"""The methods that a pattern without methods is for."""

# RFC 9110 9.3: caches never keep what these answer, whatever its fields say.
_NEVER_KEPT: Final = frozenset({"PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE"})


def _check_field(name: str) -> str:
    field_name(name)
    return name


FieldName: TypeAlias = Annotated[str, AfterValidator(_check_field), Field(title="field name")]
Status: TypeAlias = Annotated[int, Field(ge=200, le=599)] | Literal["2xx", "3xx", "4xx", "5xx"]
SurrogateKey: TypeAlias = Annotated[
    str, Field(title="surrogate key", pattern=r"^[!-~]+$", min_length=1, max_length=1024)
]


def _check_target(name: str) -> str:
    lowered = field_name(name).decode("latin-1")
    if lowered == "cache-control":
        raise ValueError("is not for one cache: say it in the rule itself")
    if lowered == "cdn-cache-control":
        raise ValueError("has a place of its own: say it in cdn")
    # RFC 9213 2.4: the suffix is a convention, and it tells a target from a field that means something else.
    if not lowered.endswith("-control"):
        raise ValueError(f"{name!r} is no targeted field: their names end in -Cache-Control, or -Control")
    return name


Target: TypeAlias = Annotated[str, AfterValidator(_check_target), Field(title="field name")]


def _check_says(directives: CacheDirectives | None) -> CacheDirectives | None:
    if directives is not None and not text(directives):
        raise ValueError("says nothing, and caches ignore a field without a value: leave it out")
    return directives


Targeted: TypeAlias = Annotated[CacheDirectives, AfterValidator(_check_says)]


@settings
class Chosen:
    """Which answers a rule is for."""

    match: PathPattern | Sequence[PathPattern] = "/**"
    """Path patterns of the requests; one without a method is for `GET` and `HEAD`."""
    statuses: Annotated[Sequence[Status], Field(min_length=1)] = ("2xx",)
    """Statuses of the answers, one by one or as `2xx`; with 200 comes 304, which repeats its fields."""
    media_types: Annotated[Sequence[MediaType], Field(validate_default=True)] = ()
    """Media types of the answers, such as `text/css` or `image/*`; by default what the extension in `match` says."""

    @field_validator("media_types")
    @classmethod
    def _check_types(cls, types: Sequence[str], info: ValidationInfo) -> Sequence[str]:
        for pattern in [] if types else texts(info.data.get("match", ())):
            found = extension(pattern)
            if found is not None and is_glob(pattern) and found not in TYPES:
                raise ValueError(f"are needed for {pattern!r}: nobody knows what .{found} is to be")
        return types


@final
@settings
class CacheRule(CacheDirectives, Chosen):
    """What caches may do with some answers."""

    expires: bool = False
    """Whether `Expires` says the same as `max_age`, for caches that are older than `Cache-Control`."""
    cdn: Targeted | None = None
    """What CDNs go by instead (`CDN-Cache-Control`)."""
    targeted: Mapping[Target, Targeted] | None = None
    """What certain caches go by instead, by the name of their field, such as `Cloudflare-CDN-Cache-Control`."""
    vary: Sequence[FieldName] = ()
    """Request fields that the answer depends on; those that the app names stay."""
    surrogate_key: Sequence[SurrogateKey] = ()
    """Names by which a CDN can purge the answer; those that the app gives stay."""
    despite_credentials: bool = False
    """Whether it is all the same where the request has credentials; otherwise such answers are `private`."""
    despite_cookies: bool = False
    """Whether it is all the same where the answer sets a cookie; otherwise such answers are `private`."""

    @field_validator("no_store")
    @classmethod
    def _check_methods(cls, value: bool, info: ValidationInfo) -> bool:
        methods = {
            each for text in texts(info.data.get("match", ())) for each in Pattern.parse(text).methods or ()
        }
        for method in () if value else sorted(methods & _NEVER_KEPT):
            raise ValueError(
                f"no cache keeps the answer to {method} (RFC 9110 9.3): set it, or take {method} out of match"
            )
        return value

    @field_validator("expires")
    @classmethod
    def _check_expires(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("max_age", "unknown") is None:
            raise ValueError("says max_age in another way: set max_age")
        return value

    @field_validator("vary")
    @classmethod
    def _check_vary(cls, names: Sequence[str]) -> Sequence[str]:
        if "*" in names:
            raise ValueError("'*' would let no cache use what it keeps: set no_store")
        return names

    @field_validator("despite_credentials", "despite_cookies")
    @classmethod
    def _check_despite(cls, value: bool, info: ValidationInfo) -> bool:
        for other in ("no_store", "private"):
            if value and info.data.get(other) and not info.data.get("must_understand"):
                raise ValueError(f"asks for more than {other} allows: leave one of them out")
        # RFC 9111 3.5: without one of these no shared cache keeps the answer to a request with Authorization.
        needed = ("public", "s_maxage", "must_revalidate")
        if value and info.field_name == "despite_credentials" and not any(map(info.data.get, needed)):
            raise ValueError("is for shared caches, and these need to hear public: set it")
        return value


def texts(match: str | Sequence[str]) -> Sequence[str]:
    """Return the patterns of a ``match``, as they were written."""
    return [match] if isinstance(match, str) else match
