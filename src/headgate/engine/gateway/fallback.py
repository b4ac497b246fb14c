"""A variant that falls back: what its servers fail to answer, another variant's are asked.

Its cluster has two priorities: its own servers, and those of the other variant. An attempt that is answered 5xx, reset,
refused or not answered in time is made again on the priority that was not asked yet (`retry_priority` in routes.py).
Three things are settled here:

* The split has one retry policy for all variants, but only attempts on a variant that falls back may repeat a 5xx:
  elsewhere one failure would become many. So the entry of such a variant in the split adds request headers that extend
  the policy. The router reads the time-out for an attempt before it adds the route's headers; hence a filter adds them.
  The router takes them off again.
* A request that no variant can answer would go back and forth. So a 5xx answer of the other variant's is final, but to
  the first attempt: a filter of each attempt marks it with the header by which Envoy knows that it must not try again,
  and `answers` takes that off. One of the variant's own is not: the other may just be starting again. (Attempts that
  were refused, cut or not answered in time do go on until the request's own time-out.)
* While none of its own servers is healthy all requests go to the other variant's at once. So Envoy checks the health
  of each of them, even of one that is alone.
"""

from typing import Any

from headgate.engine.gateway.answers import FINAL, LUA
from headgate.engine.gateway.attempt_log import CODEC, LUA_TYPE, NUMBER, TOLD, number_filter

_PRIORITIES = "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
_MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"

_MUTATIONS = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
_WHO = "x-headgate-attempted"
_FINAL_SCRIPT = f"""
local own = "%s"

function envoy_on_request(handle)
  if handle:headers():get("{NUMBER}") ~= "1" then
    handle:streamInfo():dynamicMetadata():set("{TOLD}", "again", true)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local who = headers:get("{_WHO}")
  headers:remove("{_WHO}")
  if headers:get(":status"):sub(1, 1) ~= "5" then return end
  if handle:streamInfo():dynamicMetadata():get("{TOLD}") and who ~= own then
    headers:replace("{FINAL}", "1")
  else
    headers:remove("{FINAL}")
  end
end
"""


def another_priority() -> dict[str, Any]:
    """The `retry_priority` of the retry policy. Where there is only one priority it changes nothing."""
    config = {"@type": f"type.googleapis.com/{_PRIORITIES}", "update_frequency": 1}
    return {"name": "envoy.retry_priorities.previous_priorities", "typed_config": config}


def fallback_headers(try_seconds: float) -> dict[str, Any]:
    """For the split's entry of a variant that falls back: what the header mutation filter adds to its requests."""
    told = {"x-envoy-retry-on": "5xx", "x-envoy-upstream-rq-per-try-timeout-ms": str(max(1, round(try_seconds * 1000)))}
    mutations = [
        {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
        for name, value in told.items()
    ]
    return {"@type": f"type.googleapis.com/{_MUTATION}", "mutations": {"request_mutations": mutations}}


def fallback_filters(variant: str) -> list[dict[str, Any]]:
    """The filters that each attempt on the cluster of this variant, which has a fallback, passes."""
    script = {"@type": LUA_TYPE, "default_source_code": {"inline_string": _FINAL_SCRIPT % variant}}
    told = {"key": _WHO, "value": f"%UPSTREAM_METADATA({TOLD}:variant)%"}
    told_by_us = {"append": {"header": told, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    who = {"@type": f"type.googleapis.com/{_MUTATIONS}", "mutations": {"response_mutations": [told_by_us]}}
    # answers pass them from the last to the first
    return [
        number_filter(),
        {"name": LUA, "typed_config": script},
        {"name": "headgate.who", "typed_config": who},  # a name of its own: the route has settings for the other one
        CODEC,
    ]
