"""What a scope must hold, and that nobody changes the one of an outer layer."""

from collections.abc import Iterable, Mapping
from typing import Any, final

from asgi_patterns.kernel.types import Scope
from asgi_patterns.testing.violation import require

MISSING = object()

REQUIRED: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "http": {
        "asgi": (Mapping,),
        "http_version": (str,),
        "method": (str,),
        "path": (str,),
        "query_string": (bytes,),
        "headers": (Iterable,),
    },
    "websocket": {
        "asgi": (Mapping,),
        "path": (str,),
        "query_string": (bytes,),
        "headers": (Iterable,),
    },
    "lifespan": {"asgi": (Mapping,)},
}
"""Per type: the keys a scope must have, and what they hold."""

OPTIONAL: Mapping[str, tuple[type, ...]] = {
    "scheme": (str,),
    "raw_path": (bytes, type(None)),
    "root_path": (str,),
    "client": (tuple, list, type(None)),
    "server": (tuple, list, type(None)),
    "state": (Mapping,),
    "extensions": (Mapping, type(None)),
    "subprotocols": (Iterable,),
}
"""The keys a scope may lack, and what they hold where they are there."""

FRAMEWORK_MARKS = frozenset({"app", "router", "litestar_app"})
"""Keys with which frameworks sign the scope that they are given, among other changes to it."""


def check_scope(scope: Scope) -> None:
    """Raise ``ProtocolViolation`` unless every required key is there and every known key has its type."""
    kind = scope["type"]
    required = REQUIRED.get(kind, {})
    for key, types in required.items():
        require(key in scope, f"the {kind} scope has no {key!r}")
        _check_type(scope, key, types)
    for key in OPTIONAL.keys() & scope.keys():
        _check_type(scope, key, OPTIONAL[key])
    for pair in scope.get("headers", ()) if required else ():
        _check_pair(pair)


def _check_type(scope: Scope, key: str, types: tuple[type, ...]) -> None:
    names = " or ".join(each.__name__ for each in types)
    require(isinstance(scope[key], types), f"the scope's {key!r} is {scope[key]!r}, not {names}")


def _check_pair(pair: Any) -> None:
    require(isinstance(pair, list | tuple) and len(pair) == 2, f"the scope's headers hold {pair!r}")
    name, value = pair
    require(
        isinstance(name, bytes) and isinstance(value, bytes), f"the scope's headers hold {pair!r}, not bytes"
    )
    require(name == name.lower(), f"the scope's header name {name!r} is not lower-case")


@final
class Untouched:
    """A scope as it was when a layer was given it: whoever changes something copies first.

    ``state`` is there to be written to. An app framework that was given the server's scope itself signs it
    and changes more; no layer can be blamed then, and nothing is.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._before = dict(scope)
        self._contents = _contents(scope)

    def check(self) -> None:
        """Raise ``ProtocolViolation`` when a key was set, replaced or deleted, or a header list edited."""
        if FRAMEWORK_MARKS & self._scope.keys() - self._before.keys():
            return
        keys = self._before.keys() | self._scope.keys()
        changed = {key for key in keys if self._before.get(key, MISSING) is not self._scope.get(key, MISSING)}
        if not changed:
            contents = _contents(self._scope)
            changed = {key for key, value in self._contents.items() if contents[key] != value}
        require(not changed, f"the scope was changed in place, not copied: {', '.join(sorted(changed))}")


def _contents(scope: Scope) -> dict[str, Any]:
    contents: dict[str, Any] = {}
    if isinstance(scope.get("headers"), list | tuple):
        contents["headers"] = list(scope["headers"])
    if isinstance(scope.get("extensions"), Mapping):
        contents["extensions"] = dict(scope["extensions"])
    return contents
