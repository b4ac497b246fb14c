import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headgate.engine.api.control import Api
from headgate.engine.api.errors import ApiError
from headgate.engine.state import State

CONTAINER = {"Image": "headgate"}


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def api(state: State, woken: list[str]) -> Api:
    return Api(state, account="000000000000", region="us-east-1", wake=woken.append, clock=lambda: 1795179678.35649)


def test_times_are_seconds_with_milliseconds(api: Api) -> None:
    api.call("CreateModel", {"ModelName": "m", "PrimaryContainer": CONTAINER})
    assert api.call("DescribeModel", {"ModelName": "m"})["CreationTime"] == 1795179678.356


def test_void_operations_answer_an_empty_document(api: Api) -> None:
    api.call("CreateModel", {"ModelName": "m", "PrimaryContainer": CONTAINER})
    assert api.call("DeleteModel", {"ModelName": "m"}) == {}


def test_an_operation_that_is_not_there_is_named(api: Api) -> None:
    with pytest.raises(ApiError, match=r"UnknownOperationException: .* no SageMaker operation Search"):
        api.call("Search", {})


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow: writes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_changes_nothing_and_wakes_nobody(api: Api, state: State, woken: list[str]) -> None:
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    api.call("CreateModel", {"ModelName": "m", "PrimaryContainer": CONTAINER})
    api.call("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant]})
    request = {"EndpointName": "e", "EndpointConfigName": "c", "Tags": [{"Key": "a", "Value": "1"}]}
    with full_disk(), pytest.raises(ApiError) as caught:
        api.call("CreateEndpoint", request)
    assert (caught.value.code, caught.value.status) == ("InternalFailure", 500)
    assert caught.value.message.startswith("The engine cannot write its state: ")
    assert "Is the disk full?" in caught.value.message
    assert (state.endpoints(), woken) == ([], [])
    api.call("CreateEndpoint", request)
    assert woken == ["e"]


def test_a_reopened_database_answers_the_same(tmp_path: Path, api: Api, state: State) -> None:
    api.call("CreateModel", {"ModelName": "m", "PrimaryContainer": CONTAINER})
    before: dict[str, Any] = api.call("DescribeModel", {"ModelName": "m"})
    state.close()
    reopened = State(tmp_path / "engine.db")
    again = Api(reopened, account="000000000000", region="us-east-1", wake=lambda _: None)
    assert json.dumps(again.call("DescribeModel", {"ModelName": "m"})) == json.dumps(before)
    reopened.close()
