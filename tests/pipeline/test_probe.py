"""How often an endpoint is asked before it gets traffic."""

import math
from types import SimpleNamespace

import pytest

from headgate.pipeline.probe import repeated


@pytest.mark.parametrize(
    ("takes", "seconds", "asked"), [(0.01, 30.0, 40), (2.0, 30.0, 15), (65.0, 30.0, 1), (9.0, math.inf, 40)]
)
def test_a_slow_model_is_asked_less_often(
    monkeypatch: pytest.MonkeyPatch, takes: float, seconds: float, asked: int
) -> None:
    now, answers = 1000.0, 0

    def ask() -> bytes:
        nonlocal now, answers
        now, answers = now + takes, answers + 1
        return str(answers).encode()

    monkeypatch.setattr("headgate.pipeline.probe.time", SimpleNamespace(monotonic=lambda: now))
    assert repeated(ask, 40, seconds) == str(asked).encode()
