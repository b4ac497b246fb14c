"""What API Gateway answers by itself, where a function is not asked or does not answer: 403, 413, 429, 500, 502, 504.

Callers get the shape of our errors. The type is API Gateway's own word for what happened, such as INVALID_API_KEY or
THROTTLED, and the request's id is the one of its access log. A function that Lambda refused to start is a DEFAULT_5XX
like others: nothing here can tell it apart.

These templates are no Velocity: variables are put in, and nothing is compared. So where several pages may call, each
gets its own origin back, and so would a page that is not listed. What it can read then are these answers alone: it has
no key, and OPTIONS forbids it to send one.
"""

import json

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

HINTS = {
    "DEFAULT_4XX": "Look at the path, at the key or signature, and at how much is sent and how often.",
    "DEFAULT_5XX": "Try again in a moment.",
}
"""A hint for each of the two that all others fall back to."""


def make(stack: cdk.Stack, api: apigateway.CfnRestApi, origins: list[str]) -> list[apigateway.CfnGatewayResponse]:
    """The answers; pages of `origins` may read them."""
    return [
        apigateway.CfnGatewayResponse(
            stack,
            f"Answer{kind[-3:].lower()}",
            rest_api_id=api.ref,
            response_type=kind,
            response_parameters={f"gatewayresponse.header.{name}": value for name, value in _headers(origins).items()},
            response_templates={"application/json": template(hint)},
        )
        for kind, hint in HINTS.items()
    ]


def template(hint: str) -> str:
    """The body. API Gateway puts the quotes around the message itself."""
    said = {"type": "$context.error.responseType", "message": "", "hint": hint, "request_id": "$context.requestId"}
    body = json.dumps({"error": said}, separators=(",", ":"))
    return body.replace('"message":""', '"message":$context.error.messageString')


def _headers(origins: list[str]) -> dict[str, str]:
    match origins:
        case []:
            return {}
        case [origin]:
            return {"Access-Control-Allow-Origin": f"'{origin}'"}
    return {"Access-Control-Allow-Origin": "method.request.header.Origin", "Vary": "'Origin'"}
