"""Who may read ``/metrics``, and in which form."""

import gzip
from typing import Any

import pytest
from anyio import to_thread
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from asgi_patterns import Metrics, Pipeline
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import Client, hello
from tests.observability.measured import BEARER, DURATION, OPEN, TOKEN, Measured, open_families, samples

pytestmark = pytest.mark.anyio

NEAR, FAR = {"client": ("10.1.2.3", 5)}, {"client": ("203.0.113.9", 5)}
LOCAL = {"client": ("127.0.0.1", 5)}
THROUGH = {"x-forwarded-for": "203.0.113.9"}
INSIDE = {"networks": ["10.0.0.0/8"]}

ACCESS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, str], int]] = [
    # what happens                          settings             from   fields  status
    ("nothing is set", {}, NEAR, BEARER, 404),
    ("nothing is set, this machine", {}, LOCAL, {}, 404),
    ("the right token", {"token": TOKEN}, FAR, BEARER, 200),
    ("no token", {"token": TOKEN}, NEAR, {}, 401),
    ("a wrong token", {"token": TOKEN}, NEAR, {"authorization": "Bearer no"}, 401),
    ("a token in another scheme", {"token": TOKEN}, NEAR, {"authorization": f"Basic {TOKEN}"}, 401),
    ("the right network", INSIDE, NEAR, {}, 200),
    ("another network", INSIDE, FAR, {}, 404),
    ("another network, this machine", INSIDE, LOCAL, {}, 404),
    ("the right network, a proxy that nobody trusts", INSIDE, NEAR, THROUGH, 404),
    ("the right network and token", {"token": TOKEN, **INSIDE}, NEAR, BEARER, 200),
    ("the right network, no token", {"token": TOKEN, **INSIDE}, NEAR, {}, 401),
    ("the right token, another network", {"token": TOKEN, **INSIDE}, FAR, BEARER, 404),
]


@pytest.mark.parametrize(
    ("given", "place", "fields", "status"), [row[1:] for row in ACCESS], ids=[row[0] for row in ACCESS]
)
async def test_who_may_read(
    given: dict[str, Any], place: dict[str, Any], fields: dict[str, str], status: int
) -> None:
    measured = Measured(hello, **{"token": None, **given})

    answer = await measured.client.get("/metrics", headers=fields, scope=place)

    assert answer.status == status
    assert (DURATION in answer.text) == (status == 200)


async def test_a_trusted_proxy_says_who_asks() -> None:
    layers = Pipeline(Metrics(networks=["10.0.0.0/8"]), trusted_proxies=["10.0.0.1"])
    client = Client(layers(hello))
    proxy: dict[str, Any] = {"client": ("10.0.0.1", 5)}

    near = await client.get("/metrics", scope=proxy, headers={"x-forwarded-for": "10.7.7.7"})
    far = await client.get("/metrics", scope=proxy, headers={"x-forwarded-for": "203.0.113.9"})

    assert (near.status, far.status) == (200, 404)


async def test_who_lacks_the_token_is_told_so() -> None:
    answer = await Measured(hello).client.get("/metrics")

    assert answer.header("www-authenticate") == 'Bearer realm="metrics"'


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_it_is_only_read(method: str) -> None:
    client = Measured(hello).client

    allowed = await client.request(method, "/metrics", headers=BEARER)
    stranger = await client.request(method, "/metrics")

    assert (allowed.status, allowed.header("allow")) == (405, "GET, HEAD")
    assert stranger.status == 401


async def test_a_head_has_the_fields_of_a_get_and_no_content() -> None:
    client = Measured(hello).client

    whole, head = await client.get("/metrics", headers=BEARER), await client.head("/metrics", headers=BEARER)

    assert head.text == ""
    assert head.header("content-length") == whole.header("content-length") == str(len(whole.body))
    assert head.header("content-type") == whole.header("content-type")


