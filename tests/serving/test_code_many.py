"""The user's code for many requests: as coroutines, and several requests in one call."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from headgate.core.schema import Feature, InputSchema, Policy
from headgate.errors import InvalidInput
from headgate.serving.backends.code import CodePredictor
from headgate.serving.codecs import Answer
from headgate.serving.failure import ModelFailure
from headgate.serving.load import load
from headgate.serving.predictor import AsyncPredictor, Call
from tests.serving.models import write_code

LOAD = "def model_fn(model_dir): return []\n"
SCHEMA = InputSchema("regression", "y", (Feature("x"),), policy=Policy(batch=8))


def package(folder: Path, source: str, schema: InputSchema | None = None) -> CodePredictor:
    predictor = load(write_code(folder, LOAD + source, schema=schema))
    assert isinstance(predictor, CodePredictor)
    return predictor


def call(body: Any, accept: str | None = None) -> Call:
    return Call(json.dumps(body).encode(), None, accept)


def shown(result: object) -> Any:
    assert isinstance(result, Answer), result
    return json.loads(result.body)


MIXED = """
import asyncio

def input_fn(body, content_type): return int(body)

async def predict_fn(data, model):
    model.append(data)
    while len(model) < 3:
        await asyncio.sleep(0)
    return 1 / data

def output_fn(prediction, accept): return str(prediction), "text/plain"
"""


def test_async_hooks_run_side_by_side_and_plain_ones_in_between(tmp_path: Path) -> None:
    predictor = package(tmp_path, MIXED)
    assert isinstance(predictor, AsyncPredictor)
    assert (predictor.mode, predictor.max_batch) == ("async", 1)

    async def crowd() -> list[Answer | BaseException]:
        asked = (predictor.predict_async(body, None, None) for body in (b"1", b"2", b"0"))
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 30)

    one, half, failed = asyncio.run(crowd())
    assert (one, half) == (Answer(b"1.0", "text/plain"), Answer(b"0.5", "text/plain"))
    assert isinstance(failed, ModelFailure)
    assert (failed.kind, failed.message) == ("ZeroDivisionError", "division by zero")


def test_what_async_hooks_keep_open_works_for_callers_without_a_loop(tmp_path: Path) -> None:
    source = """
import asyncio

async def predict_fn(data, model):
    model.append(asyncio.get_running_loop())
    return len(set(model))
"""
    predictor = package(tmp_path, source)
    assert [shown(predictor.predict(b"[1]", None, None)) for _ in range(2)] == [1, 1]


def test_async_transform(tmp_path: Path) -> None:
    source = "async def transform_fn(model, body, content_type, accept, context): return body * 2\n"
    predictor = package(tmp_path, source)
    assert predictor.mode == "async"
    assert predictor.predict(b"ab", "text/csv", "text/csv") == Answer(b"abab", "text/csv")


def test_the_context_knows_the_request(tmp_path: Path) -> None:
    source = """
def predict_fn(data, model, context):
    return [context.request_id, context.get_request_id(), context.traceparent, context.get_request_header(0, "X-Who"),
            context.get_request_header(0, "none"), sorted(context.get_all_request_header())]
"""
    headers = {b"x-request-id": b"r1", b"traceparent": b"00-1-2-01", b"x-who": b"me"}
    predictor = package(tmp_path, source)
    answer = shown(predictor.predict(b"[1]", None, None, headers))
    assert answer == ["r1", "r1", "00-1-2-01", "me", None, ["traceparent", "x-request-id", "x-who"]]
    assert shown(predictor.predict(b"[1]", None, None)) == [None, None, None, None, None, []]


def test_the_context_knows_the_trace(tmp_path: Path) -> None:
    source = """
def predict_fn(data, model, context):
    return context.trace and [context.trace.trace_id, context.trace.span_id, context.trace.sampled]
"""
    predictor = package(tmp_path, source)
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    for parent, expected in [
        (f"00-{trace_id}-{span_id}-01", [trace_id, span_id, True]),
        ("00-1-2-01", None),
    ]:
        assert shown(predictor.predict(b"[1]", None, None, {b"traceparent": parent.encode()})) == expected


TOGETHER = """
def predict_fn(rows, model):
    model.append(len(rows))
    if any(row["x"] < 0 for row in rows):
        raise ValueError("negative")
    return [row["x"] * 10 + model[-1] for row in rows]
"""


def test_rows_of_several_requests_in_one_call(tmp_path: Path) -> None:
    predictor = package(tmp_path, TOGETHER, SCHEMA)
    assert (predictor.mode, predictor.max_batch) == ("thread", 8)
    calls = [call({"x": 1}), call([{"x": 2}, {"x": 3}]), call({"y": 1}), call({"x": 4}, "text/csv"), call({}, "no/no")]
    one, two, unknown, table, unfit = predictor.predict_many(calls)
    assert (shown(one), shown(two)) == ([14], [24, 34])
    assert isinstance(unknown, InvalidInput)
    assert table == Answer(b"44.0\n", "text/csv; charset=utf-8")
    assert isinstance(unfit, InvalidInput)
    assert shown(predictor.predict_many([call({"x": 1})])[0]) == [11]


def test_a_request_that_makes_the_batch_fail_fails_alone(tmp_path: Path) -> None:
    predictor = package(tmp_path, TOGETHER, SCHEMA)
    one, bad, two = predictor.predict_many([call({"x": 1}), call({"x": -1}), call({"x": 2})])
    assert (shown(one), shown(two)) == ([11], [21])
    assert isinstance(bad, ModelFailure)
    assert (bad.kind, bad.message) == ("ValueError", "negative")


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("rows[1:]", "1 predictions"),
        ("{'a': 1, 'b': 2}", "dict"),
        ("7", "int"),
        ("__import__('numpy').array(7)", "ndarray"),
        ("'ab'", "str"),
    ],
)
def test_a_wrong_number_of_predictions_is_nobodys_answer(tmp_path: Path, returned: str, found: str) -> None:
    predictor = package(tmp_path, f"def predict_fn(rows, model): return {returned}\n", SCHEMA)
    for result in predictor.predict_many([call({"x": 1}), call({"x": 2})]):
        assert isinstance(result, ModelFailure)
        assert result.message == f"predict_fn answered 2 rows with {found}."


@pytest.mark.parametrize(
    "source",
    [
        "def predict_fn(rows, model, context): return rows\n",
        "def predict_fn(rows, model): return rows\ndef output_fn(prediction, accept): return 'x'\n",
        "async def predict_fn(rows, model): return rows\n",
    ],
)
def test_what_is_of_one_request_is_not_batched(tmp_path: Path, source: str) -> None:
    assert package(tmp_path, source, SCHEMA).max_batch == 1
