"""What ``explanation`` says about a request, and that the pipeline then does what it said."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import pytest

from asgi_patterns import (
    CachePolicy,
    CacheRule,
    Cors,
    Health,
    Pipeline,
    Problems,
    Quota,
    RateLimit,
    RequestId,
    SecurityHeaders,
)
from asgi_patterns.cli import main
from asgi_patterns.errors import ProblemType
from asgi_patterns.explain import explanation
from asgi_patterns.health import Check
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.question import Request, add_arguments, asked
from asgi_patterns.settings import load
from asgi_patterns.testing import Client, hello

ORIGIN = "Origin: https://shop.example"
ASKED_FOR_PUT = ("--header", ORIGIN, "--header", "Access-Control-Request-Method: PUT")
SHOP = Cors(allow_origins=["https://shop.example"], allow_methods=["GET", "PATCH"])


def ok() -> None:
    """A check that is up."""


def request(*arguments: str) -> Request:
    """The request that these words of a command line describe."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return asked(parser.parse_args(arguments))


def rows(pipeline: Pipeline, *arguments: str) -> dict[str, str]:
    """What is said about each layer, about the client and so on, by the name in the first column."""
    found: dict[str, str] = {}
    name = ""
    for line in explanation(pipeline, "shop:app", request(*arguments)):
        match = re.fullmatch(r"  (\S.*?)(?:  +(\S.*))?", line)
        if match and match[2]:
            name, found[match[1]] = match[1], match[2]
        elif line.startswith("   "):
            found[name] += f" {line.strip()}"
    return found


SEARCH = Quota(
    name="search", limit=30, window="1m", algorithm="sliding_window", match="GET /search/**", cost=3
)
PEOPLE = Quota(name="people", limit=9, window="1h", key="user", mode="observe")

CACHED = CachePolicy(
    rules=[
        CacheRule(match="/**/*.css", public=True, max_age="1d"),
        CacheRule(
            match="/news/**",
            statuses=[200, "4xx"],
            public=True,
            max_age=60,
            expires=True,
            surrogate_key=["news"],
        ),
        CacheRule(match="POST /search", max_age=9, despite_cookies=True),
    ]
)

