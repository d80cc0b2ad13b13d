"""Who may import whom, and what a pure module may not know."""

import ast
from collections.abc import Iterator
from types import ModuleType

import pytest

import asgi_patterns
from tests.architecture.source import (
    NO_SLICES,
    PACKAGE,
    Module,
    Wall,
    complaints,
    modules,
    slices,
    snippet,
)

PUBLIC = (
    "AccessLog",
    "BodyLimit",
    "BodyRule",
    "CachePolicy",
    "CacheRule",
    "Caller",
    "Compression",
    "CompressionRule",
    "ConditionalRequests",
    "Cors",
    "Deadline",
    "DeadlineRule",
    "Decompression",
    "Health",
    "LoadShedding",
    "Metrics",
    "Pipeline",
    "Problem",
    "ProblemType",
    "Problems",
    "Quota",
    "RateLimit",
    "RequestId",
    "RequestIdFilter",
    "SecurityHeaders",
    "ServerTiming",
    "Settings",
    "Tracing",
    "WebSocketLimits",
    "problem_handlers",
    "remaining",
    "request_id",
    "spend",
    "spending",
    "timing",
    "wrap",
)

# In a slice every module is pure but these: the file names that every slice uses for its shell ...
SHELL_NAMES = ("__init__.py", "layer.py", "memory.py", "redis.py")
# ... and the further parts of one slice's shell, with what they wait for.
SHELL_PARTS = {
    "caching/lock_session.py": "belongs to an event loop",
    "caching/reading.py": "sends a 304 in place of the answer",
    "caching/writing.py": "asks the app, and waits for its turn",
    "caching/policy_layer.py": "is a layer, and calls an app",
    "compression/files.py": "reads files",
    "compression/plan.py": "draws padding, and knows the threads of an event loop",
    "compression/sending.py": "sends the coded answer in place of the plain one",
    "compression/decompression_layer.py": "is a layer, and calls an app",
    "compression/decompression_reading.py": "sends the problem in place of the answer",
    "errors/answer.py": "sends the problem in place of the answer",
    "errors/django.py": "is called by Django",
    "errors/handlers.py": "is called by Starlette and FastAPI",
    "errors/litestar.py": "is called by Litestar",
    "errors/published.py": "answers for the URIs of problem types",
    "errors/quart.py": "is called by Quart",
    "health/checks.py": "names what has to be run",
    "health/dependencies.py": "asks a Redis or a URL",
    "health/machine.py": "looks at the disk and at memory",
    "health/runner.py": "waits for checks, against the clock",
    "health/sql.py": "asks a database",
    "health/vitals.py": "looks for the drain file, waits for the checks together",
    "observability/access_log_layer.py": "is a layer, and logs",
    "observability/server_timing_layer.py": "is a layer, and calls an app",
    "observability/timings.py": "is called by handlers, in threads",
    "observability/metrics_layer.py": "is a layer, and calls an app",
    "observability/metrics_opentelemetry.py": "is an adapter, and has a lock",
    "observability/metrics_page.py": "answers who reads",
    "observability/metrics_prometheus.py": "is an adapter, and has a lock",
    "observability/metrics_recording.py": "logs what is too much",
    "observability/metrics_tallies.py": "has locks, and the time of exemplars",
    "observability/metrics_traces.py": "asks for the current span",
    "observability/metrics_workers.py": "looks at files and processes",
    "observability/tracing_settings.py": "is a layer, and reads the environment",
    "observability/tracing_others.py": "looks at spans of others",
    "observability/tracing_search.py": "looks for what makes them",
    "observability/tracing_parent.py": "knows the propagator, and asks who the client is",
    "observability/tracing_rules.py": "holds what asks",
    "observability/tracing_spans.py": "makes spans, and calls an app",
    "observability/tracing_told.py": "is told of an exchange",
    "observability/tracing_within.py": "looks for spans of others, and logs",
    "protection/body_limit_layer.py": "is a layer, and calls an app",
    "protection/deadline_layer.py": "is a layer, and calls an app",
    "protection/admission.py": "waits for slots, and passes answers on",
    "protection/remaining.py": "knows which request is being handled",
    "protection/rings.py": "has the timers of an event loop",
    "protection/timing.py": "refuses, and breaks off, what is late",
    "protection/load_shedding_layer.py": "is a layer, and calls an app",
    "protection/sockets.py": "calls an app, and closes its WebSockets",
    "protection/upload.py": "answers in the place of an app",
    "protection/looping.py": "asks the event loop",
    "protection/turning_away.py": "sends refusals, and draws jitter",
    "ratelimit/charges.py": "knows who has counted",
    "ratelimit/counting.py": "chooses the adapters",
    "ratelimit/counters.py": "is the port, whose adapters may wait",
    "ratelimit/messages.py": "ends the conversation of a WebSocket",
    "ratelimit/guests.py": "asks who the caller is",
    "ratelimit/picking.py": "asks who the caller is",
    "ratelimit/pool.py": "waits for the store, and logs that it is away",
    "ratelimit/record.py": "charges a request, and draws jitter",
    "ratelimit/session.py": "belongs to an event loop",
    "ratelimit/short.py": "lets a request pass",
    "ratelimit/simulation.py": "charges requests of a log",
    "ratelimit/spending.py": "is called by handlers",
    "ratelimit/trial.py": "asks as a request does",
}
# What puts slices together may know them all.
COMPOSERS = ("", "benching", "serving", "settings", "testing")
PURE_KERNEL = tuple(
    f"kernel/{noun}.py"
    for noun in (
        "address",
        "bearer",
        "breaker",
        "declaring",
        "durations",
        "forwarded",
        "gauges",
        "headers",
        "media_types",
        "negotiation",
        "order",
        "origins",
        "parameters",
        "patterns",
        "replay",
        "resp",
        "route_text",
        "sizes",
        "slots",
        "store",
        "tags",
    )
)
# What `asgi-patterns bench` says is pure, what it does is not.
PURE_BENCHING = tuple(
    f"benching/{noun}.py"
    for noun in ("answers", "comparing", "files", "numbers", "plot", "requests", "results", "table")
)
# Parts of the kernel that act on a running request. A core gets values, so it has no use for them.
ACTING_KERNEL = (
    "asking",
    "body",
    "cluster",
    "context",
    "conversation",
    "dialing",
    "ending",
    "errands",
    "exchange",
    "layer",
    "lifespan",
    "link",
    "nodes",
    "observation",
    "observing",
    "observing_sockets",
    "prepared",
    "patience",
    "redis",
    "refusing",
    "scripts",
    "standin",
    "together",
    "wire",
)

