"""Apps that each do something else when their reading ends with an error."""

from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing.apps import chunk, head, read_body

PLAIN = (b"content-type", b"text/plain")


async def lets_it_out(scope: Scope, receive: Receive, send: Send) -> None:
    """Know nothing of it."""
    body = await read_body(receive)
    await send(head(200, PLAIN))
    await send(chunk(b"%d" % len(body), more=False))


async def answers_500_and_raises(scope: Scope, receive: Receive, send: Send) -> None:
    """Do as Starlette does."""
    try:
        await lets_it_out(scope, receive, send)
    except Exception:
        await send(head(500, PLAIN))
        await send(chunk(b"Internal", more=True))
        await send(chunk(b" Server Error", more=False))
        raise


async def answers_400(scope: Scope, receive: Receive, send: Send) -> None:
    """Do as FastAPI does."""
    try:
        await lets_it_out(scope, receive, send)
    except Exception:
        await send(head(400, PLAIN))
        await send(chunk(b"There was an error parsing the body", more=False))


async def answers_200(scope: Scope, receive: Receive, send: Send) -> None:
    """Act as if nothing had happened."""
    try:
        await lets_it_out(scope, receive, send)
    except Exception:
        await send(head(200, PLAIN))
        await send(chunk(b"stored", more=False))


async def says_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Keep it quiet, and never answer."""
    try:
        await lets_it_out(scope, receive, send)
    except Exception:
        return


async def raises_another(scope: Scope, receive: Receive, send: Send) -> None:
    """Make another exception of it."""
    try:
        await lets_it_out(scope, receive, send)
    except Exception as error:
        raise ValueError("the body cannot be read") from error


async def raises_a_group(scope: Scope, receive: Receive, send: Send) -> None:
    """Do as a task group does."""
    try:
        await lets_it_out(scope, receive, send)
    except Exception as error:
        raise ExceptionGroup("tasks", [error]) from None


async def tries_again(scope: Scope, receive: Receive, send: Send) -> None:
    """Read once more, and see the same again."""
    for _ in range(3):
        try:
            await read_body(receive)
        except Exception:  # noqa: S112 - that is the point
            continue
    await lets_it_out(scope, receive, send)


APPS = {
    "an app that lets it out": lets_it_out,
    "an app that answers 500 and raises": answers_500_and_raises,
    "an app that answers 400": answers_400,
    "an app that answers 200": answers_200,
    "an app that says nothing": says_nothing,
    "an app that makes another exception of it": raises_another,
    "an app that raises it in a group": raises_a_group,
    "an app that reads again": tries_again,
}


async def answers_first(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin to answer, then read."""
    await send(head(200, PLAIN))
    await send(chunk(b"begun"))
    await read_body(receive)
    await send(chunk(b" and done", more=False))


async def never_reads(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without a look at the body."""
    await send(head(200, PLAIN))
    await send(chunk(b"hello", more=False))
