"""The state machine that rolls out. Its definition is `infra.machine`, which knows nothing of the CDK."""

import json

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as stepfunctions

from headgate.core import names
from headgate.infra.machine import definition
from headgate.infra.site import Site
from headgate.infra.stacks.parts import log_group, make_role, open_stack
from headgate.infra.statement import Role


def build(app: cdk.App, site: Site, roles: dict[str, Role]) -> cdk.Stack:
    """The stack."""
    stack = open_stack(app, site, "machine", "the state machine of rollouts")
    role = roles["delivery"]
    log = log_group(stack, site, role.key)
    destination = stepfunctions.CfnStateMachine.LogDestinationProperty(
        cloud_watch_logs_log_group=stepfunctions.CfnStateMachine.CloudWatchLogsLogGroupProperty(
            log_group_arn=log.attr_arn
        )
    )
    states = definition(tick=site.function_arn("tick"))
    stepfunctions.CfnStateMachine(
        stack,
        "Machine",
        state_machine_name=names.machine(site.project, site.environment),
        role_arn=make_role(stack, role).attr_arn,
        definition_string=json.dumps(states, separators=(",", ":")),
        # Without data: an approval's token is in it, and whoever has the token can approve.
        logging_configuration=stepfunctions.CfnStateMachine.LoggingConfigurationProperty(
            level="ALL", include_execution_data=False, destinations=[destination]
        ),
        tracing_configuration=stepfunctions.CfnStateMachine.TracingConfigurationProperty(enabled=True),
    )
    return stack
