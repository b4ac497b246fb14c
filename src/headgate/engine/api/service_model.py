"""The shapes of SageMaker's requests, from the service model that botocore ships.

The file is read directly: botocore's own loader parses the 2.5 MB into ordered dictionaries, which takes many times as
long as plain ones. It is read at the first request, once.
"""

import gzip
import json
from functools import cached_property
from importlib.resources import files

from botocore.model import ServiceModel, StructureShape

VERSION = "2017-07-24"


class RequestShapes:
    """Looks up the input shape of an operation."""

    @cached_property
    def _model(self) -> ServiceModel:
        folder = files("botocore") / "data" / "sagemaker" / VERSION
        packed = folder / "service-2.json.gz"
        plain = gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / "service-2.json").read_bytes()
        return ServiceModel(json.loads(plain), "sagemaker")

    def of(self, operation: str) -> StructureShape:
        """The shape of what `operation` takes. The operation must exist."""
        shape = self._model.operation_model(operation).input_shape
        if not isinstance(shape, StructureShape):
            raise TypeError(f"{operation} takes no structure")
        return shape
