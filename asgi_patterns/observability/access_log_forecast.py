"""What ``AccessLog`` says of itself and of a request."""

from collections.abc import Iterator, Sequence

from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.observability.lines import Form
from asgi_patterns.observability.redaction import EVERY

_TELLING = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def forecast(sample: float) -> Forecast:
    """Say whether a request would be logged."""
    if sample == 1:
        return Forecast(("logs the request when it has ended",))
    return Forecast((f"logs {_share(sample)} of such requests if they are ok, and every other one",))


def outline(logger: str, form: Form, sample: float) -> str:
    """Say where it logs what."""
    some = "" if sample == 1 else f", {_share(sample)} of what is ok"
    return f"logs {form} lines to {logger}{some}"


def doubts(
    query_values: Sequence[str], asked: Sequence[str], answered: Sequence[str], redacted: Sequence[str]
) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    if EVERY in query_values:
        yield "logs the values of all query parameters, tokens and names of people among them: name those needed"
    hidden = {name.lower() for name in redacted}
    for name in (*asked, *answered):
        if name.lower() in _TELLING - hidden:
            yield f"logs the values of {name}, with which anybody who reads the log can act for others"


def _share(sample: float) -> str:
    return "none" if sample == 0 else f"{sample * 100:g} %"
