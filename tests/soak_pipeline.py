"""Very many requests through all layers: python -m tests.soak_pipeline [--requests N] [--served N] [--redis].

Three parts, each a process of its own: in memory and on a Redis, side by side and as fast as one process can answer;
then fewer over the sockets of a real server. One client in four leaves before it has its answer. No process may grow
once it has warmed up, and when all have gone nothing may be left in hand. ``make soak`` runs it with a million.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Final, final
from urllib.parse import urlsplit

import anyio
import redis

from asgi_patterns.testing import Client
from tests.growth.app import shop
from tests.growth.callers import call_all
from tests.growth.census import count_descriptors, count_tasks, settled
from tests.growth.pipelines import Watched
from tests.growth.served import STORE
from tests.growth.traffic import KINDS, Call, invented, play_all
from tests.sockets.raw import ask
from tests.support.redis_server import redis_server
from tests.support.servers import serving, uvicorn

AT_ONCE: Final = 64
SAMPLES: Final = 20
"""How often a process is looked at."""
WARM: Final = 0.5
"""The share of the requests in which all bounded stores have become full, and the allocator has its pools."""
MOST: Final = 4 * 1024 * 1024
"""Bytes that there may be more at the end than after the warm-up, each as the mean of a third of the samples.

Of a million requests a third lies between these: 12 bytes for each are too many, and the smallest object has 16. Over
sockets it is 240 bytes for each, less than anything that holds on to a request. The pages that the allocator takes and
gives back differ by less.
"""
MEMORY: Final = "memory://"
IN_HAND: Final = "/in-hand"

# Mostly what an API is asked. What costs hundreds of times as much, such as 80 KB to be coded, is there, but seldom.
QUICK: Final[Mapping[str, int]] = {
    **dict.fromkeys(KINDS, 10),
    **dict.fromkeys(("nowhere", "method", "preflight", "problem", "lines", "write", "talk"), 40),
    **dict.fromkeys(("bomb", "large", "late", "health"), 2),
    "read": 600,
    "read again": 100,
    "numbers": 0,
}


@final
@dataclass(frozen=True, slots=True)
class Sample:
    """What a process has at one moment."""

    requests: int
    seconds: float
    resident: int
    """Bytes of memory."""
    tasks: int
    descriptors: int


@final
class Samples:
    """What one process had at several moments."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.all: list[Sample] = []
        self._began = time.perf_counter()

    def take(self, requests: int, resident: int, tasks: int, descriptors: int) -> None:
        """Note what there is now, and show it."""
        seconds = time.perf_counter() - self._began
        self.all.append(Sample(requests, seconds, resident, tasks, descriptors))
        print(
            f"{self.name:>8} {requests:>9,} requests {seconds:>6.1f} s {resident / 1e6:>7.1f} MB"
            f" {tasks:>4} tasks {descriptors:>4} descriptors",
            flush=True,
        )

    @property
    def grown(self) -> float:
        """By how many bytes the process has grown after it was warm."""
        warm = [each.resident for each in self.all if each.requests >= WARM * self.all[-1].requests]
        third = max(1, len(warm) // 3)
        return fmean(warm[-third:]) - fmean(warm[:third])

    def complaints(self) -> Iterator[str]:
        """Yield what is wrong."""
        print(f"{self.name:>8} has grown by {self.grown / 1e6:+.2f} MB since it was warm", flush=True)
        if self.grown > MOST:
            yield f"{self.name}: the process grew by {self.grown:,.0f} bytes"
        first, last = self.all[0], self.all[-1]
        for what in ("tasks", "descriptors"):
            if getattr(last, what) > getattr(first, what):
                yield f"{self.name}: {getattr(last, what)} {what}, of {getattr(first, what)} at first"


async def answer(name: str, url: str, requests: int) -> list[str]:
    """Answer so many requests in this process; return what is wrong afterwards."""
    watched, samples = Watched(url, time.monotonic, saturated=True), Samples(name)
    app = watched.pipeline()(shop)
    async with Client(app, lint=False):
        take = partial(_take, samples)
        take(0)
        await play_all(app, sampled(requests, take), AT_ONCE)
        await settled(samples.all[0].tasks)
        take(requests)
        found = [f"{name}: {what}: {count}" for what, count in watched.in_hand().items()]
        found += [
            f"{name}: {count} {what}, of {most}"
            for what, (count, most) in watched.remembered().items()
            if count > most
        ]
    found += [f"{name}: {key} is still lent on the store" for key in lent(url)]
    return [*samples.complaints(), *found]


def _take(samples: Samples, requests: int) -> None:
    gc.collect()
    samples.take(requests, resident(os.getpid()), count_tasks(), count_descriptors())


def sampled(requests: int, take: Any) -> Iterator[Call]:
    """Yield the calls, and look at the process now and then."""
    every = max(1, requests // SAMPLES)
    for number, call in enumerate(invented(requests, seed=1, kinds=QUICK)):
        if number and number % every == 0:
            take(number)
        yield call


def lent(url: str) -> Sequence[str]:
    """Return the keys of slots and turns on a store that nobody has given back."""
    if url == MEMORY:
        return []
    with redis.Redis(port=urlsplit(url).port or 0) as client:
        keys = [key.decode() for key in client.scan_iter(count=1000)]
        print(
            f"   redis holds {len(keys):,} keys, {client.info('memory')['used_memory'] / 1e6:.1f} MB",
            flush=True,
        )
    return [key for key in keys if ":slots:C:" in key or ":conditional_requests:" in key]


def resident(pid: int) -> int:
    """Return the bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve_all(name: str, url: str, requests: int) -> list[str]:
    """Ask a real server so often; return what is wrong afterwards."""
    command = uvicorn("tests.growth.served:app", "--no-access-log")
    with serving(*command, env={STORE: url}) as server:
        samples = Samples(name)

        def take(number: int) -> None:
            counts = server.counts()
            samples.take(number, resident(server.pid), counts.tasks, counts.sockets)

        for _ in range(3):
            ask(server.port, "GET", IN_HAND)
        before = server.counts()
        take(0)
        told = asyncio.run(call_all(server.port, sampled(requests, take), AT_ONCE))
        server.counts_after(before)
        take(requests)
        print(f"{name:>8} told {dict(told.most_common())}", flush=True)
        held = json.loads(ask(server.port, "GET", IN_HAND).body)
    return [*samples.complaints(), *(f"{name}: {what}: {count}" for what, count in held.items())]


def run(part: str, url: str, requests: int) -> list[str]:
    """Run one part here."""
    logging.getLogger("asgi_patterns").addHandler(_Formats())
    logging.getLogger("asgi_patterns").propagate = False
    logging.getLogger("asgi_patterns").setLevel(logging.INFO)
    if part == "sockets":
        return serve_all(part, url, requests)
    return anyio.run(answer, part, url, requests)


@final
class _Formats(logging.Handler):
    """Does with a line all that costs something, and keeps it not."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


def started(part: str, url: str, requests: int) -> "subprocess.Popen[bytes]":
    """Start one part in a process of its own."""
    command = [sys.executable, "-m", "tests.soak_pipeline", "--part", part, "--url", url]
    return subprocess.Popen([*command, "--requests", str(requests)])


def main() -> int:
    """Run all, or the parts that are named; the exit code is 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description="Very many requests through all layers.")
    parser.add_argument("--requests", type=int, default=1_000_000, help="in each process (%(default)s)")
    parser.add_argument("--served", type=int, default=50_000, help="over sockets (%(default)s)")
    for part in ("memory", "redis", "sockets"):
        parser.add_argument(
            f"--{part}", dest="parts", action="append_const", const=part, help="only this part"
        )
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        complaints = run(options.part, options.url, options.requests)
        for complaint in complaints:
            print(complaint, file=sys.stderr)
        return 1 if complaints else 0
    parts = options.parts or ["memory", "redis", "sockets"]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as store:
        beside = [
            started(part, MEMORY if part == "memory" else store.url, options.requests)
            for part in parts
            if part != "sockets"
        ]
        codes = [process.wait() for process in beside]
        if "sockets" in parts:
            codes.append(started("sockets", store.url, options.served).wait())
    print(f"{time.perf_counter() - began:.0f} s", "failed" if any(codes) else "nothing has grown", flush=True)
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
