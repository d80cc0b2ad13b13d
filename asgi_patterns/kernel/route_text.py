"""One form for route templates: ``/orders/{order_id}``, whatever a framework calls its converters.

Starlette, FastAPI and Litestar have that form themselves. ``from_werkzeug`` reads the rules of Quart,
``from_django`` what Django says of a match: ``path()`` and ``re_path()`` texts, strung together by ``include()``.

A variable part without a name is numbered: ``/archive/{1}/{2}``.
"""

import re
from functools import lru_cache
from typing import Final, final

__all__ = ["from_django", "from_werkzeug"]

KEPT: Final = 4096
"""How many texts are remembered; more routes than that are converted again."""

_RULE_PARAMETER: Final = re.compile(r"<(?:[a-zA-Z_]\w*(?:\(.*?\))?:)?([a-zA-Z_]\w*)>")
_PATH_PARAMETER: Final = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")
# What says that a text, or a part of it, came from re_path(). A dot alone may be one of path().
_EXPRESSION: Final = re.compile(r"[(\[\\^$]|\.[*+]")
_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_GROUP_NAME: Final = re.compile(r"\?P<(\w+)>")
_REFERENCE: Final = re.compile(r"\?P=(\w+)\)")
_TRANSPARENT: Final = re.compile(r"\?(?:[a-zA-Z-]*:|>)")


@lru_cache(maxsize=KEPT)
def from_werkzeug(rule: str) -> str:
    """Return the template of a rule such as ``/orders/<int:order_id>``."""
    return _RULE_PARAMETER.sub(r"{\1}", rule)


@lru_cache(maxsize=KEPT)
def from_django(route: str) -> str:
    """Return the template of ``ResolverMatch.route``: ``orders/<int:pk>/``, ``^orders/(?P<pk>[0-9]+)/$``.

    What a regular expression may leave out is kept: ``/?`` is a slash.
    """
    if _EXPRESSION.search(route) is None:
        return "/" + _PATH_PARAMETER.sub(r"{\1}", route)
    return "/" + _Expression(route).template()


@final
class _Expression:
    """A reader of one text, from left to right. Nothing is matched, so it need not be valid to be read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._unnamed = 0

    def template(self) -> str:
        """Read to the end. A bracket that closes nothing is text."""
        whole = self._sequence()
        while self._at < len(self._text):
            self._at += 1
            whole += ")" + self._sequence()
        return whole

    def _sequence(self) -> str:
        """Read up to the end or a bracket that closes. Variable parts side by side are one."""
        parts: list[str] = []
        was_unnamed = False
        while self._at < len(self._text) and self._text[self._at] != ")":
            part = self._part()
            if part is None and not was_unnamed:
                parts.append(self._number())
            elif part is not None:
                parts.append(part)
            was_unnamed = part is None
            self._skip(_QUANTIFIER)
        return "".join(parts)

    def _part(self) -> str | None:
        """Read one part; ``None`` is a variable one without a name."""
        match self._text[self._at]:
            case "\\":
                return self._escaped()
            case "[" if self._skip(_CLASS):
                return None
            case "(":
                self._at += 1
                return self._group()
            case "<" if found := self._skip(_PATH_PARAMETER):
                return "{" + found[1] + "}"
            case character:
                self._at += 1
                return self._plain(character)

    def _plain(self, character: str) -> str | None:
        if character in "^$":
            return ""
        is_any = character == "." and _QUANTIFIER.match(self._text, self._at) is not None
        return None if is_any else character

    def _escaped(self) -> str | None:
        character = self._text[self._at + 1 : self._at + 2]
        self._at += 2
        if character.isdigit() or character in tuple("dDwWsS"):
            return None
        return "" if character in tuple("AZbBz") else character

    def _group(self) -> str | None:
        """Read a group, behind its opening bracket."""
        if found := self._skip(_GROUP_NAME):
            self._leave()
            return "{" + found[1] + "}"
        if found := self._skip(_REFERENCE):
            return "{" + found[1] + "}"
        is_captured = self._text[self._at : self._at + 1] != "?"
        if not is_captured and not self._skip(_TRANSPARENT):
            self._leave()  # flags, a comment, or a look around
            return ""
        return self._inside(is_captured)

    def _inside(self, is_captured: bool) -> str | None:
        """Read what a group without a name holds: seen through, unless it is itself the variable."""
        start = self._at
        self._leave()
        inner = self._text[start : self._at]
        if "(?P<" not in inner and (is_captured or "|" in inner):
            return None
        self._at = start
        text = self._sequence()
        self._at += 1
        return text

    def _leave(self) -> None:
        """Go behind the bracket that closes the group, or to the end."""
        depth = 1
        while depth and self._at < len(self._text):
            if self._text[self._at] == "\\":
                self._at += 2
            elif not self._skip(_CLASS):
                depth += {"(": 1, ")": -1}.get(self._text[self._at], 0)
                self._at += 1

    def _number(self) -> str:
        self._unnamed += 1
        return f"{{{self._unnamed}}}"

    def _skip(self, what: re.Pattern[str]) -> re.Match[str] | None:
        found = what.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found
