"""The project's own path at the gateway: which endpoint has it, by the tag that Headgate's engine reads.

A path leads to one endpoint. Where a project has several environments on one engine, the endpoint that claimed the path
first keeps it, until it is deleted or its tag is taken off: a deployment to staging must never take production's
callers. The others are told who has it, and are asked by their invocations path. (On AWS the path is the front door's;
there the tag has no effect, and is not set.)
"""

from contextlib import suppress

from headgate.core.endpoints import EndpointState
from headgate.errors import InvalidInput, NotFound
from headgate.hosting.endpoints import Endpoints

TAG_ROUTE = "headgate:route"


def route_owner(endpoints: Endpoints, route: str) -> str:
    """The endpoint that has this path; empty where none has, and for no path."""
    for state in endpoints.list() if route else ():
        with suppress(NotFound):  # it goes while we look
            if endpoints.tags(state.arn).get(TAG_ROUTE) == route:
                return state.name
    return ""


def claim_route(endpoints: Endpoints, state: EndpointState, route: str) -> str:
    """Give an endpoint this path in place of the one it has, or none. Returns who has it then: another's is left."""
    before = endpoints.tags(state.arn).get(TAG_ROUTE, "")
    owner = route_owner(endpoints, route)
    if before == route:
        return owner
    if route and owner in ("", state.name):
        try:
            endpoints.tag(state.arn, {TAG_ROUTE: route})
        except InvalidInput:
            owner = route_owner(endpoints, route)  # somebody was quicker
            if owner in ("", state.name):
                raise
        else:
            return state.name
    if before:
        endpoints.untag(state.arn, [TAG_ROUTE])
    return owner


def route_step(route: str, before: str, owner: str, endpoint: str) -> str:
    """What a claim of `endpoint` will do, in words; empty where it changes nothing."""
    if route and owner == "":
        return f"serve POST {route} by {endpoint} as well" + (f", no longer {before}" if before else "")
    return f"take POST {before} off {endpoint}" if before and before != route else ""
