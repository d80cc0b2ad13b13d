"""What ``asgi-patterns bench`` is told: the options, and the files that they name, read before anything is measured."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from asgi_patterns.benching.files import WrongFile, read
from asgi_patterns.benching.requests import MOST_CLIENTS, Sent, WrongRequest, from_lines, from_options
from asgi_patterns.benching.results import Result
from asgi_patterns.question import argument, as_field, as_method, as_url
from asgi_patterns.serving.hosting import SERVERS, Hosting, ServerName

__all__ = ["CannotBench", "Options", "add_bench_arguments", "chosen"]

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a file that is read."""


class CannotBench(ValueError):
    """Options that cannot be followed; one sentence."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, for how long, and where to write it."""

    sent: Sequence[Sent]
    clients: int
    seconds: float
    rounds: int | None
    server: ServerName | None
    connections: int
    json: Path | None
    plot: Path | None
    then: Result | None
    """What to compare with."""
    then_name: str
    max_overhead: float | None


def add_bench_arguments(command: argparse.ArgumentParser) -> None:
    """Add what is measured, how long, and what becomes of it."""
    command.add_argument("app", metavar="module:app")
    command.add_argument(
        "url", metavar="path", nargs="?", type=argument(as_url), help="what to ask for, a path or URL (/)"
    )
    _add_request(command)
    _add_effort(command)
    _add_output(command)


def _add_request(command: argparse.ArgumentParser) -> None:
    command.add_argument("-X", "--request", metavar="METHOD", type=argument(as_method), help="such as PUT")
    command.add_argument(
        "-H", "--header", action="append", default=[], metavar="FIELD", type=argument(as_field),
        help="a field of the request, such as 'Accept: text/html'; may be given again",
    )  # fmt: skip
    command.add_argument(
        "-d", "--data", action="append", default=[], metavar="DATA",
        help="what the request contains, or @FILE; makes it a POST",
    )  # fmt: skip
    command.add_argument(
        "--requests", metavar="FILE", help="requests to send one after the other, a JSON object in each line"
    )
    command.add_argument(
        "--clients", metavar="N", type=argument(_number(int, 1, MOST_CLIENTS)), default=1,
        help="how many addresses the requests come from in turn, in process (%(default)s)",
    )  # fmt: skip


def _add_effort(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seconds", metavar="S", type=argument(_number(float, 0.1, 3600)), default=10.0,
        help="how long to measure, and as long again with --serve (%(default)g)",
    )  # fmt: skip
    command.add_argument(
        "--rounds", metavar="N", type=argument(_number(int, 1, 100_000)),
        help="how often to measure each row, instead of for so long",
    )  # fmt: skip
    command.add_argument(
        "--serve", metavar="SERVER", nargs="?", const="uvicorn", choices=[*SERVERS],
        help="also measure through a real server: uvicorn, granian or hypercorn (%(const)s)",
    )  # fmt: skip
    command.add_argument(
        "--connections", metavar="N", type=argument(_number(int, 1, 256)), default=8,
        help="how many clients a server has at a time (%(default)s)",
    )  # fmt: skip


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", metavar="FILE", help="write the numbers there")
    command.add_argument("--plot", metavar="FILE", help="draw them there, as SVG")
    command.add_argument("--against", metavar="FILE", help="compare with what --json wrote before")
    command.add_argument(
        "--max-overhead", metavar="MICROSECONDS", type=argument(_number(float, 0, 1e9)),
        help="exit with 1 where all layers together cost more for a request",
    )  # fmt: skip


def chosen(given: argparse.Namespace) -> Options:
    """Return what the command line says. Raises ``CannotBench``, and ``MissingExtra`` where a server is missing."""
    if given.serve is not None:
        Hosting(server=given.serve).check()
    return Options(
        sent=_sent(given),
        clients=given.clients,
        seconds=given.seconds,
        rounds=given.rounds,
        server=given.serve,
        connections=given.connections,
        json=_writable("--json", given.json),
        plot=_writable("--plot", given.plot),
        then=None if given.against is None else _then(given.against),
        then_name=given.against or "",
        max_overhead=given.max_overhead,
    )


def _sent(given: argparse.Namespace) -> Sequence[Sent]:
    if given.requests is None:
        data = [_data(text) for text in given.data]
        try:
            return [from_options(given.request, given.url or "/", given.header, data)]
        except WrongRequest as exc:
            raise CannotBench(str(exc)) from None
    if given.url or given.request or given.header or given.data:
        raise CannotBench("--requests has whole requests: leave out the path, -X, -H and -d")
    try:
        return from_lines(_read("--requests", given.requests).decode())
    except UnicodeDecodeError:
        raise CannotBench(f"--requests {given.requests}: it is no text in UTF-8") from None
    except WrongRequest as exc:
        raise CannotBench(f"--requests {given.requests}: {exc}") from None


def _data(text: str) -> bytes:
    return _read("-d", text[1:], "@") if text.startswith("@") else text.encode("utf-8", "surrogateescape")


def _then(name: str) -> Result:
    try:
        return read(_read("--against", name).decode())
    except UnicodeDecodeError:
        raise CannotBench(f"--against {name}: it is no text in UTF-8") from None
    except WrongFile as exc:
        raise CannotBench(f"--against {name}: {exc}") from None


def _read(option: str, name: str, mark: str = "") -> bytes:
    try:
        with Path(name).open("rb") as file:
            found = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise CannotBench(f"{option} {mark}{name}: it cannot be read: {_why(exc)}") from None
    if len(found) > MOST_BYTES:
        raise CannotBench(f"{option} {mark}{name}: it has more than {MOST_BYTES // 1024 // 1024} MiB")
    return found


def _writable(option: str, name: str | None) -> Path | None:
    """Find out now what would be a pity to find out at the end."""
    if name is None:
        return None
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise CannotBench(f"{option} {name}: no file can be written there")
    return path


def _why(exc: OSError | ValueError) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(least - 1)
        if not least <= value <= most:
            raise ValueError(f"{text!r} is no number from {least:g} to {most:,.0f}")
        return value

    return parse
