"""``python -m benchmarks.closed_loop PORT PATH SECONDS CONNECTIONS``: ask as fast as it is answered, and print JSON.

A load generator in a process of its own: on each connection, which is kept, the next request as soon as the last is
answered. ``wrk`` does the same where it is installed, and takes less of the machine for it.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, final

WARM_UP: Final = 0.3
PATIENCE: Final = 60.0
"""Seconds within which something has to be answered."""
FIELDS: Final = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate, br, zstd",
    "user-agent": "bench/1",
}
_UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@final
@dataclass(frozen=True, slots=True)
class Load:
    """What was found. Times are in milliseconds."""

    rate: float
    """Answers a second."""
    p50: float
    p99: float
    failed: int
    """Answers that were not 200."""
    answered: int


async def ask(port: int, path: str, *, seconds: float, connections: int) -> Load:
    """Ask for so long on so many connections."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{lines}\r\n".encode()
    loop, is_answered = asyncio.get_running_loop(), asyncio.Event()
    open_ = [
        await loop.create_connection(lambda: _Connection(request, is_answered), "127.0.0.1", port)
        for _ in range(connections)
    ]
    protocols = [protocol for _, protocol in open_]
    for each in protocols:
        each.ask()
    await asyncio.sleep(WARM_UP)
    for each in protocols:
        each.taken.clear()
    is_answered.clear()
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    async with asyncio.timeout(PATIENCE):  # a machine may have other things to do
        await is_answered.wait()
    spent = time.perf_counter() - begin
    taken = sorted(each for protocol in protocols for each in protocol.taken)
    for transport, _ in open_:
        transport.abort()
    return Load(
        len(taken) / spent,
        1000 * taken[len(taken) // 2],
        1000 * taken[len(taken) * 99 // 100],
        sum(each.failed for each in protocols),
        sum(each.answered for each in protocols),
    )


@final
class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, is_answered: asyncio.Event) -> None:
        self._request = request
        self._is_answered = is_answered
        self._received = b""
        self._begun = 0.0
        self._transport: asyncio.Transport | None = None
        self.taken: list[float] = []
        self.failed = 0
        self.answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        """Send a request."""
        assert self._transport is not None
        self._begun = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._received) >= end + 4 + length:
            self._received = b""
            self.taken.append(time.perf_counter() - self._begun)
            self.answered += 1
            self._is_answered.set()
            self.failed += head[9:12] != b"200"
            self.ask()


def wrk(port: int, path: str, *, seconds: int, connections: int) -> Load:
    """Let wrk ask. Raises ``FileNotFoundError`` where it is not installed."""
    fields = [part for name, value in FIELDS.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *fields]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    return read_wrk(done.stdout)


def read_wrk(printed: str) -> Load:
    """Return what wrk has found, from what it prints."""
    words = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip()}
    answered = next(int(line.split()[0]) for line in printed.splitlines() if " requests in " in line)
    return Load(
        float(words["Requests/sec:"][0]),
        _milliseconds(words["50%"][0]),
        _milliseconds(words["99%"][0]),
        int(words["Non-2xx"][-1]) if "Non-2xx" in words else 0,
        answered,
    )


def _milliseconds(text: str) -> float:
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * _UNITS[unit]


def load(port: int, path: str, *, seconds: float, connections: int) -> Load:
    """Ask from a process of its own, with wrk where it is installed."""
    if shutil.which("wrk") is not None and seconds >= 1:
        return wrk(port, path, seconds=round(seconds), connections=connections)
    words = [str(port), path, str(seconds), str(connections)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.closed_loop", *words],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return Load(**json.loads(done.stdout))


def main() -> None:
    """Read the command line, ask and print."""
    port, path, seconds, connections = sys.argv[1:]
    found = asyncio.run(ask(int(port), path, seconds=float(seconds), connections=int(connections)))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
