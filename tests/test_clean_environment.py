"""The package as a stranger gets it: built, installed without any extra, in an environment of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

EXTRAS = {
    "redis": "redis",
    "opentelemetry": "otel",
    "opentelemetry.sdk.trace": "otel",
    "prometheus_client": "prometheus",
    "brotli": "compression",
    "backports.zstd": "compression",
    "xxhash": "compression",
    "uvicorn": "server",
    "httpx2": "client",
    "docket": "jobs",
}

ONE_REQUEST = """
import asyncio
from asgi_patterns import RequestId

sent = []

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

async def receive():
    return {"type": "http.request"}

async def send(message):
    sent.append(message)

headers = [(b"x-request-id", b"from-the-client")]
scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "client": ("127.0.0.1", 1)}
asyncio.run(RequestId()(app)(scope, receive, send))
print(sent)
"""

Ran = subprocess.CompletedProcess[str]


def run(*command: str | Path, cwd: Path) -> Ran:
    """Run ``command`` far from the checkout, so that only what was installed can be found."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


@dataclass(frozen=True)
class Clean:
    """An environment that has the package, what it depends on, and nothing else."""

    home: Path

    def run(self, program: str, *arguments: str | Path) -> Ran:
        return run(self.home / "venv" / "bin" / program, *arguments, cwd=self.home)


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    home = tmp_path_factory.mktemp("clean")
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    made = run(sys.executable, "-m", "venv", home / "venv", cwd=home)
    assert made.returncode == 0, made.stderr
    installed = Clean(home).run("python", *pip, "-c", ROOT / "constraints.txt", ROOT)
    assert installed.returncode == 0, installed.stderr
    return Clean(home)


def test_the_package_imports_without_any_extra(clean: Clean) -> None:
    ran = clean.run("python", "-W", "error", "-c", "import asgi_patterns; print(asgi_patterns.__file__)")

    assert ran.returncode == 0, ran.stderr
    assert "site-packages" in ran.stdout


def test_request_id_answers_without_any_extra(clean: Clean) -> None:
    ran = clean.run("python", "-W", "error", "-c", ONE_REQUEST)

    assert ran.returncode == 0, ran.stderr
    assert "b'from-the-client'" in ran.stdout
    assert "b'hello'" in ran.stdout


@pytest.mark.parametrize("module", EXTRAS)
def test_no_extra_comes_along(clean: Clean, module: str) -> None:
    ran = clean.run("python", "-c", f"import {module}")

    assert "ModuleNotFoundError" in ran.stderr


@pytest.mark.parametrize(("module", "extra"), EXTRAS.items())
def test_a_missing_extra_is_named(clean: Clean, module: str, extra: str) -> None:
    code = f"from asgi_patterns.kernel.optional import require; require({module!r}, {extra!r})"

    ran = clean.run("python", "-c", code)

    assert ran.returncode == 1
    assert f"{module!r} is not installed: pip install 'asgi-patterns[{extra}]'" in ran.stderr


def test_the_command_explains_itself_without_any_extra(clean: Clean) -> None:
    ran = clean.run("asgi-patterns", "--help")

    assert ran.returncode == 0, ran.stderr
    assert "serve" in ran.stdout


def test_serve_names_the_extra_that_it_needs(clean: Clean) -> None:
    Path(clean.home, "shop.py").write_text("async def app(scope, receive, send): ...\n")

    ran = clean.run("asgi-patterns", "serve", "shop:app")

    assert ran.returncode != 0
    assert "asgi-patterns[server]" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "file",
    [
        pytest.param("py.typed", id="the mark that type checkers look for"),
        pytest.param("kernel/link.py", id="the kernel"),
    ],
)
def test_the_built_package_holds(clean: Clean, file: str) -> None:
    code = (
        f"from importlib.resources import files; print(files('asgi_patterns').joinpath({file!r}).is_file())"
    )

    ran = clean.run("python", "-c", code)

    assert ran.stdout == "True\n", ran.stderr


def test_nothing_but_the_package_is_installed_with_it(clean: Clean) -> None:
    code = (
        "from importlib.metadata import files; print(*sorted({f.parts[0] for f in files('asgi-patterns')}))"
    )

    ran = clean.run("python", "-c", code)

    installed = [name for name in ran.stdout.split() if not name.endswith(".dist-info")]
    assert installed == ["..", "asgi_patterns"], ran.stderr
