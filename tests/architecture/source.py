"""What the walls look at: the modules of the project as text and as syntax trees. Nothing is imported or run."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
PACKAGE = "asgi_patterns"
NO_SLICES = ("benching", "kernel", "serving", "settings", "testing")

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One source file. ``path`` is relative to the project: ``asgi_patterns/health/core.py``."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def name(self) -> str:
        """Its dotted name; a package goes by its folder's."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def folder(self) -> str:
        """The slice, ``kernel`` or ``testing``; empty for the modules that compose them."""
        return self.path.parts[1] if len(self.path.parts) > 2 else ""

    @property
    def inner_path(self) -> str:
        """The path below the package: ``health/core.py``."""
        return "/".join(self.path.parts[1:])

    def at(self, node: ast.AST, complaint: str) -> str:
        """A complaint, with the place that an editor jumps to."""
        return f"{self.path}:{getattr(node, 'lineno', 1)} {complaint}"

    def functions(self) -> Iterator[AnyFunction]:
        """Every function and method, however deep."""
        return (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every imported name in full, ``a.b.c`` for ``from .b import c``, wherever the statement stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                yield from ((node, f"{origin}.{alias.name}") for alias in node.names)

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.path.parts[: len(self.path.parts) - node.level]
        return ".".join((*package, *((node.module,) if node.module else ())))


Wall = Callable[[Module], Iterator[str]]
"""Looks at one module and yields a sentence for each thing that must not be there."""


def snippet(text: str, path: str) -> Module:
    """A module that exists only here, at a ``path`` below the package."""
    return Module(PurePosixPath(PACKAGE, path), text)


def modules(*folders: str) -> list[Module]:
    """Every Python file below ``folders``."""
    files = sorted(file for folder in folders for file in Path(ROOT, folder).rglob("*.py"))
    return [Module(PurePosixPath(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]


def slices(package: list[Module]) -> set[str]:
    """The folders that hold a layer."""
    return {module.folder for module in package if module.path.name.endswith("layer.py")} - {*NO_SLICES, ""}


def complaints(wall: Wall, package: list[Module]) -> list[str]:
    """All that ``wall`` says about all of them. An empty package would prove nothing."""
    assert package, "no module to look at"
    return [complaint for module in package for complaint in wall(module)]
