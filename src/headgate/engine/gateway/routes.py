"""Paths, splits, stickiness and retries, as Envoy's RDS file.

For each path of each endpoint, `/endpoints/<name>/invocations` and the one of its own where it has one, in this order
(the first route that matches is taken):

    TargetVariant: a       -> the cluster of a, one route for each variant
    TargetVariant: other   -> 400
    CustomAttributes has client=...   -> split by x-user-id, else cookie, else that client
    anything else                     -> split by x-user-id, else cookie, else request id

The last two differ only in the hash: one rule could not tell `client=` from any other custom attribute, and would send
all callers with the same attributes to the same variant.

A caller's hash picks a point on a line of 1,000,000; each variant owns a stretch of it. The last variant of the config
(the canary) comes first and the length is constant, so that a growing canary keeps every caller it has.

A request whose server goes away before it answered is sent again, with back-off, for about five seconds: a killed
model server is back within one on a quiet machine. An answer, even 500, is never asked for twice, but where a variant
falls back to another (`fallback`). A request that names its variant gets that one or none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from headgate.core.headers import CUSTOM_ATTRIBUTES, INFERENCE_ID, INVOKED_VARIANT, REQUEST_ID, TARGET_VARIANT
from headgate.core.routes import INVOCATIONS
from headgate.engine.gateway.answers import LUA, MAX_BODY, MISSING_ENDPOINT, answer_headers, header, refusal
from headgate.engine.gateway.attempt_log import TOLD
from headgate.engine.gateway.fallback import another_priority, fallback_headers
from headgate.engine.gateway.values import EndpointRoutes, Place, VariantRoute
from headgate.errors import InvalidInput

NAME = "endpoints"
STRIP = "envoy.filters.http.header_mutation"
TOTAL = 1_000_000
TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
MOST_TOLD = 20
"""How many routes an answer lists: Envoy's own are at most 4,096 bytes long."""

_LOCAL = ["127.0.0.1", "localhost", "[::1]"]
_LOCAL_ORIGIN = r"https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?"
_CLIENT = r"(?:.*[;,\s])?client=([^;,\s]+).*"
_NOT_FOR_CONTAINERS = [
    "authorization",
    "cookie",
    TARGET_VARIANT,
    "x-amzn-sagemaker-target-model",
    "x-amzn-sagemaker-target-container-hostname",
    "x-amzn-sagemaker-inference-component",
    "x-amzn-sagemaker-enable-explanations",
    "x-amzn-sagemaker-session-id",
]


def render_routes(endpoints: Iterable[EndpointRoutes], place: Place) -> list[dict[str, Any]]:
    """The resources of the RDS file for these endpoints."""
    ordered = sorted(endpoints, key=lambda endpoint: endpoint.endpoint)
    known = [r for endpoint in ordered for path in endpoint.paths for r in _endpoint(endpoint, path, place)]
    routes = [_ping(), _foreign_origin(), *known, *_nowhere(ordered)]
    config = {
        "@type": TYPE,
        "name": NAME,
        "validate_clusters": True,  # else a route to nowhere is accepted, and answers 503
        "request_headers_to_remove": _NOT_FOR_CONTAINERS,
        "request_headers_to_add": [header(INFERENCE_ID, f"%REQ({REQUEST_ID})%", "ADD_IF_ABSENT")],
        "response_headers_to_add": answer_headers(),
        "virtual_hosts": [
            _local(routes),
            {"name": "foreign", "domains": ["*"], "routes": [_foreign_host()]},
        ],
        "metadata": {"filter_metadata": {TOLD: {"endpoints": [asdict(endpoint) for endpoint in ordered]}}},
    }
    return [config]


def read_routes(resources: Sequence[dict[str, Any]]) -> dict[str, EndpointRoutes]:
    """What `render_routes` was given, by endpoint, with the weights as they were given."""
    told = resources[0]["metadata"]["filter_metadata"][TOLD]["endpoints"] if resources else []
    return {
        item["endpoint"]: EndpointRoutes(
            item["endpoint"], tuple(VariantRoute(**v) for v in item["variants"]), item.get("route", "")
        )
        for item in told
    }


