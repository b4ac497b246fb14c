"""Bytes to rows, predictions to bytes.

    batch    the rows of one request, and in which form their values came
    decode   which format a body is in
      json   one row `{"a": 1}` or `[1, 2]`; a list of rows; `{"instances": [rows]}`; `{"a": [1, 3], "b": [2, 4]}`;
             `{"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}` as pandas writes it; JSON lines, a row each
      csv    with or without a header line (validation finds out; `header=present|absent` in the type settles it)
      npy    an array of numbers: one dimension is one row, two are rows
      parquet  where pyarrow is installed
    encode   JSON, JSON lines, CSV and NPY

Rows leave here unchecked: what is in them is the business of `validation`. What is bounded here is the work before it:
the sizes that a compressed body unfolds to, and nesting.
"""

from headgate.serving.codecs.batch import Batch
from headgate.serving.codecs.csv import encode_csv, parse_csv
from headgate.serving.codecs.decode import decode_batch
from headgate.serving.codecs.encode import OUTPUTS, Answer, Prediction, encode_predictions, to_json
from headgate.serving.codecs.json import parse_json

__all__ = [
    "OUTPUTS",
    "Answer",
    "Batch",
    "Prediction",
    "decode_batch",
    "encode_csv",
    "encode_predictions",
    "parse_csv",
    "parse_json",
    "to_json",
]
