"""What ``asgi-patterns serve`` is told about the server, checked as a whole."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, final

from asgi_patterns.kernel.optional import Extra, require

__all__ = ["SERVERS", "WORKER_CLASSES", "Hosting", "ServerName", "Stopping", "WorkerClass", "WrongOption"]

ServerName = Literal["uvicorn", "hypercorn", "granian"]
WorkerClass = Literal["asyncio", "trio"]

SERVERS: dict[ServerName, Extra] = {"uvicorn": "server", "hypercorn": "hypercorn", "granian": "granian"}
"""Each server, and the extra that it comes with."""
WORKER_CLASSES: tuple[WorkerClass, ...] = ("asyncio", "trio")


class WrongOption(ValueError):
    """Options that do not go together, or name what is not there; one sentence."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """How long the parts of a stop may take, in seconds."""

    drain_delay: float = 5.0
    """From SIGTERM, when readiness drops, until no more connections are accepted."""
    graceful_timeout: int = 20
    """After that, until requests in hand are cancelled."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """Which server, and how. It can be pickled for worker processes."""

    server: ServerName = "uvicorn"
    worker_class: WorkerClass = "asyncio"
    """On what the app runs; trio needs hypercorn."""
    workers: int = 1
    log_level: str = "info"
    access_log: bool = True
    """Whether the server logs requests itself; not where the pipeline does it better."""
    reload: bool = False
    """Start again when a file changes; needs uvicorn."""
    certfile: str | None = None
    """A PEM file with the certificate and its chain; with ``keyfile`` the server speaks TLS."""
    keyfile: str | None = None

    @property
    def scheme(self) -> str:
        """``https`` where it speaks TLS."""
        return "https" if self.certfile else "http"

    def check(self) -> None:
        """Raise ``WrongOption`` for what cannot be, and ``MissingExtra`` for what is not installed."""
        for complaint in self._complaints():
            raise WrongOption(complaint)
        if self.worker_class == "trio":
            require("trio", "hypercorn")
        require(self.server, SERVERS[self.server])

    def _complaints(self) -> Iterator[str]:
        if self.worker_class != "asyncio" and self.server != "hypercorn":
            yield f"--worker-class {self.worker_class} needs --server hypercorn, {self.server} runs on asyncio"
        if self.reload and self.server != "uvicorn":
            yield f"--reload needs --server uvicorn, {self.server} cannot do it here"
        if bool(self.certfile) != bool(self.keyfile):
            yield "--certfile and --keyfile belong together: give both, or none"
        if self.certfile and self.keyfile:
            yield from _unusable(self.certfile, self.keyfile)


def _unusable(certfile: str, keyfile: str) -> Iterator[str]:
    """Yield why a server could not speak TLS with these files: each would say it in a way of its own."""
    try:
        # An empty password, or OpenSSL would ask the terminal for that of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, password="")
    except OSError as exc:
        yield f"--certfile {certfile} with --keyfile {keyfile} cannot be used: {_reason(exc)}"


def _reason(exc: OSError) -> str:
    if not isinstance(exc, ssl.SSLError):
        return exc.strerror or str(exc)
    return (
        exc.reason.lower().replace("_", " ") if exc.reason else "these are no certificate and open key in PEM"
    )
