"""The command ``asgi-patterns``: serve an app; check, show, explain, simulate, measure the pipeline; print the schema.

The exit code is 0 where all is well, 2 for settings or a command line that is wrong, with one line for each
thing, and 1 for what goes wrong otherwise: a module that raises, a port that is taken.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from asgi_patterns.benching.command import CannotBench, add_bench_arguments, bench
from asgi_patterns.explain import explanation
from asgi_patterns.kernel.optional import MissingExtra
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import DOUBT, LOGGER, Pipeline
from asgi_patterns.question import add_arguments, asked
from asgi_patterns.ratelimit.access_log import FORMATS
from asgi_patterns.serve import CannotServe, Hosting, Listening, Stopping, WrongOption, serve
from asgi_patterns.serving.hosting import SERVERS, WORKER_CLASSES
from asgi_patterns.settings import Settings, SettingsError
from asgi_patterns.settings.json_schema import json_schema
from asgi_patterns.show import leaves, named, report
from asgi_patterns.simulate import CannotSimulate, opened, replay, simulated
from asgi_patterns.simulation_report import simulation_report
from asgi_patterns.target import NoSuchName, Target, explain

WRONG = 2
FAILED = 1

_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Without ``arguments``, those of the process are taken."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()  # here, where a reader that has left can be told from a failure
    except (SettingsError, NoSuchName, MissingExtra, WrongOption, CannotSimulate, CannotBench) as exc:
        print(exc, file=sys.stderr)
        return WRONG
    except CannotServe as exc:
        print(exc, file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # Whoever read the output has seen enough; what is still in the buffer shall not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as exc:
        print(explain(exc), file=sys.stderr, end="")
        return FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="asgi-patterns", description="API patterns for any ASGI app.")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_serve_options(_command(commands, "serve", _serve, "serve an app, with the pipeline in front of it"))
    check = _command(commands, "check", _check, "check the settings, and the app where one is named")
    show = _command(commands, "show", _show, "show the pipeline, why it stands so, and what set it")
    asking = _command(commands, "explain", _explain, "say what every layer would do with a request, and why")
    add_arguments(asking)
    trying = _command(
        commands,
        "simulate",
        _simulate,
        "replay an access log, and say who would have been limited by which quota",
    )
    _add_log_options(trying)
    add_bench_arguments(
        _command(commands, "bench", bench, "measure what each layer costs in front of the app")
    )
    for command in (check, show, asking, trying):
        command.add_argument("app", metavar="module:app", nargs="?")
    _add_schema(commands)
    return parser


def _add_schema(commands: Any) -> None:
    text = "print a JSON Schema, from which editors complete and check a settings file"
    schema: argparse.ArgumentParser = commands.add_parser("schema", help=text, description=f"{text}.")
    schema.add_argument("--pyproject", action="store_true", help="of pyproject.toml, with our table in it")
    schema.set_defaults(run=_schema)


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text.capitalize()}."
    )
    command.set_defaults(run=run)
    command.add_argument("--config", metavar="FILE", help="a TOML file that beats all other sources")
    command.add_argument(
        "--factory", action="store_true", help="module:app is a function that returns the app"
    )
    return command


def _add_serve_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("app", metavar="module:app")
    serve.add_argument("--server", choices=SERVERS, default="uvicorn", help="what serves (%(default)s)")
    serve.add_argument(
        "--worker-class",
        choices=WORKER_CLASSES,
        default="asyncio",
        help="what the app runs on; trio needs hypercorn (%(default)s)",
    )
    _add_address_options(serve)
    _add_stop_options(serve)
    serve.add_argument(
        "--workers", type=_number(int, 1, 512), default=1, help="number of processes (%(default)s)"
    )
    serve.add_argument(
        "--log-level", choices=_LEVELS, default="info", help="what the server logs (%(default)s)"
    )
    serve.add_argument(
        "--reload", action="store_true", help="start again when a file changes; for development, with uvicorn"
    )


def _add_log_options(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument("log", metavar="access.log", help="a file, or - for what comes in")
    simulate.add_argument(
        "--format", choices=FORMATS, default="auto", help="how its lines are written (%(default)s)"
    )
    simulate.add_argument(
        "--top", type=_number(int, 1, 10_000), default=20, metavar="N", help="how many to name (%(default)s)"
    )


def _add_address_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--host", default="127.0.0.1", help="address or name to listen on (%(default)s)")
    serve.add_argument(
        "--port", type=_number(int, 0, 65535), default=8000, help="0 is any free one (%(default)s)"
    )
    serve.add_argument("--uds", metavar="PATH", help="Unix socket to listen on, in place of host and port")
    serve.add_argument(
        "--certfile", metavar="FILE", help="PEM certificate chain; with a key the server speaks TLS"
    )
    serve.add_argument("--keyfile", metavar="FILE", help="PEM private key of the certificate")


def _add_stop_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--drain-delay",
        type=_number(float, 0, 3600),
        default=5.0,
        metavar="SECONDS",
        help="from SIGTERM, when readiness drops, until no more connections are accepted (%(default)s)",
    )
    serve.add_argument(
        "--graceful-timeout",
        type=_number(int, 0, 3600),
        default=20,
        metavar="SECONDS",
        help="after that, for requests in hand to finish (%(default)s)",
    )


def _number(kind: type[int] | type[float], least: int, most: int) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(least - 1)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
        return value

    return parse


def _target(options: argparse.Namespace) -> Target:
    return Target(app=options.app, factory=options.factory, config=options.config)


def _loaded(options: argparse.Namespace) -> tuple[ASGIApp | None, Pipeline]:
    """The wrapped app, where one is named, and its pipeline, which knows it only as long as it is held."""
    target = _target(options)
    return (None, target.settings().pipeline()) if target.app is None else target.load()


def _check(options: argparse.Namespace) -> int:
    with _doubts_unlogged():
        _, pipeline = _loaded(options)
    for layer, doubt in pipeline.doubts():
        print(f"warning: {named(layer)}: {doubt}")
    what = f"{options.app} behind " if options.app else ""
    print(f"ok: {what}{_count(len(pipeline.layers), 'layer')}, {_sources(pipeline.settings)}")
    return 0


@contextmanager
def _doubts_unlogged() -> Iterator[None]:
    """Keep from the log what is printed anyway."""
    logger = logging.getLogger(LOGGER)

    def is_other(record: logging.LogRecord) -> bool:
        return record.msg != DOUBT

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _show(options: argparse.Namespace) -> int:
    held, pipeline = _loaded(options)
    print("\n".join(report(pipeline, options.app)).rstrip())
    del held
    return 0


def _explain(options: argparse.Namespace) -> int:
    _, pipeline = _loaded(options)
    print("\n".join(explanation(pipeline, options.app, asked(options))).rstrip())
    return 0


def _simulate(options: argparse.Namespace) -> int:
    held, pipeline = _loaded(options)
    simulation = simulated(pipeline)
    with opened(options.log) as log:
        reading = replay(simulation, log, options.format)
    print("\n".join(simulation_report(simulation, reading, top=options.top)).rstrip())
    del held
    return 0


def _schema(options: argparse.Namespace) -> int:
    print(json.dumps(json_schema(pyproject=options.pyproject), indent=2))
    return 0


def _serve(options: argparse.Namespace) -> int:
    return serve(
        _target(options),
        Listening(host=options.host, port=options.port, uds=options.uds),
        stopping=Stopping(drain_delay=options.drain_delay, graceful_timeout=options.graceful_timeout),
        hosting=Hosting(
            server=options.server,
            worker_class=options.worker_class,
            workers=options.workers,
            log_level=options.log_level,
            reload=options.reload,
            certfile=options.certfile,
            keyfile=options.keyfile,
        ),
    )


def _sources(settings: Settings | None) -> str:
    if settings is None:
        return "set in code"
    counts = [(source.name, leaves(source.tree)) for source in settings.sources if source.tree]
    return (
        ", ".join(f"{_count(count, 'setting')} from {name}" for name, count in counts) or "all as by default"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
