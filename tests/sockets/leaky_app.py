"""An app that leaves something behind for each request to ``/socket``, ``/task``, ``/thread``, ``/child``."""

import asyncio
import socket
import subprocess
import sys
import threading

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

kept: list[object] = []


async def leak(request: Request) -> Response:
    match request.path_params["what"]:
        case "socket":
            kept.append(socket.socket())
        case "task":
            kept.append(asyncio.create_task(asyncio.Event().wait()))
        case "thread":
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        case "child":
            # As a worker does that nobody ends: it is in the server's group and holds the server's log.
            command = [sys.executable, "-c", "import signal; signal.pause()"]
            kept.append(subprocess.Popen(command))  # noqa: ASYNC220 - it starts and is left alone
    return Response()


app = Starlette(routes=[Route("/{what}", leak)])
