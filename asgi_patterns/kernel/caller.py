"""Who a request is for, as far as that is verified.

- :class:`Caller`: the answer. :data:`Identify`: the callable that a user sets to find it.
- :func:`from_scope`: what ``identify="scope"`` means: the app's authentication has run already.
- :func:`identify_caller`: runs either, and refuses an answer that is none.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from asgi_patterns.kernel.types import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A verified identity. Raises ``ValueError`` for an ``id`` that is no text, or empty.

    Quotas, cached answers and idempotency keys are told apart by ``id``: it must be unique and never reused.
    """

    id: str
    tier: str | None = None
    """What limits and prices go by, such as ``free`` or ``premium``."""
    roles: frozenset[str] = frozenset()
    """What the caller may do."""

    def __post_init__(self) -> None:
        # An absent claim must not make one caller, "None" or "", out of many.
        found: object = self.id
        if not isinstance(found, str) or not found:
            raise ValueError(f"the id of a caller is a text that is not empty, not {found!r}")


Identify = Callable[[Scope], Caller | Awaitable[Caller | None] | None]
"""``scope -> Caller | None``, sync or async; ``None`` is an anonymous caller. A sync one must not block."""


def from_scope(scope: Scope) -> Caller | None:
    """The user that the app's own authentication put into the scope, if it says that it is authenticated.

    ``scope["user"]`` is a user of Starlette (``identity``, otherwise ``display_name``) or of Django (``pk``);
    the scopes of ``scope["auth"]`` become roles. A user without any of these names is anonymous to us.
    """
    user = scope.get("user")
    if user is None or not _is_true(getattr(user, "is_authenticated", False)):
        return None
    found = _name_of(user)
    return None if found is None else Caller(id=found, roles=_roles(scope.get("auth")))


async def identify_caller(identify: Identify, scope: Scope) -> Caller | None:
    """Run ``identify``, awaiting it where it is async. Raises ``TypeError`` for what is no answer."""
    found: object = identify(scope)
    if found is not None and not isinstance(found, Caller) and isinstance(found, Awaitable):
        found = await found
    if found is None or isinstance(found, Caller):
        return found
    named = identify if hasattr(identify, "__qualname__") else type(identify)
    name = f"{named.__module__}.{named.__qualname__}"
    raise TypeError(f"identify: {name} returned {type(found).__name__}, but must return a Caller or None")


def _is_true(flag: Any) -> bool:
    # A method instead of a property would be true for everybody.
    return bool(flag() if callable(flag) else flag)


def _name_of(user: object) -> str | None:
    """The first of the names that is there; Starlette's base class raises for those not written."""
    for name in ("identity", "pk", "display_name"):
        try:
            found = getattr(user, name, None)
        except NotImplementedError:
            continue
        if found is not None and str(found):
            return str(found)
    return None


def _roles(auth: object) -> frozenset[str]:
    return frozenset(map(str, getattr(auth, "scopes", ())))
