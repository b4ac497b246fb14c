import json
from typing import Any

import pytest

from headgate.core.manifest import Manifest
from headgate.errors import InvalidInput

DOCUMENT = {"format": 1, "project": "p", "backend": "onnx", "files": {"model.onnx": "0" * 64}}


@pytest.mark.parametrize(
    "manifest",
    [Manifest("p", "onnx", {"a": "1"}), Manifest("p", "text"), Manifest("p", "onnx", {"a": "1"}, large_batch=128)],
)
def test_a_manifest_is_read_back(manifest: Manifest) -> None:
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_what_is_not_said_is_not_written() -> None:
    assert Manifest.from_json(DOCUMENT).to_json() == DOCUMENT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backend": "tensorflow"}, "backend 'tensorflow'; this Headgate reads format 1 with backend onnx, text, code"),
        ({"format": 2}, "is of format 2"),
        ({"files": ["model.onnx"]}, "is not a manifest"),
        ({"large_batch": "many"}, "is not a manifest"),
    ],
)
def test_what_is_no_manifest(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Manifest.from_json(DOCUMENT | change)
