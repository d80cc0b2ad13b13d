"""``asgi-patterns serve``: a server with the pipeline in front of the app, stopped in an order that loses no request.

The order, and what it is made of, is in ``serving``.
"""

from socket import socket
from typing import Final

from asgi_patterns.serving.hosting import Hosting, Stopping, WrongOption
from asgi_patterns.serving.listening import CannotServe, Listening, leave
from asgi_patterns.serving.process import Job
from asgi_patterns.serving.stopping import FailedToStart
from asgi_patterns.serving.workers import Workers
from asgi_patterns.target import Target

__all__ = ["CannotServe", "Hosting", "Listening", "Stopping", "WrongOption", "serve"]

FAILED: Final = 1


def serve(target: Target, listening: Listening, stopping: Stopping, hosting: Hosting | None = None) -> int:
    """Serve until a signal ends it; return the exit code.

    Raises ``WrongOption`` and ``MissingExtra`` for a ``hosting`` that cannot be, ``CannotServe`` where nobody can
    listen, and all that ``Target.load`` raises.
    """
    hosting = hosting or Hosting()
    hosting.check()
    sockets = listening.bind()
    try:
        return _serve(Job(target=target, hosting=hosting, stopping=stopping), listening, sockets)
    finally:
        for each in sockets:
            each.close()
        listening.tidy()


def _serve(job: Job, listening: Listening, sockets: list[socket]) -> int:
    target, hosting = job.target, job.hosting
    loaded = None
    if hosting.reload or hosting.workers > 1:
        target.settings()  # what is wrong with them is said once, not by every worker
    else:
        loaded = target.load()
    log = job.logger()
    if hosting.server == "granian":
        for address in leave(sockets, 1):
            log.warning("granian listens on one address only, and so not on %s", address)
    log.info("%s is running on %s (Ctrl-C stops it)", target.app, listening.url(sockets[0], hosting.scheme))
    if hosting.reload:
        from asgi_patterns.serving.uvicorn import reloading  # here: it needs an extra

        reloading(target, hosting, job.stopping, sockets)
        return 0
    if loaded is None:
        return 0 if Workers(job, hosting.workers, sockets, log).run() else FAILED
    try:
        job.run(*loaded, sockets)
    except FailedToStart:
        return FAILED
    return 0
