"""What each signal means, in each phase of a stop."""

from signal import SIGHUP, SIGINT, SIGTERM

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.serving.phases import Phase, after


@pytest.mark.parametrize(
    ("before", "signal", "expected"),
    [
        pytest.param(Phase.SERVING, SIGTERM, Phase.DRAINING, id="SIGTERM begins the delay"),
        pytest.param(Phase.DRAINING, SIGTERM, Phase.STOPPING, id="a second SIGTERM ends it"),
        pytest.param(Phase.STOPPING, SIGTERM, Phase.STOPPING, id="a third one cancels no request"),
        pytest.param(Phase.GIVING_UP, SIGTERM, Phase.GIVING_UP, id="nothing leads back"),
        pytest.param(Phase.SERVING, SIGINT, Phase.STOPPING, id="Ctrl-C needs no delay"),
        pytest.param(Phase.DRAINING, SIGINT, Phase.STOPPING, id="Ctrl-C ends the delay"),
        pytest.param(Phase.STOPPING, SIGINT, Phase.GIVING_UP, id="Ctrl-C once more waits for no request"),
        pytest.param(Phase.DRAINING, SIGHUP, Phase.DRAINING, id="another signal is not for us"),
    ],
)
def test_a_signal_leads_to(before: Phase, signal: int, expected: Phase) -> None:
    assert after(before, signal) is expected


@given(st.sampled_from(Phase), st.integers(0, 64))
def test_a_stop_never_goes_back(before: Phase, signal: int) -> None:
    assert after(before, signal) >= before