SAID = {
    "a rule for caches": (
        CACHED,
        ["GET", "/news/x.css"],
        (
            "gives a 2xx as text/css Cache-Control: public, max-age=86400 "
            "(Cache-Control: private, max-age=86400 where it sets a cookie), as rules[0] has '/**/*.css' "
            "gives a 200 or 4xx Cache-Control: public, max-age=60; Surrogate-Key: news; Expires: in 60s "
            "(Cache-Control: private, max-age=60; Expires: in 60s where it sets a cookie), "
            "as rules[1] has '/news/**' "
            "gives any other nothing (Cache-Control: private where it sets a cookie) "
            "gives any other 5xx Cache-Control: no-store"
        ),
    ),
    "a rule for caches, of a request with credentials": (
        CACHED,
        ["HEAD", "/x.css", "--header", "Authorization: Bearer x"],
        (
            "gives a 2xx as text/css Cache-Control: private, max-age=86400, for the request has credentials, "
            "as rules[0] has '/**/*.css' "
            "gives any other Cache-Control: private, for the request has credentials "
            "gives any other 5xx Cache-Control: no-store"
        ),
    ),
    "a rule for caches, of a write": (
        CACHED,
        ["POST", "/search"],
        (
            "gives a 2xx Cache-Control: max-age=9, as rules[2] has 'POST /search' "
            "gives any other Cache-Control: no-store, as POST is a write"
        ),
    ),
    "no rule for caches": (
        CACHED,
        ["OPTIONS", "/news"],
        "gives any other nothing gives any other 5xx Cache-Control: no-store",
    ),
    "a path that leads elsewhere, of a method without rules": (
        CACHED,
        ["DELETE", "/news/../x.css"],
        "gives any other Cache-Control: no-store, as DELETE is a write",
    ),
    "a path that leads elsewhere": (
        CACHED,
        ["GET", "/news/../x.css"],
        "gives any answer Cache-Control: no-store: nobody knows who resolves the '..' in its path",
    ),
    "a limit": (
        RateLimit(quotas=["10/second burst 20", SEARCH], default=["1/hour"]),
        ["GET", "/search/lamps"],
        (
            "counts 10-per-second: 10 per second for 127.0.0.1, 20 of them at once "
            "counts search: 30 per minute for 127.0.0.1, sliding window, this request as 3"
        ),
    ),
    "a limit that is for others": (
        RateLimit(quotas=[SEARCH], default=["1/hour"]),
        ["GET", "/find"],
        "counts 1-per-hour: 1 per hour for 127.0.0.1",
    ),
    "a limit for nobody who asks": (
        RateLimit(quotas=[SEARCH]),
        ["GET", "/find"],
        "counts nothing: no quota is for this request",
    ),
    "a limit for users, which is watched": (
        RateLimit(quotas=[PEOPLE], identify="scope"),
        ["GET", "/find"],
        "counts, but does not enforce, people: 9 per hour for the caller, if one is known",
    ),
    "a limit by a key, which is not shown": (
        RateLimit(quotas=["1/hour"], key="header:X-API-Key"),
        ["GET", "/find", "--header", "X-API-Key: s3cr3t"],
        "counts 1-per-hour: 1 per hour for header:#cf2fad038d61c71badc6340a, whose key is only claimed",
    ),
    "a limit, of a preflight": (
        RateLimit(quotas=["1/hour"]),
        ["OPTIONS", "/search", *ASKED_FOR_PUT],
        "counts nothing: a preflight costs nothing",
    ),
    "who is allowed": (
        RateLimit(quotas=["1/hour"], allow=["127.0.0.0/8"]),
        ["GET", "/search"],
        "counts nothing: the client is on the list of those to allow",
    ),
    "who is blocked": (
        RateLimit(quotas=["1/hour"], block=["127.0.0.0/8"]),
        ["GET", "/search"],
        "answers 403: the client is on the list of those to block",
    ),
    "a path that is not of health": (
        Health(),
        ["GET", "/search"],
        "passes it on: this is none of its paths",
    ),
    "liveness": (
        Health(checks=[Check(check=ok)]),
        ["GET", "/health/live"],
        (
            "answers whether the process is to be restarted asks no check "
            "shows no details: for these the request has no right"
        ),
    ),
    "readiness, with a check": (
        Health(checks=[Check(check=ok)]),
        ["HEAD", "/readyz/"],
        (
            "answers whether the app is to get requests asks ok "
            "shows no details: for these the request has no right"
        ),
    ),
    "health with the right token": (
        Health(details_token="hush-hush"),
        ["GET", "/health", "--header", "Authorization: Bearer hush-hush"],
        "answers how the app is, all in all asks no check shows why a check fails",
    ),
    "health with the right token from the wrong network": (
        Health(details_token="hush-hush", details_networks=["10.0.0.0/8"]),
        ["GET", "/health", "--header", "Authorization: Bearer hush-hush"],
        (
            "answers how the app is, all in all asks no check "
            "shows no details: for these the request has no right"
        ),
    ),
    "health asked with another method": (
        Health(),
        ["POST", "/health"],
        "answers 405: health is asked with GET and HEAD, not with POST",
    ),
    "a good id": (
        RequestId(),
        ["GET", "/", "--header", "X-Request-ID: abcdefgh"],
        "keeps the id 'abcdefgh', which X-Request-ID carries",
    ),
    "no id": (RequestId(), ["GET", "/"], "makes a new id: there is no X-Request-ID"),
    "two ids": (
        RequestId(),
        ["GET", "/", "--header", "X-Request-ID: abcdefgh", "--header", "X-Request-ID: abcdefgi"],
        "makes a new id: X-Request-ID is there 2 times",
    ),
    "an id that is too short": (
        RequestId(header="X-Id"),
        ["GET", "/", "--header", "X-Id: abc"],
        "makes a new id: X-Id has none of 8 to 128 harmless characters",
    ),
    "an id from somebody who is no proxy": (
        RequestId(accept="proxies"),
        ["GET", "/", "--header", "X-Request-ID: abcdefgh"],
        "makes a new id: X-Request-ID counts only where it comes through a trusted proxy",
    ),
    "errors for a program": (
        Problems(),
        ["GET", "/"],
        "makes a problem of what the app raises, and of short errors in text/plain and text/html",
    ),
    "errors for a browser": (
        Problems(),
        ["GET", "/", "--header", "Accept: text/html,*/*;q=0.8"],
        (
            "makes a problem of what the app raises "
            "leaves those in text/plain and text/html: the client would rather read them"
        ),
    ),
    "errors for who likes plain text": (
        Problems(upgrade="all"),
        ["GET", "/", "--header", "Accept: text/plain, application/json;q=0.5"],
        (
            "makes a problem of what the app raises, and of short errors in text/html and application/json "
            "leaves those in text/plain: the client would rather read them"
        ),
    ),
    "errors that stay": (
        Problems(upgrade="off"),
        ["GET", "/"],
        "makes a problem of what the app raises leaves answered errors as they are: upgrade is off",
    ),
    "a page that may read": (
        Cors(allow_origins=["https://shop.example"], expose_usual=False),
        ["GET", "/", "--header", ORIGIN],
        (
            "lets pages of 'https://shop.example' read the answer "
            "Access-Control-Allow-Origin: https://shop.example"
        ),
    ),
    "a page when all may read": (
        Cors(allow_origins=["*"], expose_usual=False),
        ["GET", "/"],
        "lets a page of any origin read the answer Access-Control-Allow-Origin: *",
    ),
    "a page that may not": (
        SHOP,
        ["GET", "/", "--header", "Origin: https://other.example"],
        "lends nothing to 'https://other.example': neither allow_origins nor allow_origin_patterns has it",
    ),
    "no page": (SHOP, ["GET", "/"], "lends nothing: there is no Origin"),
    "fields over HTTPS": (
        SecurityHeaders(nosniff=False, frame="off", referrer_policy="off"),
        ["GET", "https://shop.example/"],
        "adds what the app does not set itself Strict-Transport-Security: max-age=31536000",
    ),
    "fields over HTTP": (
        SecurityHeaders(nosniff=False, referrer_policy="off"),
        ["GET", "/"],
        "adds what the app does not set itself X-Frame-Options: DENY no Strict-Transport-Security: this is http",
    ),
    "no HSTS at all": (
        SecurityHeaders(nosniff=False, referrer_policy="off", hsts="off"),
        ["GET", "/"],
        "adds what the app does not set itself X-Frame-Options: DENY",
    ),
}


