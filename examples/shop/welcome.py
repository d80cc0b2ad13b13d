"""What ``make demo`` prints: five requests worth trying, for ``curl`` and for who has none."""

import shlex
from dataclasses import dataclass
from typing import final

from examples.shop.request import HERE


@final
@dataclass(frozen=True, slots=True)
class Try:
    """One request, and what to look at in its answer."""

    look_at: str
    method: str
    path: str
    field: str = ""
    json: str = ""

    def curl(self, base: str) -> str:
        """The ``curl`` line; ``-N`` shows a body as it arrives."""
        return shlex.join(["curl", "-iN", *self._options(), f"{base}{self.path}"])

    def module(self, base: str, python: str) -> str:
        """The line for the client that comes with the shop."""
        elsewhere = [] if base == HERE else ["--base", base]
        tool = [python, "-m", "examples.shop.request"]
        return shlex.join([*tool, self.method, self.path, *self._options(), *elsewhere])

    def _options(self) -> list[str]:
        """What both understand. With ``--json`` curl sends a POST."""
        field = ["-H", self.field] if self.field else []
        return [*field, "--json", self.json] if self.json else field


TRIES = (
    Try(
        "your own id comes back, on the answer and in the problem",
        "GET",
        "/products/99",
        "X-Request-ID: my-first-request",
    ),
    Try("every mistake at once, as a problem", "POST", "/orders", json='{"product": 1, "pieces": 0}'),
    Try(
        "the code fails: you learn an id and nothing else, the log below has it all",
        "GET",
        "/recommendations",
    ),
    Try("line by line as it is made: a stream is never held", "GET", "/exports/products"),
    Try("what a load balancer asks", "GET", "/health/ready"),
)


def welcome(host: str, port: int, python: str) -> str:
    """Return the text for a shop that listens there; ``python`` is how to start Python."""
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    lines = [f"The shop is on {base}. In another terminal, try:", ""]
    for number, each in enumerate(TRIES, start=1):
        lines += [f"{number}. {each.look_at}", f"   {each.curl(base)}", f"   {each.module(base, python)}", ""]
    lines.append("Ctrl-C stops it; what is in hand, /reports/sales for one, is finished first.")
    return "\n".join([*lines, ""])
