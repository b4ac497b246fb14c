"""What the server's own OpenAPI document allows, and near misses of it: each is answered, and as the document says."""

from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from onnx import ModelProto, helper, numpy_helper
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from headgate.core.manifest import ONNX_NAME
from headgate.core.schema import Feature
from tests.serving.models import linear_model, write_manifest, write_package
from tests.serving.process import running

pytestmark = pytest.mark.slow

ALWAYS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEATURES = (Feature("x"), Feature("y", "integer", nullable=True))
EXAMPLES = 100
ANSWERED_WITHIN = 10.0


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    folder = write_package(tmp_path_factory.mktemp("served") / "model", features=FEATURES)
    (folder / ONNX_NAME).write_bytes(steady_model().SerializeToString())
    with running(write_manifest(folder, "onnx")) as server:
        bound = server.wait_for("serving")["bind"]
        yield schemathesis.openapi.from_url(f"http://{bound}/openapi.json")


def steady_model() -> ModelProto:
    """The linear classifier, which would sum huge or missing values to what is no number, behind a clip."""
    model = linear_model()
    for name, value in (("zero", 0.0), ("least", -1e6), ("most", 1e6)):
        model.graph.initializer.append(numpy_helper.from_array(numpy.array(value, numpy.float32), name))
    model.graph.node[0].input[0] = "steady"
    nodes = [
        helper.make_node("IsNaN", ["X"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "X"], ["given"]),
        helper.make_node("Clip", ["given", "least", "most"], ["steady"]),
    ]
    for place, node in enumerate(nodes):
        model.graph.node.insert(place, node)
    return model


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_invocations(document: BaseSchema, mode: GenerationMode) -> None:
    statuses = statuses_of(document["/invocations"]["POST"], mode)
    json = {status for media, status in statuses if media == "application/json"}
    assert json == {200} if mode == GenerationMode.POSITIVE else json <= {400, 413}
    assert json


@pytest.mark.parametrize("path", ["/ping", "/execution-parameters", "/metrics", "/openapi.json"])
def test_what_can_be_read(document: BaseSchema, path: str) -> None:
    assert statuses_of(document[path]["GET"], GenerationMode.POSITIVE) == {(None, 200)}


def statuses_of(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> set[tuple[str | None, int]]:
    """Media types that were sent and statuses that came; every answer conforms to the document."""
    seen: set[tuple[str | None, int]] = set()

    @seed(4)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answered(case: Case[Any]) -> None:
        answer = case.call(timeout=ANSWERED_WITHIN)
        exact = [positive_data_acceptance, negative_data_rejection] if case.media_type == "application/json" else []
        case.validate_response(answer, checks=[*ALWAYS, *exact])
        seen.add((case.media_type, answer.status_code))

    answered()
    return seen
