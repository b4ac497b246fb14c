"""HTTP requests as Lambda's front doors describe them, and answers as they want them.

API Gateway's REST APIs send payload 1.0: `httpMethod`, headers in the caller's case and again as lists, `path` without
the stage, but behind a custom domain with the base path, or with the stage where no mapping names it. What the API has
as a path is `resource`, with `pathParameters` in it. HTTP APIs and function URLs send 2.0: `requestContext.http`,
headers in lower case, `rawPath` with the stage, and never with a base path.
Bodies are text, or base64 where the front door takes the type for binary; so are answers. (A REST API decodes base64
only for the types listed under its `binaryMediaTypes`.)
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.errors import InvalidInput, PayloadTooLarge
from headgate.serving.codecs import Answer, to_json

MAX_RESPONSE = 6_291_556
"""Bytes of JSON that Lambda takes from a function: 6 MB, and 100 for the envelope."""

_TEXT = ("text/", "application/json", "application/jsonlines", "application/x-ndjson", "application/problem+json")
_PARAMETER = re.compile(r"\{([^{}+]+)\+?\}")
_SCHEDULERS = ("aws.events", "aws.scheduler")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is without stage and base path; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: str
    is_base64: bool

    def content(self, limit: int) -> bytes:
        """The body. Raises PayloadTooLarge above `limit` bytes, InvalidInput where it is not base64 as announced."""
        try:
            # A lone surrogate, which JSON can carry and UTF-8 cannot, becomes bytes that the predictor refuses.
            raw = self.body.encode("utf-8", "surrogatepass")
            body = base64.b64decode(raw, validate=True) if self.is_base64 else raw
        except (binascii.Error, ValueError):
            raise InvalidInput("The body was announced as base64 and is not.", hint="Look at what calls.") from None
        if len(body) > limit:
            raise PayloadTooLarge(
                f"The body is larger than {limit:,} bytes.", hint="Send fewer rows; Lambda takes 6 MB at most."
            )
        return body


def is_warm_up(event: Any) -> bool:
    """Whether the event only keeps the function warm."""
    if not isinstance(event, dict):
        return False
    return event == {"warmup": True} or (
        event.get("source") in _SCHEDULERS and event.get("detail-type") == "Scheduled Event"
    )


def read_request(event: Any) -> Request | None:
    """The HTTP request in `event`; None where it is none. Raises InvalidInput for one that no front door sends."""
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        return None
    context = event["requestContext"]
    http = context.get("http")
    if event.get("version") == "2.0" and isinstance(http, dict):
        method, path = http.get("method"), _without_stage(event.get("rawPath"), context.get("stage"))
    elif "httpMethod" in event:
        method, path = event["httpMethod"], _in_api(event)
    else:
        return None
    body, headers = event.get("body") or "", _headers(event)
    if not (isinstance(method, str) and isinstance(path, str) and isinstance(body, str) and headers is not None):
        raise InvalidInput("The event is not one of API Gateway or a function URL.", hint="Look at what calls.")
    return Request(method.upper(), path.rstrip("/") or "/", headers, body, event.get("isBase64Encoded") is True)


def response(status: int, answer: Answer, headers: Mapping[str, str]) -> dict[str, Any]:
    """What the front door makes an HTTP response of. Raises PayloadTooLarge above what Lambda returns."""
    given = {**headers, "content-type": answer.content_type} if answer.content_type else dict(headers)
    text = _text(answer)
    document: dict[str, Any] = {
        "statusCode": status,
        "headers": given,
        "body": base64.b64encode(answer.body).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }
    # A byte becomes six at most (\u0000), so that only long answers have to be counted.
    if len(document["body"]) * 6 > MAX_RESPONSE and len(to_json(document)) > MAX_RESPONSE:
        raise PayloadTooLarge("The answer is larger than the 6 MB that Lambda returns.", hint="Send fewer rows.")
    return document


def _text(answer: Answer) -> str | None:
    """The body as text; None where it has to be base64."""
    if answer.content_type and not answer.content_type.lower().startswith(_TEXT):
        return None
    try:
        return answer.body.decode()
    except UnicodeDecodeError:
        return None


def _without_stage(path: Any, stage: Any) -> Any:
    begins = isinstance(path, str) and stage and f"{path}/".startswith(f"/{stage}/")
    return path[len(f"/{stage}") :] if begins else path


def _in_api(event: Mapping[str, Any]) -> Any:
    """The path of payload 1.0, without what a custom domain puts in front of the API's own."""
    path, resource, given = event.get("path"), event.get("resource"), event.get("pathParameters") or {}
    if not (isinstance(path, str) and isinstance(resource, str) and isinstance(given, dict)):
        return path
    own = _PARAMETER.sub(lambda found: str(given.get(found[1], found[0])), resource).rstrip("/")
    return own if resource.startswith("/") and path.rstrip("/").endswith(own) else path


def _headers(event: Mapping[str, Any]) -> dict[bytes, bytes] | None:
    """Names in lower case; lists, where there are some, joined. None where these are no headers."""
    single, many = event.get("headers") or {}, event.get("multiValueHeaders") or {}
    if not (isinstance(single, dict) and isinstance(many, dict)):
        return None
    joined = single | {name: ",".join(map(str, values)) for name, values in many.items() if isinstance(values, list)}
    return {_latin(name.lower()): _latin(str(value)) for name, value in joined.items()}


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")
