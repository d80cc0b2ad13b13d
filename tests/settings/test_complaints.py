"""What is wrong with settings is said at start-up: where, what, and what would be right."""

from pathlib import Path
from typing import Any

import pytest

from asgi_patterns import RateLimit, RequestId
from asgi_patterns.ratelimit.advice import IDENTIFY, NO_IDENTITY
from asgi_patterns.settings import SettingsError, load

SECRET = "s3cr3t-t0k3n"


def complaints(*arguments: Any, **sections: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(*arguments, **sections)
    return list(caught.value.complaints)


IN_A_FILE = {
    "a misspelt key": (
        '[health]\npth = "/x"',
        "health.pth: there is no such setting; did you mean path?",
    ),
    "a misspelt section": (
        "[helth]",
        "helth: there is no such section or setting; did you mean health?",
    ),
    "a misspelt option": (
        'trusted_proxys = ["10.0.0.0/8"]',
        "trusted_proxys: there is no such section or setting; did you mean trusted_proxies?",
    ),
    "a misspelt key of one of several": (
        '[[request_id]]\nname = "a"\n[[request_id]]\nhaeder = "X-Id"',
        "request_id[1].haeder: there is no such setting; did you mean header?",
    ),
    "a misspelt key of an entry": (
        '[[health.checks]]\nurl = "http://x"\nlimt = 1',
        "health.checks[0].limt: there is no such setting; did you mean limit?",
    ),
    "a key like no other": (
        "[problems]\nzzz = 1",
        (
            "problems.zzz: there is no such setting; "
            "there are enabled, include, exclude, name, upgrade, base, types, limit, reraise, debug"
        ),
    ),
    "no boolean": (
        '[health]\nenabled = "maybe"',
        "health.enabled: is not possible, got 'maybe'; it should be true or false",
    ),
    "no number": (
        '[health]\nbackoff = "soon"',
        "health.backoff: is not possible, got 'soon'; it should be a number",
    ),
    "no string": (
        "[request_id]\nheader = 5",
        "request_id.header: is not possible, got 5; it should be a string",
    ),
    "no list": (
        '[health]\nexclude = "/x"',
        "health.exclude: is not possible, got '/x'; it should be a list",
    ),
    "a table for a string": (
        "[health.path]\na = 1",
        "health.path: is not possible, got a table; it should be a string",
    ),
    "a string for a section": (
        'health = "yes please"',
        "health: is not possible, got a string; it should be a table",
    ),
    "out of bounds": (
        "startup_timeout = 0",
        "startup_timeout: is not possible, got 0; it should be greater than 0",
    ),
    "none of the choices": (
        '[problems]\nupgrade = "txt"',
        "problems.upgrade: is not possible, got 'txt'; it should be 'text', 'all' or 'off' (did you mean 'text'?)",
    ),
    "one value of two kinds": (
        "[health]\naliases = 3",
        "health.aliases: is not possible, got 3; it should be true or false or be a table",
    ),
    "a value in a table with names of its own": (
        '[health]\naliases = {"/up" = "lvie"}',
        (
            "health.aliases.\"/up\": is not possible, got 'lvie'; "
            "it should be 'health', 'live', 'ready' or 'startup' (did you mean 'live'?)"
        ),
    ),
    "refused by a check of the layer": (
        '[health]\npath = "healthz"',
        "health.path: 'healthz' is no path for health; write for example /health, without *, ? and #",
    ),
    "a name that names nothing": (
        'identify = "no_such_package:who"',
        (
            "identify: there is no module 'no_such_package', which 'no_such_package:who' names; "
            "Who a request is for: a callable `scope -> Caller | None`, or `scope` for what stands in "
            '`scope["user"]`'
        ),
    ),
    "a quota by caller, where nothing says who that is": (
        '[rate_limit]\nquotas = ["5/minute", {limit = 5, window = "1h", key = "user"}]',
        f"rate_limit.quotas[1].key: {NO_IDENTITY}; {IDENTIFY}",
    ),
    "a quota by caller in one of several": (
        '[[rate_limit]]\nquotas = ["5/minute"]\n[[rate_limit]]\nname = "b"\nkey = "user"\ndefault = ["5/hour"]',
        f"rate_limit[1].default[0].key: {NO_IDENTITY}; {IDENTIFY}",
    ),
    "a quota for a tier, where nothing says who has one": (
        '[rate_limit]\nquotas = [{limit = 5, window = "1h", tier = "free"}]',
        f"rate_limit.quotas[0].tier: {NO_IDENTITY}; {IDENTIFY}",
    ),
    "a misspelt rate": (
        '[rate_limit]\nquotas = ["5/minute", "5/minuet"]',
        (
            "rate_limit.quotas[1]: '5/minuet' is no rate; "
            "write such as 10/second, 100 per 5 minutes or 10/second burst 20"
        ),
    ),
    "two with one name": (
        "[[request_id]]\n[[request_id]]",
        "request_id: two layers are called 'request_id'; give each a name of its own, name = \"...\"",
    ),
    "one with the name of another": (
        '[request_id]\nname = "health"',
        "request_id: two layers are called 'health'; give each a name of its own, name = \"...\"",
    ),
}


@pytest.mark.parametrize(("text", "expected"), IN_A_FILE.values(), ids=IN_A_FILE)
def test_in_a_file(text: str, expected: str, here: Path) -> None:
    (here / "asgi-patterns.toml").write_text(text)

    found = complaints()

    assert found == [f"asgi-patterns.toml: {expected}"]


FILES: dict[str, tuple[str, bytes, str]] = {
    "a key of the project's file has its whole path": (
        "pyproject.toml",
        b"[tool.asgi_patterns.health]\npath = 5",
        "pyproject.toml: tool.asgi_patterns.health.path: is not possible, got 5; it should be a string",
    ),
    "the project's table has a hyphen": (
        "pyproject.toml",
        b"[tool.asgi-patterns.health]\npath = '/x'",
        "pyproject.toml: tool.asgi-patterns: has no meaning; write [tool.asgi_patterns]",
    ),
    "the project's table is none": (
        "pyproject.toml",
        b"[tool]\nasgi_patterns = 1",
        "pyproject.toml: tool.asgi_patterns: is no table; write [tool.asgi_patterns]",
    ),
    "broken in the middle": (
        "asgi-patterns.toml",
        b"[health]\npath = /x\n",
        "asgi-patterns.toml: line 2, column 8: is no TOML: Invalid value",
    ),
    "broken at the end": (
        "asgi-patterns.toml",
        b"[health]\npath =",
        "asgi-patterns.toml: the end: is no TOML: Invalid value",
    ),
    "no text": (
        "asgi-patterns.toml",
        b"path = '\xff'",
        "asgi-patterns.toml: is no UTF-8 text; save it as UTF-8",
    ),
    "endless": (
        "asgi-patterns.toml",
        b"#" * (1024 * 1024 + 1),
        "asgi-patterns.toml: is larger than 1048576 bytes; settings never are",
    ),
}


@pytest.mark.parametrize(("name", "content", "expected"), FILES.values(), ids=FILES)
def test_a_file_as_a_whole(name: str, content: bytes, expected: str, here: Path) -> None:
    (here / name).write_bytes(content)

    found = complaints()

    assert found == [expected]


def test_a_file_at_the_limit_is_read(here: Path) -> None:
    (here / "asgi-patterns.toml").write_bytes(b"#" * 1024 * 1024)

    assert load().sources[1].note == "empty"


def test_a_file_that_may_not_be_read(here: Path) -> None:
    (here / "asgi-patterns.toml").mkdir()

    assert complaints() == ["asgi-patterns.toml: cannot be read: Is a directory"]


IN_VARIABLES = {
    "an unknown variable": (
        {"HELTH__PATH": "/x"},
        "HELTH__PATH: there is no such variable; did you mean ASGI_PATTERNS_HEALTH__PATH?",
    ),
    "an unknown variable like a reserved one": (
        {"CONFG": "x"},
        "CONFG: there is no such variable; did you mean ASGI_PATTERNS_CONFIG?",
    ),
    "a variable like no other": (
        {"ZZZ": "x"},
        "ZZZ: there is no such variable; see asgi-patterns show",
    ),
    "an unknown key": (
        {"HEALTH__PTH": "/x"},
        "HEALTH__PTH: there is no such setting; did you mean path?",
    ),
    "a wrong value": (
        {"HEALTH__PATH": "healthz"},
        "HEALTH__PATH: 'healthz' is no path for health; write for example /health, without *, ? and #",
    ),
    "a wrong entry": (
        {"HEALTH__EXCLUDE": "/a,b"},
        "HEALTH__EXCLUDE: health.exclude[1]: path pattern 'b' must start with \"/\", or with methods and a space",
    ),
    "a wrong key in JSON": (
        {"HEALTH": '{"pth": "/x"}'},
        "HEALTH: health.pth: there is no such setting; did you mean path?",
    ),
    "broken JSON": (
        {"HEALTH": '{"path": '},
        "HEALTH: is no JSON; Expecting value: line 1 column 10 (char 9)",
    ),
    "a key where there is none": (
        {"HEALTH__PATH__DEEP": "/x"},
        "HEALTH__PATH__DEEP: health.path: is not possible, got a table; it should be a string",
    ),
    "a variable that another one hides": (
        {"REQUEST_ID": "[{}]", "REQUEST_ID__HEADER": "X-Id"},
        "REQUEST_ID__HEADER: is lost, because a shorter variable sets the whole; keep one of the two",
    ),
    "a quota by caller, where nothing says who that is": (
        {"RATE_LIMIT__QUOTAS": "5/hour", "RATE_LIMIT__KEY": "user"},
        f"RATE_LIMIT__QUOTAS: rate_limit.quotas[0].key: {NO_IDENTITY}; {IDENTIFY}",
    ),
    "a file that is not there": (
        {"CONFIG": "no.toml"},
        "CONFIG: there is no such file, got 'no.toml'; name a TOML file that exists",
    ),
    "a directory of secrets that is not there": (
        {"SECRETS_DIR": "nowhere"},
        "SECRETS_DIR: No such file or directory, got 'nowhere'; name a directory that can be read",
    ),
}


@pytest.mark.parametrize(("variables", "expected"), IN_VARIABLES.values(), ids=IN_VARIABLES)
def test_in_variables(variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(f"ASGI_PATTERNS_{name}", text)

    found = complaints()

    assert found == [f"ASGI_PATTERNS_{expected}"]


IN_CODE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a misspelt keyword": (
        None,
        {"helth": True},
        "load(): helth: there is no such section or setting; did you mean health?",
    ),
    "a misspelt field": (
        None,
        {"health": {"pth": "/x"}},
        "load(): health.pth: there is no such setting; did you mean path?",
    ),
    "another layer": (
        None,
        {"health": RequestId()},
        "load(): health: is not possible, got asgi_patterns.request_id.layer:RequestId; it should be a table",
    ),
    "another layer among several": (
        None,
        {"request_id": [RequestId(), 7]},
        "load(): request_id[1]: is not possible, got 7; it should be a table",
    ),
    "nothing": (
        None,
        {"health": None},
        "load(): health: is not possible, got None; it should be a table",
    ),
    "in the mapping": (
        {"health": {"path": 5}},
        {},
        "load() config: health.path: is not possible, got 5; it should be a string",
    ),
    "the file that is named": (
        "shop.toml",
        {},
        "load(): there is no such file, got 'shop.toml'; name a TOML file that exists",
    ),
    "a layer that counts by caller, where nothing says who that is": (
        None,
        {"rate_limit": RateLimit(quotas=["5/minute"], key="user")},
        f"load(): rate_limit.quotas[0].key: {NO_IDENTITY}; {IDENTIFY}",
    ),
    "single keys of several": (
        {"request_id": [{"name": "a"}, {}]},
        {"request_id": {"header": "X-Id"}},
        (
            "load(): request_id: changes single keys of what is a list, or an object in code, so far; "
            "give the whole section here"
        ),
    ),
    "single keys of an object": (
        {"request_id": RequestId()},
        {"request_id": {"header": "X-Id"}},
        (
            "load(): request_id: changes single keys of what is a list, or an object in code, so far; "
            "give the whole section here"
        ),
    ),
}


