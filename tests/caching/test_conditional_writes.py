"""Writes through the layer: conditions are decided before the handler runs."""

from typing import Any

import pytest

from asgi_patterns import ConditionalRequests, Pipeline, Problems
from asgi_patterns.caching import PreconditionRefused, Unknown, Validators
from asgi_patterns.kernel.types import Scope
from asgi_patterns.testing import RAISING_APPS, Client
from tests.caching.documents import EARLIER, LATER, OWN, PAST, Counter, Fields, heard, served

pytestmark = pytest.mark.anyio

IM, INM, IMS, IUS = "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"
MOMENT = 784_111_777  # PAST
V7 = Validators(etag="v7")
WEAK = Validators(etag='W/"v7"')
DATED = Validators(last_modified=MOMENT)
BOTH = Validators(etag="v7", last_modified=MOMENT)
BARE = Validators()

WRITES: list[tuple[str, Any, Fields, bool]] = [
    ("13.1.1: the tag matches", V7, [(IM, OWN)], True),
    ("13.1.1: the tag does not match", V7, [(IM, '"v6"')], False),
    ("13.1.1: one of a list matches", V7, [(IM, f'"v6", {OWN}')], True),
    ("5.3: one of two lines matches", V7, [(IM, '"v6"'), (IM, OWN)], True),
    ("8.8.3: a comma within a tag", Validators(etag="a,b"), [(IM, '"a,b"')], True),
    ("8.8.3.2: a weak one never matches", V7, [(IM, 'W/"v7"')], False),
    ("8.8.3.2: nothing matches a weak one", WEAK, [(IM, OWN)], False),
    ("8.8.3.2: not even itself", WEAK, [(IM, 'W/"v7"')], False),
    ("8.8.3: without quotes it is no tag, so none matches", V7, [(IM, "v7")], False),
    ("8.8.3: nothing is no tag, so none matches", V7, [(IM, "")], False),
    ("13.1.1: any matches what is there", V7, [(IM, "*")], True),
    ("13.1.1: any matches what has no validators", BARE, [(IM, "*")], True),
    ("13.1.1: any does not match what is not there", None, [(IM, "*")], False),
    ("13.1.1: a tag does not match what is not there", None, [(IM, OWN)], False),
    ("13.1.1: a tag does not match what has none", BARE, [(IM, OWN)], False),
    ("13.1.2: nothing is there, as demanded", None, [(INM, "*")], True),
    ("13.1.2: something is there", V7, [(INM, "*")], False),
    ("13.1.2: something without validators is there", BARE, [(INM, "*")], False),
    ("13.1.2: the state that is excluded", V7, [(INM, OWN)], False),
    ("13.1.2: the state that is excluded, weakly", V7, [(INM, 'W/"v7"')], False),
    ("13.1.2: another state is excluded", V7, [(INM, '"v6"')], True),
    ("13.1.2: a state is excluded of what is not there", None, [(INM, OWN)], True),
    ("13.1.4: it was not changed since", DATED, [(IUS, PAST)], True),
    ("13.1.4: it was not changed since then and later", DATED, [(IUS, LATER)], True),
    ("13.1.4: it was changed since", DATED, [(IUS, EARLIER)], False),
    ("13.1.4: no date", DATED, [(IUS, "yesterday")], True),
    ("13.1.4: a date, of what has none", V7, [(IUS, EARLIER)], True),
    ("13.1.4: with If-Match the date is ignored", BOTH, [(IM, OWN), (IUS, EARLIER)], True),
    ("13.1.4: with If-Match that fails too", BOTH, [(IM, '"v6"'), (IUS, PAST)], False),
    ("13.1.3: If-Modified-Since is for GET and HEAD", DATED, [(IMS, PAST)], True),
    ("13.2.2: both hold", V7, [(IM, OWN), (INM, '"v6"')], True),
    ("13.2.2: the first holds, the second does not", V7, [(IM, OWN), (INM, OWN)], False),
    ("8.8.3.3: the tag in a coding names a state that was seen", V7, [(IM, '"v7-gzip"')], True),
    ("8.8.3.3: another state in a coding", V7, [(IM, '"v6-gzip"')], False),
    ("no condition", V7, [], True),
    ("the state is not known", Unknown, [(IM, '"v6"')], True),
    ("the state is not known, and nothing may be there", Unknown, [(INM, "*")], True),
]  # fmt: skip


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "PROPPATCH"])
@pytest.mark.parametrize(
    ("current", "fields", "passes"), [row[1:] for row in WRITES], ids=[row[0] for row in WRITES]
)
async def test_a_write_passes(current: Any, fields: Fields, passes: bool, method: str) -> None:
    async def validators(scope: Scope) -> Any:
        return current

    app = Counter()

    answer = await served(app, validators=validators).request(method, "/", headers=fields, content=b"1")

    assert app.methods == ([method] if passes else [])
    assert (answer.status == 412) is not passes
    if not passes:
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("etag") is None


