"""Lists of elements with parameters, the form that many fields share (RFC 9110 sections 5.6.1 to 5.6.6).

The expressions use possessive quantifiers: nothing is tried twice, so the time is linear in the text. A quoted
string that never ends takes the rest of its line with it, which breaks that one element and no other.
"""

import re
from typing import Final

TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"

PARAMETER: Final = re.compile(
    rf'({TOKEN})=(?:({TOKEN})|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~\x80-\xff])*+)")'
)
"""One ``name=value``: the name, then the value as a token or as the inside of a quoted string."""

_ELEMENTS = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.?)*+"?)++', re.DOTALL)
_PARTS = re.compile(r'(?:[^";]++|"(?:[^"\\]++|\\.?)*+"?)++', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")


def elements(text: str) -> list[str]:
    """Cut a list at the commas outside quotes; elements are trimmed, empty ones left out."""
    return _filled(_ELEMENTS.findall(text) if '"' in text else text.split(","))


def parts(text: str) -> list[str]:
    """Cut an element at the semicolons outside quotes; parts are trimmed, empty ones left out."""
    return _filled(_PARTS.findall(text) if '"' in text else text.split(";"))


def parameter(match: re.Match[str]) -> tuple[str, str]:
    """The name in lower case and the value without quotes and escapes, of a match of ``PARAMETER``."""
    return match[1].lower(), match[2] or _ESCAPED.sub(r"\1", match[3])


def _filled(pieces: list[str]) -> list[str]:
    return [piece for each in pieces if (piece := each.strip(" \t"))]
