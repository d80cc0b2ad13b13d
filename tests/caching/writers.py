"""Two writers with the same tag, again and again, on real servers: python -m tests.caching.writers [--rounds N].

Each has read the document and changes it if it is still the same. Exactly one may succeed, and what it has written is
there afterwards. ``make soak`` runs it a thousand times on each kind of server.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from tests.sockets.raw import Answer, Connection
from tests.support.redis_server import redis_server
from tests.support.servers import Server, serve, serving, uvicorn

APP: Final = "tests.caching.counter_app"
PROCESSES: Final = 4
STAY: Final = 5
"""Rounds after which both come with new connections."""

# A slow machine is not to be taken for a store that is away: with 50 ms some calls would be.
SETTINGS: Final = """
store = "{url}"

[conditional_requests]
probe = true
store_timeout = 5
"""


@final
@dataclass(slots=True)
class Outcome:
    """What came of all rounds."""

    rounds: int = 0
    statuses: Counter[tuple[int, ...]] = field(default_factory=Counter)
    """Of both writers, sorted."""
    apart: int = 0
    """Rounds in which two processes served them."""
    lost: int = 0
    """Rounds after which the document was not what the one that succeeded has written."""
    seconds: float = 0.0


@contextmanager
def on_one_process(module: str = f"{APP}:app") -> Iterator[Server]:
    """Run uvicorn, which keeps the turns in memory."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(*uvicorn(module), env=_document(Path(folder))) as server,
    ):
        yield server


@contextmanager
def on_four_processes() -> Iterator[Server]:
    """Run workers, which keep the turns on a Redis."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(redis_server(folder))
        config = folder / "settings.toml"
        config.write_text(SETTINGS.format(url=redis.url))
        command = serve(f"{APP}:bare", "--config", str(config), "--workers", str(PROCESSES))
        yield stack.enter_context(serving(*command, env=_document(folder)))


def _document(folder: Path) -> dict[str, str]:
    document = folder / "document"
    document.write_bytes(b"0")
    return {"COUNTER_FILE": str(document)}


def compete(server: Server, rounds: int, *, apart: bool = False) -> Outcome:
    """Let two writers come so often; ``apart``: every second pair of connections is to two processes for certain."""
    outcome = Outcome(rounds=rounds)
    began = time.monotonic()
    for start in range(0, rounds, STAY):
        with _pair(server, apart=apart and start // STAY % 2 == 1) as (one, other):
            for number in range(start, min(start + STAY, rounds)):
                _round(one, other, number, outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


@contextmanager
def _pair(server: Server, *, apart: bool) -> Iterator[tuple[Connection, Connection]]:
    with Connection(server.port) as one:
        # Who takes a connection is not ours to say, but a process that stands still takes none.
        stopped = int(_asked(one, "GET").get("x-process")) if apart else None
        if stopped:
            os.kill(stopped, signal.SIGSTOP)
        try:
            other = Connection(server.port)
            if stopped:
                _asked(other, "GET")
        finally:
            if stopped:
                os.kill(stopped, signal.SIGCONT)
        with other:
            yield one, other


def _round(one: Connection, other: Connection, number: int, outcome: Outcome) -> None:
    seen = _asked(one, "GET")
    tags = seen.all("etag")
    condition = ("If-Match", tags[0] if tags else '"none"')
    bodies = [b"%d by one" % number, b"%d by the other" % number]
    # Whoever begins has a little more time, so they take turns at that.
    pairs = [*zip((one, other), bodies, strict=True)][:: 1 if number % 2 else -1]
    for connection, body in pairs:
        connection.send("PUT", "/", condition, body=body)
    answers = [connection.answer() for connection, _ in pairs]
    written = [body for (_, body), answer in zip(pairs, answers, strict=True) if answer.status == 204]
    outcome.statuses[tuple(sorted(answer.status for answer in answers))] += 1
    outcome.lost += [_asked(other, "GET").body] != written
    outcome.apart += _asked(one, "GET").all("x-process") != _asked(other, "GET").all("x-process")


def _asked(connection: Connection, method: str) -> Answer:
    connection.send(method, "/")
    return connection.answer()


def main() -> int:
    """Run all; the exit code is 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description="Two writers with the same tag, on real servers.")
    parser.add_argument("--rounds", type=int, default=1000)
    options = parser.parse_args()
    code = 0
    for name, servers in (("memory, one process", on_one_process), ("Redis, four", on_four_processes)):
        with servers() as server:
            outcome = compete(server, options.rounds, apart=servers is on_four_processes)
        one_each = outcome.statuses == {(204, 412): options.rounds}
        code |= not one_each or outcome.lost > 0
        said = {str(list(statuses)): count for statuses, count in outcome.statuses.items()}
        print(
            name,
            json.dumps(said),
            f"{outcome.apart} apart, {outcome.lost} lost, {outcome.seconds} s",
            flush=True,
        )
    return code


if __name__ == "__main__":
    raise SystemExit(main())