@pytest.mark.parametrize(("config", "sections", "expected"), IN_CODE.values(), ids=IN_CODE)
def test_in_code(config: Any, sections: dict[str, Any], expected: str) -> None:
    found = complaints(config, **sections)

    assert found == [expected]


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"identify": "scope"}, id="the pipeline knows"),
        pytest.param({"rate_limit": {"identify": "scope"}}, id="the layer knows"),
        pytest.param({"rate_limit": {"enabled": False}}, id="the layer is off"),
    ],
)
def test_a_quota_by_caller_is_no_mistake_where(sections: dict[str, Any]) -> None:
    assert load({"rate_limit": {"quotas": ["5/minute"], "key": "user"}}, **sections).rate_limit


def test_everything_that_is_wrong_is_said_at_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "pyproject.toml").write_text("[tool.asgi_patterns")
    (here / "asgi-patterns.toml").write_text("[health]\npath = 5\nbackoff = -1\n")
    monkeypatch.setenv("ASGI_PATTERNS_HELTH", "x")
    monkeypatch.setenv("ASGI_PATTERNS_PROBLEMS__LIMIT", "many")

    found = complaints(zzz=1)

    assert [line.partition(": ")[0] for line in found] == [
        "pyproject.toml",
        "ASGI_PATTERNS_HELTH",
        "asgi-patterns.toml",
        "asgi-patterns.toml",
        "ASGI_PATTERNS_PROBLEMS__LIMIT",
        "load()",
    ]


