"""Finds where an app is called, and tells whether the ``receive`` and ``send`` it gets are honest ones.

Honest is what came in as a parameter of that name, and what is made by the one wrapper of its kind. A name or an
attribute of ``self`` is followed to everything that is ever bound to it.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.architecture.source import FUNCTIONS, PACKAGE, AnyFunction, Module, modules

LOOKS = ("Editing", "Holding", "Watching")
APPS = ("entry", "inner", "lifespan", "wired")


def looks(sources: Iterable[Module]) -> Iterator[str]:
    """The classes that say what becomes of a head, and leave the passing on, their ``send``, to the kernel."""
    found = [*LOOKS]
    for node in [node for module in sources for node in ast.walk(module.tree)]:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in found for base in node.bases):
            own = {each.name for each in node.body if isinstance(each, FUNCTIONS)}
            if own.isdisjoint(("__call__", "send")):
                found.append(node.name)
                yield node.name


WRAPPERS = {"receive": ("Body", "Conversation"), "send": ("Link", *looks(modules(PACKAGE)))}

Scopes = tuple[ast.AST, ...]


@dataclass(frozen=True)
class AppCall:
    """An app, called or handed to somebody who calls it: what it gets, inside which classes and functions."""

    node: ast.Call
    receive: ast.expr
    send: ast.expr
    scopes: Scopes


def app_calls(module: Module) -> Iterator[AppCall]:
    """Every ``app(scope, receive, send)``, and ``start(app, scope, receive, send)``."""
    for call, scopes in calls(module.tree, ()):
        for triple in triples(call):
            yield AppCall(call, triple[1], triple[2], scopes)


def calls(node: ast.AST, scopes: Scopes) -> Iterator[tuple[ast.Call, Scopes]]:
    """Every call below ``node``, with the classes and functions around it, the innermost last."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
        scopes = (*scopes, node)
    if isinstance(node, ast.Call):
        yield node, scopes
    for child in ast.iter_child_nodes(node):
        yield from calls(child, scopes)


def triples(call: ast.Call) -> Iterator[list[ast.expr]]:
    """The arguments that end up as an app's three."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    given = [*call.args, *(keywords[name] for name in ("scope", "receive", "send") if name in keywords)]
    if len(given) == 3 and is_app(call.func):
        yield given
    if not is_class(call.func):
        for index, argument in enumerate(call.args[:-3]):
            if is_app(argument):
                yield call.args[index + 1 : index + 4]


def is_class(node: ast.expr) -> bool:
    """Whether an object is made here: one that keeps an app is judged where it calls it."""
    return ast.unparse(node).rpartition(".")[2].lstrip("_")[:1].isupper()


def is_app(node: ast.expr) -> bool:
    """Whether this is an app by its name, or one that was just made or chosen."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            word = name.strip("_").lower().removesuffix("s")
            return word.endswith("app") or word in APPS
        case ast.Call() | ast.IfExp():
            return True
        case ast.Subscript():
            return is_app(node.value)
        case _:
            return False


@dataclass
class Judge:
    """Follows one argument to where it comes from. ``kind`` is ``receive`` or ``send``."""

    kind: str
    seen: set[ast.AST] = field(default_factory=set)

    def is_honest(self, value: ast.expr, scopes: Scopes, *, ours: bool = False) -> bool:
        """Whether all that this can be came in as a parameter or is the one wrapper; ``ours``: the wrapper only."""
        match value:
            case ast.Name(name):
                return name in WRAPPERS[self.kind] or self._name(name, scopes, ours=ours)
            case ast.Attribute(ast.Name("self"), attribute):
                return self._attribute(attribute, scopes, ours=ours)
            case ast.IfExp(body=one, orelse=other):
                return all(self.is_honest(each, scopes, ours=ours) for each in (one, other))
            case ast.BoolOp(values=values):
                return all(self.is_honest(each, scopes, ours=ours) for each in values)
            case ast.NamedExpr(value=named):
                return self.is_honest(named, scopes, ours=ours)
            # What our wrapper returns or offers: Link(...), Body(...).receive, await body.replay().
            case ast.Call(func=made) | ast.Attribute(value=made) | ast.Await(value=made):
                return self.is_honest(made, scopes, ours=True)
            case _:
                return False

    def _name(self, name: str, scopes: Scopes, *, ours: bool) -> bool:
        """Follow ``name`` to the innermost function that binds it."""
        for index in range(len(scopes) - 1, -1, -1):
            function = scopes[index]
            if isinstance(function, (*FUNCTIONS, ast.Lambda)):
                bound = list(bindings(function, name))
                if bound:
                    return all(self._binding(each, scopes[: index + 1], ours=ours) for each in bound)
        return False

    def _attribute(self, attribute: str, scopes: Scopes, *, ours: bool) -> bool:
        """Follow ``self.attribute`` to what the methods of the class bind to it."""
        classes = [index for index, around in enumerate(scopes) if isinstance(around, ast.ClassDef)]
        if not classes:
            return False
        owner = scopes[classes[-1]]
        methods = [node for node in ast.iter_child_nodes(owner) if isinstance(node, FUNCTIONS)]
        bound = [(each, (method,)) for method in methods for each in bindings(method, f"self.{attribute}")]
        return bool(bound) and all(self._binding(each, (owner, *where), ours=ours) for each, where in bound)

    def _binding(self, bound: ast.AST, scopes: Scopes, *, ours: bool) -> bool:
        if bound in self.seen:  # bound to something made of itself: the other bindings decide
            return True
        self.seen.add(bound)
        if isinstance(bound, ast.arg):
            annotation = "" if bound.annotation is None else ast.unparse(bound.annotation)
            return annotation.strip("\"'") in WRAPPERS[self.kind] or (bound.arg == self.kind and not ours)
        return isinstance(bound, ast.expr) and self.is_honest(bound, scopes, ours=ours)


def bindings(function: AnyFunction | ast.Lambda, name: str) -> Iterator[ast.AST]:
    """What ``name`` is bound to in ``function``: a parameter, the values assigned, or the node that hides it."""
    arguments = function.args
    for parameter in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if parameter.arg == name:
            yield parameter
    for node in own_nodes(function):
        yield from bound_by(node, name)


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function that are not inside a function of its own; that function itself is one."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            yield from own_nodes(child)


def bound_by(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """The values that this one node binds to ``name``; the node itself where that cannot be told."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from unpacked(target, value, name)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield from unpacked(target, value, name)
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield from unpacked(target, value, name)
        case ast.For(target=target) | ast.AsyncFor(target=target) | ast.AugAssign(target=target):
            yield from (node for each in ast.walk(target) if names(each, name))
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if node.name == name:
            yield node


def unpacked(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.AST]:
    """The part of ``value`` that goes to ``name`` when ``target`` is assigned."""
    if names(target, name):
        yield value
    elif isinstance(target, ast.Tuple | ast.List):
        pairs = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for index, element in enumerate(target.elts):
            part = value.elts[index] if pairs and isinstance(value, ast.Tuple | ast.List) else value
            yield from unpacked(element, part, name)


def names(node: ast.AST, name: str) -> bool:
    """Whether ``node`` is the plain name, or the dotted one, ``name``."""
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == name
