"""Several processes and one Redis: one limit for all of them, also when one of them dies."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import pytest

from tests.ratelimit.load import Load, storm
from tests.sockets.raw import Answer, Connection, ask
from tests.support.redis_server import RedisServer, redis_server
from tests.support.servers import ROOT, Server, running, serve

APP = "tests.ratelimit.limited_app:app"
PROCESSES = 4
LIMIT = 200
"""Of a day, so that nothing to speak of comes back while a test runs."""
HASTY = 40
LEASE = 1.0
PATIENCE = 15.0
"""Seconds for what should take one: another process may have the processor."""
ROOM = 10 * 1024 * 1024
"""Bytes between what a thousand clients take and what twenty thousand do."""
RUNNING = "it takes its time"

# Slow machines are not to be taken for a store that is away: with 50 ms some calls would be.
SETTINGS = f"""
store = "{{url}}"
listeners = ["tests.ratelimit.limited_app.tell"]

[[rate_limit]]
store_timeout = 5
quotas = [
  {{{{ name = "bucket", limit = {LIMIT}, window = "1d", match = "/bucket" }}}},
  {{{{ name = "fixed", limit = {LIMIT}, window = "1d", match = "/fixed", algorithm = "fixed_window" }}}},
  {{{{ name = "sliding", limit = {LIMIT}, window = "1d", match = "/sliding", algorithm = "sliding_window" }}}},
  {{{{ name = "log", limit = {LIMIT}, window = "1d", match = "/log", algorithm = "sliding_log" }}}},
  {{{{ name = "first", limit = 1000, window = "1d", match = "/two" }}}},
  {{{{ name = "second", limit = 10, window = "1d", match = "POST /two" }}}},
  {{{{ name = "outage", limit = {LIMIT}, window = "1d", match = "/outage" }}}},
  {{{{ name = "again", limit = {LIMIT}, window = "1d", match = "/again" }}}},
  {{{{ name = "seen", limit = 100000, window = "1d", match = "/seen" }}}},
  {{{{ name = "slots", limit = 1, algorithm = "concurrency", lease = {LEASE}, match = "/slots/**" }}}},
]

[[rate_limit]]
name = "hasty"
store_timeout = 0.05
quotas = ["{HASTY}/day"]
include = ["/hasty"]

[[rate_limit]]
name = "opened"
quotas = ["1/day"]
include = ["/opened"]
store = "redis://127.0.0.1:1"
store_away = "open"