FORMS = {
    "no wish": ({}, "text/plain; version=0.0.4; charset=utf-8"),
    "OpenMetrics": (
        {"accept": "application/openmetrics-text; version=1.0.0"},
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ),
    "what Prometheus asks": (
        {
            "accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        },
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ),
}


@pytest.mark.parametrize(("fields", "media_type"), FORMS.values(), ids=FORMS)
async def test_the_form_is_what_the_reader_asks_for(fields: dict[str, str], media_type: str) -> None:
    measured = Measured(hello)
    await measured.client.get("/")

    answer = await measured.client.get("/metrics", headers={**BEARER, **fields})

    assert (answer.header("content-type") or "").startswith(media_type)
    assert answer.header("cache-control") == "no-store"
    found = samples(answer.text, is_open="openmetrics" in media_type)
    assert found[f"{DURATION}_count"] == {("GET", "ok", "none", "200"): 1}


async def test_it_is_compressed_for_who_takes_that() -> None:
    answer = await Measured(hello).client.get("/metrics", headers={**BEARER, "accept-encoding": "gzip"})

    assert answer.header("content-encoding") == "gzip"
    assert DURATION in gzip.decompress(answer.body).decode()


async def test_it_answers_although_all_threads_of_the_app_are_busy() -> None:
    measured = Measured(hello)
    busy = to_thread.current_default_thread_limiter()
    for _ in range(int(busy.total_tokens)):
        busy.acquire_on_behalf_of_nowait(object())

    answer = await measured.page()

    assert answer.status == 200


async def test_it_is_not_measured_itself() -> None:
    measured = Measured(hello)

    await measured.page()

    assert await measured.counted() == {}


@pytest.mark.parametrize("url", ["/stats", "/api/stats"])
async def test_the_path_is_a_setting_and_counts_below_a_root_path_too(url: str) -> None:
    layers = Metrics(path="/stats/", token=TOKEN)
    client = Client(layers(hello), root_path="/api" if url.startswith("/api") else "")

    answer = await client.get("/stats", headers=BEARER)
    elsewhere = await client.get("/metrics", headers=BEARER)

    assert DURATION in answer.text
    assert elsewhere.text == "hello"


@pytest.mark.parametrize(("is_sampled", "on"), [(True, True), (False, True), (True, False)])
async def test_a_duration_names_the_trace_if_that_is_sampled(*, is_sampled: bool, on: bool) -> None:
    provider = TracerProvider(sampler=ALWAYS_ON if is_sampled else ALWAYS_OFF)
    tracer = provider.get_tracer("test")
    traces: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with tracer.start_as_current_span("request") as span:
            traces.append(f"{span.get_span_context().trace_id:032x}")
            await hello(scope, receive, send)

    measured = Measured(app, exemplars=on)
    await measured.client.get("/")

    text = (await measured.client.get("/metrics", headers=OPEN)).text

    named = [
        sample.exemplar.labels["trace_id"]
        for family in open_families(text)
        for sample in family.samples
        if sample.exemplar is not None
    ]
    assert named == (traces if is_sampled and on else [])


def test_the_token_is_shown_nowhere() -> None:
    assert TOKEN not in repr(Metrics(token=TOKEN))


FORECASTS = {
    "a request": ("/", {}, "measures it"),
    "a reader without a token": ("/metrics", {}, "answers 401"),
    "a reader": ("/metrics", BEARER, "answers with the metrics"),
}


@pytest.mark.parametrize(("path", "fields", "said"), FORECASTS.values(), ids=FORECASTS)
def test_it_says_what_it_would_do(path: str, fields: dict[str, str], said: str) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "client": ("10.1.2.3", 5),
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
    }

    forecast = Metrics(token=TOKEN).explain(scope)

    assert forecast.says[0].startswith(said)
    assert forecast.ends == (path == "/metrics")


OUTLINES = {
    "nobody": ({}, "shows /metrics to nobody"),
    "a token": ({"token": TOKEN}, "shows /metrics to who has the token"),
    "networks": (INSIDE, "shows /metrics to everybody from 10.0.0.0/8"),
    "both": ({"token": TOKEN, **INSIDE}, "shows /metrics to who has the token from 10.0.0.0/8"),
}


@pytest.mark.parametrize(("given", "said"), OUTLINES.values(), ids=OUTLINES)
def test_it_says_who_may_read(given: dict[str, Any], said: str) -> None:
    assert Metrics(**given).outline == [said]
