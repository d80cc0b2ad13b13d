"""Small things that are wrong wherever they stand."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.architecture.source import PACKAGE, Module, Wall, complaints, modules, snippet

PROJECT = (PACKAGE, "tests", "examples", "benchmarks")

COMPILES = {
    "compile",
    "findall",
    "finditer",
    "fullmatch",
    "match",
    "search",
    "split",
    "sub",
    "subn",
    "template",
}
RUNS_WHAT_IT_READS = {"pickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve"}

SUPPRESSION = re.compile(
    r"""\#\s*(?:
        type:\s*ignore(?:\[[^\]]*\])?
      | pyright:\s*ignore(?:\[[^\]]*\])?
      | noqa(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?
      | pragma:\s*no\s*cover
    )""",
    re.VERBOSE,
)
REASON = re.compile(r"[a-zA-Z]+\W+[a-zA-Z]+")


def compiles_once(module: Module) -> Iterator[str]:
    """A pattern is compiled when its module is imported, never while a request waits."""
    for function in module.functions():
        for node in (node for statement in function.body for node in ast.walk(statement)):
            if isinstance(node, ast.Call) and is_re(node.func):
                yield module.at(node, f"compiles a pattern in {function.name}")


def is_re(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and ast.unparse(function.value) == "re"
        and function.attr in COMPILES
    )


def imports_re_whole(module: Module) -> Iterator[str]:
    """``re.compile``, never a bare ``compile``: so the wall above sees every use."""
    for node, name in module.imports():
        if name.startswith("re.") and name.removeprefix("re.") in COMPILES:
            yield module.at(node, f"imports {name} by itself")


def stores_data(module: Module) -> Iterator[str]:
    """What is read back is data, never code."""
    for node, name in module.imports():
        if name.partition(".")[0] in RUNS_WHAT_IT_READS:
            yield module.at(node, f"imports {name}")


def gives_reasons(module: Module) -> Iterator[str]:
    """A check that is switched off says why, on the same line."""
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT and is_unexplained(token.string):
            yield f"{module.path}:{token.start[0]} suppresses without a reason"


def is_unexplained(comment: str) -> bool:
    """Whether nothing is left of two words when the suppressions themselves are taken out."""
    rest, found = SUPPRESSION.subn(" ", comment)
    return found > 0 and REASON.search(rest) is None


@pytest.mark.parametrize("wall", [compiles_once, imports_re_whole])
def test_the_package_is_clean(wall: Wall) -> None:
    package = modules(PACKAGE)

    found = complaints(wall, package)

    assert found == []


@pytest.mark.parametrize("wall", [stores_data, gives_reasons])
def test_the_project_is_clean(wall: Wall) -> None:
    project = modules(*PROJECT)

    found = complaints(wall, project)

    assert found == []


# Written in two parts, or this file itself would be a find.
IGNORE = "# type" + ": ignore[arg-type]"
NOQA = "# no" + "qa: S104"


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        pytest.param(compiles_once, "def f(x):\n    return re.compile(x)", id="compiled in a function"),
        pytest.param(compiles_once, "def f(x):\n    return re.match('a', x)", id="matched by text"),
        pytest.param(
            compiles_once, "class A:\n    async def f(self, x):\n        re.sub('a', '', x)", id="method"
        ),
        pytest.param(imports_re_whole, "from re import compile", id="compile without re"),
        pytest.param(stores_data, "import pickle", id="pickle"),
        pytest.param(stores_data, "def f():\n    from pickle import loads", id="pickle, hidden"),
        pytest.param(stores_data, "import cloudpickle.compat", id="a relative of pickle"),
        pytest.param(gives_reasons, f"f(1)  {IGNORE}", id="a type is ignored"),
        pytest.param(gives_reasons, f"f(1)  {IGNORE}  # please", id="one word is no reason"),
        pytest.param(gives_reasons, f"f(1)  {NOQA}", id="a rule is ignored"),
        pytest.param(gives_reasons, f"f(1)  {NOQA}, S105", id="two rules are ignored"),
        pytest.param(gives_reasons, f"f(1)  {IGNORE}  {NOQA}", id="both"),
    ],
)
def test_it_stops(wall: Wall, text: str) -> None:
    bad = snippet(text, "new/layer.py")

    found = list(wall(bad))

    assert len(found) == 1, found
    assert found[0].startswith("asgi_patterns/new/layer.py:")


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        pytest.param(compiles_once, "import re\nWORD = re.compile('a')", id="compiled at import"),
        pytest.param(compiles_once, "def f(x):\n    return WORD.match(x)", id="a compiled pattern is used"),
        pytest.param(compiles_once, "def f(x):\n    return re.escape(x)", id="escaped"),
        pytest.param(imports_re_whole, "from re import Pattern", id="the type of a pattern"),
        pytest.param(stores_data, "import json", id="json"),
        pytest.param(gives_reasons, f"f(1)  {IGNORE}  # the stub is wrong", id="why a type is ignored"),
        pytest.param(gives_reasons, f"f(1)  {NOQA} - a test server", id="why a rule is ignored"),
        pytest.param(gives_reasons, f"x = '{NOQA}'", id="a string is no comment"),
    ],
)
def test_it_lets_pass(wall: Wall, text: str) -> None:
    good = snippet(text, "new/layer.py")

    found = list(wall(good))

    assert found == []
