"""What stands in for `input_fn` and `output_fn` where the user wrote none and there is no schema.

In:  JSON lists of numbers, CSV tables of numbers and NPY become numpy arrays; any other JSON comes as it is.
Out: arrays, lists, numbers, text and dicts as JSON, CSV or NPY.
"""

from typing import Any

from headgate.errors import InvalidInput, UnsupportedMedia
from headgate.serving.codecs import Answer, encode_csv, parse_csv, parse_json, to_json
from headgate.serving.failure import ModelFailure
from headgate.serving.media import CSV, JSON, NPY, choose_media, content_type_of

DEFAULT_OUTPUTS = (JSON, CSV, NPY)


def decode_default(body: bytes, content_type: str | None) -> Any:
    """The data in a request body. Raises InvalidInput, UnsupportedMedia."""
    media, parameters = content_type_of(content_type)
    if media == JSON:
        return _array_or_itself(parse_json(body, parameters))
    if media == CSV:
        return _table(parse_csv(body, parameters))
    if media == NPY:
        from headgate.serving.codecs.npy import parse_npy

        return parse_npy(body)
    raise UnsupportedMedia(
        f"The content type {media[:100]!r} is not supported.",
        hint=f"Send {JSON}, {CSV} or {NPY}, or write an input_fn in code/inference.py.",
    )


def encode_default(prediction: Any, accept: str) -> Answer:
    """A prediction as the caller accepts it. Raises NotAcceptable, ModelFailure."""
    media = choose_media(accept, DEFAULT_OUTPUTS)
    try:
        if media == NPY:
            from headgate.serving.codecs.npy import encode_npy

            return Answer(encode_npy(prediction), NPY)
        values = prediction.tolist() if hasattr(prediction, "tolist") else prediction
        if media == JSON:
            return Answer(to_json(values).encode(), JSON)
        lines = values if isinstance(values, list | tuple) else [values]
        rows = [line if isinstance(line, list | tuple) else [line] for line in lines]
        return Answer(encode_csv(rows), f"{CSV}; charset=utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFailure(
            f"predict_fn answered with {type(prediction).__name__}, which cannot be written as {media}: {error}",
            hint="Return arrays, numbers, text, lists or dicts, or write an output_fn.",
        ) from error


def _array_or_itself(value: Any) -> Any:
    """Lists of numbers of one shape as an array; anything else as it came."""
    if isinstance(value, dict) and len(value) == 1 and "instances" in value:
        value = value["instances"]
    if not isinstance(value, list):
        return value
    import numpy

    try:
        array = numpy.array(value)
    except (ValueError, OverflowError):
        return value
    return array if array.dtype.kind in "biuf" else value


def _table(lines: list[list[str]]) -> Any:
    """An array [n, columns]; a first line without any number is a header; empty fields are NaN."""
    import numpy

    if lines and not any(_is_number(field) for field in lines[0]):
        lines = lines[1:]
    try:
        return numpy.array([[float(field) if field.strip() else numpy.nan for field in line] for line in lines])
    except ValueError as error:
        raise InvalidInput(
            f"The CSV is not a table of numbers: {error}.", hint="Write an input_fn in code/inference.py."
        ) from None


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
