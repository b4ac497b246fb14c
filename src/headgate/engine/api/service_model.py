"""The shapes of requests and answers, from the service models that botocore ships.

A file is read directly: botocore's own loader parses SageMaker's 2.5 MB into ordered dictionaries, which takes many
times as long as plain ones. It is read at the first request, once.
"""

import gzip
import json
from functools import cached_property
from importlib.resources import files

from botocore.model import ServiceModel, StructureShape

VERSIONS = {"sagemaker": "2017-07-24", "cloudwatch": "2010-08-01"}


class Shapes:
    """The shapes of one service, by its name in botocore. The operations asked for must exist."""

    def __init__(self, service: str) -> None:
        self._service = service

    @cached_property
    def _model(self) -> ServiceModel:
        folder = files("botocore") / "data" / self._service / VERSIONS[self._service]
        packed = folder / "service-2.json.gz"
        plain = gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / "service-2.json").read_bytes()
        return ServiceModel(json.loads(plain), self._service)

    def request(self, operation: str) -> StructureShape:
        """The shape of what `operation` takes."""
        shape = self._model.operation_model(operation).input_shape
        if not isinstance(shape, StructureShape):
            raise TypeError(f"{operation} takes no structure")
        return shape

    def answer(self, operation: str) -> StructureShape | None:
        """The shape of what `operation` answers; None where it answers nothing."""
        shape = self._model.operation_model(operation).output_shape
        return shape if isinstance(shape, StructureShape) else None
