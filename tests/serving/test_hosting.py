"""Options of ``asgi-patterns serve`` that do not go together, or name what is not there."""

import sys

import pytest

from asgi_patterns.kernel.optional import MissingExtra
from asgi_patterns.serving.hosting import Hosting, WrongOption
from tests.serving.hosts import CERTIFICATE


@pytest.mark.parametrize(
    ("hosting", "said"),
    [
        pytest.param(
            Hosting(worker_class="trio"),
            "--worker-class trio needs --server hypercorn, uvicorn runs on asyncio",
            id="trio on uvicorn",
        ),
        pytest.param(
            Hosting(server="granian", worker_class="trio"),
            "--worker-class trio needs --server hypercorn, granian runs on asyncio",
            id="trio on granian",
        ),
        pytest.param(
            Hosting(server="hypercorn", reload=True),
            "--reload needs --server uvicorn, hypercorn cannot do it here",
            id="reload on hypercorn",
        ),
        pytest.param(
            Hosting(certfile="c.pem"),
            "--certfile and --keyfile belong together: give both, or none",
            id="a certificate without a key",
        ),
        pytest.param(
            Hosting(certfile="no.pem", keyfile="no.pem"),
            "--certfile no.pem with --keyfile no.pem cannot be used: No such file or directory",
            id="no such file",
        ),
        pytest.param(
            Hosting(certfile=str(CERTIFICATE), keyfile=str(CERTIFICATE)),
            f"--certfile {CERTIFICATE} with --keyfile {CERTIFICATE} cannot be used: "
            "these are no certificate and open key in PEM",
            id="no key",
        ),
    ],
)
def test_what_cannot_be_is_refused(hosting: Hosting, said: str) -> None:
    with pytest.raises(WrongOption) as caught:
        hosting.check()

    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("hosting", "module", "extra"),
    [
        pytest.param(Hosting(), "uvicorn", "server", id="uvicorn"),
        pytest.param(Hosting(server="hypercorn"), "hypercorn", "hypercorn", id="hypercorn"),
        pytest.param(Hosting(server="hypercorn", worker_class="trio"), "trio", "hypercorn", id="trio"),
        pytest.param(Hosting(server="granian"), "granian", "granian", id="granian"),
    ],
)
def test_what_is_not_installed_is_named(
    hosting: Hosting, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtra) as caught:
        hosting.check()

    assert str(caught.value) == f"{module!r} is not installed: pip install 'asgi-patterns[{extra}]'"
