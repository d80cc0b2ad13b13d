"""A bomb of 1 GB is refused before it has taken 32 MB, whatever the coding and the limit."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compression.request_bodies import CODINGS, Coding, zeros
from tests.support.servers import ROOT

MEGABYTES = 32
CHUNK = 64 * 1024

LIMITS = {
    "as it comes": "{}",
    "with a limit of 1 GB": '{"max_size": 1073741824}',
    "with a limit of 1 GB and a ratio of 400": '{"max_size": 1073741824, "max_ratio": 400}',
}


@pytest.fixture(scope="module", params=CODINGS)
def bomb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Coding, Path]:
    """A coding, and a file of a GB in it."""
    file = tmp_path_factory.mktemp("bombs") / request.param
    file.write_bytes(zeros(request.param, 1024))
    return request.param, file


@pytest.mark.parametrize("limit", LIMITS)
def test_it_is_refused_before_it_has_taken_32_mb(bomb: tuple[Coding, Path], limit: str) -> None:
    coding, file = bomb
    command = [sys.executable, "-m", "tests.compression.bomb", coding, str(file), str(CHUNK), LIMITS[limit]]

    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout

    status, kilobytes = map(int, told.split())
    assert status == 413
    assert kilobytes < MEGABYTES * 1024