@pytest.mark.parametrize(("layer", "arguments", "said"), SAID.values(), ids=SAID)
def test_a_layer_says_what_it_would_do(layer: Layer, arguments: list[str], said: str) -> None:
    found = rows(Pipeline(layer), *arguments)

    assert found[layer.section()] == said


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        pytest.param(
            [], "will keep the request back: allow_methods does not have 'PUT'", id="another method"
        ),
        pytest.param(
            ["--header", "Access-Control-Request-Headers: accept,x-total"],
            "will keep the request back: allow_headers does not have 'x-total'",
            id="another field",
        ),
    ],
)
def test_a_preflight_that_is_answered_may_still_lead_nowhere(headers: Sequence[str], said: str) -> None:
    found = rows(Pipeline(SHOP), "OPTIONS", "/", *ASKED_FOR_PUT, *headers)

    assert found["cors"].startswith("answers the preflight 204 Access-Control-Allow-Origin:")
    assert said in found["cors"]


@pytest.mark.parametrize(
    ("allowed", "asked_for"),
    [
        pytest.param(
            Cors(allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]), "PUT", id="all of it"
        ),
        pytest.param(Cors(allow_origins=["*"], allow_methods=["put"], allow_headers=["X-T"]), "PUT", id="it"),
        pytest.param(
            Cors(allow_origins=["*"], allow_methods=["GET"], allow_headers=["x-t"]), "GET", id="GET"
        ),
    ],
)
def test_a_preflight_that_leads_somewhere_names_no_obstacle(allowed: Cors, asked_for: str) -> None:
    wanted = (f"Access-Control-Request-Method: {asked_for}", "Access-Control-Request-Headers: x-t")

    found = rows(Pipeline(allowed), "OPTIONS", "/", "--header", ORIGIN, *(f"--header={w}" for w in wanted))

    assert "keep the request back" not in found["cors"]


