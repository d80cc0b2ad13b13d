"""What ``CachePolicy`` would do with an answer, in words."""

from collections.abc import Iterator, Sequence

from asgi_patterns.caching.picking import Case, leads_elsewhere
from asgi_patterns.caching.policy import Policy, cases, otherwise
from asgi_patterns.caching.rule import CacheRule, Status, texts
from asgi_patterns.caching.treatment import COOKIE, CREDENTIALS, NO_STORE, Fields, Treatment
from asgi_patterns.kernel.forecast import Forecast


def forecast(policy: Policy, method: str, path: str, *, has_credentials: bool) -> Forecast:
    """Return what answers to such a request get, by their status and type: the first line that fits."""
    if leads_elsewhere(path) and policy.has_rules_for(method):
        return Forecast(
            (f"gives any answer {_said(NO_STORE.shared)}: nobody knows who resolves the '..' in its path",)
        )
    says = [
        f"gives {_kinds(case)} {_treated(case.treatment, has_credentials=has_credentials)}, "
        f"as rules[{case.index}] has {case.text!r}"
        for case in policy.fitting(method, path)
    ]
    if otherwise(method, 200) is otherwise(method, 500):
        return Forecast(
            (*says, f"gives any other {_said(otherwise(method, 200).shared)}, as {method} is a write")
        )
    usual = _treated(otherwise(method, 200), has_credentials=has_credentials)
    return Forecast(
        (*says, f"gives any other {usual}", f"gives any other 5xx {_said(otherwise(method, 500).shared)}")
    )


def outline_of(index: int, rule: CacheRule) -> str:
    """Return what a rule is, whatever the request."""
    where = " and ".join(texts(rule.match))
    types = f" as {' or '.join(rule.media_types)}" if rule.media_types else ""
    said = _said(Treatment.of(rule).shared)
    return f"gives {_statuses(rule.statuses)}{types} on {where} {said}, as rules[{index}]"


def doubts(rules: Sequence[CacheRule]) -> Iterator[str]:
    """Yield what of the rules is allowed but probably not meant."""
    for index, rule in enumerate(rules):
        stale = [
            name for name in ("stale_while_revalidate", "stale_if_error") if getattr(rule, name) is not None
        ]
        if rule.s_maxage is not None and stale:
            yield (
                f"has s_maxage and {stale[0]} in rules[{index}]: s_maxage forbids shared caches what is stale "
                f"(RFC 9111 5.2.2.10), so say {stale[0]} in cdn, with a max_age of its own"
            )
    found = [*cases(rules)]
    for at, case in enumerate(found):
        earlier = next((each for each in found[:at] if _covers(each, case)), None)
        if earlier is not None:
            yield (
                f"never gets to {case.text!r} in rules[{case.index}]: "
                f"rules[{earlier.index}] has {earlier.text!r} and comes first"
            )


def _covers(earlier: Case, later: Case) -> bool:
    """Whether the earlier one certainly takes whatever the later one is for."""
    if earlier.types is not None or not (
        later.statuses <= earlier.statuses and later.methods <= earlier.methods
    ):
        return False
    if later.pattern.literal is not None:
        return earlier.pattern.matches(next(iter(later.methods)), later.pattern.literal or "/")
    same = (earlier.pattern.lead, earlier.pattern.runs) == (later.pattern.lead, later.pattern.runs)
    lead = later.pattern.lead
    return same or (earlier.pattern.is_tree and f"{lead}/".startswith(f"{earlier.pattern.lead}/"))


def _kinds(case: Case) -> str:
    types = "" if case.types is None else f" as {case.types}"
    return f"{_statuses(case.rule.statuses)}{types}"


def _statuses(statuses: Sequence[Status]) -> str:
    return f"a {' or '.join(map(str, statuses))}"


def _treated(treatment: Treatment, *, has_credentials: bool) -> str:
    if has_credentials and treatment.private_for & CREDENTIALS:
        return f"{_said(treatment.own)}, for the request has credentials"
    if not treatment.private_for & COOKIE:
        return _said(treatment.shared)
    return f"{_said(treatment.shared)} ({_said(treatment.own)} where it sets a cookie)"


def _said(fields: Fields) -> str:
    lines = [f"{name.decode().title()}: {value.decode('latin-1')}" for name, value in fields.lines]
    if fields.expires is not None:
        lines.append(f"Expires: in {fields.expires}s")
    return "; ".join(lines).replace("Cdn-", "CDN-") or "nothing"