# What a pure module may import. Nothing here reads a clock, draws a number, waits, logs or does I/O.
# fmt: off
PURE_LIBRARY = (
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "collections.abc", "contextlib", "copy",
    "dataclasses", "datetime", "decimal", "email.utils", "enum", "fractions", "functools", "hashlib",
    "heapq", "hmac", "html", "http.HTTPStatus", "inspect", "ipaddress", "itertools", "json", "math", "operator", "re",
    "statistics", "string", "struct", "textwrap", "types", "typing", "typing_extensions", "unicodedata", "urllib.parse",
    "zlib", "http_sf", "limits", "pydantic",
)
# fmt: on
CLOCK_CALLS = ("now", "utcnow", "today")
# With an argument these format it; without one they read the clock.
CLOCK_WITHOUT_ARGUMENT = ("formatdate", "localtime")
IMPURE_BUILTINS = ("__import__", "breakpoint", "eval", "exec", "input", "open", "print")

VAGUE = ("base", "common", "helper", "helpers", "manager", "misc", "shared", "util", "utils")


def within(name: str, allowed: str) -> bool:
    """Whether the dotted ``name`` is ``allowed`` or something in it."""
    return f"{name}.".startswith(f"{allowed}.")


def is_pure(module: Module) -> bool:
    if module.folder in ("", *NO_SLICES):
        return module.inner_path in (*PURE_KERNEL, *PURE_BENCHING)
    return module.path.name not in SHELL_NAMES and module.inner_path not in SHELL_PARTS


