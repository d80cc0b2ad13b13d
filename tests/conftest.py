"""Both event loops for every test with the ``anyio`` mark, and what is checked only where a program is there."""

import shutil

import pytest

MISSING = pytest.StashKey[list[str]]()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The backend that anyio's plugin runs a test on."""
    backend: str = request.param
    return backend


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that run a program which is not here."""
    left_out = [item for item in items if _missing(item)]
    if left_out:
        config.stash[MISSING] = sorted(
            {f"{_missing(item)}: {item.nodeid.partition('[')[0]}" for item in left_out}
        )
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _missing(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker("program")
    name: str | None = None if mark is None else mark.args[0]
    return None if name is None or shutil.which(name) else name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which checks did not run."""
    for line in config.stash.get(MISSING, []):
        terminalreporter.write_line(f"did not run, for want of {line}")
