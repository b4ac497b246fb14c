"""What a rollout leaves on the engine's models, configs and endpoint."""

from dataclasses import replace
from pathlib import Path

import pytest

from headgate.core.endpoints import EndpointState
from headgate.core.progress import silent
from headgate.core.versions import ModelVersion
from headgate.errors import NotFound
from headgate.hosting import canary
from headgate.hosting.deployment import Place, carry_out, of, plan
from headgate.hosting.endpoints import Endpoints
from headgate.pipeline.hosted import HostedWorld
from headgate.rollout.plan import AllAtOnce
from tests.hosting.conftest import Control, running_control
from tests.hosting.test_deployment import approved, tags_of
from tests.pipeline.simulated import GRADUAL, terms

pytestmark = pytest.mark.slow

TAGS = {"owner": "ml-team", "cost-center": "17"}
MARKS = {**TAGS, "headgate:project": "iris", "headgate:environment": "production"}


def no_row(_version: ModelVersion) -> bytes:
    raise NotFound("none")


def deployed(control: Control, version: ModelVersion) -> EndpointState:
    """The endpoint as it was made before there were any tags."""
    endpoints = Endpoints(control.connection)
    return carry_out(endpoints, plan(endpoints, version, Place("iris", "production", "ml.m5.large", 1)), silent)


def test_a_rollout_tags_what_it_makes_and_the_endpoint_when_it_closes(tmp_path: Path) -> None:
    with running_control(tmp_path) as control:
        endpoints, first = Endpoints(control.connection), approved(control, "aa")
        state, second = deployed(control, first), approved(control, "bb")
        place = Place("iris", "production", "ml.m5.large", 1, tags=TAGS)
        pair = canary.names(second, place, state.config_name, "iris-production-1-test")
        said = replace(terms(GRADUAL), config_before=state.config_name, canary_config=pair.canary,
                       final_config=pair.final, tags=TAGS)  # fmt: skip
        world = HostedWorld(control.connection, no_row, said)
        world.prepare()
        assert tags_of(control, of(second, place)) == [MARKS, MARKS]
        beside = replace(of(second, place, canary.CANARY), config=pair.canary)
        assert tags_of(control, beside) == [MARKS, MARKS]
        world.endpoint()
        assert "owner" not in world.tags()
        world.close(version=2, last_good=state.config_name)
        closed = {**MARKS, "headgate:version": "2", "headgate:last-good": state.config_name}
        assert endpoints.tags(state.arn) == closed


def test_a_first_rollout_makes_the_endpoint_with_its_tags(tmp_path: Path) -> None:
    with running_control(tmp_path) as control:
        version = approved(control, "aa")
        final = of(version, Place("iris", "production", "ml.m5.large", 1)).config
        said = replace(terms(AllAtOnce()), version=1, config_before="", canary_config="", final_config=final, tags=TAGS)
        HostedWorld(control.connection, no_row, said).promote()
        made = Endpoints(control.connection).describe("iris-production")
        assert Endpoints(control.connection).tags(made.arn) == {**MARKS, "headgate:version": "1"}
