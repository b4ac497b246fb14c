"""Parquet, where pyarrow is installed.

A few kilobytes of Parquet can unfold to gigabytes. So what the file says of itself is looked at before anything is
read: rows, values, and bytes without compression. Columns of text are read as dictionaries: a text that stands in every
row is held once. What the file says is believed: one that lies about its pages can still cost what pyarrow allocates
for a page, which is a reason to leave pyarrow out of a server that strangers reach.
"""

from typing import Any

from headgate.errors import InvalidInput, PayloadTooLarge, UnsupportedMedia
from headgate.serving.codecs.batch import Batch

MAX_CELLS = 5_000_000
MAX_BYTES = 67_108_864
"""Without compression."""


def as_batch(body: bytes, max_rows: int) -> Batch:
    """The rows in a Parquet file. Raises InvalidInput, PayloadTooLarge, and UnsupportedMedia without pyarrow."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UnsupportedMedia(
            "This server cannot read Parquet.", hint="pip install 'headgate[parquet]' there, or send CSV or JSON."
        ) from None
    try:
        source = pyarrow.py_buffer(body)
        metadata = parquet.read_metadata(pyarrow.BufferReader(source))
        _check_sizes(metadata, max_rows)
        texts = _columns_of_text(metadata.schema.to_arrow_schema(), pyarrow)
        file = parquet.ParquetFile(pyarrow.BufferReader(source), metadata=metadata, read_dictionary=texts)
        table = file.read(use_threads=False)
        table.validate(full=True)  # a damaged file can point outside of its dictionaries
        columns = [_values(column, pyarrow) for column in table.columns]
        return Batch(list(zip(*columns, strict=True)), many=True, columns=table.column_names)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise InvalidInput(f"The body is not Parquet that can be read: {said}", hint="Write it with pyarrow.") from None


def _check_sizes(metadata: Any, max_rows: int) -> None:
    unpacked = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    cells = metadata.num_rows * metadata.num_columns
    for what, found, limit in (("rows", metadata.num_rows, max_rows), ("values", cells, MAX_CELLS)):
        if found > limit:
            raise PayloadTooLarge(
                f"The request has {found} {what}; the limit is {limit}.", hint="Split it into several requests."
            )
    if unpacked > MAX_BYTES:
        raise PayloadTooLarge(
            f"The Parquet file unfolds to {unpacked} bytes; the limit is {MAX_BYTES}.",
            hint="Split it into several requests.",
        )


def _columns_of_text(schema: Any, pyarrow: Any) -> list[str]:
    """The names of the columns of text. Raises InvalidInput where a column is of neither text nor numbers."""
    types, texts = pyarrow.types, []
    for field in schema:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        if types.is_string(kind) or types.is_large_string(kind):
            texts.append(field.name)
        elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)):
            raise InvalidInput(
                f"Column {field.name[:50]!r} holds {str(kind)[:50]}.", hint="Send numbers, booleans and text."
            )
    return texts


def _values(column: Any, pyarrow: Any) -> list[Any]:
    found: list[Any] = []
    for chunk in column.chunks:
        if pyarrow.types.is_dictionary(chunk.type):
            words = chunk.dictionary.to_pylist()
            found += [None if place is None else words[place] for place in chunk.indices.to_pylist()]
        else:
            found += chunk.to_pylist()
    return found
