"""Prove that a stranger's checkout works: a new clone and an empty home for ``make test`` and for ``make demo``.

Run by ``make fresh`` with the system's Python: standard library only. What is not committed is not cloned.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

START_SECONDS = 300.0
STOP_SECONDS = 30.0
NOTHING = 0  # the signal that only asks whether anyone is there


def main() -> None:
    """Exit with an error at the first thing that does not work."""
    with tempfile.TemporaryDirectory(prefix="asgi-patterns-") as folder:
        env = bare_environment(Path(folder, "home"))
        subprocess.run([*make(clone(Path(folder, "test"), env)), "test"], env=env, check=True)
        # Another clone: the demo has to do all of its own set-up, too.
        try_demo(make(clone(Path(folder, "demo"), env)), env)
    say("make test and make demo work in a new clone")


def bare_environment(home: Path) -> dict[str, str]:
    """What a new user has: a path and an empty home. How pip reaches its packages is the machine's business."""
    home.mkdir()
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"PATH": os.environ["PATH"], "HOME": str(home), **pip}


def clone(target: Path, env: dict[str, str]) -> Path:
    """What is committed here, somewhere else."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], env=env, check=True)
    return target


def make(checkout: Path) -> list[str]:
    """The command that makes a target of ``checkout``, with the Python that runs this."""
    return ["make", "--no-print-directory", "-C", str(checkout), f"PYTHON={sys.executable}"]


def try_demo(command: list[str], env: dict[str, str]) -> None:
    """Serve the demo, read from it once, and leave no process behind."""
    port = free_port()
    with process_group([*command, "demo", f"PORT={port}"], env) as demo:
        wait_until_healthy(demo, port)
        status, request_id = get(port, "/products")
    say(f"GET /products: {status}, request id {request_id}")
    if status != http.client.OK or request_id is None:
        sys.exit("fresh: the demo does not answer through the pipeline")


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def process_group(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` as the leader of a group of its own; at the end, end that group and no other process."""
    leader = subprocess.Popen(command, env=env, start_new_session=True)
    try:
        yield leader
    finally:
        end_group(leader)


def end_group(leader: subprocess.Popen[bytes]) -> None:
    """Ask the group to stop, insist after `STOP_SECONDS`, and return when its last process is gone."""
    deadline = time.monotonic() + STOP_SECONDS
    there = signal_group(leader.pid, signal.SIGTERM)
    while there:
        leader.poll()  # a leader that nobody has waited for stays in its group
        late = time.monotonic() - deadline
        if late > STOP_SECONDS:
            sys.exit("fresh: the demo left processes that cannot be ended")
        there = signal_group(leader.pid, signal.SIGKILL if late > 0 else NOTHING)
        time.sleep(0.1)
    leader.wait()


def signal_group(group: int, number: int) -> bool:
    """Whether a process of the group was there to be told."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def wait_until_healthy(demo: subprocess.Popen[bytes], port: int) -> None:
    """Ask until ``/health`` answers 200, the demo has ended, or `START_SECONDS` have passed."""
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(port):
        if demo.poll() is not None:
            sys.exit(f"fresh: make demo ended with status {demo.returncode} before it served anything")
        if time.monotonic() > deadline:
            sys.exit(f"fresh: make demo was not healthy within {START_SECONDS:.0f} seconds")
        time.sleep(0.2)


def is_healthy(port: int) -> bool:
    """Whether ``/health`` answers 200 now."""
    try:
        return get(port, "/health")[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def get(port: int, path: str) -> tuple[int, str | None]:
    """Status and request id of one answer of the demo."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["X-Request-ID"]
    finally:
        connection.close()


def say(line: str) -> None:
    """Print at once: the commands in between print unbuffered, too."""
    print(f"fresh: {line}", flush=True)


if __name__ == "__main__":
    main()
