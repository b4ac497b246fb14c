"""The `serving` section and the policy that is packaged."""

import pytest

from headgate.core.schema import Policy
from headgate.errors import SpecError
from headgate.spec.project import read
from headgate.spec.serving import Serving

SPEC = """
project: iris
task: classification
data: {source: "sklearn:iris", target: species}
serving: %s
"""


def serving(section: str) -> Serving:
    return read("headgate.yaml", (SPEC % section).encode()).serving


def test_the_defaults_are_those_of_the_schema() -> None:
    assert Serving().policy() == Policy()


def test_every_key_reaches_the_policy() -> None:
    section = "{extra_features: ignore, nan: missing, echo: true, probabilities: true, max_rows: 10, batch: 4}"
    expected = Policy(extra="ignore", nan="missing", echo=True, probabilities=True, max_rows=10, batch=4)
    assert serving(section).policy() == expected


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{extra_features: drop}", "serving/extra_features"),
        ("{max_rows: 0}", "serving/max_rows"),
        ("{echo: 1}", "serving/echo"),
        ("{max_row: 10}", "did you mean max_rows"),
    ],
)
def test_wrong_keys_are_named(section: str, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        serving(section)
