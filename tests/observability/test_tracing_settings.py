"""What ``Tracing`` is told, what it says of itself, and what it is without its package."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from asgi_patterns import Pipeline, Settings, Tracing
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.observability.tracing_attributes import Describe, known_methods
from asgi_patterns.settings import load
from asgi_patterns.testing import hello
from tests.observability.test_core import direct, scope_of
from tests.observability.traced import Spans

KNOWN = Spans()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name, name=name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)

    with pytest.raises(ValueError, match=r"pip install 'asgi-patterns\[otel\]'"):
        Tracing()(hello)


def test_the_package_is_imported_when_it_is_needed() -> None:
    import subprocess

    code = "import sys, asgi_patterns; asgi_patterns.Tracing(); print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_a_provider_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "asgi-patterns.toml"
    file.write_text(f'[tracing]\ntracer_provider = "{__name__}:KNOWN.provider"\n', encoding="utf-8")
    sys.modules.setdefault(__name__, sys.modules[__name__])

    settings: Settings = load(file)

    assert settings.tracing[0].tracer_provider is KNOWN.provider


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param({"tracer_provider": 7}, "Provider", id="something that makes no spans"),
        pytest.param({"untrusted": "ignore"}, "continue", id="a word that means nothing"),
        pytest.param({"untrusted_share": 2}, "less than or equal", id="more than all"),
        pytest.param(
            {"trusted_networks": ["proxy.example"]}, "names are not looked up", id="a name of a host"
        ),
    ],
)
def test_what_is_wrong_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Tracing(**options)


@pytest.mark.parametrize(
    ("layer", "doubts"),
    [
        pytest.param(Tracing(), 0, id="nothing"),
        pytest.param(Tracing(untrusted="restart"), 0, id="a public edge"),
        pytest.param(Tracing(trusted_networks=["10.0.0.0/8"]), 1, id="networks without a use"),
        pytest.param(Tracing(request_headers=[".*"]), 0, id="all fields, the usual secrets apart"),
        pytest.param(
            Tracing(request_headers=[".*"], sanitize_headers=[]), 1, id="all fields and all secrets"
        ),
    ],
)
def test_what_is_probably_not_meant(layer: Tracing, doubts: int) -> None:
    assert len(layer.doubts(DEFAULT)) == doubts


@pytest.mark.parametrize(
    ("layer", "scope", "says"),
    [
        pytest.param(Tracing(), {}, "of a trace of its own", id="nothing said"),
        pytest.param(
            Tracing(),
            {"headers": [(b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]},
            "the caller's trace is 0af7651916cd43dd8448eb211c80319c",
            id="a trace",
        ),
        pytest.param(Tracing(excluded_urls=["items"]), {}, "is excluded", id="an excluded URL"),
    ],
)
def test_what_it_would_do(layer: Tracing, scope: dict[str, Any], says: str) -> None:
    (line,) = layer.explain(scope_of(**scope)).says

    assert says in line


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        pytest.param(Tracing(), "continues the traces of all callers", id="continue"),
        pytest.param(
            Tracing(untrusted="restart"), "begins a new trace for callers from anywhere", id="restart"
        ),
        pytest.param(Tracing(untrusted="downsample"), "leaves 5 % of them sampled", id="downsample"),
    ],
)
def test_what_it_says_of_itself(layer: Tracing, says: str) -> None:
    assert says in layer.outline[0]


QUERIES = [
    # what is in it             query                    what is shown
    ("nothing secret", b"a=b&c", "a=b&c"),
    ("a token", b"a=b&token=x", "a=b&token=REDACTED"),
    ("a token in capitals", b"TOKEN=x", "TOKEN=REDACTED"),
    ("a token with its name escaped", b"tok%65n=x", "tok%65n=REDACTED"),
    ("a token twice", b"token=x&token=y", "token=REDACTED&token=REDACTED"),
    ("no text", b"a=\xff", "a=�"),
]


@pytest.mark.parametrize(("query", "shown"), [row[1:] for row in QUERIES], ids=[row[0] for row in QUERIES])
def test_queries(query: bytes, shown: str) -> None:
    assert Describe([], ["token"]).query(query) == shown


HOSTS = [
    # what is sent                     field                 address      port
    ("a name", b"a.example", "a.example", 80),
    ("a name and a port", b"a.example:8080", "a.example", 8080),
    ("an address of version 6", b"[::1]", "::1", 80),
    ("an address of version 6 and a port", b"[::1]:81", "::1", 81),
    ("a port that is none", b"a.example:x", None, None),
    ("a port that is too large", b"a.example:65536", None, None),
    ("a user", b"user@a.example", None, None),
    ("nothing", b"", None, None),
]


@pytest.mark.parametrize(
    ("host", "address", "port"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS]
)
def test_hosts(host: bytes, address: str | None, port: int | None) -> None:
    found = Describe(["GET"], []).attributes(scope_of(), {b"host": host})

    assert (found.get("server.address"), found.get("server.port")) == (address, port)


def test_the_environment_may_know_other_methods() -> None:
    assert known_methods({"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "GET, BREW"}) == {"GET", "BREW"}
    assert "QUERY" in known_methods({})


@pytest.mark.anyio
async def test_one_layer_on_two_apps_has_one_provider() -> None:
    spans = Spans()
    layer = Tracing(tracer_provider=spans.provider)

    await direct(layer(hello), scope_of())
    await direct(Pipeline(layer)(hello), scope_of())

    assert len(spans.ended) == 2
