"""Send one request and print what comes back, the body piece by piece as it arrives. Standard library only.

python -m examples.shop.request POST /orders --json '{"product": 1, "pieces": 2}'
"""

import argparse
import http.client
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

HERE = "http://127.0.0.1:8000"
PATIENCE = 60.0
"""Seconds to wait for the next piece of an answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 for an answer, whatever its status; 1 where there was none."""
    wanted = _parser().parse_args(arguments)
    url = urlsplit(wanted.base)
    connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=PATIENCE)
    try:
        _show(connection, wanted)
    except (OSError, http.client.HTTPException) as exc:
        print(f"no answer from {wanted.base}: {exc}. Does the shop run? make demo", file=sys.stderr)
        return 1
    finally:
        connection.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.shop.request", description="Send one request and print the answer."
    )
    parser.add_argument("method", metavar="METHOD", help="GET, POST, ...")
    parser.add_argument("path", metavar="PATH", help="/products, ...")
    parser.add_argument("--header", "-H", action="append", default=[], type=_field, metavar="'Name: value'")
    parser.add_argument("--json", default=None, metavar="TEXT", help="a JSON body")
    parser.add_argument("--base", default=HERE, metavar="URL", help=f"where the shop is, by default {HERE}")
    return parser


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()


def _show(connection: http.client.HTTPConnection, wanted: argparse.Namespace) -> None:
    fields = dict(wanted.header)
    if wanted.json is not None:
        fields.setdefault("Content-Type", "application/json")
    body = None if wanted.json is None else wanted.json.encode()
    connection.request(wanted.method.upper(), wanted.path, body=body, headers=fields)
    answer = connection.getresponse()
    print(f"HTTP/1.1 {answer.status} {answer.reason}")
    for name, value in answer.getheaders():
        print(f"{name}: {value}")
    print(flush=True)
    while piece := answer.read1(64 * 1024):  # returns what there is, so that a stream is seen as it comes
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    print()


if __name__ == "__main__":
    raise SystemExit(main())
