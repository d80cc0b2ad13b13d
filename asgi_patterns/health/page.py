"""The answer as a page, for a person who looks at it with a browser. It needs nothing else: no script, no file."""

import json
from html import escape

from asgi_patterns.health.core import Details, Entry, Status
from asgi_patterns.health.report import Report, rfc3339

HTML = "text/html"

POLICY = b"default-src 'none'; style-src 'unsafe-inline'"
"""The Content-Security-Policy of the page: whatever gets into it by mistake does nothing there."""

# Characters that HTML has no place for, escaped or not; half a character is replaced when the text is encoded.
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:52rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}
caption{text-align:left;font-weight:bold;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem 1rem .4rem 0;border-top:1px solid #8888}
td{overflow-wrap:anywhere;white-space:pre-wrap}
b{padding:0 .5rem;border-radius:.3rem;color:#fff;background:#18703c}
b.DEGRADED{background:#8a5a00}
b.DOWN{background:#b3261e}
"""


def page(report: Report, *, detailed: bool) -> bytes:
    """Return ``report`` as an HTML page, UTF-8; details only where ``detailed``."""
    facts = [("up for", duration(report.uptime)), ("at", rfc3339(report.at))]
    if report.version is not None:
        facts.insert(0, ("version", report.version))
    if report.note is not None:
        facts.insert(0, ("now", report.note))
    said = " · ".join(f"{name} {_text(value)}" for name, value in facts)
    whole = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{report.status.value} - health</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>Health {_badge(report.status)}</h1>\n<p>{said}</p>\n"
        f"{_table(report, detailed)}</body>\n</html>\n"
    )
    return whole.encode("utf-8", "replace")


def duration(seconds: float) -> str:
    """Return a time in the two largest units that it has: ``2 d 3 h``, ``5 min 1 s``, ``12 s``."""
    rest = int(max(seconds, 0))
    parts: list[str] = []
    for size, unit in _UNITS:
        if rest >= size or parts:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join([*parts, f"{rest} s"][:2])


def _table(report: Report, detailed: bool) -> str:
    if not report.entries:
        return ""
    names = ["check", "status", "time", *(["details"] if detailed else [])]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(_row(entry, detailed) for entry in report.entries)
    return f"<table>\n<caption>Checks</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"


def _row(entry: Entry, detailed: bool) -> str:
    reading = entry.reading
    status = Status.UP if reading.finding.up else Status.DOWN
    cells = f'<th scope="row">{_text(entry.name)}</th><td>{_badge(status)}'
    cells += f"{'' if entry.critical else ' not critical'}</td><td>{round(reading.seconds * 1000)} ms</td>"
    cells += f"<td>{_details(reading.finding.details)}</td>" if detailed else ""
    return f"<tr>{cells}</tr>\n"


def _badge(status: Status) -> str:
    return f'<b class="{status.value}">{status.value}</b>'


def _details(details: Details) -> str:
    if isinstance(details, dict):
        return "\n".join(f"{_text(name)}: {_text(_value(value))}" for name, value in details.items())
    return _text(details or "")


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(text: str) -> str:
    return escape(text.translate(_CONTROLS))
