"""Endpoints: each operation checks, writes what is wanted into one row, and wakes the reconciler.

    CreateEndpoint   Creating, target          DeleteEndpoint   Deleting
    UpdateEndpoint   Updating, target = config UpdateEndpointWeightsAndCapacities   Updating, target = active reweighed

The reconciler moves `target` to `active` and the status on to InService (or Failed), and deletes the row at the end.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from headgate.engine.api.arns import Arns
from headgate.engine.api.deployment import check_deployment_config, fleet_of, retained, reweighed
from headgate.engine.api.endpoint_configs import EndpointConfigs
from headgate.engine.api.endpoint_description import describe
from headgate.engine.api.errors import busy, existing, invalid, missing
from headgate.engine.api.models import Models
from headgate.engine.api.paging import list_page
from headgate.engine.api.tags import Tags
from headgate.engine.fleet import Fleet
from headgate.engine.state import Endpoint, State

KIND = "endpoint"
NAME = "EndpointName"
BUSY = ("Creating", "Updating", "RollingBack")


class Endpoints:
    """The endpoint operations. `wake(endpoint_name)` is called after what was written is on disk."""

    def __init__(
        self,
        state: State,
        arns: Arns,
        tags: Tags,
        models: Models,
        configs: EndpointConfigs,
        *,
        wake: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self._state = state
        self._arns = arns
        self._tags = tags
        self._models = models
        self._configs = configs
        self._wake = wake
        self._now = now

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateEndpoint."""
        name, arn = request[NAME], self._arns.of(KIND, request[NAME])
        deployment = request.get("DeploymentConfig")
        check_deployment_config(deployment)
        with self._state.transaction():
            if self._state.endpoint_taken(name):
                raise existing(KIND, arn)
            target = self._fleet(request["EndpointConfigName"])
            now = self._now()
            row = Endpoint(name, arn, now, now, "Creating", target=target, deployment_config=deployment)
            self._state.put_endpoint(row)
            self._tags.store(arn, request.get("Tags", []))
        self._wake(name)
        return {"EndpointArn": arn}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateEndpoint."""
        deployment = request.get("DeploymentConfig")
        check_deployment_config(deployment)
        if deployment and request.get("RetainDeploymentConfig"):
            raise invalid("Give either DeploymentConfig or RetainDeploymentConfig, not both.")
        with self._state.transaction():
            row, active = self._settled(request[NAME])
            target = retained(self._fleet(request["EndpointConfigName"]), active, request)
            self._change(replace(row, deployment_config=deployment or row.deployment_config), target)
        self._wake(row.name)
        return {"EndpointArn": row.arn}

    def reweigh(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateEndpointWeightsAndCapacities."""
        with self._state.transaction():
            row, active = self._settled(request[NAME])
            self._change(row, reweighed(active, request["DesiredWeightsAndCapacities"]))
        self._wake(row.name)
        return {"EndpointArn": row.arn}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteEndpoint. No error where it is Deleting already."""
        with self._state.transaction():
            row = self._stored(request[NAME])
            if row.status in BUSY:
                raise busy(row.arn)
            self._state.put_endpoint(replace(row, status="Deleting", modified=self._now()))
        self._wake(row.name)
        return {}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeEndpoint."""
        return describe(self._stored(request[NAME]))

    def summarise(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListEndpoints."""
        rows = [_summary(row) for row in self._state.endpoints()]
        wanted = [r for r in rows if r["EndpointStatus"] == request.get("StatusEquals", r["EndpointStatus"])]
        sort_keys = {"Name": NAME, "CreationTime": "CreationTime", "Status": "EndpointStatus"}
        page, token = list_page(request, wanted, sort_keys, name=NAME)
        return {"Endpoints": page, **token}

    def _stored(self, name: str) -> Endpoint:
        row = self._state.endpoint(name)
        if row is None:
            raise missing(KIND, self._arns.of(KIND, name))
        return row

    def _settled(self, name: str) -> tuple[Endpoint, Fleet]:
        """An endpoint that may be changed now, and the fleet that is in force."""
        row = self._stored(name)
        if row.status in (*BUSY, "Deleting"):
            raise busy(row.arn)
        if row.active is None:
            raise invalid(f'Endpoint "{row.arn}" never came into service; delete it and create it again.')
        return row, row.active

    def _fleet(self, config_name: str) -> Fleet:
        return fleet_of(self._configs.stored(config_name), self._models)

    def _change(self, row: Endpoint, target: Fleet) -> None:
        changed = replace(row, status="Updating", target=target, failure_reason="", modified=self._now())
        self._state.put_endpoint(changed)


def _summary(row: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": row.name,
        "EndpointArn": row.arn,
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
        "EndpointStatus": row.status,
    }