async def test_a_412_names_the_condition() -> None:
    async def validators(scope: Scope) -> Validators:
        return BOTH

    client, events = heard(Counter(), ConditionalRequests(validators=validators))
    failing: Fields = [(IM, '"v6"'), (INM, "*"), (IUS, EARLIER)]

    answers = [await client.put("/", headers=[field]) for field in failing]

    named = ["If-Match", "If-None-Match", "If-Unmodified-Since"]
    assert [answer.json()["condition"] for answer in answers] == named
    assert events == [PreconditionRefused(field=each) for each in named]  # type: ignore[arg-type]  # one of them


async def test_validators_are_asked_for_conditional_writes_only() -> None:
    asked = []

    async def validators(scope: Scope) -> Validators:
        asked.append((scope["method"], scope["path"]))
        return V7

    client = served(Counter(), validators=validators)
    for method in ("GET", "HEAD", "OPTIONS", "QUERY", "PUT", "POST"):
        await client.request(method, "/plain")
        await client.request(method, "/conditional", headers={IM: OWN})

    assert asked == [("PUT", "/conditional"), ("POST", "/conditional")]


@pytest.mark.parametrize("found", [OWN, b"v7", 7, True, {"etag": "v7"}, ("v7", None)], ids=repr)
async def test_what_is_no_answer_of_validators_is_an_error_and_no_write(found: Any) -> None:
    async def validators(scope: Scope) -> Any:
        return found

    app = Counter()

    with pytest.raises(TypeError, match=r"validators: returned \w+, not Validators, None or Unknown"):
        await served(app, validators=validators).put("/", headers={IM: OWN})

    assert app.methods == []


async def test_what_validators_raise_is_an_error_and_no_write() -> None:
    async def validators(scope: Scope) -> Validators:
        raise RuntimeError("the database is away")

    app = Counter()
    client = Client(Pipeline(Problems(), ConditionalRequests(validators=validators))(app))

    answer = await client.put("/", headers={IM: OWN}, raise_app_exceptions=False)

    assert (answer.status, app.methods) == (500, [])


async def test_without_validators_and_probe_conditions_are_the_handlers() -> None:
    app = Counter()

    answer = await served(app).put("/", headers={IM: '"v6"'}, content=b"1")

    assert (answer.status, app.body) == (204, b"1")


REQUIRED: list[tuple[str, str, Fields, int]] = [
    ("RFC 6585 3: PUT without", "PUT", [], 428),
    ("RFC 6585 3: PATCH without", "PATCH", [], 428),
    ("RFC 6585 3: DELETE without", "DELETE", [], 428),
    ("RFC 6585 3: POST without", "POST", [], 204),
    ("RFC 6585 3: GET without", "GET", [], 200),
    ("RFC 6585 3: OPTIONS without", "OPTIONS", [], 200),
    ("RFC 6585 3: If-Match", "PUT", [(IM, OWN)], 204),
    ("RFC 6585 3: If-None-Match", "PUT", [(INM, "*")], 204),
    ("RFC 6585 3: If-Unmodified-Since", "PUT", [(IUS, PAST)], 204),
    ("RFC 6585 3: a date that is none", "PUT", [(IUS, "yesterday")], 428),
    ("RFC 6585 3: If-Modified-Since says nothing", "PUT", [(IMS, PAST)], 428),
    ("RFC 6585 3: If-Range says nothing", "PUT", [("if-range", OWN)], 428),
]


@pytest.mark.parametrize(
    ("method", "fields", "status"), [row[1:] for row in REQUIRED], ids=[row[0] for row in REQUIRED]
)
async def test_required(method: str, fields: Fields, status: int) -> None:
    app = Counter()

    answer = await served(app, require=True).request(method, "/", headers=fields)

    assert answer.status == status
    assert app.methods == ([] if status == 428 else [method])


async def test_a_428_says_what_to_do() -> None:
    layer = ConditionalRequests(require=True)
    app = Pipeline(Problems(base="https://shop.example/problems/"), layer)(Counter())

    answer = await Client(app).put("/")

    assert answer.json()["type"] == "https://shop.example/problems/precondition-required"
    assert answer.json()["title"] == "Precondition required"


async def test_a_428_is_an_event() -> None:
    client, events = heard(Counter(), ConditionalRequests(require=True))

    await client.delete("/")

    assert events == [PreconditionRefused(field="none")]


@pytest.mark.parametrize("given", [{}, {"require": True}, {"probe": True}], ids=str)
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("name", RAISING_APPS)
async def test_what_the_app_raises_is_passed_on(name: str, method: str, given: dict[str, Any]) -> None:
    bare = await Client(RAISING_APPS[name], lint=False).request(method, "/", raise_app_exceptions=False)
    client = Client(ConditionalRequests(**given)(RAISING_APPS[name]), lint=False)

    found = [
        await client.request(method, "/", headers={INM: '"v6"'}, raise_app_exceptions=False) for _ in range(2)
    ]

    assert [repr(answer.exception) for answer in found] == [repr(bare.exception)] * 2
