"""Several processes on one address. uvicorn supervises them; each drains by itself, see ``serve``."""

import os
import signal
from contextlib import suppress
from typing import final

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

_STOPS = frozenset({signal.SIGINT, signal.SIGTERM})
_PATIENCE = 0.2  # seconds between two looks at whether a worker has ended


@final
class Workers(Multiprocess):
    """uvicorn's supervisor, which also passes on that somebody is in a hurry."""

    _is_urgent = False

    def serve(self) -> int:
        """Run until a signal ends it, or until no worker can start; return the exit code."""
        self.run()
        return int(any(process.exitcode == STARTUP_FAILURE for process in self.processes))

    def handle_int(self) -> None:
        """Stop without a delay: somebody sits at the terminal."""
        self._is_urgent = True
        super().handle_int()

    def handle_term(self) -> None:
        """Stop; at once where it has been asked before."""
        self._is_urgent = self._is_urgent or self.should_exit.is_set()
        super().handle_term()

    def terminate_all(self) -> None:
        """Stop all workers, and listen no longer: who connects when they are gone is refused, not kept waiting."""
        super().terminate_all()
        for sock in self.sockets:
            sock.close()

    def join_all(self) -> None:
        """Wait for all workers. A second signal is passed on, which ends their delay."""
        for process in self.processes:
            while process.process.is_alive():
                process.process.join(_PATIENCE)
                if self._is_urgent or not _STOPS.isdisjoint(self.signal_queue):
                    self._hurry()

    def _hurry(self) -> None:
        for process in self.processes:
            if process.pid is not None and process.process.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
