"""The functions of delivery, and how they are called.

    registry changes a version's status -> EventBridge -> approval
    state machine                       -> tick, until the rollout is over
    alarms -> topic -> people, and the monitor, which takes a bad version back

The functions are one image with a command each. What cannot be delivered to them ends in the queue of dead letters,
which has an alarm.
"""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as aws_lambda
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from headgate.core import names
from headgate.infra import resource_policies
from headgate.infra.machine import TICK_SECONDS
from headgate.infra.outline import DELIVERY_IMAGE
from headgate.infra.site import Site
from headgate.infra.stacks.parts import (
    acknowledge,
    image_parameter,
    make_function,
    open_stack,
    permit,
)
from headgate.infra.statement import Role

HANDLERS = "headgate.wiring.delivery_functions"
FORTNIGHT = 14 * 86_400


def build(app: cdk.App, site: Site, roles: dict[str, Role]) -> cdk.Stack:
    """The stack."""
    stack = open_stack(app, site, "delivery", "functions of rollouts, queue of dead letters")
    image = image_parameter(stack, DELIVERY_IMAGE, "holds the functions of delivery (`headgate image --for delivery`)")
    variables = {"HEADGATE_PROJECT": site.project, "HEADGATE_ENVIRONMENT": site.environment}
    variables["HEADGATE_HOSTING"] = site.kind
    functions = {
        key: make_function(
            stack,
            site,
            roles[key],
            image,
            command=f"{HANDLERS}.{handler}",
            seconds=seconds,
            memory=512,
            variables={**variables, "HEADGATE_ACCOUNT": site.account},
        )
        for key, handler, seconds in (
            ("tick", "tick", TICK_SECONDS),
            ("approval", "approval", 60),
            ("monitor", "rollback_monitor", 900),
        )
    }
    queue = _queue(stack, site)
    _hear_of_alarms(stack, site, functions["monitor"], queue)
    _hear_of_approvals(stack, site, functions["approval"], queue)
    for key in ("approval", "monitor"):
        _keep_what_failed(stack, key, functions[key], queue)
    return stack


def _queue(stack: cdk.Stack, site: Site) -> sqs.CfnQueue:
    queue = sqs.CfnQueue(
        stack,
        "DeadLetters",
        queue_name=site.dead_letters,
        kms_master_key_id=site.key_alias,
        message_retention_period=FORTNIGHT,
    )
    acknowledge(queue, {"SQS3": "It is the queue of dead letters itself."})
    sqs.CfnQueuePolicy(stack, "DeadLettersPolicy", queues=[queue.ref], policy_document=resource_policies.queue(site))
    return queue


def _hear_of_alarms(stack: cdk.Stack, site: Site, monitor: aws_lambda.CfnFunction, queue: sqs.CfnQueue) -> None:
    """People hear of every alarm. Only the one that speaks of the version takes it back."""
    subscription = sns.CfnSubscription(
        stack,
        "MonitorSubscription",
        topic_arn=site.topic_arn,
        protocol="lambda",
        endpoint=monitor.attr_arn,
        filter_policy={"AlarmName": [site.alarm("rollback")], "NewStateValue": ["ALARM"]},
        filter_policy_scope="MessageBody",
        redrive_policy={"deadLetterTargetArn": queue.attr_arn},
    )
    calls = permit(stack, "TopicCallsMonitor", monitor.ref, "sns.amazonaws.com", site.topic_arn)
    subscription.add_resource_dependency(calls)


def _hear_of_approvals(stack: cdk.Stack, site: Site, approval: aws_lambda.CfnFunction, queue: sqs.CfnQueue) -> None:
    rule = events.CfnRule(
        stack,
        "VersionChanged",
        name=resource_policies.rule_name(site),
        description="A version of this project was approved or rejected.",
        event_pattern={
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {"ModelPackageGroupName": [names.group(site.project, site.environment)]},
        },
        targets=[
            events.CfnRule.TargetProperty(
                id="approval",
                arn=approval.attr_arn,
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue.attr_arn),
                retry_policy=events.CfnRule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
                ),
            )
        ],
    )
    permit(stack, "RuleCallsApproval", approval.ref, "events.amazonaws.com", rule.attr_arn)


def _keep_what_failed(stack: cdk.Stack, key: str, function: aws_lambda.CfnFunction, queue: sqs.CfnQueue) -> None:
    aws_lambda.CfnEventInvokeConfig(
        stack,
        f"{key.capitalize()}Failures",
        function_name=function.ref,
        qualifier="$LATEST",
        maximum_retry_attempts=2,
        destination_config=aws_lambda.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=aws_lambda.CfnEventInvokeConfig.OnFailureProperty(destination=queue.attr_arn)
        ),
    )
