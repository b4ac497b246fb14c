"""The manifest of a model package: what is in the archive, and the digest of each file.

A package is a SageMaker `model.tar.gz` with its members at the root:

    headgate.json           this manifest
    schema.json             the input schema (core.schema)
    model.onnx              the portable model, where the backend is onnx
    model.ubj               the same model for XGBoost itself, which answers large batches, where that is faster
    text.json               vocabulary and weights, where the backend is text
    code/inference.py       the user's hooks, where there are any
    code/requirements.txt   what the hooks need

Neither time, run id nor commit is in the archive, so that the same inputs give the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from headgate.errors import InvalidInput

Backend = Literal["onnx", "text", "code"]

MANIFEST_NAME = "headgate.json"
SCHEMA_NAME = "schema.json"
ONNX_NAME = "model.onnx"
UBJ_NAME = "model.ubj"
TEXT_NAME = "text.json"

SERVING_IMAGE = "headgate-serving"
"""The container image that serves such a package; versions are its tags."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` maps each member but the manifest itself to its sha256.

    `large_batch`: from how many rows on XGBoost itself answers, where its library is installed; 0 for never.
    """

    project: str
    backend: Backend
    files: Mapping[str, str] = field(default_factory=dict)
    large_batch: int = 0

    def to_json(self) -> dict[str, Any]:
        """A JSON document; `from_json` reads it back."""
        document = {"format": 1, "project": self.project, "backend": self.backend, "files": dict(self.files)}
        return document | ({"large_batch": self.large_batch} if self.large_batch else {})

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Manifest":
        """Read a manifest. Raises InvalidInput naming what is wrong."""
        try:
            if document["format"] != 1 or document["backend"] not in get_args(Backend):
                raise InvalidInput(
                    f"{MANIFEST_NAME} is of format {document['format']!r}, backend {document['backend']!r}; "
                    f"this Headgate reads format 1 with backend {', '.join(get_args(Backend))}.",
                    hint="Package the model again with this version.",
                )
            files = {str(name): str(digest) for name, digest in document["files"].items()}
            large_batch = int(document.get("large_batch", 0))
            return cls(str(document["project"]), document["backend"], files, large_batch)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(
                f"{MANIFEST_NAME} is not a manifest: {error!r}.", hint="Package the model again."
            ) from None
