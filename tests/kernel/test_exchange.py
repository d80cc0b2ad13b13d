"""The exchange: facts of one request, tied to what they were taken from."""

import logging
from typing import Any

import pytest

from asgi_patterns.kernel.address import TrustedProxies
from asgi_patterns.kernel.caller import Caller
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange, switch_off
from asgi_patterns.kernel.types import Scope

pytestmark = pytest.mark.anyio


def scope(**changes: Any) -> Scope:
    return {"type": "http", "path": "/", "headers": [], "client": ("192.0.2.1", 1234), **changes}


def test_the_outermost_layer_copies_the_scope_and_the_others_share_it() -> None:
    outside = scope()

    exchange, inside = Exchange.of(outside)
    again, same = Exchange.of(inside)

    assert "asgi_patterns" not in outside
    assert again is exchange
    assert same is inside is exchange.scope


def test_two_requests_share_nothing() -> None:
    first, one = Exchange.of(scope())
    second, two = Exchange.of(scope())

    switch_off(one, "problems")

    assert first is not second
    assert first.is_off("problems")
    assert not second.is_off("problems")
    assert two["state"] == {}


def test_a_server_s_state_stays_the_server_s() -> None:
    state = {"database": object()}

    _, inside = Exchange.of(scope(state=state))

    assert inside["state"] is state


def test_the_client_is_looked_up_again_when_somebody_replaces_what_it_was_taken_from() -> None:
    context = Context(proxies=TrustedProxies(["10.0.0.0/8"]))
    exchange, inside = Exchange.begin(
        scope(client=("10.0.0.1", 1), headers=[(b"x-forwarded-for", b"198.51.100.7")]), context
    )

    before = exchange.client(inside).host
    with_other_peer = exchange.client({**inside, "client": ("192.0.2.9", 1)}).host
    with_other_headers = exchange.client({**inside, "headers": []}).host

    assert before == "198.51.100.7"
    assert with_other_peer == "192.0.2.9"
    assert with_other_headers == "10.0.0.1"


async def test_identify_runs_once_and_its_answer_holds_for_our_own_requests_too() -> None:
    asked: list[Scope] = []

    async def identify(of: Scope) -> Caller | None:
        asked.append(of)
        return Caller(id="ann")

    exchange, inside = Exchange.begin(scope(), Context(identify=identify))
    child, _ = exchange.child(scope())

    callers = [await exchange.caller(), await child.caller(), await exchange.caller()]

    assert callers == [Caller(id="ann")] * 3
    assert asked == [inside]


async def test_nobody_is_a_caller_without_identify() -> None:
    exchange, _ = Exchange.of(scope(user="ann"))

    assert await exchange.caller() is None


async def test_nobody_is_remembered_as_nobody() -> None:
    asked: list[Scope] = []

    def identify(of: Scope) -> Caller | None:
        asked.append(of)
        return None

    exchange, _ = Exchange.begin(scope(), Context(identify=identify))

    assert [await exchange.caller(), await exchange.caller()] == [None, None]
    assert len(asked) == 1


def test_a_request_of_our_own_has_its_own_facts_and_the_parent_s_id() -> None:
    parent, _ = Exchange.of(scope())
    parent.request_id = "a-request-id"

    child, inside = parent.child(scope(client=("203.0.113.5", 1)))

    assert child.is_internal
    assert not parent.is_internal
    assert child.request_id == "a-request-id"
    assert child.client(inside).host == "203.0.113.5"


def test_a_request_of_our_own_has_not_been_routed() -> None:
    parent, outside = Exchange.of(scope())
    outside.update(route=object(), asgi_patterns_route="/orders/{id}", path_params={"id": "7"})

    _, inside = parent.child(outside)

    assert {"route", "asgi_patterns_route", "path_params"}.isdisjoint(inside)
    assert outside["asgi_patterns_route"] == "/orders/{id}"


def test_a_listener_that_fails_is_logged_and_the_next_one_still_hears(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Event] = []

    def broken(event: Event, exchange: Exchange) -> None:
        raise RuntimeError("a bug in a listener")

    exchange, _ = Exchange.begin(scope(), Context(listeners=(broken, lambda event, _: heard.append(event))))
    event = Event()

    with caplog.at_level(logging.ERROR, "asgi_patterns.events"):
        exchange.emit(event)

    assert heard == [event]
    assert "a bug in a listener" in caplog.text