def read_weights(config: dict[str, Any], endpoint: str) -> dict[str, float]:
    """How a route configuration splits the traffic of an endpoint: variant -> part of TOTAL."""
    routes = read_routes([config]).get(endpoint) if config else None
    names = {variant.cluster: variant.variant for variant in routes.variants} if routes else {}
    path = INVOCATIONS.format(endpoint)
    for host in config.get("virtual_hosts", []):
        for route in host["routes"]:
            split = route.get("route", {}).get("weighted_clusters")
            if split and route["match"].get("path") == path:
                return {names[cluster["name"]]: float(cluster.get("weight", 0)) for cluster in split["clusters"]}
    return {}


def shares(weights: Sequence[float]) -> list[int]:
    """Relative weights as whole parts of TOTAL (largest remainder)."""
    total = sum(weights)
    if total <= 0 or any(weight < 0 for weight in weights):
        raise InvalidInput(
            f"Weights {', '.join(f'{weight:g}' for weight in weights)} leave no variant for the traffic.",
            hint="Give at least one variant a weight above 0, and none a weight below it.",
        )
    exact = [weight / total * TOTAL for weight in weights]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: parts[i] - exact[i])
    for i in by_remainder[: TOTAL - sum(parts)]:
        parts[i] += 1
    return parts


def _endpoint(endpoint: EndpointRoutes, path: str, place: Place) -> list[dict[str, Any]]:
    other_variant = {
        "match": _match(path, {"name": TARGET_VARIANT, "present_match": True}),
        **refusal(400, "ValidationError", f"Variant %REQ({TARGET_VARIANT})% not found for Request"),
    }
    attributes = {"name": CUSTOM_ATTRIBUTES, "string_match": {"safe_regex": {"regex": _CLIENT}}}
    sticky = {"header": {"header_name": CUSTOM_ATTRIBUTES, "regex_rewrite": _client()}, "terminal": True}
    random = {"header": {"header_name": REQUEST_ID}, "terminal": True}
    named = [_target(path, variant, place) for variant in endpoint.variants]
    split = [
        {"match": _match(path, attributes), "route": _split(endpoint, sticky, place)},
        {"match": _match(path), "route": _split(endpoint, random, place)},
    ]
    return [
        *({**route, "metadata": _metadata(endpoint.endpoint, named=True)} for route in named),
        *({**route, "metadata": _metadata(endpoint.endpoint)} for route in (other_variant, *split)),
    ]


def _target(path: str, variant: VariantRoute, place: Place) -> dict[str, Any]:
    named = {"name": TARGET_VARIANT, "string_match": {"exact": variant.variant}}
    return {
        "match": _match(path, named),
        "route": {"cluster": variant.named_cluster or variant.cluster, **_forward(place)},
        "response_headers_to_add": [header(INVOKED_VARIANT, variant.variant, "ADD_IF_ABSENT")],
    }


def _split(endpoint: EndpointRoutes, last: dict[str, Any], place: Place) -> dict[str, Any]:
    parts = shares([variant.weight for variant in endpoint.variants])
    clusters = [_share(variant, part) for variant, part in zip(endpoint.variants, parts, strict=True)]
    user = {"header": {"header_name": "x-user-id"}, "terminal": True}
    cookie = {"cookie": {"name": "headgate-client"}, "terminal": True}
    return {
        "weighted_clusters": {"clusters": clusters[::-1], "use_hash_policy": True},
        "hash_policy": [user, cookie, last],
        **_forward(place),
    }


