"""What ``Cors`` and ``SecurityHeaders`` would do with a request, in words."""

from collections.abc import Sequence

from asgi_patterns.browsers.core import NEVER_COMPARED, Lines, Refusal
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import get
from asgi_patterns.kernel.types import RawHeaders


def of_preflight(answer: RawHeaders | Refusal, method: bytes, names: Sequence[bytes]) -> Forecast:
    """Return what becomes of a preflight for ``method`` with fields called ``names``, a list in each line."""
    if isinstance(answer, Refusal):
        return Forecast((f"answers the preflight 403: {answer.value}",), ends=True)
    asked = [name.strip().lower() for line in names for name in line.split(b",") if name.strip()]
    says = [
        *([] if method in NEVER_COMPARED else _missing(answer, "methods", [method])),
        *_missing(answer, "headers", asked),
    ]
    return Forecast(("answers the preflight 204", *map(_text, answer), *says), ends=True)


def _missing(answer: RawHeaders, what: str, asked: Sequence[bytes]) -> list[str]:
    """Return why a browser will keep the request back, although it was answered."""
    listed = (get(answer, f"access-control-allow-{what}".encode()) or b"").split(b", ")
    if what == "headers":
        listed = [name.lower() for name in listed]
    absent = [] if b"*" in listed else [_quoted(name) for name in asked if name not in listed]
    return [f"a browser will keep the request back: allow_{what} does not have {name}" for name in absent]


def of_sharing(origin: bytes | None, shared: Lines) -> Forecast:
    """Return what becomes of the answer to any other request."""
    if shared:
        who = "a page of any origin" if shared[0][1] == b"*" else f"pages of {_quoted(origin)}"
        return Forecast((f"lets {who} read the answer", *(_text(line) for line in shared)))
    if origin is None:
        return Forecast(("lends nothing: there is no Origin",))
    listed = "neither allow_origins nor allow_origin_patterns has it"
    return Forecast((f"lends nothing to {_quoted(origin)}: {listed}",))


def of_lines(lines: Sequence[tuple[bytes, bytes]], scheme: str, *, has_hsts: bool) -> Forecast:
    """Return which fields an answer gets that comes over ``scheme``."""
    says = [_text(line) for line in lines]
    if has_hsts and scheme != "https":
        says.append(f"no Strict-Transport-Security: this is {scheme}")
    return Forecast(("adds what the app does not set itself", *says))


def _text(line: tuple[bytes, bytes]) -> str:
    return f"{line[0].decode().title()}: {line[1].decode('latin-1')}"


def _quoted(value: bytes | None) -> str:
    return repr((value or b"").decode("latin-1"))
