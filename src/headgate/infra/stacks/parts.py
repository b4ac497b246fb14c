"""What several stacks are made of."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as aws_lambda
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from headgate.core import names
from headgate.infra.site import Site
from headgate.infra.statement import HOUR, Role

DIGEST = "^sha256:[0-9a-f]{64}$"
LOG_DAYS = 90
PACK = "AwsSolutions"
"""The rules that the templates are held against in the tests: cdk-nag's pack of this name."""


def open_stack(app: cdk.App, site: Site, purpose: str, description: str) -> cdk.Stack:
    """A stack of the environment. Its tags are on everything in it that takes some."""
    stack = cdk.Stack(
        app,
        purpose,
        stack_name=site.stack(purpose),
        description=f"{site.project} {site.environment}: {description}",
        env=cdk.Environment(account=site.account, region=site.region),
    )
    for key, value in site.tags.items():
        cdk.Tags.of(stack).add(key, value)
    return stack


def acknowledge(construct: IConstruct, rules: dict[str, str]) -> None:
    """Say why rules of the pack do not apply. A finding of a rule stands in brackets behind its name."""
    for rule, reason in rules.items():
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason))


def make_role(stack: cdk.Stack, role: Role) -> iam.CfnRole:
    """A role as it is said. Where it stands for more than one thing, its statement says why."""
    made = iam.CfnRole(
        stack,
        _camel(role.key) + "Role",
        role_name=role.name,
        description=role.purpose,
        max_session_duration=role.longest if role.longest != HOUR else None,
        assume_role_policy_document=role.trust.document(),
        policies=[iam.CfnRole.PolicyProperty(policy_name="least", policy_document=role.document())],
    )
    reasons = {f"IAM5[Resource::{arn}]": s.why for s in role.statements for arn in s.wildcards}
    acknowledge(made, reasons)
    return made


def log_group(stack: cdk.Stack, site: Site, of: str) -> logs.CfnLogGroup:
    """A log group with an end to what it keeps."""
    name = names.log_group(site.project, site.environment, of)
    return logs.CfnLogGroup(stack, _camel(of) + "Log", log_group_name=name, retention_in_days=LOG_DAYS)


def image_parameter(stack: cdk.Stack, name: str, what: str) -> cdk.CfnParameter:
    """An image is told when the stack is deployed, by digest: a tag could come to mean another."""
    return cdk.CfnParameter(
        stack,
        name,
        type="String",
        allowed_pattern=DIGEST,
        constraint_description="an image's digest, sha256: and 64 digits",
        description=f"The digest of the image that {what}, in the environment's repository.",
    )


def make_function(
    stack: cdk.Stack,
    site: Site,
    role: Role,
    image: cdk.CfnParameter,
    *,
    command: str | None = None,
    seconds: int,
    memory: int,
    variables: dict[str, str],
    concurrency: int | None = None,
) -> aws_lambda.CfnFunction:
    """A function from an image of the environment's repository, with its role and its log."""
    log = log_group(stack, site, role.key)
    made = aws_lambda.CfnFunction(
        stack,
        _camel(role.key) + "Function",
        function_name=site.function(role.key),
        description=role.purpose,
        package_type="Image",
        architectures=["x86_64"],
        code=aws_lambda.CfnFunction.CodeProperty(image_uri=f"{site.registry}@{image.value_as_string}"),
        image_config=aws_lambda.CfnFunction.ImageConfigProperty(command=[command]) if command else None,
        role=make_role(stack, role).attr_arn,
        memory_size=memory,
        timeout=seconds,
        reserved_concurrent_executions=concurrency,
        environment=aws_lambda.CfnFunction.EnvironmentProperty(variables=variables) if variables else None,
        logging_config=aws_lambda.CfnFunction.LoggingConfigProperty(log_group=log.log_group_name),
    )
    made.add_resource_dependency(log)
    return made


def permit(stack: cdk.Stack, name: str, function: str, service: str, source: str) -> aws_lambda.CfnPermission:
    """Let one thing of one service call a function (or an alias, by ARN)."""
    return aws_lambda.CfnPermission(
        stack,
        name,
        action="lambda:InvokeFunction",
        function_name=function,
        principal=service,
        source_arn=source,
    )


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
