"""Serve the shop, and say what is worth trying: ``python -m examples.shop``."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asgi_patterns.serve import CannotServe, Listening, Stopping, serve
from asgi_patterns.target import Target
from examples.shop.welcome import welcome

QUICK = Stopping(drain_delay=1.0)
"""Nobody balances load in front of the demo, so nobody needs longer to see that it is about to stop."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM. Return 1 where that cannot begin."""
    options = _parser().parse_args(arguments)
    try:
        listening = _free(Listening(host=options.host, port=options.port))
        print(welcome(listening.host, listening.port, _python()), flush=True)
        return serve(Target(app="examples.shop.app:app"), listening, QUICK)
    except CannotServe as exc:
        print(f"{exc}\nWith make that is: make demo PORT=8001", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description="Serve the shop.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, by default 127.0.0.1")
    parser.add_argument("--port", type=_port, default=8000, help="by default 8000; 0 is any free one")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(f"{port} is no port")
    return port


def _free(listening: Listening) -> Listening:
    """Return the same with its real port. Before anything is printed, it raises ``CannotServe``."""
    sockets = listening.bind()
    port = sockets[0].getsockname()[1]
    for each in sockets:
        each.close()
    return replace(listening, port=port)


def _python() -> str:
    """How to start this Python from here."""
    program, here = Path(sys.executable), Path.cwd()
    return str(program.relative_to(here)) if program.is_relative_to(here) else str(program)


if __name__ == "__main__":
    raise SystemExit(main())
