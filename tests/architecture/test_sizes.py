"""Sizes that stay readable. A budget that is passed asks for a second noun, not for a bigger budget."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import FUNCTIONS, PACKAGE, AnyFunction, Module, complaints, modules, snippet

FILE_LINES = 300
FUNCTION_LINES = 40
CALL_LINES = 20
COMPLEXITY = 10

DECISIONS = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


def prose(function: AnyFunction) -> set[int]:
    """The lines of strings that nobody uses: docstrings."""
    strings = (
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    return {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def code_lines(function: AnyFunction, source: list[str]) -> int:
    """Its lines without docstrings, comments and blank ones: explaining more makes nothing longer."""
    words = prose(function)
    numbers = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    texts = (source[number - 1].strip() for number in numbers if number not in words)
    return sum(bool(text) and not text.startswith("#") for text in texts)


def complexity(function: AnyFunction) -> int:
    """One, and one for each decision in its own body; a nested function has its own count."""
    return 1 + sum(decisions(node) for statement in function.body for node in own(statement))


def own(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from own(child)


def decisions(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return len(node.ifs)
    return int(isinstance(node, DECISIONS))


def keeps_its_size(module: Module) -> Iterator[str]:
    """A file, a function, a ``__call__`` and a decision tree that fit one screen or one head."""
    source = module.text.splitlines()
    if len(source) > FILE_LINES:
        yield module.at(module.tree, f"has {len(source)} lines, over {FILE_LINES}")
    for function in module.functions():
        budget = CALL_LINES if function.name in ("__call__", "enter") else FUNCTION_LINES
        lines, score = code_lines(function, source), complexity(function)
        if lines > budget:
            yield module.at(function, f"{function.name} has {lines} lines of code, over {budget}")
        if score > COMPLEXITY:
            yield module.at(function, f"{function.name} has complexity {score}, over {COMPLEXITY}")


def test_the_package_keeps_its_size() -> None:
    package = modules(PACKAGE)

    found = complaints(keeps_its_size, package)

    assert found == []


def function(name: str, lines: int) -> str:
    """The text of a function of so many lines, its first included."""
    return f"def {name}(self):\n" + "    x = 1\n" * (lines - 1)


def branches(count: int) -> str:
    """The text of a function of this complexity."""
    return "def f(x):\n" + "    if x: x()\n" * (count - 1) + "    return x\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("\n" * 300, 0, id="a file of 300 lines"),
        pytest.param("\n" * 301, 1, id="a file of 301 lines"),
        pytest.param(function("f", 40), 0, id="a function of 40 lines"),
        pytest.param(function("f", 41), 1, id="a function of 41 lines"),
        pytest.param(function("f", 40) + "    # why\n\n    x = 2\n", 1, id="41 lines and a comment"),
        pytest.param(
            'def f():\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * 39, 0, id="a docstring"
        ),
        pytest.param(function("f", 40) + "    # why\n\n    # and why\n", 0, id="40 lines and comments"),
        pytest.param(function("__call__", 20), 0, id="a __call__ of 20 lines"),
        pytest.param(function("__call__", 21), 1, id="a __call__ of 21 lines"),
        pytest.param(
            "class A:\n" + function("f", 41).replace("\n", "\n  ").replace("def", "  def"), 1, id="method"
        ),
        pytest.param(branches(10), 0, id="complexity 10"),
        pytest.param(branches(11), 1, id="complexity 11"),
        pytest.param("def f(x):\n    return " + " or ".join(["x"] * 11), 1, id="eleven alternatives"),
        pytest.param("def f(x):\n    return " + "x if x else " * 10 + "x", 1, id="ten ternaries"),
        pytest.param("def f(x):\n    return [x for x in x " + "if x " * 10 + "]", 1, id="ten filters"),
        pytest.param(
            branches(10) + "    def g(x):\n        if x: x()\n", 0, id="a nested function counts alone"
        ),
    ],
)
def test_a_budget_is_held_at_the_limit(text: str, expected: int) -> None:
    module = snippet(text, "new/core.py")

    found = list(keeps_its_size(module))

    assert len(found) == expected, found
