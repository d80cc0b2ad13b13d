"""What of a client's trace context is believed, and what becomes of the rest."""

import pytest

from asgi_patterns.observability.trace_context import trace_context

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
PARENT = b"00-%b-%b-01" % (TRACE, SPAN)


def test_without_fields_there_is_none() -> None:
    assert trace_context([(b"host", b"a")]) == (None, None)


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        pytest.param(PARENT, PARENT, id="a legal one is taken as it is"),
        pytest.param(b" \t" + PARENT + b" ", PARENT, id="blanks around it do not count"),
        pytest.param(PARENT[:-2] + b"00", PARENT[:-2] + b"00", id="one that is not sampled"),
        pytest.param(PARENT[:-2] + b"03", PARENT[:-2] + b"03", id="the random flag stays with its trace id"),
        pytest.param(PARENT[:-2] + b"ff", PARENT[:-2] + b"03", id="flags that are not known are zero"),
        pytest.param(b"cc" + PARENT[2:], PARENT, id="a later version, said as ours"),
        pytest.param(b"cc" + PARENT[2:] + b"-what-comes", PARENT, id="a later version that says more"),
        pytest.param(b"cc" + PARENT[2:] + b"x", None, id="a later version that goes on without a dash"),
        pytest.param(b"ff" + PARENT[2:], None, id="version ff is illegal"),
        pytest.param(PARENT + b"-more", None, id="version 00 says no more"),
        pytest.param(PARENT[:-1], None, id="too short"),
        pytest.param(PARENT.upper(), None, id="in capitals"),
        pytest.param(PARENT.replace(TRACE, b"0" * 32), None, id="a trace id of zeros"),
        pytest.param(PARENT.replace(SPAN, b"0" * 16), None, id="a span id of zeros"),
        pytest.param(PARENT.replace(b"-", b"_"), None, id="other separators"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_traceparent(sent: bytes, taken: bytes | None) -> None:
    assert trace_context([(b"traceparent", sent)]) == (taken, None)


def test_of_two_traceparents_none_counts() -> None:
    headers = [(b"traceparent", PARENT), (b"traceparent", PARENT), (b"tracestate", b"a=1")]

    assert trace_context(headers) == (None, None)


def test_a_tracestate_alone_means_nothing() -> None:
    assert trace_context([(b"tracestate", b"a=1")]) == (None, None)


LONG = b"v" * 200


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        pytest.param([b"a=1,b=2"], b"a=1,b=2", id="members in their order"),
        pytest.param([b"a=1", b"b=2"], b"a=1,b=2", id="several lines are one list"),
        pytest.param([b" a=1 ,\tb=2 "], b"a=1,b=2", id="blanks around members do not count"),
        pytest.param([b"a=1,,b=2,"], b"a=1,b=2", id="empty members do not count"),
        pytest.param([b""], None, id="an empty line"),
        pytest.param([b"tenant@vendor=x"], b"tenant@vendor=x", id="a key of a tenant"),
        pytest.param([b"1a=x"], b"1a=x", id="a key that begins with a digit"),
        pytest.param([b"a=x y"], b"a=x y", id="a value with a blank inside"),
        pytest.param([b"%b=1" % (b"k" * 256)], b"%b=1" % (b"k" * 256), id="the longest key"),
        pytest.param([b"%b=1" % (b"k" * 257)], None, id="a key that is too long"),
        pytest.param([b"a=1,B=2"], None, id="a key in capitals takes all down"),
        pytest.param([b"a=1,b"], None, id="a member without a value"),
        pytest.param([b"a=1,b=2=3"], None, id="a value with an equals sign"),
        pytest.param([b"a=1,t@v@w=2"], None, id="a key with two @"),
        pytest.param([b"a=1,@v=2"], None, id="a key that begins with @"),
        pytest.param([b"a=\xe9"], None, id="a value that is not ASCII"),
        pytest.param([b"a=1,b=2,a=3"], b"a=1,b=2", id="of a key that comes twice the newer one, on the left"),
        pytest.param([b",".join(b"k%d=1" % n for n in range(32))], b",".join(b"k%d=1" % n for n in range(32)), id="32"),
        pytest.param([b",".join(b"k%d=1" % n for n in range(33))], None, id="33 are too many"),
        pytest.param(
            [b"a=1,b=%b,c=%b,d=%b,e=2" % (LONG, LONG, LONG)], b"a=1,e=2", id="long ones go first for want of room"
        ),
    ],
)  # fmt: skip
def test_tracestate(sent: list[bytes], taken: bytes | None) -> None:
    headers = [(b"traceparent", PARENT), *((b"tracestate", line) for line in sent)]

    assert trace_context(headers) == (PARENT, taken)


def test_what_is_still_too_long_loses_its_oldest() -> None:
    members = [b"k%d=%b" % (number, b"v" * 100) for number in range(10)]

    _, state = trace_context([(b"traceparent", PARENT), (b"tracestate", b",".join(members))])

    assert state == b",".join(members[:4])
