"""Smithy RPC v2 CBOR: a map in, a map out.

Tag 1 is a time; no other tag has a place in a request. They are all refused as they are met, because what the decoder
makes of them can be large out of proportion to what was sent (shared references), slow (regular expressions) or an
object of a kind that nothing here expects.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cbor2
from botocore.model import ListShape, Shape, StructureShape

from headgate.engine.api.errors import ApiError

DEPTH = 64
EPOCH_SECONDS = 1

Decoder = Callable[[Any, bool], Any]


class _Tags(Mapping[int, Decoder]):
    """What the decoder does with each tag."""

    def __getitem__(self, tag: int) -> Decoder:
        def refuse(_value: object, _immutable: bool) -> object:
            raise ValueError(f"tag {tag} has no place in a request")

        return _number if tag == EPOCH_SECONDS else refuse

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


def decode(body: bytes) -> object:
    """The value of a request; nothing is an empty map."""
    if not body:
        return {}
    try:
        return _plain(cbor2.loads(body, semantic_decoders=_Tags(), max_depth=DEPTH, strict_hashable_types=True))
    except (cbor2.CBORError, ValueError) as error:
        raise ApiError("SerializationException", f"The body is not CBOR as it is expected: {error}") from None


def encode(answer: Mapping[str, Any], shape: Shape) -> bytes:
    """An answer, with times and floating-point numbers marked as such."""
    return cbor2.dumps(_marked(answer, shape))


def encode_error(members: Mapping[str, str]) -> bytes:
    """An error's members. It must never be empty: botocore cannot read an error without a body."""
    return cbor2.dumps(dict(members))


def _number(value: object, _immutable: bool) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("a time must be a number")
    return value


def _plain(value: object) -> object:
    match value:
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise ValueError("the keys of a map must be text")
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise ValueError(f"a {type(value).__name__} has no place in a request")


def _marked(value: Any, shape: Shape) -> object:
    match shape:
        case StructureShape():
            return {key: _marked(item, shape.members[key]) for key, item in value.items()}
        case ListShape():
            return [_marked(item, shape.member) for item in value]
    match shape.type_name:
        case "timestamp":
            return cbor2.CBORTag(EPOCH_SECONDS, value)
        case "double" | "float":
            return float(value)
        case _:
            return value
