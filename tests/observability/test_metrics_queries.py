"""A parser of Prometheus' language reads all queries of dashboard and rules, and finds what there is to ask for."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import promql_parser
import pytest

from asgi_patterns.kernel.record import Outcome
from tests.observability.test_metrics_dashboard import OF_ALL, alerted, instruments, shown

QUERIES = [*shown(), *alerted()]
VALUES = {"outcome": set(get_args(Outcome))}
"""The labels whose values are known."""
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def selectors(query: str) -> list[Any]:
    """Return what a query selects. Raises ``ValueError`` for what is none."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    # Grafana puts a duration in its place.
    promql_parser.walk(promql_parser.parse(query.replace("$__rate_interval", "5m")), visit)
    return found


def samples() -> Iterator[tuple[str, set[str]]]:
    """Yield the name of everything that a page may have, and its labels."""
    for name, instrument in instruments().items():
        labels = {*instrument.labels, *OF_ALL}
        for part in _PARTS.get(instrument.kind, ("",)):
            yield name + part, labels if part == "_bucket" else labels - {"le"}


@pytest.mark.parametrize("query", QUERIES)
def test_it_selects_what_there_is(query: str) -> None:
    known = dict(samples())

    found = selectors(query)

    assert found
    for selector in found:
        assert selector.name in known
        assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name]


@pytest.mark.parametrize("query", QUERIES)
def test_it_asks_for_values_that_there_are(query: str) -> None:
    for selector in selectors(query):
        for matcher in selector.matchers.matchers:
            if matcher.name in VALUES:
                assert set(re.split(r"\|", matcher.value)) <= VALUES[matcher.name], matcher.value


@pytest.mark.parametrize("query", ["sum by (job (x)", "rate(x)", "rate(x[5m]", ""])
def test_what_is_no_query_is_seen(query: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        selectors(query)
