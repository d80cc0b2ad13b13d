"""What is tested as the oldest version is what the package says that it supports."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = "\n".join([*project["dependencies"], *project["optional-dependencies"]["test"]])
    bounds = dict(re.findall(r"^([a-z0-9-]+)>=([0-9.]+)", required, re.MULTILINE))
    oldest = dict(
        re.findall(r"^([a-z]+)==([0-9.]+)$", (ROOT / "oldest.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )

    tested = {name: _version(version) for name, version in oldest.items()}

    assert set(tested) == {"starlette", "fastapi", "litestar", "quart", "django"}
    assert tested == {name: _version(bounds[name]) for name in tested}


def _version(text: str) -> tuple[int, ...]:
    """The parts without zeros at the end: 4.2 is 4.2.0."""
    parts = [int(part) for part in text.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)