def test_the_error_is_one_line_each_and_a_value_error() -> None:
    with pytest.raises(ValueError, match="pth") as caught:
        load(health={"pth": 1, "backoff": -1})

    assert isinstance(caught.value, SettingsError)
    assert str(caught.value).splitlines() == list(caught.value.complaints)
    assert len(str(caught.value).splitlines()) == 2


# However a secret comes in and whatever is wrong around it, no message repeats it.
LEAKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a secret of the wrong type": ("", "", {"health": {"details_token": [SECRET]}}),
    "a secret in a misspelt key": ("", f'[health]\ndetials_token = "{SECRET}"', {}),
    "a secret in a misspelt section": ("", f'[helth]\ndetails_token = "{SECRET}"', {}),
    "a secret in broken JSON": (f'{{"details_token": "{SECRET}"', "", {}),
    "a secret in place of a section": ("", f'health = ["{SECRET}"]', {}),
    "a secret next to a wrong key": (f'{{"details_token": "{SECRET}", "zzz": 1}}', "", {}),
    "credentials in a URL that is wrong": ("", f'[[health.checks]]\nredis = "http://u:{SECRET}@h"', {}),
    "credentials in place of a check": ("", f'[health]\nchecks = ["redis://u:{SECRET}@h"]', {}),
    "credentials in another setting": ("", f'[health]\npath = "redis://u:{SECRET}@h"', {}),
    "a secret with nothing else wrong": (f'{{"details_token": "{SECRET}"}}', "startup_timeout = 0", {}),
}


