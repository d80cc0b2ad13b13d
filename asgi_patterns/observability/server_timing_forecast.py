"""What ``ServerTiming`` says of itself and of a request."""

from collections.abc import Iterator, Sequence

from asgi_patterns.kernel.forecast import Forecast


def forecast(*, shown: bool, asks: bool) -> Forecast:
    """Say whether its client sees the times; ``asks``: a function has the last word, and is not asked here."""
    if shown:
        return Forecast(("tells the client what took how long",))
    if asks:
        return Forecast(("tells the client what took how long, if the function in allow says so",))
    return Forecast(("tells the client nothing",))


def outline(networks: Sequence[str], *, always: bool, asks: bool) -> str:
    """Say who sees the times."""
    if always:
        return "tells everybody what took how long"
    those = [*networks, *(["whom the function in allow names"] if asks else [])]
    return f"tells what took how long to {', '.join(those) or 'nobody'}"


def doubts(*, nobody: bool, always: bool) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    if nobody:
        yield "tells its times to nobody: set networks or allow"
    if always:
        yield (
            "tells everybody how long its parts take, from which can be guessed what a cache holds or who exists:"
            " name networks, or a function"
        )
