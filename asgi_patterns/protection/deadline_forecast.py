"""What ``Deadline`` would do with a request, in words."""

from collections.abc import Iterator
from math import inf

from asgi_patterns.kernel.durations import spell
from asgi_patterns.protection.deadline_rule import DeadlineRule
from asgi_patterns.protection.time_limits import Limits

_WORDS = {
    "body": "waits for the body for {}",
    "start": "gives the answer {} to begin",
    "gap": "lets an answer pause for {}",
    "whole": "gives the whole answer {}",
}


def forecast(limits: Limits, *, shortened: bool, rule: str) -> Iterator[str]:
    """Yield what limits a request has; ``rule``: the clause that names the rule which it falls under."""
    for name, words in _WORDS.items():
        limit: float = getattr(limits, name)
        if limit < inf:
            said = words.format(_long(limit))
            yield f"{said}, as the client asks" if name == "start" and shortened else f"{said}{rule}"
    if limits.start < inf:
        yield f"{'cancels' if limits.cancels else 'does not cancel'} a handler that is late"


def outline(limits: Limits) -> str:
    """Return what holds where no rule says anything else."""
    said = [f"{name} {_long(getattr(limits, name))}" for name in _WORDS if getattr(limits, name) < inf]
    return f"limits {', '.join(said) or 'nothing'}"


def outline_of_rule(index: int, rule: DeadlineRule) -> str:
    """Return what a rule is."""
    said = [f"{name} {value}" for name in _WORDS if (value := getattr(rule, name)) is not None]
    if rule.cancel is not None:
        said.append("late handlers are cancelled" if rule.cancel else "late handlers are not cancelled")
    return f"says {', '.join(said) or 'nothing else'} on {' and '.join(rule.texts)}, as rules[{index}]"


def _long(duration: float) -> str:
    word = spell(duration)
    return word if word[:1].isdigit() else f"a {word}"
