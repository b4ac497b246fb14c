"""The Lambda functions of delivery: `tick`, `approval`, `rollback_monitor`. One image holds them all.

    HEADGATE_PROJECT, HEADGATE_ENVIRONMENT, HEADGATE_ACCOUNT   whose they are; the region is Lambda's own (AWS_REGION)
    HEADGATE_HOSTING                                           realtime, serverless or lambda: what its model is in

What goes wrong on purpose is raised with our message, and the error's name is what the state machine goes by:
`Unavailable` is worth another try, as is whatever is no error of ours; the others are not (`infra.machine.FINAL`).
"""

import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from headgate.errors import UsageError

if TYPE_CHECKING:
    from headgate.wiring.delivery import Delivery

log = logging.getLogger("headgate")


def tick(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """The state machine asks."""
    return _delivery().tick(event)


def approval(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """The registry told EventBridge."""
    return _delivery().approval(event)


def rollback_monitor(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """An alarm, from SNS."""
    from headgate.wiring.monitor import RollbackMonitor

    monitor = RollbackMonitor(_delivery())
    return monitor(event) if context is None else monitor(event, lambda: context.get_remaining_time_in_millis() / 1000)


@cache
def _delivery() -> "Delivery":
    """Made at the first call, and kept while Lambda keeps the process."""
    from headgate.hosting.aws import AwsConnection, Machine
    from headgate.wiring.delivery import Delivery
    from headgate.wiring.targets import bucket_of

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)
    names = ("HEADGATE_PROJECT", "HEADGATE_ENVIRONMENT", "HEADGATE_ACCOUNT", "AWS_REGION")
    project, environment, account, region = map(_said, names)
    connection = AwsConnection.of(project, environment, account, region)
    return Delivery(
        project,
        environment,
        connection,
        bucket_of(connection, project),
        Machine(connection, project),
        function=_said("HEADGATE_HOSTING") == "lambda",
    )


def _said(name: str) -> str:
    found = os.environ.get(name, "")
    if not found:
        raise UsageError(f"{name} is not set.", hint="`headgate infra deploy` sets it on the function.")
    return found
