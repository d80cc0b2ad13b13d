"""``manage.py check`` says what is wrong with the pipeline's settings."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
from django.conf import settings
settings.configure(INSTALLED_APPS=["asgi_patterns.django.Checks"], ASGI_PATTERNS={config})
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "check"])
"""


def check(folder: Path, config: str) -> subprocess.CompletedProcess[str]:
    (folder / "manage.py").write_text(PROJECT.format(config=config))
    return subprocess.run(
        [sys.executable, "manage.py"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_settings_that_are_right(tmp_path: Path) -> None:
    done = check(tmp_path, '{"health": {"path": "/status"}}')

    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n")


WRONG = [
    ("a misspelt field", '{"health": {"pth": "/status"}}', "(asgi_patterns.E001) ", "health.pth"),
    ("a misspelt section", '{"helth": {}}', "(asgi_patterns.E001) ", "helth"),
    (
        "two layers with one name",
        '{"request_id": [{"header": "X-A"}, {"header": "X-B"}]}',
        "(asgi_patterns.E00",
        "request_id",
    ),
]


@pytest.mark.parametrize(("config", "number", "named"), [r[1:] for r in WRONG], ids=[r[0] for r in WRONG])
def test_settings_that_are_wrong(tmp_path: Path, config: str, number: str, named: str) -> None:
    done = check(tmp_path, config)

    assert done.returncode == 1
    assert number in done.stderr
    assert named in done.stderr
    assert "HINT: The mapping is ASGI_PATTERNS in settings.py." in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_are_hardly_meant(tmp_path: Path) -> None:
    done = check(tmp_path, '{"rate_limit": {"quotas": ["5/minute"], "key": "header:X-API-Key"}}')

    assert done.returncode == 0
    assert (
        "?: (asgi_patterns.W001) rate_limit counts 5-per-minute by a field that clients make" in done.stderr
    )


def test_files_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "asgi-patterns.toml").write_text("[problems]\nlimit = 'many'\n")

    done = check(tmp_path, "None")

    assert done.returncode == 1
    assert "asgi-patterns.toml: problems.limit" in done.stderr
