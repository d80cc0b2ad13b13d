"""One place that settings come from, and how several become one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

from asgi_patterns.kernel.layer import Layer
from asgi_patterns.settings.schema import Key, dotted, has

PREFIX: Final = "ASGI_PATTERNS_"
"""What the name of every variable begins with."""


@final
@dataclass(frozen=True, kw_only=True)
class Source:
    """One place that was looked at, with what it says."""

    name: str
    """A file as it was named, ``environment``, or the call that had the arguments."""
    tree: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What it says, by section; still as it stands there, secrets included."""
    note: str = ""
    """Why it says nothing, where it says nothing."""
    complaints: tuple[str, ...] = ()
    """What is wrong with it as a whole."""
    table: Key = ()
    """The table of a file in which the settings stand."""
    variables: Mapping[str, str] | None = None
    """Where settings are variables or files of their own: what each is called, by its name in upper case."""
    is_open: bool = True
    """Whether messages may repeat values from here."""

    def holds(self, key: Key) -> bool:
        """Whether the value at ``key``, or a whole that it is part of, comes from here."""
        node: Any = self.tree
        for part in key:
            if has(node, part):
                node = node[part]
            elif not isinstance(node, Mapping):  # a whole, such as an object in code
                return True
            elif isinstance(part, str):  # an index is of no use in one table where there could be several
                return False
        return True

    def origin(self, key: Key) -> str:
        """Return the file, the variable or the call that has ``key``."""
        return self._variable(key)[0] if self.variables is not None else self.name

    def place(self, key: Key) -> str:
        """Return ``origin`` and, where that does not say all of it, the dotted key."""
        if self.variables is None:
            return f"{self.name}: {dotted((*self.table, *key))}" if key else self.name
        name, is_whole = self._variable(key)
        return name if is_whole else f"{name}: {dotted(key)}"

    def _variable(self, key: Key) -> tuple[str, bool]:
        """Return the variable that set ``key``, and whether its name says all of ``key``."""
        names, variables = [str(part).upper() for part in key if isinstance(part, str)], self.variables or {}
        for length in range(len(names), 0, -1):
            found = variables.get(PREFIX + "__".join(names[:length]))
            if found is not None:
                return found, length == len(names) and not isinstance(key[-1], int)
        below = (called for name, called in variables.items() if name.startswith(PREFIX + "__".join(names)))
        return next(below, self.name), False


def in_code(name: str, tree: Mapping[str, Any]) -> Source:
    """Return settings that stand in code, in the call or the object ``name``."""
    return Source(name=name, tree={str(key): value for key, value in tree.items()})


def holder(sources: Sequence[Source], key: Key) -> Source | None:
    """Return the source whose word on ``key`` counts: the last that has it."""
    return next((source for source in reversed(sources) if source.holds(key)), None)


def merge(sources: Sequence[Source], sections: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Return what the sources say together, and what cannot be said together.

    Tables are merged, anything else is replaced: a later source beats those before it. ``true`` and ``false``
    in place of one of the ``sections`` switch it on and off, whatever it is.
    """
    whole: dict[str, Any] = {}
    complaints = []
    for source in sources:
        for name, later in source.tree.items():
            try:
                join = _join_section if name in sections else _join
                whole[name] = join(whole.get(name), later)
            except _Settled:
                complaints.append(f"{source.place((name,))}: {_SETTLED}")
    return whole, complaints


def as_switch(value: object) -> bool | None:
    """Return what ``value`` says as a switch; ``None`` where it is none."""
    if isinstance(value, str):
        return _SWITCHES.get(value.strip().lower())
    return value if isinstance(value, bool) else None


_SWITCHES = {
    "true": True,
    "on": True,
    "yes": True,
    "1": True,
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}


_SETTLED = "changes single keys of what is a list, or an object in code, so far; give the whole section here"


class _Settled(Exception):
    """A section that no table can go into any more."""


def _join_section(earlier: Any, later: Any) -> Any:
    if isinstance(later, bool):
        later = {"enabled": later}
    if not isinstance(later, Mapping) or not isinstance(earlier, list | tuple | Layer):
        return _join(earlier, later)
    enabled = as_switch(later.get("enabled"))
    if set(later) != {"enabled"} or enabled is None:
        raise _Settled
    if isinstance(earlier, Layer):
        return _switched(earlier, enabled)
    return [_switched(entry, enabled) for entry in earlier]


def _switched(entry: Any, enabled: bool) -> Any:
    if isinstance(entry, Layer):
        return replace(entry, enabled=enabled)
    return {**entry, "enabled": enabled} if isinstance(entry, Mapping) else entry


def _join(earlier: Any, later: Any) -> Any:
    if not isinstance(later, Mapping):
        return later
    below = earlier if isinstance(earlier, Mapping) else {}
    return {**below, **{str(name): _join(below.get(name), value) for name, value in later.items()}}
