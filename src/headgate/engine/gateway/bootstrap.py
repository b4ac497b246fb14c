"""Envoy's own configuration: one listener on 127.0.0.1, its limits, and where the other two files are.

Envoy watches the folder of a file for a rename onto its name, which is how `core.files.write_atomic` replaces files.
"""

import json
from pathlib import Path
from typing import Any

from headgate.engine.gateway.answers import (
    LUA,
    MAX_BODY,
    MISSING_ENDPOINT,
    local_replies,
    missing_endpoint_script,
    script,
)
from headgate.engine.gateway.attempt_log import CLIENT_SCRIPT, attempt_filters, attempt_log
from headgate.engine.gateway.routes import NAME, STRIP
from headgate.engine.gateway.values import Place

STATS = "gateway"
_FILTERS = "type.googleapis.com/envoy.extensions.filters"


def bootstrap_json(place: Place) -> bytes:
    """Envoy's start-up file."""
    return json.dumps(render_bootstrap(place), indent=1).encode()


def render_bootstrap(place: Place) -> dict[str, Any]:
    """The content of Envoy's start-up file."""
    return {
        "node": {"id": "headgate", "cluster": "headgate"},
        "admin": {"address": {"pipe": {"path": str(place.socket), "mode": 0o600}}},
        "stats_flush_interval": "0.25s",
        "dynamic_resources": {"cds_config": _file(place.clusters)},
        "static_resources": {"listeners": [_listener(place)]},
        "overload_manager": {"resource_monitors": [_connections()]},
    }


def _connections() -> dict[str, Any]:
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {"@type": f"type.googleapis.com/{kind}", "max_active_downstream_connections": 10_000},
    }


def _file(path: Path) -> dict[str, Any]:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _listener(place: Place) -> dict[str, Any]:
    return {
        "name": "invocations",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": place.port}},
        "enable_reuse_port": False,  # else a second gateway could share the port, and both would answer
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": _http(place)}]}
        ],
    }


def _http(place: Place) -> dict[str, Any]:
    return {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": STATS,
        "codec_type": "HTTP1",
        "rds": {"route_config_name": NAME, "config_source": _file(place.routes)},
        "strip_any_host_port": True,
        "normalize_path": True,
        "merge_slashes": True,
        # A request from outside gets an id of ours in place of its own. Without ranges loopback would be inside: give
        # one that nobody comes from.
        "use_remote_address": True,
        "skip_xff_append": True,
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "common_http_protocol_options": {"idle_timeout": "600s", "max_headers_count": 100},
        "max_request_headers_kb": 32,
        "request_headers_timeout": "10s",
        "request_timeout": f"{place.timeout:g}s",
        "stream_idle_timeout": f"{place.timeout + 10:g}s",
        "server_name": "headgate",
        "local_reply_config": local_replies(place),
        "access_log": [_access_log(place)],
        "http_filters": [_buffer(), _strip(), _lua(place), _router(place)],
    }


def _buffer() -> dict[str, Any]:
    kind = f"{_FILTERS}.http.buffer.v3.Buffer"
    return {"name": "envoy.filters.http.buffer", "typed_config": {"@type": kind, "max_request_bytes": MAX_BODY}}


def _strip() -> dict[str, Any]:
    # Neither SigV4's headers nor Envoy's are the container's business; the rest of the list is in routes.py.
    prefixes = ("x-amz-", "amz-sdk-", "x-envoy-")
    removals = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in prefixes]
    kind = f"{_FILTERS}.http.header_mutation.v3.HeaderMutation"
    mutations = {"mutations": {"request_mutations": removals}}
    return {"name": STRIP, "typed_config": {"@type": kind, **mutations}}


def _lua(place: Place) -> dict[str, Any]:
    scripts = {
        "default_source_code": {"inline_string": CLIENT_SCRIPT + script(place)},
        "source_codes": {MISSING_ENDPOINT: {"inline_string": missing_endpoint_script(place)}},
    }
    return {"name": LUA, "typed_config": {"@type": f"{_FILTERS}.http.lua.v3.Lua", **scripts}}


def _router(place: Place) -> dict[str, Any]:
    config = {
        "@type": f"{_FILTERS}.http.router.v3.Router",
        "suppress_envoy_headers": True,
        "upstream_log": [attempt_log(place)],
        "upstream_http_filters": attempt_filters(),
    }
    return {"name": "envoy.filters.http.router", "typed_config": config}


def _access_log(place: Place) -> dict[str, Any]:
    """One line for each answer of 400 or more. Neither query nor body, which may hold personal data."""
    line = {
        "time": "%START_TIME%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "inference_id": "%REQ(X-AMZN-SAGEMAKER-INFERENCE-ID)%",
        "endpoint": f"%METADATA(ROUTE:{LUA}:endpoint)%",
        "variant": "%RESP(X-AMZN-INVOKED-PRODUCTION-VARIANT)%",
        "cluster": "%UPSTREAM_CLUSTER_RAW%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:PATH)%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "duration_ms": "%DURATION%",
    }
    comparison = {"op": "GE", "value": {"default_value": 400, "runtime_key": "unset"}}
    return {
        "name": "envoy.access_loggers.file",
        "filter": {"status_code_filter": {"comparison": comparison}},
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(place.access_log),
            "log_format": {"json_format": line},
        },
    }
