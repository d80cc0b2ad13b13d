"""What ``Problems`` would do with the answer to a request, in words."""

from collections.abc import Sequence

from asgi_patterns.errors.core import prefers_problem
from asgi_patterns.kernel.forecast import Forecast

_TEXTS = ("text/plain", "text/html")
_FORMS = (*_TEXTS, "application/json")


def forecast(accept: Sequence[bytes], upgrade: str) -> Forecast:
    """Return what becomes of errors for a client with these ``Accept`` lines."""
    made = "makes a problem of what the app raises"
    if upgrade == "off":
        return Forecast((made, "leaves answered errors as they are: upgrade is off"))
    forms = _FORMS if upgrade == "all" else _TEXTS
    problems = [form for form in forms if prefers_problem(accept, form)]
    others = [form for form in forms if form not in problems]
    if problems:
        made += f", and of short errors in {' and '.join(problems)}"
    left = f"leaves those in {' and '.join(others)}: the client would rather read them"
    return Forecast((made, left) if others else (made,))