[[rate_limit]]
name = "closed"
quotas = ["1/day"]
include = ["/closed"]
store = "redis://127.0.0.1:1"
store_away = "closed"
"""


@final
@dataclass
class Fleet:
    """Servers that count in one Redis, in ``folder``."""

    servers: Sequence[Server]
    redis: RedisServer
    folder: Path
    config: Path
    stack: ExitStack = field(repr=False)

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    def restart_redis(self) -> None:
        """Start it where it was, with nothing in it."""
        self.redis = self.stack.enter_context(redis_server(self.folder, port=self.redis.port))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(folder))
        config = folder / "limits.toml"
        config.write_text(SETTINGS.format(url=redis.url))
        servers = [
            stack.enter_context(running(*serve(APP, "--config", str(config)))) for _ in range(PROCESSES)
        ]
        for server in servers:
            server.wait_until_listening()
        # They end together, not one after the other.
        for server in servers:
            stack.callback(server.terminate)
        yield Fleet(servers, redis, folder, config, stack)


def stormed(ports: Sequence[int], path: str, requests: int) -> Load:
    """What came of so many requests at once."""
    load = Load()
    asyncio.run(storm(ports, path, requests, load=load))
    return load


def remaining(answer: Answer) -> int:
    """What is left of the only quota that an answer tells of."""
    found = re.fullmatch(r'"\w+";r=([0-9]+)(?:;t=[0-9]+)?', answer.get("ratelimit"))
    assert found, answer.raw
    return int(found[1])


def seconds_until(said: Callable[[], bool]) -> float:
    """Ask again and again; return how long it took. Raises ``AssertionError`` when patience ends."""
    began = time.monotonic()
    while not said():
        assert time.monotonic() - began < PATIENCE, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.parametrize("path", ["/bucket", "/fixed", "/sliding", "/log"])
def test_all_processes_together_admit_exactly_the_limit(path: str, fleet: Fleet) -> None:
    load = stormed(fleet.ports, path, 10 * LIMIT)

    assert load.lost == []
    assert load.statuses == {200: LIMIT, 429: 9 * LIMIT}
    assert len(load.admitted_by) == PROCESSES


def test_what_a_later_quota_refuses_an_earlier_one_does_not_count(fleet: Fleet) -> None:
    one, other, *_ = fleet.ports

    statuses = [ask(one, "POST", "/two", body=b"").status for _ in range(15)]
    seen = ask(other, "GET", "/two")

    assert statuses == [200] * 10 + [429] * 5
    assert remaining(seen) == 1000 - 10 - 1


def test_a_slot_of_a_running_request_outlives_many_leases(fleet: Fleet) -> None:
    one, other, *_ = fleet.servers
    with Connection(one.port) as slow:
        slow.send("GET", f"/slots/slow?seconds={3.5 * LEASE}")
        one.log.wait_for(RUNNING, seconds=PATIENCE)
        began = time.monotonic()
        statuses = []
        while time.monotonic() - began < 3 * LEASE:
            statuses.append(ask(other.port, "GET", "/slots/fast").status)
            time.sleep(LEASE / 10)

        assert slow.answer().status == 200

    assert set(statuses) == {429}
    seconds_until(lambda: ask(other.port, "GET", "/slots/fast").status == 200)


def test_a_slot_of_a_killed_process_is_free_after_its_lease(fleet: Fleet) -> None:
    other = fleet.ports[0]
    with running(*serve(APP, "--config", str(fleet.config))) as victim:
        victim.wait_until_listening()
        with Connection(victim.port) as slow:
            slow.send("GET", "/slots/slow?seconds=600")
            victim.log.wait_for(RUNNING, seconds=PATIENCE)
            assert ask(other, "GET", "/slots/fast").status == 429
            os.kill(victim.pid, signal.SIGKILL)
            took = seconds_until(lambda: ask(other, "GET", "/slots/fast").status == 200)

    print(f"free after {took:.2f} s, with a lease of {LEASE:g} s")
    # A third of the lease may have passed since it was renewed for the last time.
    assert took > LEASE * 0.3


def test_a_store_that_is_away_is_no_outage(fleet: Fleet) -> None:
    """It is killed under load and started again: nobody goes without an answer, and no process over its own limit."""
    marks = [len(server.log.text) for server in fleet.servers]

    load = asyncio.run(_storm_with_an_outage(fleet))

    assert load.lost == []
    assert load.statuses.keys() <= {200, 429}
    assert load.answered == 20 * LIMIT
    print(f"{load.admitted} admitted: {LIMIT} by all together, and up to as many by each of {PROCESSES}")
    assert LIMIT <= load.admitted <= LIMIT + PROCESSES * LIMIT
    for server, mark in zip(fleet.servers, marks, strict=True):
        server.log.wait_for(r"the store is away \(.+\), meanwhile: local", seconds=PATIENCE, since=mark)
    began = time.monotonic()
    fleet.restart_redis()
    started = time.monotonic()
    seconds_until(lambda: _counts_together(fleet.ports))
    print(
        f"Redis starts within {started - began:.2f} s, all count together {time.monotonic() - started:.2f} s later"
    )
    again = stormed(fleet.ports, "/again", 10 * LIMIT)
    assert again.statuses == {200: LIMIT, 429: 9 * LIMIT}
    for server, mark in zip(fleet.servers, marks, strict=True):
        said = re.findall(r"event: (\w+)|the store is (away|back)", server.log.since(mark))
        assert sorted(filter(None, sum(said, ()))) == ["StoreBack", "StoreLost", "away", "back"]


def test_a_store_that_hangs_costs_each_request_nothing(fleet: Fleet) -> None:
    one = fleet.ports[0]
    ask(one, "GET", "/hasty")
    os.kill(fleet.redis.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with Connection(one) as connection:
            statuses = [_asked(connection, "/hasty") for _ in range(2 * HASTY)]
        took = time.monotonic() - began
    finally:
        os.kill(fleet.redis.process.pid, signal.SIGCONT)

    print(f"{2 * HASTY} requests take {took:.2f} s while the store hangs")
    assert statuses == [200] * HASTY + [429] * HASTY
    # With one time-out for each it would be twice that.
    assert took < HASTY * 0.05
    seconds_until(lambda: ask(one, "GET", "/hasty").status == 200)


def _asked(connection: Connection, path: str) -> int:
    connection.send("GET", path)
    return connection.answer().status


async def _storm_with_an_outage(fleet: Fleet) -> Load:
    load = Load()
    storming = asyncio.create_task(storm(fleet.ports, "/outage", 20 * LIMIT, load=load))
    # Early: who is refused until tomorrow is refused without asking the store, so nobody would notice.
    while load.answered < LIMIT // 4:  # noqa: ASYNC110 - an event for every answer would be in the way
        await asyncio.sleep(0.005)
    fleet.redis.process.kill()
    await storming
    return load


def _counts_together(ports: Sequence[int]) -> bool:
    # Twice: what one of them still counts for itself may happen to be the next number once.
    seen = [remaining(ask(port, "GET", "/seen")) for port in [*ports, *ports]]
    return seen == [*range(seen[0], seen[0] - len(seen), -1)]


def test_while_its_store_is_away_an_open_layer_lets_all_pass(fleet: Fleet) -> None:
    answers = [ask(fleet.ports[0], "GET", "/opened") for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 5


def test_while_its_store_is_away_a_closed_layer_refuses(fleet: Fleet) -> None:
    answers = [ask(fleet.ports[0], "GET", "/closed") for _ in range(5)]

    assert [answer.status for answer in answers] == [503] * 5
    assert {answer.get("retry-after") for answer in answers} == {"1"}
    assert {answer.get("content-type") for answer in answers} == {"application/problem+json"}


@pytest.mark.parametrize("most", [1_000, 100_000], ids=["few are remembered", "all are remembered"])
def test_invented_clients_take_no_more_room_than_they_are_given(most: int) -> None:
    """And one that is no invention is limited as if it were alone. ``make soak`` does this with a million."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--clients", "20000", "--most", str(most)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    print(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    measured = json.loads(done.stdout)
    added = measured["full"] + measured["settled"]
    # What is measured can be seen at all: without a bound it would be as much as where all are remembered.
    assert added < ROOM if most == 1_000 else added > ROOM
    assert measured["admitted"] == 20