def may_know(module: Module, name: str) -> bool:
    """Whether the pure ``module`` may import ``name``."""
    if not within(name, PACKAGE):
        return any(within(name, allowed) for allowed in PURE_LIBRARY)
    shells = [f"{PACKAGE}.{path.removesuffix('.py').replace('/', '.')}" for path in SHELL_PARTS]
    shells += [f"{PACKAGE}.{module.folder}.{shell.removesuffix('.py')}" for shell in SHELL_NAMES]
    shells += [f"{PACKAGE}.kernel.{noun}" for noun in ACTING_KERNEL]
    parts = [f"{PACKAGE}.{path.removesuffix('.py').replace('/', '.')}" for path in PURE_BENCHING]
    if within(name, f"{PACKAGE}.benching") and not any(within(name, part) for part in parts):
        return False
    return not any(within(name, shell) for shell in shells)


def reads_clock(call: ast.Call) -> bool:
    name = called(call)
    return name in CLOCK_CALLS or (name in CLOCK_WITHOUT_ARGUMENT and not call.args)


def called(call: ast.Call) -> str:
    """The last word of what is called: ``now`` for ``datetime.now()``."""
    return ast.unparse(call.func).rpartition(".")[2]


def pure(module: Module) -> Iterator[str]:
    """A core takes values and returns values."""
    if not is_pure(module):
        return
    for statement, name in module.imports():
        if not may_know(module, name):
            yield module.at(statement, f"is pure and imports {name}")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield module.at(node, "is pure and waits")
        elif isinstance(node, ast.Call) and reads_clock(node):
            yield module.at(node, f"is pure and reads the clock with {called(node)}()")
        elif isinstance(node, ast.Name) and node.id in IMPURE_BUILTINS:
            yield module.at(node, f"is pure and uses {node.id}()")


def slice_alone(module: Module) -> Iterator[str]:
    """A slice knows the kernel and itself; the kernel knows itself."""
    if module.folder in COMPOSERS:
        return
    known = {f"{PACKAGE}.kernel", f"{PACKAGE}.{module.folder}"}
    for node, name in module.imports():
        if within(name, PACKAGE) and not any(within(name, each) for each in known):
            yield module.at(node, f"is in {module.folder} and imports {name}")


def named_well(module: Module) -> Iterator[str]:
    """A name that fits everything says nothing."""
    for part in module.path.with_suffix("").parts:
        if part in VAGUE:
            yield module.at(module.tree, f"has the vague name {part!r}")


@pytest.mark.parametrize("wall", [pure, slice_alone, named_well])
def test_the_package_keeps_the_wall(wall: Wall) -> None:
    package = modules(PACKAGE)

    found = complaints(wall, package)

    assert found == []


def test_the_walls_have_something_to_hold() -> None:
    package = modules(PACKAGE)

    pure_slices = {module.folder for module in package if is_pure(module)}

    assert slices(package) >= {"errors", "health", "request_id"}
    assert pure_slices >= {"kernel", "errors", "health", "request_id"}


def test_every_folder_is_a_slice_or_known_not_to_be_one() -> None:
    package = modules(PACKAGE)

    folders = {module.folder for module in package}

    assert folders - slices(package) == {"", *NO_SLICES}


@pytest.mark.parametrize("path", [*PURE_KERNEL, *PURE_BENCHING, *SHELL_PARTS])
def test_what_is_listed_exists(path: str) -> None:
    paths = [module.inner_path for module in modules(PACKAGE)]

    assert path in paths


@pytest.mark.parametrize("path", SHELL_PARTS)
def test_a_part_is_called_shell_only_where_it_would_not_pass_as_pure(path: str) -> None:
    (part,) = (module for module in modules(PACKAGE) if module.inner_path == path)
    as_core = Module(part.path.with_name("core.py"), part.text)

    found = list(pure(as_core))

    assert found != []


