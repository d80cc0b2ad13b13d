"""``asgi-patterns bench``: measures, shows, writes, and judges."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from types import FrameType
from typing import Final, final

from asgi_patterns.benching.calling import Asked, calling
from asgi_patterns.benching.comparing import compared
from asgi_patterns.benching.display import Display
from asgi_patterns.benching.files import written
from asgi_patterns.benching.load import Load
from asgi_patterns.benching.machine import machine, packages
from asgi_patterns.benching.measuring import Contender, Told, measuring
from asgi_patterns.benching.numbers import Failed
from asgi_patterns.benching.options import CannotBench, Options, add_bench_arguments, chosen
from asgi_patterns.benching.plot import svg
from asgi_patterns.benching.requests import Sent, clients
from asgi_patterns.benching.results import Answers, Described, Line, Result, over_limit
from asgi_patterns.benching.rows import Row, loaded, rows
from asgi_patterns.benching.servers import ServedTold, lasts, serving
from asgi_patterns.benching.table import table
from asgi_patterns.serving.hosting import ServerName
from asgi_patterns.target import Target

__all__ = ["CannotBench", "add_bench_arguments", "bench"]

FAILED: Final = 1
INTERRUPTED: Final = 128 + signal.SIGINT
TERMINATED: Final = 128 + signal.SIGTERM


class _Terminated(BaseException):
    """SIGTERM has come: it shall leave no process behind, as Ctrl-C does not."""


def bench(given: argparse.Namespace) -> int:
    """Measure what the command line says, and return the exit code.

    Raises ``CannotBench``, ``MissingExtra``, and all that ``Target.load`` raises.
    """
    options = chosen(given)
    target = Target(app=given.app, factory=given.factory, config=given.config)
    app, pipeline = loaded(target)
    session = _Session(options, rows(target, pipeline), given.app, _framework(app))
    try:
        with _terminable() as insist:
            session.measure(insist)
    except KeyboardInterrupt:
        return session.give_up(INTERRUPTED)
    except _Terminated:
        return session.give_up(TERMINATED)
    return session.conclude()


@final
class _Session:
    """One run of the command: what has been found, and what is shown of it."""

    def __init__(self, options: Options, rows: Sequence[Row], app: str, framework: str) -> None:
        self._options = options
        self._rows = rows
        self._display = Display()
        self._insist: Callable[[], None] = lambda: None
        server = (options.server,) if options.server else ()
        self._result = Result(
            app=app,
            requests=[_described(sent) for sent in options.sent],
            clients=options.clients,
            lines=[Line(name=row.name, kind=row.kind) for row in rows],
            machine=machine(),
            packages=packages(framework, *server),
            server=None,
            connections=options.connections if options.server else 0,
        )

    def measure(self, insist: Callable[[], None]) -> None:
        """Measure in process, and then behind a server if that is wanted; call ``insist`` now and then."""
        self._insist = insist
        options = self._options
        requests = len(options.sent)
        addresses = clients(options.clients) if options.clients > 1 else ()
        asked = [Asked(sent.scope(), sent.body, addresses) for sent in options.sent]
        contenders = {
            row.name: Contender(
                make=calling(row, asked), collector=row.kind != "uncollected", requests=requests
            )
            for row in self._rows
        }
        self._display.begin(f"measuring {len(self._rows)} rows in turns", options.seconds)
        self._take(measuring(contenders, seconds=options.seconds, rounds=options.rounds, tell=self._take))
        if options.server is not None:
            self._serve(options, options.server)

    def _serve(self, options: Options, server: ServerName) -> None:
        self._result = replace(self._result, server=server)
        served = [row for row in self._rows if row.kind in ("bare", "layer", "whole")]
        seconds = lasts(len(served), options.seconds)
        self._display.begin(f"asking {len(served)} servers in turns", seconds)
        load = Load(
            sent=[sent.wire() for sent in options.sent],
            methods=[sent.method for sent in options.sent],
            connections=options.connections,
            seconds=options.seconds,
        )
        self._take_served(serving(served, server, load, tell=self._take_served))

    def _take(self, told: Told) -> None:
        lines = []
        for line in self._result.lines:
            found = told.get(line.name)
            if isinstance(found, Failed):
                line = replace(line, failure=found.why)
            elif found is not None:
                answers = [Answers(first, others) for first, others in found.notes]
                line = replace(line, times=found.times, counts=found.counts, answers=answers)
            lines.append(line)
        self._show(lines)

    def _take_served(self, told: ServedTold) -> None:
        lines = []
        for line in self._result.lines:
            found = told.get(line.name)
            if isinstance(found, Failed):
                line = replace(line, serving_failure=found.why)
            elif found is not None:
                line = replace(line, served=found)
            lines.append(line)
        self._show(lines)

    def _show(self, lines: Sequence[Line]) -> None:
        self._insist()
        self._result = replace(self._result, lines=lines)
        self._display.show(lambda: table(self._result, self._display.paper))

    def give_up(self, code: int) -> int:
        """Show what there is by now; return the exit code."""
        self._display.finish(chain(table(self._result, self._display.paper), ("", "Interrupted.")))
        return code

    def conclude(self) -> int:
        """Show all, write what is to be written, and judge; return the exit code."""
        options, result = self._options, self._result
        self._display.finish(self._report())
        if options.json is not None:
            options.json.write_text(written(result), encoding="utf-8")
        if options.plot is not None:
            options.plot.write_text(svg(result), encoding="utf-8")
        found = [] if options.max_overhead is None else over_limit(result, options.max_overhead)
        for sentence in found:
            sys.stderr.write(f"{sentence}\n")
        return FAILED if found or result.has_failed else 0

    def _report(self) -> Iterator[str]:
        options, result, paper = self._options, self._result, self._display.paper
        yield from table(result, paper)
        if options.then is not None:
            yield ""
            yield from compared(result, options.then, options.then_name, paper)
        yield ""
        yield from _machine(result)


def _machine(result: Result) -> Iterator[str]:
    told, versions = result.machine, result.packages
    processors = "1 processor" if told["cpus"] == "1" else f"{told['cpus']} processors"
    yield f"{told['cpu']}, {processors}, {told['system']}, {told['implementation']} {told['python']}"
    yield ", ".join(f"{name} {number}" for name, number in versions.items())


def _described(sent: Sent) -> Described:
    fields = [name.decode("latin-1") for name, _ in sent.headers]
    return Described(shown=sent.shown, fields=fields, size=len(sent.body))


def _framework(app: object) -> str:
    """Return the package that an app comes from, the one inside where it is wrapped."""
    return type(getattr(app, "app", app)).__module__.partition(".")[0]


@contextmanager
def _terminable() -> Iterator[Callable[[], None]]:
    """Tidy up on SIGTERM too. Yield what raises once more where it was lost, as it is in finalizers."""
    told: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        told.append(number)
        raise _Terminated

    def insist() -> None:
        if told:
            raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield insist
    finally:
        signal.signal(signal.SIGTERM, before)
