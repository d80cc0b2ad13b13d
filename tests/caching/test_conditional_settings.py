"""What is refused at start-up, where settings may stand, and what is said about them."""

from importlib import import_module
from typing import Any

import pytest

from asgi_patterns import ConditionalRequests, Health, Pipeline, Problems, RequestId, wrap
from asgi_patterns.caching import Validators
from asgi_patterns.kernel.context import DEFAULT, Context
from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.types import Scope
from asgi_patterns.settings import SettingsError, load
from asgi_patterns.settings.json_schema import json_schema
from asgi_patterns.testing import Client, hello
from tests.caching.documents import OWN


async def current(scope: Scope) -> Validators | None:
    """What everything here is known by."""
    return Validators(etag="v7")


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("probe with validators", {"probe": True, "validators": current}, "probe", "leave one of them out"),
    ("probe with weak tags", {"probe": True, "tags": "weak"}, "probe", "needs strong tags"),
    ("tags that are neither", {"tags": "medium"}, "tags", "'strong', 'weak' or 'off'"),
    ("a limit below nothing", {"limit": -1}, "limit", "greater than or equal to 0"),
    ("a limit that is no limit", {"limit": 2**30}, "limit", "less than or equal to"),
    ("another digest", {"digest": "md5"}, "digest", "'fast' or 'sha256'"),
    ("no time to wait", {"wait": 0}, "wait", "greater than 0"),
    ("a lease that ends at once", {"lease": 0.5}, "lease", "greater than or equal to 1"),
    ("a store of another kind", {"store": "memcached://x"}, "store", "redis"),
    ("a prefix with a space", {"prefix": "a b"}, "prefix", "match pattern"),
    ("a name of nothing", {"validators": "nothing"}, "validators", "nothing"),
    ("a setting that is none", {"probes": True}, "probes", "Unexpected"),
]


