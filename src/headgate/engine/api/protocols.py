"""Which wire protocol a request speaks, and so which service it asks, and how answers and errors are written.

    POST /service/GraniteServiceVersion20100801/operation/X   CloudWatch, RPC v2 CBOR
    POST /, a form                                            CloudWatch, or the little there is of STS and IAM: Query
    POST /, X-Amz-Target: GraniteServiceVersion20100801.X     CloudWatch, JSON 1.0
    POST /, X-Amz-Target: SageMaker.X                         SageMaker, JSON 1.1

botocore prefers JSON for CloudWatch, older ones and Terraform speak Query, SDKs of other languages CBOR. Newer clients
of CloudWatch read an error's code from a header; JSON and CBOR have it there too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from headgate.engine.api import identity
from headgate.engine.api.codecs import aws_json, cbor, query
from headgate.engine.api.control import Api
from headgate.engine.api.errors import ApiError
from headgate.engine.api.metrics import Metrics
from headgate.engine.api.signature import SignedRequest

SAGEMAKER = "SageMaker."
CLOUDWATCH = "GraniteServiceVersion20100801."
CLOUDWATCH_VERSION = "2010-08-01"
CLOUDWATCH_XMLNS = f"http://monitoring.amazonaws.com/doc/{CLOUDWATCH_VERSION}/"
CBOR_PATH = "/service/GraniteServiceVersion20100801/operation/"

JSON_10 = "application/x-amz-json-1.0"
JSON_11 = "application/x-amz-json-1.1"
XML = "text/xml"
CBOR = "application/cbor"
SMITHY = {"smithy-protocol": "rpc-v2-cbor"}

NAME_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: status, content type, body, further headers."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Services:
    """All that the control port serves: SageMaker, CloudWatch, and who one is."""

    def __init__(self, sagemaker: Api, cloudwatch: Metrics) -> None:
        self._sagemaker = sagemaker
        self._cloudwatch = cloudwatch

    def answer(self, request: SignedRequest, body: bytes, request_id: str) -> Answer:
        """Carry out a request, whose body is no longer compressed. Raises ApiError."""
        try:
            match _protocol(request):
                case "cbor":
                    return self._cbor(request.target.removeprefix(CBOR_PATH)[:NAME_SHOWN], body)
                case "query":
                    return Answer(200, XML, self._query(query.form(body), request_id).encode())
                case "json":
                    return self._json(request.header("x-amz-target"), body)
        except RecursionError:
            raise ApiError("SerializationException", "The body is nested too deeply.") from None

    def _cbor(self, operation: str, body: bytes) -> Answer:
        result = self._cloudwatch.call(operation, cbor.decode(body))
        shape = self._cloudwatch.shapes.answer(operation)
        return Answer(200, CBOR, b"" if shape is None else cbor.encode(result, shape), SMITHY)

    def _query(self, fields: Mapping[str, str], request_id: str) -> str:
        if fields.get("Version") != CLOUDWATCH_VERSION:
            return identity.answer(fields, self._sagemaker.account, request_id)
        operation = fields.get("Action", "")[:NAME_SHOWN]
        self._cloudwatch.check_known(operation)
        shapes = self._cloudwatch.shapes
        result = self._cloudwatch.call(operation, query.decode(fields, shapes.request(operation)))
        return query.encode(operation, result, shapes.answer(operation), CLOUDWATCH_XMLNS, request_id)

    def _json(self, target: str, body: bytes) -> Answer:
        if target.startswith(SAGEMAKER):
            result = self._sagemaker.call(target.removeprefix(SAGEMAKER)[:NAME_SHOWN], aws_json.decode(body))
            return Answer(200, JSON_11, aws_json.encode(result))
        if not target.startswith(CLOUDWATCH):
            named = target[:NAME_SHOWN] or "no X-Amz-Target header"
            raise ApiError("UnknownOperationException", f"The Headgate engine does not answer {named}.")
        operation = target.removeprefix(CLOUDWATCH)[:NAME_SHOWN]
        result = self._cloudwatch.call(operation, aws_json.decode(body))
        return Answer(200, JSON_10, aws_json.encode(result) if self._cloudwatch.shapes.answer(operation) else b"")


def is_served(request: SignedRequest) -> bool:
    """Whether there is anything at this place."""
    return request.method == "POST" and (request.target == "/" or request.target.startswith(CBOR_PATH))


def failure(error: ApiError, request: SignedRequest, request_id: str) -> Answer:
    """An error, written as the caller reads it."""
    document = {"__type": error.code, "message": error.message}
    kind = "Sender" if error.status < 500 else "Receiver"
    coded = {"x-amzn-query-error": f"{error.code};{kind}"}
    match _protocol(request):
        case "cbor":
            return Answer(error.status, CBOR, cbor.encode_error(document), SMITHY | coded)
        case "query":
            return Answer(error.status, XML, query.encode_error(error, request_id).encode())
        case "json" if request.header("x-amz-target").startswith(CLOUDWATCH):
            return Answer(error.status, JSON_10, aws_json.encode(document), coded)
        case "json":
            return Answer(error.status, JSON_11, aws_json.encode(document))


def _protocol(request: SignedRequest) -> Literal["cbor", "query", "json"]:
    if request.target.startswith(CBOR_PATH):
        return "cbor"
    is_form = request.header("content-type").lower().startswith("application/x-www-form-urlencoded")
    return "query" if is_form else "json"
