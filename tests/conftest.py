"""Both event loops for every test that carries the ``anyio`` mark."""

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The backend that anyio's plugin runs a test on."""
    backend: str = request.param
    return backend