@pytest.mark.parametrize(("variable", "text", "sections"), LEAKS.values(), ids=LEAKS)
def test_no_message_repeats_a_secret(
    variable: str, text: str, sections: dict[str, Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "asgi-patterns.toml").write_text(text)
    if variable:
        monkeypatch.setenv("ASGI_PATTERNS_HEALTH", variable)

    with pytest.raises(SettingsError) as caught:
        load(**sections)

    assert SECRET not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_content_of_a_secret_file_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ASGI_PATTERNS_HEALTH__PATH").write_text(SECRET)
    (tmp_path / "ASGI_PATTERNS_HEALTH__BACKOFF").write_text(SECRET)
    (tmp_path / "ASGI_PATTERNS_HELTH").write_text(SECRET)
    monkeypatch.setenv("ASGI_PATTERNS_SECRETS_DIR", str(tmp_path))

    found = complaints()

    assert [line.partition(": ")[0] for line in found] == [
        str(tmp_path / name)
        for name in ("ASGI_PATTERNS_HELTH", "ASGI_PATTERNS_HEALTH__PATH", "ASGI_PATTERNS_HEALTH__BACKOFF")
    ]
    assert SECRET not in "".join(found)


def test_a_secret_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "ASGI_PATTERNS_HEALTH__DETAILS_TOKEN"
    secret.mkdir()  # file modes would not stop root
    monkeypatch.setenv("ASGI_PATTERNS_SECRETS_DIR", str(tmp_path))

    assert complaints() == [f"{secret}: cannot be read: Is a directory"]


def test_what_the_module_of_a_collaborator_raises_is_passed_on(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "broken_collaborator.py").write_text("raise RuntimeError('mine')")
    monkeypatch.syspath_prepend(here)

    with pytest.raises(RuntimeError, match="mine"):
        load({"identify": "broken_collaborator:who"})
