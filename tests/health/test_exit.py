"""A process whose sync check hangs still ends."""

import subprocess
import sys

import pytest

PROGRAM = """
import threading, anyio
from asgi_patterns.health import Check, Health
from asgi_patterns.testing import Client, hello

never = threading.Event()
app = Health(checks=[Check(name="check", check=lambda: never.wait() or None, limit=0.05)])(hello)

async def main():
    print((await Client(app).get("/health")).status)

anyio.run(main, backend="{backend}")
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_process_whose_check_hangs_still_ends(backend: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(backend=backend)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "503\n", "")