def test_the_public_names_are_these() -> None:
    assert sorted(asgi_patterns.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported_and_explains_itself(name: str) -> None:
    public = getattr(asgi_patterns, name)

    # A slice's folder may have the name of what it exports; the export is meant.
    assert not isinstance(public, ModuleType)
    assert public.__doc__


@pytest.mark.parametrize(
    ("wall", "path", "text"),
    [
        pytest.param(pure, "limits/core.py", "import time", id="a core has a clock"),
        pytest.param(pure, "limits/core.py", "from random import random", id="a core draws numbers"),
        pytest.param(pure, "limits/core.py", "import asyncio", id="a core knows an event loop"),
        pytest.param(pure, "limits/core.py", "import anyio.lowlevel", id="a core knows anyio"),
        pytest.param(pure, "limits/core.py", "import logging", id="a core logs"),
        pytest.param(pure, "limits/core.py", "from http.client import HTTPConnection", id="a core connects"),
        pytest.param(pure, "limits/core.py", "import os", id="a core reads the environment"),
        pytest.param(pure, "limits/core.py", "def f():\n    import time", id="a core has a hidden clock"),
        pytest.param(pure, "limits/core.py", "from datetime import datetime\ndatetime.now(None)", id="now()"),
        pytest.param(pure, "limits/core.py", "from email.utils import formatdate\nformatdate()", id="date"),
        pytest.param(pure, "limits/core.py", "async def f(): ...", id="a core is async"),
        pytest.param(pure, "limits/core.py", "open('x')", id="a core opens a file"),
        pytest.param(pure, "limits/freshness.py", "import time", id="another pure part has a clock"),
        pytest.param(pure, "kernel/headers.py", "import time", id="a pure part of the kernel has a clock"),
        pytest.param(pure, "limits/core.py", "from asgi_patterns.kernel.link import Link", id="core, link"),
        pytest.param(pure, "limits/core.py", "from .layer import RateLimit", id="a core knows its shell"),
        pytest.param(slice_alone, "limits/layer.py", "from asgi_patterns.health import x", id="slice, slice"),
        pytest.param(slice_alone, "limits/layer.py", "from ..health import x", id="slice, slice, relative"),
        pytest.param(slice_alone, "limits/layer.py", "from asgi_patterns import Health", id="slice, package"),
        pytest.param(slice_alone, "limits/layer.py", "import asgi_patterns.pipeline", id="slice, pipeline"),
        pytest.param(slice_alone, "kernel/link.py", "from asgi_patterns.health import x", id="kernel, slice"),
        pytest.param(slice_alone, "kernel/link.py", "from .. import settings", id="kernel, settings"),
        pytest.param(slice_alone, "kernel/link.py", "import asgi_patterns.cli", id="kernel, cli"),
        pytest.param(named_well, "utils/layer.py", "", id="a slice is called utils"),
        pytest.param(named_well, "limits/helpers.py", "", id="a module is called helpers"),
    ],
)
def test_the_wall_stops(wall: Wall, path: str, text: str) -> None:
    bad = snippet(text, path)

    found = list(wall(bad))

    assert len(found) == 1, found
    assert found[0].startswith(f"asgi_patterns/{path}:")


@pytest.mark.parametrize(
    ("wall", "path", "text"),
    [
        pytest.param(pure, "limits/core.py", "from http import HTTPStatus", id="a core has status codes"),
        pytest.param(
            pure, "limits/core.py", "from .window import Window", id="a core has further pure parts"
        ),
        pytest.param(pure, "limits/core.py", "from ..kernel.headers import get", id="a core reads headers"),
        pytest.param(
            pure, "limits/core.py", "formatdate(now, usegmt=True)", id="a core formats a given time"
        ),
        pytest.param(pure, "limits/layer.py", "import anyio, time", id="a shell has a clock and waits"),
        pytest.param(pure, "limits/memory.py", "import time", id="an adapter has a clock"),
        pytest.param(pure, "kernel/link.py", "async def f(): ...", id="the kernel's shell waits"),
        pytest.param(
            slice_alone, "limits/layer.py", "from asgi_patterns.kernel.link import Link", id="kernel"
        ),
        pytest.param(slice_alone, "limits/layer.py", "from asgi_patterns.limits.core import x", id="itself"),
        pytest.param(slice_alone, "limits/layer.py", "import asgi_patterns_extra", id="a like-named package"),
        pytest.param(slice_alone, "pipeline.py", "from asgi_patterns.health import x", id="who composes"),
        pytest.param(named_well, "baseline/layer.py", "", id="a clear name that begins like a vague one"),
    ],
)
def test_the_wall_lets_pass(wall: Wall, path: str, text: str) -> None:
    good = snippet(text, path)

    found = list(wall(good))

    assert found == []
