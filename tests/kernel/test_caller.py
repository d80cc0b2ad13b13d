"""A caller is a verified identity or nobody; an answer that is neither is an error that names who gave it."""

from collections.abc import Awaitable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio.lowlevel
import pytest
from starlette.authentication import AuthCredentials, BaseUser, SimpleUser, UnauthenticatedUser

from asgi_patterns.kernel.caller import Caller, Identify, from_scope, identify_caller
from asgi_patterns.kernel.types import Scope

ANN = Caller(id="ann", roles=frozenset({"admin"}))


class WithoutIdentity(BaseUser):
    """What Starlette's documentation shows: only two of the three properties are written."""

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return "Ann"


@dataclass
class DjangoUser:
    pk: int | None
    is_authenticated: bool = True


@dataclass
class OldUser:
    """A user whose ``is_authenticated`` is a method, which is true in itself."""

    yes: bool
    identity: str = "ann"

    def is_authenticated(self) -> bool:
        return self.yes


@dataclass
class Nameless:
    is_authenticated: bool = True
    identity: str = ""
    display_name: str | None = None


SCOPES = [
    ("a Starlette user", {"user": SimpleUser("ann")}, Caller(id="ann")),
    ("a Starlette user with scopes", {"user": SimpleUser("ann"), "auth": AuthCredentials(["admin"])}, ANN),
    ("a user without identity goes by display name", {"user": WithoutIdentity()}, Caller(id="Ann")),
    ("a Django user goes by primary key", {"user": DjangoUser(17)}, Caller(id="17")),
    ("the primary key 0 is one", {"user": DjangoUser(0)}, Caller(id="0")),
    ("a Django user that was never saved", {"user": DjangoUser(None)}, None),
    ("an anonymous Django user", {"user": DjangoUser(None, is_authenticated=False)}, None),
    ("an anonymous Starlette user", {"user": UnauthenticatedUser(), "auth": AuthCredentials()}, None),
    ("is_authenticated as a method that says yes", {"user": OldUser(yes=True)}, Caller(id="ann")),
    ("is_authenticated as a method that says no", {"user": OldUser(yes=False)}, None),
    ("a user without any name", {"user": Nameless()}, None),
    ("a user that cannot say whether it is verified", {"user": {"identity": "ann"}}, None),
    ("no user", {"user": None}, None),
    ("no authentication at all", {}, None),
    ("scopes without a user", {"auth": AuthCredentials(["admin"])}, None),
    ("auth without scopes", {"user": SimpleUser("ann"), "auth": object()}, Caller(id="ann")),
]


@pytest.mark.parametrize(("scope", "caller"), [pytest.param(*row[1:], id=row[0]) for row in SCOPES])
def test_the_caller_in_the_scope(scope: dict[str, Any], caller: Caller | None) -> None:
    assert from_scope({"type": "http", **scope}) == caller


@pytest.mark.parametrize("found", ["", None, 17])
def test_an_id_is_a_text_that_is_not_empty(found: Any) -> None:
    with pytest.raises(ValueError, match=f"the id of a caller is a text that is not empty, not {found!r}"):
        Caller(id=found)


def sync(scope: Scope) -> Caller | None:
    return ANN if scope["type"] == "http" else None


async def asynchronous(scope: Scope) -> Caller | None:
    await anyio.lowlevel.checkpoint()
    return sync(scope)


@dataclass
class Later:
    """Awaitable, but no coroutine."""

    scope: Scope

    def __await__(self) -> Generator[Any, Any, Caller | None]:
        return asynchronous(self.scope).__await__()


@dataclass
class Table:
    """A callable object with an async call."""

    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope) -> Caller | None:
        self.asked.append(scope["type"])
        return sync(scope)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "identify",
    [
        pytest.param(sync, id="a function"),
        pytest.param(asynchronous, id="an async function"),
        pytest.param(Later, id="a function that returns an awaitable"),
        pytest.param(Table(), id="an object"),
        pytest.param(partial(sync), id="a partial"),
    ],
)
async def test_identify_is_run_and_awaited_where_needed(identify: Identify) -> None:
    somebody = await identify_caller(identify, {"type": "http"})
    nobody = await identify_caller(identify, {"type": "websocket"})

    assert somebody == ANN
    assert nobody is None


def wrong(scope: Scope) -> Any:
    return "ann"


async def wrong_later(scope: Scope) -> Any:
    return {"id": "ann"}


class Wrong:
    def __call__(self, scope: Scope) -> Any:
        return False


def late_twice(scope: Scope) -> Any:
    async def outer() -> Awaitable[Caller | None]:
        return Later(scope)

    return outer()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("identify", "message"),
    [
        pytest.param(wrong, "test_caller.wrong returned str", id="a function"),
        pytest.param(wrong_later, "test_caller.wrong_later returned dict", id="an async function"),
        pytest.param(Wrong(), "test_caller.Wrong returned bool", id="an object"),
        pytest.param(late_twice, "test_caller.late_twice returned Later", id="an awaitable of an awaitable"),
    ],
)
async def test_another_answer_is_an_error_that_names_the_callable(identify: Identify, message: str) -> None:
    with pytest.raises(TypeError, match="must return a Caller or None") as caught:
        await identify_caller(identify, {"type": "http"})

    assert message in str(caught.value)


@pytest.mark.anyio
async def test_what_identify_raises_is_not_hidden() -> None:
    def identify(scope: Scope) -> Caller | None:
        raise LookupError(scope["type"])

    with pytest.raises(LookupError, match="http"):
        await identify_caller(identify, {"type": "http"})
