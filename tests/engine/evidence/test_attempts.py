"""One line of the attempt log as a value. (What Envoy writes is tested in gateway/test_attempt_log.py.)"""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headgate.engine.evidence.attempts import Attempt, read_attempt

LINE = {
    "began": "1795194239.223163",
    "ended": "1795194239.223680",
    "longest": 60,
    "endpoint": "iris",
    "named": False,
    "cluster": "iris/canary/1a2b3c4d",
    "server": "canary",
    "request": "d2c4daef-93ee-4955-8a55-cf44746d71ef",
    "user": None,
    "client": None,
    "number": "1",
    "status": 200,
    "flags": "-",
    "model_us": "310",
    "us": 455,
}


def line(**changed: Any) -> bytes:
    return json.dumps(LINE | changed).encode() + b"\n"


def read(**changed: Any) -> Attempt:
    found = read_attempt(line(**changed))
    assert found is not None
    return found


def test_an_answer() -> None:
    found = read()
    assert (found.ended, found.endpoint, found.variant, found.answered_by) == (
        1795194239.22368, "iris", "canary", "canary",
    )  # fmt: skip
    assert (found.number, found.status, found.failed, found.microseconds) == (1, 200, False, 310)
    assert (found.randomised, found.client) == (True, None)
    assert 0 < found.request < 2**64
    assert found.request == read(number="2").request != read(request="other").request


def test_the_client_is_whose_hash_chose() -> None:
    assert read(client="b").client == read(user="b").client == read(user="b", client="c").client
    assert read(user="", client="c").client == read(user="").client != read(client="c").client
    assert read(user="b", named=True).client is None
    assert not read(named=True).randomised


@pytest.mark.parametrize(
    ("changed", "status", "failed", "microseconds"),
    [
        ({"status": 500}, 500, True, 310),
        ({"status": 503, "model_us": None}, 503, True, 455),
        ({"status": 404}, 404, False, 310),
        ({"status": 0, "flags": "UT", "us": None}, 0, True, None),
        ({"status": 0, "flags": "UF", "us": None}, 0, True, None),
        ({"status": 0, "us": None}, 0, False, None),
        ({"status": 0, "began": "1795194179.22", "us": None}, 0, True, None),
        ({"status": 200, "flags": "UPE"}, 200, True, 310),
        ({"server": "stable"}, 200, True, None),
        ({"server": None, "status": 0, "flags": "UF"}, 0, True, None),
        ({"model_us": "a lie"}, 200, False, 455),
        ({"model_us": "9" * 20}, 200, False, 455),
        ({"model_us": "²"}, 200, False, 455),
        ({"model_us": None, "us": None}, 200, False, None),
    ],
)
def test_who_failed(changed: dict[str, Any], status: int, failed: bool, microseconds: int | None) -> None:
    found = read(**changed)
    assert (found.status, found.failed, found.microseconds) == (status, failed, microseconds)


@given(st.integers(0, len(line()) - 3))
def test_a_cut_line_is_none(length: int) -> None:
    assert read_attempt(line()[:length]) is None
    assert read_attempt(line()[length + 1 :]) is None


@given(st.one_of(st.binary(max_size=80), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_nonsense_is_none(text: bytes | str) -> None:
    assert read_attempt(text if isinstance(text, bytes) else text.encode()) is None


@example("status", float("inf"))
@given(st.sampled_from(sorted(LINE)), st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats())
def test_a_line_of_wrong_values_is_none_or_an_attempt(name: str, value: object) -> None:
    found = read_attempt(line(**{name: value}))
    assert found is None or isinstance(found, Attempt)
