"""Trace context is taken as the recommendation has it, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.serving.trace import Trace, trace_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def traced(parent: str, state: str | None = None) -> Trace | None:
    headers = {b"traceparent": parent.encode()}
    return trace_of(headers if state is None else {**headers, b"tracestate": state.encode()})


def test_a_sound_one() -> None:
    assert traced(PARENT, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE") == Trace(
        TRACE, SPAN, True, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    )
    assert traced(f"00-{TRACE}-{SPAN}-00") == Trace(TRACE, SPAN, False)
    assert traced(f"cc-{TRACE}-{SPAN}-03-what-comes-later") == Trace(TRACE, SPAN, True)
    assert trace_of({}) is None
    assert trace_of({b"tracestate": b"a=b"}) is None


@pytest.mark.parametrize(
    "parent",
    [
        "",
        PARENT.upper(),
        f" {PARENT}",
        f"{PARENT}\n",
        f"{PARENT}-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN[:-1]}g-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
    ],
)
def test_a_broken_one_is_as_good_as_none(parent: str) -> None:
    assert traced(parent, "a=b") is None


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=b, c=d ,", True),
        ("fw529a3039@dt=FfAAA", True),
        ("a=" + "x" * 256, True),
        ("a=" + "x" * 257, False),
        ("A=b", False),
        ("a", False),
        ("a=", False),
        ("a=b=c", False),
        ("a=1,a=2", False),
        ("a=é", False),
        (",".join(f"k{n}=v" for n in range(32)), True),
        (",".join(f"k{n}=v" for n in range(33)), False),
    ],
)
def test_a_broken_state_is_left_out(state: str, kept: bool) -> None:
    found = traced(PARENT, state)
    assert found == Trace(TRACE, SPAN, True, state if kept else "")


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_any_bytes_will_do(parent: bytes, state: bytes) -> None:
    trace_of({b"traceparent": parent, b"tracestate": state})
    found = trace_of({b"traceparent": PARENT.encode(), b"tracestate": state})
    assert found
    assert found.trace_id == TRACE
