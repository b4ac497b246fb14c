from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headgate.engine.fleet import Fleet, Variant
from headgate.engine.state import Endpoint, Instance, State
from headgate.errors import Unavailable


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with closing(State(tmp_path / "engine.db")) as opened:
        yield opened


FLEET = Fleet("config-1", (Variant("stable", "model-1", "headgate", environment={"A": "1"}),))


def test_an_endpoint_survives_a_reopened_database(tmp_path: Path) -> None:
    first = State(tmp_path / "engine.db")
    endpoint = Endpoint("iris", "arn:iris", 1.0, 2.0, "Creating", target=FLEET, deployment_config={"a": 1})
    first.put_endpoint(endpoint)
    first.close()
    with closing(State(tmp_path / "engine.db")) as second:
        assert second.endpoint("iris") == endpoint


def test_a_failed_transaction_leaves_nothing(state: State) -> None:
    def put_and_stop() -> None:
        with state.transaction():
            state.put_resource("model", "a", 1.0, {"ModelName": "a"})
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        put_and_stop()
    assert state.resource("model", "a") is None


def test_names_are_exact_to_read_and_differ_in_more_than_case_to_create(state: State) -> None:
    state.put_resource("model", "Iris", 1.0, {"ModelName": "Iris"})
    assert state.resource("model", "iris") is None
    assert state.resource_taken("model", "iRIS") == "Iris"


def test_an_instance_changes_state_in_place(state: State) -> None:
    state.put_instance(Instance("1", "iris", "stable", "k", "/b", "unix:/a"))
    state.put_instance(Instance("2", "iris", "stable", "k", "/b", "unix:/b"))
    state.put_instance(Instance("1", "iris", "stable", "k", "/b", "unix:/a", "draining"))
    assert [(i.id, i.state) for i in state.instances("iris")] == [("1", "draining"), ("2", "wanted")]
    assert state.instances("other") == []


def test_tags(state: State) -> None:
    state.put_tags("arn", {"a": "1", "b": "2"})
    state.delete_tags("arn", ["a"])
    assert state.tags("arn") == {"b": "2"}
    state.delete_tags("arn")
    assert state.tags("arn") == {}


def test_weights_and_counts_change_alone() -> None:
    changed = FLEET.with_weights({"stable": 3.0}, {"stable": 2})
    assert (changed.variants[0].weight, changed.variants[0].instance_count) == (3.0, 2)
    assert changed.variants[0].kind == FLEET.variants[0].kind


@pytest.mark.parametrize("keep", [0, 16, 4096])
def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "engine.db"
    state = State(path)
    for number in range(200):
        state.put_resource("model", f"m-{number}", 1.0, {"text": "x" * 100})
    state.close()
    content = path.read_bytes()
    damaged = content[:keep] + b"\xff" * (len(content) - keep)
    path.write_bytes(damaged)
    with pytest.raises(Unavailable, match=r"cannot use .*engine\.db"):
        State(path)
    assert path.read_bytes() == damaged
