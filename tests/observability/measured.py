"""An app behind ``Metrics``, and what Prometheus would read of it: its own parser does."""

from typing import Any, final

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families

from asgi_patterns import Metrics, Pipeline
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Answer, Client

TOKEN = "let-me-read"
BEARER = {"authorization": f"Bearer {TOKEN}"}
OPEN = {**BEARER, "accept": "application/openmetrics-text; version=1.0.0"}

DURATION = "http_server_request_duration_seconds"
ACTIVE = "http_server_active_requests"

# Any: it has no types.
open_families: Any = parser.text_string_to_metric_families

Samples = dict[str, dict[tuple[str, ...], float]]
"""Values by the name of the sample and the values of its labels, in the order of their names."""


def samples(text: str, *, is_open: bool = False) -> Samples:
    """Return what a parser of Prometheus finds in a page."""
    found: Samples = {}
    parse = open_families if is_open else text_string_to_metric_families
    for family in parse(text):
        for sample in family.samples:
            key = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[key] = sample.value
    return found


@final
class Measured:
    """``app`` behind ``Metrics`` and further layers, with a registry of its own."""

    def __init__(self, app: ASGIApp, *further: Layer, lint: bool = True, **given: Any) -> None:
        self.registry = given.setdefault("registry", CollectorRegistry())
        given.setdefault("token", TOKEN)
        self.layer = Metrics(**given)
        self.client = Client(Pipeline(self.layer, *further)(app), lint=lint)

    async def page(self) -> Answer:
        """Return the page as Prometheus gets it."""
        return await self.client.get("/metrics", headers=BEARER)

    async def samples(self) -> Samples:
        """Return what is on the page."""
        return samples((await self.page()).text)

    async def counted(self) -> dict[tuple[str, ...], float]:
        """Return how many answers there were, by method, outcome, route and status."""
        return (await self.samples()).get(f"{DURATION}_count", {})
