"""What the URL of a store says, and how one that says nothing is refused."""

import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from asgi_patterns.kernel import store
from asgi_patterns.kernel.optional import MissingExtra
from asgi_patterns.kernel.store import IN_MEMORY, MAX_NODES, Node, Store, StoreUrl

SECRET = "pa55word"
LONG_HOST = "h" * 254

READ: list[tuple[str, str, dict[str, object]]] = [
    ("in memory", "memory://", {"kind": "memory", "nodes": ()}),
    ("a host alone", "redis://cache", {"kind": "redis", "nodes": (("cache", 6379),), "db": 0, "tls": False}),
    ("a port and a database", "redis://cache:6380/3", {"nodes": (("cache", 6380),), "db": 3}),
    ("a slash without a database", "redis://cache/", {"db": 0}),
    ("an address", "redis://10.0.0.1", {"nodes": (("10.0.0.1", 6379),)}),
    ("an IPv6 address", "redis://[::1]:6380/1", {"nodes": (("::1", 6380),), "db": 1}),
    (
        "a name with an underscore, as compose files have",
        "redis://my_cache",
        {"nodes": (("my_cache", 6379),)},
    ),
    ("over TLS", "rediss://cache", {"kind": "redis", "tls": True}),
    ("a password alone", "redis://:s3cret@cache", {"username": None, "password": SecretStr("s3cret")}),
    ("a user", "redis://u:p@cache", {"username": SecretStr("u"), "password": SecretStr("p")}),
    ("encoded signs", "redis://u:%40%2F%3A%25@cache", {"password": SecretStr("@/:%")}),
    ("encoded letters", "redis://u:%C3%BC@cache", {"password": SecretStr("\u00fc")}),
    ("a colon in a password", "redis://u:a:b@cache", {"password": SecretStr("a:b")}),
    ("an at in a password", "redis://u:a@b@cache", {"password": SecretStr("a@b")}),
    ("the first port", "redis://cache:1", {"nodes": (("cache", 1),)}),
    ("the last port", "redis://cache:65535", {"nodes": (("cache", 65535),)}),
    ("a cluster", "redis+cluster://a", {"kind": "cluster", "nodes": (("a", 6379),), "tls": False}),
    (
        "several nodes",
        "redis+cluster://u:p@a:7000,b,[::1]:7002",
        {"nodes": (("a", 7000), ("b", 6379), ("::1", 7002)), "password": SecretStr("p")},
    ),
    ("a cluster over TLS", "redis+cluster://a?tls=true", {"tls": True}),
    ("a cluster without TLS", "redis+cluster://a?tls=false", {"tls": False}),
    (
        "sentinels",
        "redis+sentinel://a,b:26380/shop",
        {"kind": "sentinel", "nodes": (("a", 26379), ("b", 26380)), "master": "shop", "db": 0},
    ),
    ("a master's database", "redis+sentinel://a/shop/2", {"master": "shop", "db": 2}),
    (
        "sentinels that want a login",
        "redis+sentinel://u:p@a/shop?tls=true&sentinel_username=w&sentinel_password=%40",
        {"tls": True, "sentinel_username": SecretStr("w"), "sentinel_password": SecretStr("@")},
    ),
    (
        "as many nodes as may be",
        "redis+cluster://" + ",".join(["a"] * MAX_NODES),
        {"nodes": (("a", 6379),) * MAX_NODES},
    ),
]


