"""The command ``asgi-patterns``: serve an app, check the settings, show the pipeline.

The exit code is 0 where all is well, 2 for settings or a command line that is wrong, with one line for each
thing, and 1 for what goes wrong otherwise: a module that raises, a port that is taken.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from asgi_patterns.kernel.optional import MissingExtra
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.settings import Settings, SettingsError
from asgi_patterns.show import leaves, report
from asgi_patterns.target import NoSuchName, Target, explain

WRONG = 2
FAILED = 1

_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Without ``arguments``, those of the process are taken."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (SettingsError, NoSuchName, MissingExtra) as exc:
        print(exc, file=sys.stderr)
        return WRONG
    except Exception as exc:
        print(explain(exc), file=sys.stderr, end="")
        return FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="asgi-patterns", description="API patterns for any ASGI app.")
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = _command(commands, "serve", _serve, "serve an app, with the pipeline in front of it")
    check = _command(commands, "check", _check, "check the settings, and the app where one is named")
    show = _command(commands, "show", _show, "show the pipeline, why it stands so, and what set it")
    serve.add_argument("app", metavar="module:app")
    for command in (check, show):
        command.add_argument("app", metavar="module:app", nargs="?")
    _add_serve_options(serve)
    return parser


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
    serve.add_argument("--host", default="127.0.0.1", help="address or name to listen on (%(default)s)")
    serve.add_argument(
        "--port", type=_number(int, 0, 65535), default=8000, help="0 is any free one (%(default)s)"
    )
    serve.add_argument("--uds", metavar="PATH", help="Unix socket to listen on, in place of host and port")
    serve.add_argument(
        "--workers", type=_number(int, 1, 512), default=1, help="number of processes (%(default)s)"
    )
    serve.add_argument(
        "--log-level", choices=_LEVELS, default="info", help="what the server logs (%(default)s)"
    )
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
    serve.add_argument(
        "--reload", action="store_true", help="start again when a file changes; for development"
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


def _pipeline(options: argparse.Namespace) -> Pipeline:
    target = _target(options)
    return target.settings().pipeline() if target.app is None else target.load()[1]


def _check(options: argparse.Namespace) -> int:
    pipeline = _pipeline(options)
    what = f"{options.app} behind " if options.app else ""
    print(f"ok: {what}{_count(len(pipeline.layers), 'layer')}, {_sources(pipeline.settings)}")
    return 0


def _show(options: argparse.Namespace) -> int:
    print("\n".join(report(_pipeline(options), options.app)).rstrip())
    return 0


def _serve(options: argparse.Namespace) -> int:
    from asgi_patterns.serve import CannotServe, Listening, Stopping, serve  # here: it needs an extra

    try:
        return serve(
            _target(options),
            Listening(host=options.host, port=options.port, uds=options.uds),
            Stopping(drain_delay=options.drain_delay, graceful_timeout=options.graceful_timeout),
            workers=options.workers,
            log_level=options.log_level,
            reload=options.reload,
        )
    except CannotServe as exc:
        print(exc, file=sys.stderr)
        return FAILED


def _sources(settings: Settings | None) -> str:
    if settings is None:
        return "set in code"
    counts = [(source.name, leaves(source.tree)) for source in settings.sources if source.tree]
    return (
        ", ".join(f"{_count(count, 'setting')} from {name}" for name, count in counts) or "all as by default"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
