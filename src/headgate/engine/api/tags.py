"""AddTags, ListTags, DeleteTags, and the tags that come with a create.

Clients ask for the tags of whatever they manage, and take any error as fatal; so ARNs of kinds that the engine does
not host (monitoring schedules, jobs) are answered from the same store. Of kinds that it hosts, the resource must exist.
Some tags of an endpoint say how it behaves (`engine.roster`); so whoever looks after it is woken. One of them, its
route, is checked: a path leads to one endpoint, and whoever has it keeps it until the tag or the endpoint goes.
"""

from collections.abc import Callable, Iterable
from typing import Any

from headgate.core import routes
from headgate.engine.api.arns import Arns
from headgate.engine.api.errors import KINDS, invalid, missing
from headgate.engine.roster import ROUTE
from headgate.engine.state import State

LIMIT = 50
RESERVED = "aws:"
OURS = "headgate:"

Tag = dict[str, str]


class Tags:
    """The tag operations."""

    def __init__(self, state: State, arns: Arns, wake: Callable[[str], None]) -> None:
        self._state = state
        self._arns = arns
        self._wake = wake

    def add(self, request: dict[str, Any]) -> dict[str, Any]:
        """AddTags: answers all tags that the resource has now."""
        with self._state.transaction():
            arn = self._stored_arn(request["ResourceArn"])
            self.store(arn, request["Tags"])
            listed = self._listed(arn)
        self._wake_endpoint(arn, [tag["Key"] for tag in request["Tags"]])
        return {"Tags": listed}

    def show(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTags. A page has at least 50 tags and a resource at most that many, so there is never a second page."""
        if request.get("NextToken"):
            raise invalid("Invalid NextToken: all tags of a resource are in its first page.")
        return {"Tags": self._listed(self._stored_arn(request["ResourceArn"]))}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteTags. Keys that the resource does not have are no error."""
        with self._state.transaction():
            arn = self._stored_arn(request["ResourceArn"])
            self._state.delete_tags(arn, request["TagKeys"])
        self._wake_endpoint(arn, request["TagKeys"])
        return {}

    def store(self, arn: str, tags: list[Tag]) -> None:
        """Add tags to an ARN that is known to exist."""
        new = {tag["Key"]: tag["Value"] for tag in tags}
        if len(new) < len(tags):
            raise invalid("Duplicate tag keys found. A key may stand only once in a request.")
        if reserved := sorted(key for key in new if key.lower().startswith(RESERVED)):
            raise invalid(f"Tag keys that start with {RESERVED} are reserved: {', '.join(reserved)}.")
        if (total := len(self._state.tags(arn) | new)) > LIMIT:
            raise invalid(f"A resource has at most {LIMIT} tags; {arn} would have {total}.")
        named = self._arns.name("endpoint", arn)
        if ROUTE in new and named is not None:
            self._check_route(named, new[ROUTE])
        self._state.put_tags(arn, new)

    def _check_route(self, endpoint: str, route: str) -> None:
        if problem := routes.refusal(route):
            raise invalid(f'Route "{route}" of the tag {ROUTE} {problem}.')
        owner = self._state.endpoint_tagged(ROUTE, route)
        if owner is not None and owner.lower() != endpoint.lower():
            raise invalid(
                f'Route "{route}" belongs to endpoint "{owner}". Take the tag {ROUTE} off that one first, or choose '
                "another route."
            )

    def forget(self, arn: str) -> None:
        """Delete all tags of a resource that is going away."""
        self._state.delete_tags(arn)

    def _listed(self, arn: str) -> list[Tag]:
        return [{"Key": key, "Value": value} for key, value in self._state.tags(arn).items()]

    def _wake_endpoint(self, arn: str, keys: Iterable[str]) -> None:
        if not any(key.startswith(OURS) for key in keys):
            return
        named = self._arns.name("endpoint", arn)
        endpoint = self._state.endpoint_taken(named) if named else None
        if endpoint is not None:
            self._wake(endpoint)

    def _stored_arn(self, given: str) -> str:
        kind, _, name = given.split(":", 5)[5].partition("/")
        if kind not in KINDS:
            return given
        if not given.startswith(self._arns.prefix):
            raise missing(kind, given)
        taken = self._state.endpoint_taken(name) if kind == "endpoint" else self._state.resource_taken(kind, name)
        if taken is None:
            raise missing(kind, given)
        return self._arns.of(kind, taken)