@pytest.mark.parametrize(("url", "said"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_what_a_url_says(url: str, said: dict[str, object]) -> None:
    found = Store.parse(url)

    assert {name: getattr(found, name) for name in said} == said
    assert found.url.get_secret_value() == url


REFUSED: list[tuple[str, str, str]] = [
    ("nothing", "", store.NO_SCHEME),
    ("no scheme", "cache:6379", store.NO_SCHEME),
    ("an unknown scheme", "memcached://cache", store.NO_SCHEME),
    ("a scheme in capitals", "REDIS://cache", store.NO_SCHEME),
    ("one slash", "redis:/cache", store.NO_SCHEME),
    ("more than memory", "memory://cache", store.NO_MORE),
    ("no host", "redis://", store.NO_HOST),
    ("a database alone", "redis:///0", store.NO_HOST),
    ("a login alone", "redis://u:p@", store.NO_HOST),
    ("a host with a space", "redis://my cache", store.NO_HOST),
    ("a host that begins with a dash", "redis://-cache", store.NO_HOST),
    ("a host that is too long", f"redis://{LONG_HOST}", store.NO_HOST),
    ("an IPv6 address without brackets", "redis://::1", store.NO_HOST),
    ("brackets around a name", "redis://[cache]", store.NO_HOST),
    ("brackets around no address", "redis://[1:2]", store.NO_HOST),
    ("a slash in a password", f"redis://u:{SECRET}/x@cache", store.NO_PORT),
    ("a port that is a word", "redis://cache:port", store.NO_PORT),
    ("no port", "redis://cache:", store.NO_PORT),
    ("port 0", "redis://cache:0", store.NO_PORT),
    ("a port above the last", "redis://cache:65536", store.NO_PORT),
    ("a port in other digits", "redis://cache:\u0661", store.NO_PORT),
    ("two hosts", "redis://a,b", store.ONE_HOST),
    ("an empty node", "redis+cluster://a,", store.NO_HOST),
    ("too many nodes", "redis+cluster://" + ",".join(["a"] * (MAX_NODES + 1)), store.TOO_MANY),
    ("a database that is a word", "redis://cache/main", store.NO_DB),
    ("a database that is negative", "redis://cache/-1", store.NO_DB),
    ("two databases", "redis://cache/1/2", store.NO_DB),
    ("a fragment", "redis://cache/0#1", store.NO_DB),
    ("a database of a cluster", "redis+cluster://a/0", store.CLUSTER_DB),
    ("no master", "redis+sentinel://a", store.NO_MASTER),
    ("no master, but a database", "redis+sentinel://a//1", store.NO_MASTER),
    ("a query", "redis://cache?db=1", store.NO_QUERY),
    ("certificates that nobody verifies", "rediss://cache?ssl_cert_reqs=none", store.NO_QUERY),
    ("an empty query", "redis://cache?", store.NO_QUERY),
    ("an unknown option", "redis+cluster://a?ssl=true", store.NO_OPTION),
    ("an option of sentinels", "redis+cluster://a?sentinel_password=p", store.NO_OPTION),
    ("an option twice", "redis+cluster://a?tls=true&tls=false", store.NO_OPTION),
    ("an option without a value", "redis+cluster://a?tls", store.NO_OPTION),
    ("TLS that may be", "redis+cluster://a?tls=maybe", store.NO_OPTION),
    ("a percent sign", "redis://u:50%@cache", store.NO_CODE),
    ("a hash", "redis://u:a#b@cache", store.NO_CODE),
    ("letters as they are", "redis://u:\u00fc@cache", store.NO_CODE),
    ("what is no UTF-8", "redis://u:%FF@cache", store.NO_CODE),
]


@pytest.mark.parametrize(("url", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused_and_what_would_be_right(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=": ") as caught:
        Store.parse(url)

    assert str(caught.value) == message


MESSAGES = {message for _, _, message in REFUSED}


def refusal(url: str) -> str:
    """What is wrong with a URL; nothing where it can be read."""
    try:
        Store.parse(url)
    except ValueError as exc:
        return str(exc)
    return ""


@given(st.sampled_from(["", "redis://", "redis+cluster://", "redis+sentinel://"]), st.text(max_size=40))
def test_any_text_is_read_or_refused_in_fixed_words(scheme: str, text: str) -> None:
    said = refusal(scheme + text)

    assert said in ("", *MESSAGES)


HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?", fullmatch=True)
NODES = st.builds(Node, HOSTS, st.integers(1, 65535))


@given(st.text(min_size=1, max_size=20), st.lists(NODES, min_size=1, max_size=5), st.booleans())
def test_what_is_written_is_read(password: str, nodes: list[Node], tls: bool) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in password.encode("utf-8", "replace"))
    hosts = ",".join(f"{node.host}:{node.port}" for node in nodes)

    found = Store.parse(f"redis+cluster://:{encoded}@{hosts}?tls={str(tls).lower()}")

    assert found.nodes == tuple(nodes)
    assert found.tls is tls
    assert found.password == SecretStr(password.encode("utf-8", "replace").decode())


SHOWN = [
    ("memory", "memory://", "memory://"),
    ("no login", "redis://cache/1", "redis://cache/1"),
    ("a login", f"redis://u:{SECRET}@cache", "redis://**********@cache"),
    ("an at in a password", f"redis://u:{SECRET}@{SECRET}@cache", "redis://**********@cache"),
    (
        "a login for sentinels",
        f"redis+sentinel://u:{SECRET}@a/shop?sentinel_password={SECRET}",
        "redis+sentinel://**********@a/shop",
    ),
]


@pytest.mark.parametrize(("url", "text"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN])
def test_a_store_shows_where_it_is_and_no_credentials(url: str, text: str) -> None:
    found = Store.parse(url)

    assert str(found) == text
    assert repr(found) == f"Store({text!r})"


SETTING: TypeAdapter[SecretStr | str] = TypeAdapter(StoreUrl)


def test_memory_is_shown_as_it_is() -> None:
    assert SETTING.validate_python("memory://") == "memory://"
    assert Store.parse("memory://") is IN_MEMORY


@pytest.mark.parametrize("given", [f"redis://u:{SECRET}@cache", SecretStr(f"redis://u:{SECRET}@cache")])
def test_a_setting_hides_the_url(given: SecretStr | str) -> None:
    taken = SETTING.validate_python(given)

    assert SECRET not in repr(taken)
    assert Store.parse(taken).password == SecretStr(SECRET)


@pytest.mark.parametrize("given", [f"redis://u:{SECRET}@cache:port", f"rdis://u:{SECRET}@cache"])
def test_an_error_about_a_setting_says_what_is_right_and_hides_the_url(given: str) -> None:
    with pytest.raises(ValidationError, match="write") as caught:
        SETTING.validate_python(given)

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.errors())


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name.partition(".")[0])

    monkeypatch.setattr(importlib, "import_module", missing)

    with pytest.raises(MissingExtra, match=r"\[redis\]"):
        SETTING.validate_python("redis://cache")
