"""What ``Compression`` would do with an answer, in words."""

from collections.abc import Iterable, Iterator, Sequence

from asgi_patterns.compression.codecs import Coding
from asgi_patterns.compression.rule import CompressionRule
from asgi_patterns.kernel.media_types import MediaTypes

SMALL_ALREADY = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "video/mp4",
    "audio/mpeg",
    "application/zip",
    "font/woff2",
)
"""Types of what has been made small by its own means."""


def forecast(
    coding: bytes | None,
    offers: Iterable[str],
    minimum: int,
    *,
    rule: str,
    has_cookie: bool,
    is_trusted: bool,
) -> Iterator[str]:
    """Yield what becomes of answers to a request; ``rule``: the clause that names the rule which it falls under."""
    made = ", ".join(offers)
    if not made:
        yield f"leaves answers as they are{rule}"
    elif coding is None:
        yield f"leaves answers as they are: the client reads none of {made} ahead of the plain one"
    else:
        yield f"sends answers in {coding.decode()}, if their type is worth it and they have {minimum} bytes{rule}"
        if not is_trusted:
            yield f"leaves those that set a cookie as they are{', and pages' if has_cookie else ''}"


def outline_of(offers: Sequence[Coding], minimum: int) -> str:
    """Return what is done where no rule says anything else."""
    return f"sends answers from {minimum} bytes in {', '.join(offers)}"


def outline_of_rule(index: int, rule: CompressionRule) -> str:
    """Return what a rule is."""
    where, what = " and ".join(rule.texts), []
    if not rule.compress:
        what.append("leaves answers as they are")
    if rule.despite_cookies:
        what.append("sends answers coded in spite of cookies")
    if rule.padding is not None:
        what.append(f"lengthens answers by up to {rule.padding} bytes")
    return f"{' and '.join(what) or 'does nothing else'} on {where}, as rules[{index}]"


def doubts(media_types: Sequence[str], rules: Sequence[CompressionRule]) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    types = MediaTypes(media_types)
    found = [each for each in SMALL_ALREADY if types.has(each.encode())]
    if found:
        yield f"codes {found[0]} too, as media_types has it: that is small already, and gets no smaller"
    for index, rule in enumerate(rules):
        if rule == CompressionRule(match=rule.match):
            yield f"has rules[{index}], which says nothing that is different"
