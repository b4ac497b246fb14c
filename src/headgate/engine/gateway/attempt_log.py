"""The attempt log: one JSON line for each attempt at a model server (`evidence.attempts` reads it).

It is the router's `upstream_log`: the listener's own log shows no failure once another attempt succeeded. That log
knows less than the listener's: neither what filters noted about a request, nor how many attempts there were, nor
headers that the route took off. What it does see is the request's headers of the moment; so two scripts put what is
missing there, under names that begin with a colon: such headers are never written to a model server, and callers
cannot send them.

    CLIENT    by LUA, before the route takes off the cookie: who the caller is by its cookie or custom attributes
    NUMBER    by a filter of each attempt: the number of the attempt, in place of a header that servers would see

Who is called `client` here is whose hash decided on the variant (routes.py): x-user-id, else the cookie, else the
client in the custom attributes; the patterns say the same as the routes' do.

A line ends up in the file within a tenth of a second. A caller's words stand in it cut to LONGEST bytes and escaped;
bodies, cookies of other names and attributes of other names do not.
"""

from typing import Any

from headgate.core.headers import CUSTOM_ATTRIBUTES, MODEL_MICROSECONDS, REQUEST_ID
from headgate.engine.gateway.answers import LUA
from headgate.engine.gateway.values import Place

CLIENT = ":headgate-client"
NUMBER = ":headgate-attempt"
LONGEST = 200
TOLD = "headgate"
"""The namespace of our metadata at routes and hosts."""

LUA_TYPE = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
CODEC = {
    "name": "envoy.filters.http.upstream_codec",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"},
}
"""The last filter of every attempt."""

_COUNT = "x-envoy-attempt-count"

CLIENT_SCRIPT = f"""
function envoy_on_request(handle)
  local headers = handle:headers()
  local cookies, attributes = headers:get("cookie"), headers:get("{CUSTOM_ATTRIBUTES}")
  local client = cookies and (";" .. cookies):match(";%s*headgate%-client=([^;%s]+)")
    or attributes and (";" .. attributes):match(".*[;,%s]client=([^;,%s]+)")
  if client then headers:replace("{CLIENT}", client:sub(1, {LONGEST})) end
end
"""

_NUMBER_SCRIPT = f"""
function envoy_on_request(handle)
  local headers = handle:headers()
  headers:replace("{NUMBER}", headers:get("{_COUNT}") or "1")
  headers:remove("{_COUNT}")
end
"""


def attempt_log(place: Place) -> dict[str, Any]:
    """One entry of the router's `upstream_log`. Envoy gives null for what there is not."""
    line = {
        "began": "%START_TIME(%s.%6f)%",
        "ended": "%EMIT_TIME(%s.%6f)%",
        "longest": place.timeout,
        "endpoint": f"%METADATA(ROUTE:{LUA}:endpoint)%",
        "named": f"%METADATA(ROUTE:{TOLD}:named)%",
        "cluster": "%UPSTREAM_CLUSTER_RAW%",
        "server": f"%UPSTREAM_METADATA({TOLD}:variant)%",
        "request": f"%REQ({REQUEST_ID}):64%",
        "user": f"%REQ(x-user-id):{LONGEST}%",
        "client": f"%REQ({CLIENT})%",
        "number": f"%REQ({NUMBER})%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "model_us": f"%RESP({MODEL_MICROSECONDS}):20%",
        "us": "%COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)%",
    }
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(place.attempts),
            "log_format": {"json_format": line},
        },
    }


def number_filter() -> dict[str, Any]:
    """The filter of each attempt that keeps its number for the log."""
    return {"name": LUA, "typed_config": {"@type": LUA_TYPE, "default_source_code": {"inline_string": _NUMBER_SCRIPT}}}


def attempt_filters() -> list[dict[str, Any]]:
    """The filters that each attempt passes."""
    return [number_filter(), CODEC]
