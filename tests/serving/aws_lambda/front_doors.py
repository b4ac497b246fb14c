"""Events as API Gateway and function URLs send them, cut to what can matter."""

import base64
from typing import Any

ROW = '{"x": 1, "y": 2}'


def rest(method: str = "POST", path: str = "/invocations", body: str | None = ROW, **more: Any) -> dict[str, Any]:
    """API Gateway, REST: payload 1.0."""
    headers = more.pop("headers", {"Content-Type": "application/json", "X-Forwarded-Proto": "https"})
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "requestContext": {"stage": "prod", "path": f"/prod{path}", "requestId": "r", "identity": {}},
        "body": body,
        "isBase64Encoded": False,
        **more,
    }


def http(method: str = "POST", path: str = "/prod/invocations", body: str | None = ROW, **more: Any) -> dict[str, Any]:
    """API Gateway, HTTP: payload 2.0, here with a named stage."""
    document = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "a=1",
        "headers": {"content-type": "application/json", "host": "x.execute-api.eu-west-1.amazonaws.com"},
        "requestContext": {"stage": "prod", "requestId": "r", "http": {"method": method, "path": path}},
        "isBase64Encoded": False,
        **more,
    }
    return document if body is None else document | {"body": body}


def url(method: str = "POST", path: str = "/invocations", body: str = ROW, **more: Any) -> dict[str, Any]:
    """A function URL, which sends bodies that are not text as base64."""
    event = http(method, path, base64.b64encode(body.encode()).decode(), isBase64Encoded=True, **more)
    return event | {"requestContext": {"stage": "$default", "http": {"method": method, "path": path}}}


SCHEDULED = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
"""What a rule of EventBridge sends."""
