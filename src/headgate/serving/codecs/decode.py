"""Which format a body is in."""

from headgate.errors import UnsupportedMedia
from headgate.serving.codecs import csv, json
from headgate.serving.codecs.batch import Batch
from headgate.serving.media import CSV, JSON, JSON_LINES, NPY, PARQUET, content_type_of


def decode_batch(body: bytes, content_type: str | None, *, max_rows: int = 100_000) -> Batch:
    """The rows in a request body. Raises InvalidInput, PayloadTooLarge or UnsupportedMedia.

    `max_rows` is looked at only where a small body can hold many rows; validation counts them all.
    """
    media, parameters = content_type_of(content_type)
    if media == JSON:
        return json.as_batch(json.parse_json(body, parameters))
    if media == CSV:
        return csv.as_batch(csv.parse_csv(body, parameters), parameters.get("header"))
    if media in JSON_LINES:
        return Batch(json.parse_lines(body, parameters), many=True)
    if media == NPY:
        from headgate.serving.codecs import npy

        return npy.as_batch(npy.parse_npy(body))
    if media in PARQUET:
        from headgate.serving.codecs import parquet

        return parquet.as_batch(body, max_rows)
    raise UnsupportedMedia(
        f"The content type {media[:100]!r} is not supported.",
        hint=f"Send {', '.join((JSON, JSON_LINES[0], CSV, NPY))} or {PARQUET[0]}.",
    )
