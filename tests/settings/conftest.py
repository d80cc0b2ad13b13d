"""A working directory and an environment in which nothing is set."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty working directory."""
    folder = tmp_path / "above" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.upper().startswith("ASGI_PATTERNS")]:
        monkeypatch.delenv(name)
    return folder