@pytest.mark.parametrize(
    ("given", "field", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(given: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s){field}\n.*{said}"):
        ConditionalRequests(**given)


def test_a_mistake_in_a_file_is_named_with_its_place() -> None:
    with pytest.raises(SettingsError, match=r"conditional_requests\.probe"):
        load({"conditional_requests": {"probe": True, "tags": "weak"}})


def test_a_file_says_all_that_code_can() -> None:
    tree = {
        "conditional_requests": {
            "tags": "strong",
            "limit": 1000,
            "digest": "sha256",
            "validators": f"{__name__}:current",
            "require": True,
        }
    }

    (layer,) = [each for each in load(tree).pipeline().layers if isinstance(each, ConditionalRequests)]

    assert layer == ConditionalRequests(limit=1000, digest="sha256", validators=current, require=True)


def test_the_schema_knows_every_field() -> None:
    properties = json_schema()["$defs"]["ConditionalRequests"]["properties"]

    assert {"tags", "limit", "digest", "validators", "probe", "require", "wait", "lease", "store"} <= set(
        properties
    )


def test_it_stands_inside_what_sees_every_answer() -> None:
    pipeline = Pipeline(ConditionalRequests(), RequestId(), Problems())

    assert [type(layer) for layer in pipeline.layers] == [RequestId, Problems, ConditionalRequests]


def test_it_says_what_several_processes_change() -> None:
    said = 'lets one request at a time write in each process by itself: set store = "redis://..." to agree on one'
    shared = Context(store=Store.parse("redis://127.0.0.1:1"))

    assert ConditionalRequests().alone(DEFAULT) == ()
    assert ConditionalRequests(probe=True).alone(DEFAULT) == [said]
    assert ConditionalRequests(probe=True).alone(shared) == ()
    assert ConditionalRequests(probe=True, store="redis://127.0.0.1:1").alone(DEFAULT) == ()


def test_a_connection_is_opened_only_where_turns_are_kept_there() -> None:
    shared = Context(store=Store.parse("redis://127.0.0.1:1"))

    assert len(ConditionalRequests(probe=True).resources_in(shared)) == 1
    assert ConditionalRequests().resources_in(shared) == []
    assert ConditionalRequests(probe=True).resources_in(DEFAULT) == []


TAGGED = "gives a short 200 without an ETag a strong one"
UNDECIDED = "has no condition to decide"
DECIDED = "answers 304 or 412 where the answer is a 2xx and its ETag or Last-Modified say so"
LEFT = "leaves the condition to the handler: neither validators nor probe is set"
TURN = "lets it wait for its turn: one request at a time writes here"
REFUSES = "answers 428: the request does not say which state it is for"
COMPARED = "for the current state, and answers 412 where that is not the one demanded"
EXPLAINED: list[tuple[str, dict[str, Any], str, dict[str, str], list[str]]] = [
    ("a read", {}, "GET", {}, [TAGGED, UNDECIDED]),
    ("a read, weak", {"tags": "weak"}, "GET", {}, ["gives a short 200 without an ETag a weak one", UNDECIDED]),
    ("a read, no tags", {"tags": "off"}, "GET", {}, [UNDECIDED]),
    ("HEAD with a tag", {}, "HEAD", {"if-none-match": OWN}, [DECIDED]),
    ("OPTIONS", {}, "OPTIONS", {}, ["passes it on: conditions mean nothing here"]),
    ("a write without", {}, "PUT", {}, [UNDECIDED]),
    ("a write with nobody to ask", {}, "PUT", {"if-match": OWN}, [LEFT]),
    ("a write, validators", {"validators": current}, "PUT", {"if-match": OWN}, [f"asks validators {COMPARED}"]),
    ("a write, probe", {"probe": True}, "PUT", {"if-match": OWN}, [TURN, f"asks the app with a GET {COMPARED}"]),
    ("a write that has to", {"require": True}, "DELETE", {}, [REFUSES]),
    ("POST has not to", {"require": True}, "POST", {}, [UNDECIDED]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "method", "fields", "said"), [row[1:] for row in EXPLAINED], ids=[row[0] for row in EXPLAINED]
)
def test_explain_says(given: dict[str, Any], method: str, fields: dict[str, str], said: list[str]) -> None:
    scope = {"method": method, "headers": [(k.encode(), v.encode()) for k, v in fields.items()]}

    found = ConditionalRequests(**given).explain(scope)

    assert list(found.says) == said
    assert found.ends == (said[0].startswith("answers 428"))


@pytest.mark.anyio
async def test_one_layer_on_two_apps_is_one_turn() -> None:
    layer = ConditionalRequests(probe=True, wait=0.05)
    one, other = Client(layer(hello)), Client(layer(hello))

    async with one.stream("PUT", "/") as stream:
        await stream.head()
        meanwhile = (await other.put("/")).status
        await stream.read()

    assert meanwhile == 503


FRAMEWORKS = ["bare", "starlette", "fastapi", "litestar", "quart", "django"]


@pytest.mark.asyncio  # Django and Quart know no other loop
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_same_holds_in_front_of(framework: str) -> None:
    bare = import_module(f"examples.{framework}_app").bare
    app = Pipeline(Health(), RequestId(), Problems(), ConditionalRequests(probe=True))(bare)
    # Not linted: Django writes names of fields in mixed case.
    client = Client(app, lint=False, headers={"host": "localhost"})

    first = await client.get("/json")
    tag = first.header("etag") or ""
    second = await client.get("/json", headers={"if-none-match": tag})
    refused = await client.put("/json", headers={"if-match": OWN}, content=b"{}")
    reached = await client.put("/json", headers={"if-match": tag}, content=b"{}")
    missing = await client.get("/nothing", headers={"if-none-match": "*"})

    assert first.status == 200
    assert tag.startswith('"')
    assert (second.status, second.body, second.header("etag")) == (304, b"", tag)
    assert second.header("x-request-id") is not None
    assert refused.status == 412
    assert refused.header("content-type") == "application/problem+json"
    assert (
        reached.status == (await Client(bare, lint=False, headers={"host": "localhost"}).put("/json")).status
    )
    assert missing.status == 404


@pytest.mark.asyncio
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_settings_alone_are_enough_for(framework: str) -> None:
    bare = import_module(f"examples.{framework}_app").bare
    client = Client(
        wrap(bare, config={}, conditional_requests={"require": True}),
        lint=False,
        headers={"host": "localhost"},
    )

    found = await client.get("/json")
    again = await client.get("/json", headers={"if-none-match": found.header("etag") or ""})
    refused = await client.put("/json")

    assert (found.status, again.status, refused.status) == (200, 304, 428)