CHOSEN = {
    "no pattern at all": ([], [], "makes a new id: there is no X-Request-ID"),
    "included": (["/a/**", "/search"], [], "acts, as include has '/search' makes a new id"),
    "not included": (["/a/**", "/b"], [], "leaves it alone: none of include fits ('/a/**', '/b')"),
    "excluded": ([], ["POST /**", "GET /s*"], "leaves it alone: exclude has 'GET /s*'"),
    "not excluded": ([], ["POST /**"], "acts, as none of exclude fits ('POST /**') makes a new id"),
    "included and excluded": (["/**"], ["/search"], "leaves it alone: exclude has '/search'"),
}


@pytest.mark.parametrize(("include", "exclude", "said"), CHOSEN.values(), ids=CHOSEN)
def test_the_pattern_that_decides_is_named(include: list[str], exclude: list[str], said: str) -> None:
    found = rows(Pipeline(RequestId(include=include, exclude=exclude)), "GET", "/search?q=tea")

    assert found["request_id"].startswith(said)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("/problems/sold-out", "answers with what it documents of problem types", id="a type"),
        pytest.param("/search", "leaves it alone: none of include fits ('/api/**')", id="anything else"),
    ],
)
def test_problem_types_are_documented_wherever_problems_are_made(path: str, said: str) -> None:
    layer = Problems(base="/problems/", types=[ProblemType("sold-out", "Sold out", 409)], include=["/api/**"])

    found = rows(Pipeline(layer), "GET", path)

    assert found["problems"] == said


CLIENTS: dict[str, tuple[Mapping[str, list[str]], list[str], str]] = {
    "nobody in between": ({}, [], "127.0.0.1"),
    "another one": ({}, ["--client", "2001:db8::1"], "2001:db8::1"),
    "a Unix socket": ({}, ["--client", "unix"], "unix"),
    "a proxy that is trusted": (
        {"trusted_proxies": ["10.0.0.0/8"]},
        ["--client", "10.0.0.1", "--header", "X-Forwarded-For: 203.0.113.7"],
        "203.0.113.7, says 10.0.0.1, a trusted proxy",
    ),
    "somebody who only says so": (
        {"trusted_proxies": ["10.0.0.0/8"]},
        ["--header", "X-Forwarded-For: 203.0.113.7", "--header", "X-Forwarded-Host: shop.example"],
        "127.0.0.1; X-Forwarded-For, X-Forwarded-Host not believed: 127.0.0.1 is none of trusted_proxies",
    ),
    "a proxy that says it in another field": (
        {"trusted_proxies": ["10.0.0.0/8"]},
        ["--client", "10.0.0.1", "--header", "Forwarded: for=203.0.113.7"],
        (
            "10.0.0.1; Forwarded not believed: of a proxy's fields X-Forwarded-For, X-Forwarded-Proto are read, "
            "and do not name a client"
        ),
    ),
}


@pytest.mark.parametrize(("options", "arguments", "said"), CLIENTS.values(), ids=CLIENTS)
def test_the_client_is_who_the_pipeline_believes(
    options: Mapping[str, list[str]], arguments: list[str], said: str
) -> None:
    pipeline = Pipeline(RequestId(), trusted_proxies=options.get("trusted_proxies", ()))

    found = rows(pipeline, "GET", "/", *arguments)

    assert found["client"] == said


def test_what_a_proxy_says_of_scheme_and_prefix_counts_for_the_layers() -> None:
    pipeline = Pipeline(
        SecurityHeaders(include=["/search"]),
        trusted_proxies=["unix"],
        proxy_fields=["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Prefix"],
    )
    said = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /api")
    arguments = ["GET", "/search", "--client=unix", *(f"--header={field}" for field in said)]

    first, *_ = explanation(pipeline, None, request(*arguments))
    found = rows(pipeline, *arguments)

    assert first == "GET /search"
    assert (found["scheme"], found["below"]) == ("https", "/api")
    assert "Strict-Transport-Security: max-age" in found["security_headers"]


def test_a_second_request_id_repeats_the_first() -> None:
    pipeline = Pipeline(RequestId(name="outer"), RequestId(name="inner", header="X-Inner"))

    found = rows(pipeline, "GET", "/")

    assert found["inner (request_id)"] == "says the same id again, as X-Inner"


