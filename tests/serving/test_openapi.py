"""The OpenAPI document says what is so: what conforms to it is answered, what does not is refused."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from headgate.core.schema import Feature, InputSchema, Policy
from headgate.errors import HeadgateError
from headgate.serving.answers import encode_error
from headgate.serving.codecs import Answer
from headgate.serving.openapi import document
from headgate.serving.rows import RowPredictor
from tests.serving.sums import LABELS, sums

pytestmark = pytest.mark.slow

MIXED = (
    Feature("x y"),
    Feature("n", "integer", nullable=True),
    Feature("b", "boolean"),
    Feature("c", "string", nullable=True, categories=("r.d", 'a,"é')),
    Feature("t", "string"),
)
STRICT = Policy(max_rows=5)
LAX = Policy(extra="ignore", nan="missing", echo=True, probabilities=True)
REFUSALS = {"checks": {"negative_data_rejection": {"expected-statuses": ["400", "406", "413", "415"]}}}


def served(predictor: RowPredictor) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """A WSGI application of the document and of what it describes."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status = 200
        try:
            if environ["PATH_INFO"] == "/openapi.json":
                said = Answer(json.dumps(document(predictor.schema)).encode(), "application/json")
            else:
                said = predictor.predict(body, environ.get("CONTENT_TYPE"), environ.get("HTTP_ACCEPT"))
        except HeadgateError as error:
            status, said = error.http_status, encode_error(error)
        start(f"{status} -", [("Content-Type", said.content_type)])
        return [said.body]

    return answer


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(
    "predictor",
    [sums(*MIXED, policy=STRICT), sums(*MIXED, policy=LAX), sums(policy=LAX, classifies=False)],
    ids=["strict", "lax", "numbers"],
)
def test_what_conforms_is_answered_and_what_does_not_is_refused(predictor: RowPredictor, mode: GenerationMode) -> None:
    config = schemathesis.Config.from_dict(REFUSALS)
    api = schemathesis.openapi.from_wsgi("/openapi.json", served(predictor), config=config)

    @given(case=api["/invocations"]["POST"].as_strategy(generation_mode=mode))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def call(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate()

    call()


def test_every_path_and_format_is_there() -> None:
    found = document(sums().schema, "iris")
    assert found["info"]["title"] == "iris"
    assert list(found["paths"]) == ["/invocations", "/ping", "/execution-parameters", "/metrics", "/openapi.json"]
    call = found["paths"]["/invocations"]["post"]
    assert list(call["requestBody"]["content"]) == [
        "application/json",
        "application/jsonlines",
        "application/x-ndjson",
        "text/csv",
        "application/x-npy",
        "application/x-parquet",
        "application/vnd.apache.parquet",
    ]
    assert {"text/csv", "application/x-npy", "application/jsonlines"} < set(call["responses"]["200"]["content"])
    assert found["components"]["schemas"]["Prediction"]["properties"]["label"] == {"enum": list(LABELS)}


def test_the_examples_are_answered() -> None:
    predictor = sums(*MIXED)
    content = document(predictor.schema)["paths"]["/invocations"]["post"]["requestBody"]["content"]
    assert predictor.predict(json.dumps(content["application/json"]["example"]).encode(), None, None)
    assert predictor.predict(content["text/csv"]["example"].encode(), "text/csv", None)


def test_user_code_takes_and_answers_what_it_likes() -> None:
    call = document(None)["paths"]["/invocations"]["post"]
    assert call["requestBody"]["content"] == {"*/*": {}}
    assert call["responses"]["200"]["content"] == {"*/*": {}}


def test_a_bare_model_may_classify_or_not() -> None:
    bare = document(InputSchema("regression", "", (Feature("f0"),)))
    assert bare["components"]["schemas"]["Prediction"] == {"type": "object"}
