"""The OpenAPI 3.1 document of a model server, made from the model's input schema.

It is exact where JSON schema can be: a JSON body that conforms is answered with 200, one that does not with 4xx. CSV
has a pattern for its plainest form. What cannot be said is left out or said in words: that the columns of a table are
of equal length (one and two rows are spelt out), and formats that JSON schema has no words for.

User code takes and answers what it likes: without a schema the document says no more than where to send it.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from headgate.core.schema import Feature, InputSchema, Kind
from headgate.serving.codecs import OUTPUTS, encode_csv
from headgate.serving.media import CSV, JSON, JSON_LINES, NPY, PARQUET
from headgate.serving.values import FLOAT32_MAX

Document = dict[str, Any]

_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}/]")
"""What has to be escaped in the patterns of JSON schema, which are those of ECMAScript."""

_LARGEST = int(FLOAT32_MAX)
_KINDS: dict[Kind, Document] = {
    "number": {"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX},
    "integer": {"type": "integer", "minimum": -_LARGEST, "maximum": _LARGEST},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
}
_EXAMPLES: dict[Kind, Any] = {"number": 1.5, "integer": 1, "boolean": True, "string": "text"}
_ERRORS = {
    "400": "The request is wrong; the message names row and feature.",
    "406": "None of the media types in `Accept` can be answered.",
    "413": "The body is too large, or has too many rows.",
    "415": "The media type or the character set of the body is not supported.",
    "4XX": "The request is wrong.",
    "500": "The model failed.",
    "503": "Too many requests are waiting; `Retry-After` says when to come back.",
    "504": "The model took too long.",
}


def document(schema: InputSchema | None, project: str = "") -> Document:
    """The document as JSON values; `schema` is None where user code decides what it takes."""
    schemas = {"Error": _error()}
    if schema is not None:
        schemas |= _row_schemas(schema) | {"Prediction": _prediction(schema)}
    return {
        "openapi": "3.1.0",
        "info": {"title": project or "model", "version": "1", "description": "Predictions of a model."},
        "paths": {
            "/invocations": {"post": _invocations(schema)},
            "/ping": {"get": _get("ping", "Whether the model is loaded and answers.", {}, errors=("503",))},
            "/execution-parameters": {
                "get": _get("executionParameters", "What batch transform may send.", {JSON: {"schema": _PARAMETERS}})
            },
            "/metrics": {"get": _get("metrics", "Counters in the text format of Prometheus.", {"text/plain": {}})},
            "/openapi.json": {"get": _get("openapi", "This document.", {JSON: {"schema": {"type": "object"}}})},
        },
        "components": {"schemas": schemas},
    }


def _invocations(schema: InputSchema | None) -> Document:
    content = {"*/*": {}} if schema is None else _request(schema)
    answer = {"*/*": {}} if schema is None else {JSON: {"schema": _answer(schema)}} | {m: {} for m in OUTPUTS[1:]}
    said = "The predictions; `Accept` chooses the format."
    if schema is not None and schema.task == "classification":
        said += f" `Accept: {JSON}; probabilities=true` asks for those of all classes."
    return {
        "operationId": "invoke",
        "summary": "Predict.",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": said, "content": answer}, **_errors(_ERRORS)},
    }


def _get(name: str, summary: str, content: Document, *, errors: Sequence[str] = ()) -> Document:
    answer: Document = {"description": summary} | ({"content": content} if content else {})
    return {"operationId": name, "summary": summary, "responses": {"200": answer, **_errors(errors)}}


def _errors(statuses: "Mapping[str, str] | Sequence[str]") -> Document:
    content = {JSON: {"schema": _ref("Error")}}
    return {status: {"description": _ERRORS[status], "content": content} for status in statuses}


def _request(schema: InputSchema) -> Document:
    names = [feature.name for feature in schema.features]
    row = {feature.name: _example(feature) for feature in schema.features}
    kinds = [_ref(name) for name in ("Row", "Values", "Rows", "Instances", "Columns", "Split")]
    table = encode_csv([names, row.values()]).decode()
    content: Document = {
        JSON: {"schema": {"anyOf": kinds}, "example": row},
        **{media: {} for media in JSON_LINES},
        CSV: {"schema": {"type": "string", "pattern": _csv_pattern(schema)}, "example": table},
        NPY: {},
    }
    return content | ({media: {} for media in PARQUET} if find_spec("pyarrow") else {})


def _row_schemas(schema: InputSchema) -> Document:
    """The forms that rows may have in JSON."""
    features = {feature.name: _value(feature) for feature in schema.features}
    names, lax = list(features), schema.policy.extra == "ignore"
    split = {"columns": {"const": names}, "data": _list_of(_ref("Values"), schema), "index": {"type": "array"}}
    return {
        "Row": _object(features, required=names, others=lax),
        "Values": {
            "type": "array",
            "prefixItems": list(features.values()),
            "items": False,
            "minItems": len(names),
        },
        "Rows": _list_of({"anyOf": [_ref("Row"), _ref("Values")]}, schema),
        "Instances": _object({"instances": _ref("Rows")}, required=["instances"]),
        "Columns": _columns(features, schema, lax=lax),
        "Split": _object(split, required=["columns", "data"]),
    }


def _columns(features: Document, schema: InputSchema, *, lax: bool) -> Document:
    """A list for each feature."""
    longest = schema.policy.max_rows
    sizes = [(1, longest)] if len(features) == 1 and not lax else [(n, n) for n in (1, 2) if n <= longest]
    tables = []
    for least, most in sizes:
        column = {"type": "array", "minItems": least, "maxItems": most}
        lists = {name: {**column, "items": value} for name, value in features.items()}
        tables.append(_object(lists, required=list(lists), others=column if lax else False))
    return {"description": "A list for each feature, all of equal length.", "anyOf": tables}


def _value(feature: Feature) -> Document:
    if feature.categories:
        return {"enum": [*feature.categories, *feature.truths, *([None] if feature.nullable else [])]}
    kind = _KINDS[feature.kind]
    return kind | {"type": [kind["type"], "null"]} if feature.nullable else kind


def _example(feature: Feature) -> Any:
    return feature.categories[0] if feature.categories else _EXAMPLES[feature.kind]


_CSV_FIELDS: dict[Kind, str] = {
    "number": r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9])?",
    "integer": r"[+-]?[0-9]{1,20}",
    "boolean": "true|false|0|1",
    "string": r'[^",\r\n]+',
}


def _csv_pattern(schema: InputSchema) -> str:
    """Lines of plain fields in the order of the features, without a header."""
    line = ",".join(_csv_field(feature, alone=len(schema.features) == 1) for feature in schema.features)
    limit = schema.policy.max_rows
    more = f"{{0,{limit - 1}}}" if limit <= 1000 else "*"  # readers of patterns unfold what is counted
    return rf"^{line}(\r?\n{line}){more}(\r?\n)?$"


def _csv_field(feature: Feature, *, alone: bool) -> str:
    """A line that is empty is not a row, so that a field that stands alone has to be there."""
    texts = [encode_csv([[category]]).decode().removesuffix("\n") for category in feature.categories]
    pattern = "|".join(_SPECIAL.sub(r"\\\g<0>", text) for text in texts) or _CSV_FIELDS[feature.kind]
    return f"({pattern})" + ("?" if feature.nullable and not alone else "")


def _answer(schema: InputSchema) -> Document:
    one: Document = {"prediction": _ref("Prediction")}
    many: Document = {"predictions": {"type": "array", "minItems": 1, "items": _ref("Prediction")}}
    if schema.policy.echo:
        row = _object({feature.name: _value(feature) for feature in schema.features})
        one["request"] = row
        many["request"] = {"type": "array", "items": row}
    return {"oneOf": [_object(one, required=list(one)), _object(many, required=list(many))]}


def _prediction(schema: InputSchema) -> Document:
    if not schema.target:  # a bare model: whether it classifies is its own business
        return {"type": "object"}
    if schema.task == "regression":
        return _object({"value": {"type": "number"}}, required=["value"])
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    every = _object(dict.fromkeys(schema.labels, probability), required=list(schema.labels))
    properties = {"label": {"enum": list(schema.labels)}, "probability": probability, "probabilities": every}
    required = ["label", "probability"] + (["probabilities"] if schema.policy.probabilities else [])
    return _object(properties, required=required)


def _error() -> Document:
    text = {"type": "string"}
    told = {"type": text, "message": text, "hint": text, "request_id": text}
    return _object({"error": _object(told, required=["type", "message", "hint"])}, required=["error"])


_PARAMETERS: Document = {
    "type": "object",
    "required": ["MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"],
    "properties": {
        "MaxConcurrentTransforms": {"type": "integer", "minimum": 1},
        "BatchStrategy": {"enum": ["MULTI_RECORD", "SINGLE_RECORD"]},
        "MaxPayloadInMB": {"type": "integer", "minimum": 1},
    },
}


def _object(properties: Document, *, required: Sequence[str] = (), others: Any = False) -> Document:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": others,
    }


def _list_of(items: Document, schema: InputSchema) -> Document:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": schema.policy.max_rows}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}