def test_a_layer_that_is_off_says_what_switched_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asgi-patterns.toml").write_text("problems = false")

    found = rows(load().pipeline(), "GET", "/")

    assert found["problems"] == "asgi-patterns.toml"


def test_a_layer_that_is_off_in_code_is_not_asked() -> None:
    lines = [
        *explanation(Pipeline(Health(enabled=False), RequestId()), "shop:app", request("GET", "/health"))
    ]

    assert lines[-6:] == [
        "  request_id  makes a new id: there is no X-Request-ID",
        "  shop:app    gets the request",
        "",
        "Switched off",
        "  health  code",
        "",
    ]


def test_a_layer_without_words_acts_on_every_request() -> None:
    found = rows(Pipeline(Silent()), "GET", "/")

    assert found["silent"] == "acts on every request"


class Silent(Layer):
    """A layer of somebody's own."""

    place = Place.BATCH

    def wire(self, app: ASGIApp) -> ASGIApp:
        return app


def test_a_path_cannot_draw_on_the_terminal() -> None:
    first, *_ = explanation(Pipeline(), None, request("GET", "/a%1b%5b31mb%0a"))

    assert first == r"GET /a\x1b[31mb\n"


EVERYTHING = (
    Health(include=["/health", "/ready*/**"], exclude=["POST /**"]),
    RequestId(exclude=["/static/**"]),
    SHOP,
    SecurityHeaders(),
    Problems(),
)
REQUESTS = [
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("POST", "/health"),
    ("PUT", "/health"),
    ("GET", "/readyz"),
    ("GET", "/static/a.css"),
    ("OPTIONS", "/"),
    ("OPTIONS", "/", *ASKED_FOR_PUT),
    ("OPTIONS", "/", "--header", "Access-Control-Request-Method: PUT"),
    ("OPTIONS", "/", "--header", "Origin: null", "--header", "Access-Control-Request-Method: PUT"),
    ("GET", "/", *ASKED_FOR_PUT),
]


@pytest.mark.parametrize("arguments", REQUESTS, ids=" ".join)
def test_a_real_request_goes_as_far_as_was_said(arguments: tuple[str, ...]) -> None:
    pipeline, reached = Pipeline(*EVERYTHING), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await hello(scope, receive, send)

    async def ask() -> None:
        described = request(*arguments)
        await Client(pipeline(app)).request(described.method, described.url, headers=described.headers)

    said = rows(pipeline, *arguments)
    anyio.run(ask)

    assert said["shop:app"].startswith("gets the request" if reached else "does not see it: ")


MISTAKES = {
    "a method with a space": ["GE T", "/"],
    "a path without a slash": ["GET", "search"],
    "an empty path": ["GET", ""],
    "a URL of another scheme": ["GET", "ftp://shop.example/"],
    "a fragment": ["GET", "/a#b"],
    "a field without a colon": ["GET", "/", "--header", "Accept"],
    "a field without a name": ["GET", "/", "--header", ": x"],
    "a field with a line break": ["GET", "/", "--header", "Accept: a\nb"],
    "a name in place of an address": ["GET", "/", "--client", "localhost"],
}


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES)
def test_a_request_that_is_none_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        request(*arguments)

    assert refused.value.code == 2
    assert "error: argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "meant"),
    [("get", "GET"), ("Propfind", "Propfind"), ("QUERY", "QUERY")],
    ids=["one in lower case", "one that we do not know stays", "as it is"],
)
def test_a_method_is_the_one_that_is_meant(written: str, meant: str) -> None:
    assert request(written, "/").method == meant


def test_the_command_explains_the_app_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asgi-patterns.toml").write_text('[request_id]\nexclude = ["/search"]')
    # The example reads the settings when it is imported, which another test may have had it do elsewhere.
    monkeypatch.delitem(sys.modules, "examples.bare_app", raising=False)

    code = main(["explain", "get", "/search", "examples.bare_app:app", "--header", "Accept: text/html"])

    said = capsys.readouterr().out
    assert code == 0
    assert said.startswith("GET /search\n  client  127.0.0.1\n")
    assert "request_id             leaves it alone: exclude has '/search'\n" in said
    assert said.endswith("examples.bare_app:app  gets the request\n")
