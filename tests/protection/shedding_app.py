"""An app with one slot. ``/wait`` holds it until its client has left."""

from asgi_patterns import LoadShedding, Pipeline
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import hello


async def doorman(scope: Scope, receive: Receive, send: Send) -> None:
    """Say hello, or wait."""
    if scope.get("path") != "/wait":
        return await hello(scope, receive, send)
    print("somebody is in hand", flush=True)
    while (await receive())["type"] != "http.disconnect":
        pass
    print("somebody has left", flush=True)


app = Pipeline(LoadShedding(limit=1, queue=0))(doorman)
