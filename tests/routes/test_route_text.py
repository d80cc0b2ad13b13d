"""The texts of Quart's and Django's routes, brought into one form."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_patterns.kernel.route_text import from_django, from_werkzeug

RULES = [
    ("no parameter", "/orders", "/orders"),
    ("a parameter", "/orders/<order_id>", "/orders/{order_id}"),
    ("a converter", "/orders/<int:order_id>/", "/orders/{order_id}/"),
    ("arguments", "/<string(length=2, minlength=1):lang>/x", "/{lang}/x"),
    ("arguments with brackets", "/<regex('(a|b)<c>'):x>/<y>", "/{x}/{y}"),
    ("several in one segment", "/<a>-<int:b>.html", "/{a}-{b}.html"),
    ("what is no parameter", "/a<b/c>d", "/a<b/c>d"),
]


@pytest.mark.parametrize(("rule", "template"), [pytest.param(*row[1:], id=row[0]) for row in RULES])
def test_a_rule_of_werkzeug(rule: str, template: str) -> None:
    assert from_werkzeug(rule) == template


PATHS = [
    ("nothing", "", "/"),
    ("no parameter", "orders/", "/orders/"),
    ("a parameter", "orders/<pk>/", "/orders/{pk}/"),
    ("a converter", "orders/<int:pk>/", "/orders/{pk}/"),
    ("several in one segment", "<slug:a>-<b>.html", "/{a}-{b}.html"),
    ("a plus that is meant", "c++/<int:pk>", "/c++/{pk}"),
    ("a dot that is meant", "v1.0/x", "/v1.0/x"),
]

EXPRESSIONS = [
    ("anchors", r"^orders/$", "/orders/"),
    ("other anchors", r"\Aorders/\Z", "/orders/"),
    ("a group with a name", r"^orders/(?P<pk>[0-9]{1,4})/$", "/orders/{pk}/"),
    ("a group in a group with a name", r"^(?P<lang>(?:en|de)(-[A-Z]+)?)/$", "/{lang}/"),
    ("a bracket in a class in a group", r"^(?P<x>[^)(]+)/y$", "/{x}/y"),
    ("a bracket that opens a class", r"^(?P<x>[]()]+)/y$", "/{x}/y"),
    ("an escaped bracket in a group", r"^(?P<x>\)|\\)/y$", "/{x}/y"),
    ("groups without names", r"^a/([0-9]{4})/(\d\d)/$", "/a/{1}/{2}/"),
    ("a group around a name", r"^(page-(?P<n>\d+)/)?$", "/page-{n}/"),
    ("a group that does not capture", r"^(?:page-(?P<n>\d+)/)?$", "/page-{n}/"),
    ("a choice", r"^(?:json|xml)/x$", "/{1}/x"),
    ("a fixed part in brackets", r"^(?:news/)?x$", "/news/x"),
    ("an optional slash", r"^orders/?$", "/orders/"),
    ("escaped text", r"^a\.b\-c\/d$", "/a.b-c/d"),
    ("a dot without a number", r"^robots.txt$", "/robots.txt"),
    ("anything", r"^app/.*$", "/app/{1}"),
    ("anything but slashes", r"^app/[^/]+/x$", "/app/{1}/x"),
    ("classes", r"^v\d+\.\w{2,3}?/x$", "/v{1}.{2}/x"),
    ("variable parts side by side", r"^[a-z]\d*.+/x$", "/{1}/x"),
    ("a reference by name", r"^(?P<a>x)/(?P=a)$", "/{a}/{a}"),
    ("a reference by number", r"^(x)/\1$", "/{1}/{2}"),
    ("flags", r"(?i)^orders$", "/orders"),
    ("flags of a group", r"^(?i:orders)/x$", "/orders/x"),
    ("a look ahead", r"^(?!admin)x/(?=y)(?P<z>.)$", "/x/{z}"),
    ("a look behind", r"^x(?<=x)(?<!y)/z$", "/x/z"),
    ("path() and re_path() in one", r"shop/<slug:s>/(?P<y>[0-9]{4})/$", "/shop/{s}/{y}/"),
    ("an anchor in the middle", r"api/<int:pk>/^x$", "/api/{pk}/x"),
    ("a bracket that closes nothing", r"^a)b", "/a)b"),
    ("a bracket that is never closed", r"^a/(b", "/a/{1}"),
]


@pytest.mark.parametrize(("route", "template"), [pytest.param(*row[1:], id=row[0]) for row in PATHS])
def test_a_path_of_django(route: str, template: str) -> None:
    assert from_django(route) == template


@pytest.mark.parametrize(("route", "template"), [pytest.param(*row[1:], id=row[0]) for row in EXPRESSIONS])
def test_a_regular_expression_of_django(route: str, template: str) -> None:
    assert from_django(route) == template


names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
literals = st.text("abc-_.~", max_size=6)
pieces = st.lists(st.tuples(literals, names), max_size=4, unique_by=lambda piece: piece[1])


@given(pieces, st.sampled_from(["<{}>", "<int:{}>"]))
def test_a_rule_keeps_its_text_and_its_names(parts: list[tuple[str, str]], form: str) -> None:
    rule = "/" + "/".join(text + form.format(name) for text, name in parts)
    expected = "/" + "/".join(f"{text}{{{name}}}" for text, name in parts)

    assert from_werkzeug(rule) == expected
    assert from_django(rule[1:]) == expected


@given(pieces, st.sampled_from([r"[^/]+", r"\d{2,}", r"(?:a|\))", r"[)(\]]", r".*?"]), st.booleans())
def test_an_expression_keeps_its_text_and_its_names(
    parts: list[tuple[str, str]], inner: str, is_optional: bool
) -> None:
    end = "?" if is_optional else ""
    route = "^" + "/".join(f"{re.escape(text)}(?P<{name}>{inner}){end}" for text, name in parts) + "$"

    assert re.compile(route).groups >= len(parts)
    assert from_django(route) == "/" + "/".join(f"{text}{{{name}}}" for text, name in parts)


@example("(" * 200 + "(?P<a>")
@example("\\")
@example("[")
@example("(?P=")
@given(st.text("ab/<>:()[]{}?P=*+.|^$\\!", max_size=30))
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert from_django(text).startswith("/")
    assert from_django("x" + text + "/end").startswith("/")
    assert isinstance(from_werkzeug(text), str)