def _share(variant: VariantRoute, part: int) -> dict[str, Any]:
    falls_back = variant.try_seconds is not None
    name = f"%UPSTREAM_METADATA({TOLD}:variant)%" if falls_back else variant.variant
    return {
        "name": variant.cluster,
        "weight": part,
        "response_headers_to_add": [header(INVOKED_VARIANT, name, "ADD_IF_ABSENT")],
        "typed_per_filter_config": {STRIP: fallback_headers(variant.try_seconds)} if variant.try_seconds else {},
    }


def _forward(place: Place) -> dict[str, Any]:
    return {
        "prefix_rewrite": "/invocations",
        "timeout": f"{place.timeout:g}s",
    }


def _local(routes: list[dict[str, Any]]) -> dict[str, Any]:
    kind = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    another_host = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {"@type": f"type.googleapis.com/{kind}"},
    }
    return {
        "name": "local",
        "include_request_attempt_count": True,
        "domains": _LOCAL,
        "routes": routes,
        "request_body_buffer_limit": MAX_BODY,  # a body that is not kept cannot be sent again
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset",
            "num_retries": 50,
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.2s"},
            "retry_host_predicate": [another_host],
            "retry_priority": another_priority(),
            "host_selection_retry_max_attempts": 3,
        },
    }


def _client() -> dict[str, Any]:
    return {"pattern": {"regex": _CLIENT}, "substitution": r"\1"}


def _match(path: str, *headers: dict[str, Any]) -> dict[str, Any]:
    post = {"name": ":method", "string_match": {"exact": "POST"}}
    return {"path": path, "headers": [post, *headers]}


def _metadata(endpoint: str, *, named: bool = False) -> dict[str, Any]:
    return {"filter_metadata": {LUA: {"endpoint": endpoint}, TOLD: {"named": named}}}


def _ping() -> dict[str, Any]:
    return {"match": {"path": "/ping"}, "direct_response": {"status": 200}}


def _foreign_origin() -> dict[str, Any]:
    other = {"name": "origin", "string_match": {"safe_regex": {"regex": _LOCAL_ORIGIN}}, "invert_match": True}
    return {
        "match": {"prefix": "/", "headers": [{"name": "origin", "present_match": True}, other]},
        **refusal(403, "AccessDeniedException", "Web pages of other sites may not call this endpoint."),
    }


def _foreign_host() -> dict[str, Any]:
    message = "The Host header must be 127.0.0.1, localhost or [::1]."
    return {"match": {"prefix": "/"}, **refusal(403, "AccessDeniedException", message)}


def _nowhere(endpoints: Sequence[EndpointRoutes]) -> list[dict[str, Any]]:
    path = {"safe_regex": {"regex": INVOCATIONS.format("[^/]+")}}
    kind = "envoy.extensions.filters.http.lua.v3.LuaPerRoute"
    answer = {LUA: {"@type": f"type.googleapis.com/{kind}", "name": MISSING_ENDPOINT}}
    missing = refusal(400, "ValidationError", "Endpoint not found.")
    wrong_method = refusal(405, "ValidationError", "Only POST is allowed here.")
    wrong_method["response_headers_to_add"].append(header("allow", "POST"))
    own = [endpoint.route for endpoint in endpoints if endpoint.route]
    post = [{"name": ":method", "string_match": {"exact": "POST"}}]
    return [
        {"match": {**path, "headers": post}, **missing, "typed_per_filter_config": answer},
        {"match": path, **wrong_method},
        *({"match": {"path": route}, **wrong_method} for route in own),
        {"match": {"prefix": "/"}, **refusal(404, "UnknownOperationException", _what_there_is(own))},
    ]


def _what_there_is(own: Sequence[str]) -> str:
    """For whoever asks a path that leads nowhere, `/invocations` alone for instance."""
    told = [f"POST {route}" for route in own[:MOST_TOLD]]
    more = [f"{len(own) - MOST_TOLD} more"] if len(own) > MOST_TOLD else []
    there = ["POST /endpoints/{name}/invocations", *told, *more]
    return f"There is only {', '.join(there)} here."
