"""Every error that callers see, in the shapes of SageMaker's runtime API.

Envoy has three sources of errors, and each needs its own means:

* routes that refuse (a foreign Host, an unknown path or variant) answer at once: `refusal` builds them;
* Envoy's own replies (no server, time-out, body too large) pass `local_replies`, which gives them our JSON. A status
  of 500 or more becomes 424 ModelError, because stock clients send 500, 503 and 504 again, at once, three times;
* answers of the container other than 2xx become 424 ModelError in `SCRIPT`, a Lua filter. It must not touch the first
  two kinds: those carry the header `MARK`, which the script takes off again.
"""

import json
from typing import Any

from headgate.core.headers import INFERENCE_ID, REQUEST_ID
from headgate.engine.gateway.values import Place

MARK = "x-headgate-gateway-reply"
LUA = "envoy.filters.http.lua"
FINAL = "x-envoy-ratelimited"
"""What Envoy never tries again, on an answer of a model server."""
MISSING_ENDPOINT = "missing-endpoint"
MAX_BODY = 6_291_456
MAX_ORIGINAL = 65_536
ERROR_TYPE = "x-amzn-errortype"

_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. "
    "Look at the model server's log and latency, and try again."
)
_NO_ANSWER = "The model server did not answer (%RESPONSE_CODE_DETAILS%)."


def header(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> dict[str, Any]:
    """One header that Envoy adds to a request or an answer."""
    return {"header": {"key": name, "value": value}, "append_action": action}


def answer_headers() -> list[dict[str, Any]]:
    """What every answer carries: the request id under AWS's name, and the inference id."""
    return [header("x-amzn-requestid", f"%REQ({REQUEST_ID})%"), header(INFERENCE_ID, f"%REQ({INFERENCE_ID})%")]


def refusal(status: int, error_type: str, message: str) -> dict[str, Any]:
    """The action and headers of a route that answers by itself. `message` may hold Envoy's %COMMANDS%."""
    body = {"json_format": {"Message": message}}
    return {
        "direct_response": {"status": status, "body_format": body},
        "response_headers_to_add": [header(ERROR_TYPE, error_type), header("content-type", "application/json")],
    }


def local_replies(place: Place) -> dict[str, Any]:
    """Envoy's `local_reply_config`. The first mapper that fits is applied."""
    timed_out = {"response_flag_filter": {"flags": ["UT"]}}
    mappers = [
        _model_error(place, {"and_filter": {"filters": [_status("GE", 500), timed_out]}}, _TIMED_OUT),
        _model_error(place, _status("GE", 500), _NO_ANSWER),
        _plain(413, "ValidationError", f"The request body is larger than {MAX_BODY} bytes."),
        _plain(408, "ValidationError", "The request did not arrive in time."),
        _plain(431, "ValidationError", "The request headers are too large."),
        {"filter": _status("GE", 100), "headers_to_add": [header(MARK, "1")]},
    ]
    return {"mappers": mappers}


def script(place: Place) -> str:
    """The Lua filter that turns a container's error into 424 ModelError."""
    return _SCRIPT.format(account=json.dumps(place.account), region=json.dumps(place.region), **_CONSTANTS)


def missing_endpoint_script(place: Place) -> str:
    """The Lua filter of paths that name no endpoint: it alone can put the name into the message."""
    return _MISSING.format(account=json.dumps(place.account), **_CONSTANTS)


def _status(op: str, value: int) -> dict[str, Any]:
    # Envoy asks for a runtime key with every number; nobody sets this one.
    return {"status_code_filter": {"comparison": {"op": op, "value": {"default_value": value, "runtime_key": "unset"}}}}


def _plain(status: int, error_type: str, message: str) -> dict[str, Any]:
    return {
        "filter": _status("EQ", status),
        "body_format_override": {"json_format": {"Message": message}},
        "headers_to_add": [header(MARK, "1"), header(ERROR_TYPE, error_type), *answer_headers()],
    }


def _model_error(place: Place, condition: dict[str, Any], said: str) -> dict[str, Any]:
    endpoint = f"%METADATA(ROUTE:{LUA}:endpoint)%"
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    message = (
        f'Received server error (0) from primary with message "{said}". '
        f"See log group {group} in account {place.account} for more information."
    )
    body = {
        "Message": message,
        "OriginalStatusCode": 0,
        "OriginalMessage": said,
        "LogStreamArn": f"arn:aws:logs:{place.region}:{place.account}:log-group:{group}",
    }
    return {
        "filter": condition,
        "status_code": 424,
        "body_format_override": {"json_format": body},
        "headers_to_add": [header(MARK, "1"), header(ERROR_TYPE, "ModelError"), *answer_headers()],
    }


_CONSTANTS = {"mark": MARK, "final": FINAL, "error_type": ERROR_TYPE, "most": MAX_ORIGINAL}

# Doubled braces are Lua's own. `valid` and `quote` keep the answer valid JSON whatever bytes the container sent.
_SCRIPT = r"""
local account, region = {account}, {region}

local function valid(bytes)
  local lead, second, length = bytes:byte(1), bytes:byte(2), #bytes
  if lead >= 194 and lead <= 223 then return length == 2 end
  if lead >= 224 and lead <= 239 then
    return length == 3 and not (lead == 224 and second < 160) and not (lead == 237 and second > 159)
  end
  return lead >= 240 and lead <= 244 and length == 4
    and not (lead == 240 and second < 144) and not (lead == 244 and second > 143)
end

local function quote(text)
  text = text:gsub("[\128-\255][\128-\191]*", function(bytes) return valid(bytes) and bytes or "?" end)
  text = text:gsub('[%c"\\\127]', function(char) return string.format("\\u%04x", char:byte()) end)
  return '"' .. text .. '"'
end

function envoy_on_response(handle)
  if handle:headers():get("{mark}") then
    handle:headers():remove("{mark}")
    return
  end
  local status = handle:headers():get(":status")
  if status:sub(1, 1) == "2" then return end
  local endpoint = handle:metadata():get("endpoint") or ""
  local body = handle:body(true)  -- waits for all of it; what was taken from the handle before is void now
  local headers = handle:headers()
  local said = body:getBytes(0, math.min(body:length(), {most}))
  local side = status:sub(1, 1) == "4" and "client" or "server"
  local group = "/aws/sagemaker/Endpoints/" .. endpoint
  local message = "Received " .. side .. " error (" .. status .. ") from primary with message \"" .. said ..
    "\". See log group " .. group .. " in account " .. account .. " for more information."
  local arn = "arn:aws:logs:" .. region .. ":" .. account .. ":log-group:" .. group
  local answer = '{{"Message":' .. quote(message) .. ',"OriginalStatusCode":' .. status ..
    ',"OriginalMessage":' .. quote(said) .. ',"LogStreamArn":' .. quote(arn) .. '}}'
  headers:replace(":status", "424")
  headers:replace("content-type", "application/json")
  headers:replace("{error_type}", "ModelError")
  headers:remove("content-encoding")
  headers:remove("{final}")
  headers:replace("content-length", body:setBytes(answer))
end
"""

_MISSING = r"""
function envoy_on_request(handle)
  local name = handle:headers():get(":path"):match("^/endpoints/([%w%-]+)/") or "of that name"
  handle:respond(
    {{[":status"] = "400", ["content-type"] = "application/json", ["{error_type}"] = "ValidationError",
     ["x-amzn-requestid"] = handle:headers():get("x-request-id")}},
    '{{"Message":"Endpoint ' .. name .. ' of account ' .. {account} .. ' not found."}}')
end

function envoy_on_response(handle)
  handle:headers():remove("{mark}")
end
"""
