"""``make browser``: let a real browser read our refusals from a page of another origin, and every coding.

A Chromium has to be on the machine. Where there is none that is said, and the exit code is 2: nothing was checked.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from tests.browser.coded import PATHS, TEXT
from tests.support.servers import serve, serving, uvicorn

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOT_CHECKED = 2
SECONDS = 60.0

# What a page of an allowed origin reads: status, title of the problem, Retry-After.
READABLE: dict[tuple[str, str], tuple[int, str, str | None]] = {
    ("GET", "/fine"): (200, "fine", None),
    ("GET", "/limited"): (429, "Too Many Requests", "7"),
    ("GET", "/shed"): (503, "Service Unavailable", "3"),
    ("GET", "/broken"): (500, "Internal Server Error", None),
    ("GET", "/nothing"): (404, "Not Found", None),
    ("PUT", "/fine"): (200, "fine", None),
}


def find_browser() -> str | None:
    """Return the first Chromium on the path."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def read_page(browser: str, url: str) -> list[dict[str, Any]]:
    """Open ``url`` and return what its script wrote down."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *(f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom", url),
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, f"the page did not load:\n{done.stdout}\n{done.stderr}"
    seen: list[dict[str, Any]] = json.loads(html.unescape(found[1]))
    return seen


def complaints_about(seen: list[dict[str, Any]], *, allowed: bool) -> list[str]:
    """Say where what the page read differs from what it should have read."""
    wrong = []
    for each in seen:
        what = f"{each['method']} {each['path']}"
        if not allowed:
            wrong += [] if "unreadable" in each else [f"{what}: a page that is not allowed read {each}"]
            continue
        expected = READABLE[each["method"], each["path"]]
        if (each.get("status"), each.get("title"), each.get("later")) != expected or not each.get("id"):
            wrong.append(f"{what}: expected {expected} and an id, the page read {each}")
        elif each["status"] >= 400 and not each["sameId"]:
            wrong.append(f"{what}: the problem and the field name different ids")
    return wrong if seen and len(seen) == len(READABLE) else [*wrong, f"only {len(seen)} requests were made"]


def complaints_about_codings(seen: list[dict[str, Any]]) -> list[str]:
    """Say which coding the page could not read."""
    wrong = [
        f"{each['path']}: the page read {str(each)[:200]}"
        for each in seen
        if (each.get("coding"), each.get("body")) != (each["path"].split("/")[1], TEXT)
    ]
    return wrong if len(seen) == len(PATHS) else [*wrong, f"only {len(seen)} codings were asked for"]


def main() -> int:
    """Check all pages; return the exit code."""
    browser = find_browser()
    if browser is None:
        print(f"browser checks: none ran, no {', '.join(BROWSERS)} on the path", file=sys.stderr)
        return NOT_CHECKED
    wrong: list[str] = []
    with serving(*uvicorn("tests.browser.app:app")) as pages:
        page = f"http://127.0.0.1:{pages.port}"
        for allowed in (True, False):
            env = {"ALLOWED_ORIGIN": page} if allowed else {}
            with serving(*serve("tests.browser.app:asgi"), env=env) as api:
                api_url = f"http://127.0.0.1:{api.port}"
                seen = read_page(browser, f"{page}/page?api={api_url}")
            wrong += complaints_about(seen, allowed=allowed)
    with serving(*uvicorn("tests.browser.coded:app")) as texts:
        wrong += complaints_about_codings(read_page(browser, f"http://127.0.0.1:{texts.port}/page"))
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    print(f"browser checks: {2 * len(READABLE) + len(PATHS) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
