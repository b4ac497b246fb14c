"""Every role that an environment has, as values: the least that each needs.

    execution    models run as it                       SageMaker, where there is an endpoint
    tick         takes the steps of a rollout           Lambda
    approval     records who approved what              Lambda
    monitor      takes a bad version back on an alarm   Lambda
    delivery     the state machine                      Step Functions
    front        passes requests to the endpoint        Lambda, where the environment has a front door
    model        answers requests                       Lambda, where the environment is hosted there
    github-*     one for each workflow                  GitHub (see workflow_policies)

The key is reached by its alias, as its id is known only once it is made; the log of rollouts is appended to by whoever
has to, and deleted by nobody. PassRole always says to whom.
"""

from headgate.core import names
from headgate.infra.access import (
    PULL,
    answer,
    ask,
    dead_letters,
    decide,
    evidence,
    find,
    read_and_append,
    read_packages,
    start,
    use_key,
    versions,
)
from headgate.infra.site import ALIAS, Site
from headgate.infra.statement import Role, Statement, Trust
from headgate.infra.workflow_policies import workflow_roles

CHANGES = (
    "sagemaker:CreateEndpoint",
    "sagemaker:UpdateEndpoint",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    "sagemaker:DescribeEndpoint",
    "sagemaker:ListTags",
    "sagemaker:AddTags",
    "sagemaker:DeleteTags",
)


def roles(site: Site) -> dict[str, Role]:
    """All roles of an environment, by key."""
    found = [_execution(site)] if site.has_endpoint else []
    found += [_tick(site), _approval(site), _monitor(site), _machine(site)]
    if site.kind == "lambda":
        found.append(_function(site, "model", "answers requests with the model in its image", []))
    elif site.settings.front:
        found.append(_function(site, "front", "passes requests from API Gateway to the endpoint", [ask(site, "front")]))
    return {role.key: role for role in [*found, *workflow_roles(site)]}


def _function(site: Site, key: str, purpose: str, statements: list[Statement]) -> Role:
    """The role of a Lambda function, which may write its own log and nothing else unless it is said."""
    group = site.arn("logs", f"log-group:{names.log_group(site.project, site.environment, key)}:*")
    logs = Statement(
        key, "WriteItsLog", ("logs:CreateLogStream", "logs:PutLogEvents"), (group,), why="Lambda names the streams."
    )
    return Role(key, site.function(key), purpose, Trust(service="lambda.amazonaws.com"), (*statements, logs))


def _execution(site: Site) -> Role:
    key = "execution"
    statements = (
        read_packages(site, key),
        find(site, key),
        Statement(
            key,
            "WriteCaptures",
            ("s3:PutObject",),
            _captures(site),
            why="Captures are named by endpoint, variant and hour.",
        ),
        use_key(site, key, ("kms:Decrypt", "kms:GenerateDataKey")),
        Statement(key, "PullImages", PULL, (site.arn("ecr", f"repository/{site.repository}"),)),
        Statement(
            key, "LogInToRegistry", ("ecr:GetAuthorizationToken",), ("*",), why="This action knows no resources."
        ),
        Statement(
            key,
            "WriteLogs",
            ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            (site.arn("logs", f"log-group:/aws/sagemaker/Endpoints/{site.prefix}:*"),),
            why="SageMaker names the streams.",
        ),
        Statement(
            key,
            "WriteMetrics",
            ("cloudwatch:PutMetricData",),
            ("*",),
            {"StringLike": {"cloudwatch:namespace": ("AWS/SageMaker", "/aws/sagemaker/*")}},
            why="This action knows no resources; the condition names the namespaces.",
        ),
    )
    name = names.execution_role(site.project, site.environment)
    account = {"StringEquals": {"aws:SourceAccount": site.account}}
    return Role(key, name, "models run as it", Trust("sagemaker.amazonaws.com", conditions=account), statements)


def _captures(site: Site) -> tuple[str, ...]:
    """Where models may write what they capture: the bucket of the environment, or the one that `capture` names."""
    to = site.settings.capture.to if site.settings.capture else None
    elsewhere = (to or "").removeprefix("s3://").rstrip("/")
    return (f"arn:{site.partition}:s3:::{elsewhere}/*",) if to else (f"{site.bucket_arn}/capture/*",)


def _tick(site: Site) -> Role:
    key = "tick"
    return _function(site, key, "takes the steps of a rollout", _steps(site, key))


def _monitor(site: Site) -> Role:
    """It takes the steps itself, so that a way back needs nothing else; where its time is up, the machine goes on."""
    key = "monitor"
    statements = [*_steps(site, key), *dead_letters(site, key)]
    return _function(site, key, "takes a bad version back on an alarm", statements)


def _steps(site: Site, role: str) -> list[Statement]:
    """Whatever a tick does: read and write the log, carry a person's word to the registry, move the endpoint or alias,
    and wake who waits.

    It starts executions too: one has 25,000 events at most, and hands over to the next before.
    """
    log = [*read_and_append(site, role), read_packages(site, role), *versions(site, role), decide(site, role)]
    log += [answer(site, role), start(site, role)]
    return [*log, *(_move_endpoint(site, role) if site.has_endpoint else _release(site, role))]


def _approval(site: Site) -> Role:
    key = "approval"
    return _function(
        site,
        key,
        "records who approved what, and lets the machine go on",
        [*read_and_append(site, key), answer(site, key), *dead_letters(site, key)],
    )


def _machine(site: Site) -> Role:
    key = "delivery"
    described = ("sagemaker:DescribeModelPackage",)
    statements = (
        Statement(key, "CallTick", ("lambda:InvokeFunction",), (site.function_arn("tick"),)),
        Statement(key, "SeeVersion", described, (site.package_arns[1],), why="Versions are numbered."),
        Statement(
            key,
            "DeliverLogs",
            (
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ),
            ("*",),
            why="These actions know no resources.",
        ),
        Statement(
            key,
            "Trace",
            ("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
            ("*",),
            why="These actions know no resources.",
        ),
    )
    account = {"StringEquals": {"aws:SourceAccount": site.account}}
    name = names.machine(site.project, site.environment)
    return Role(key, name, "rolls out, state by state", Trust("states.amazonaws.com", conditions=account), statements)


def _release(site: Site, role: str) -> list[Statement]:
    """Put an image into the model's function, publish it, move the alias, ask versions, and mark whose it is.

    Lambda pulls the image itself; whoever puts it into the function needs no right to read it.
    """
    function = site.function_arn("model")
    made = ("lambda:UpdateFunctionCode", "lambda:PublishVersion", "lambda:ListTags", "lambda:TagResource",
            "lambda:UntagResource")  # fmt: skip
    looks, versioned = ("lambda:GetFunction", "lambda:ListVersionsByFunction"), (function, f"{function}:*")
    return [
        Statement(role, "MakeReleases", made, (function,)),
        Statement(role, "LookAtVersions", looks, versioned, why="Versions are numbered."),
        Statement(role, "MoveAlias", ("lambda:GetAlias", "lambda:UpdateAlias"), (function, f"{function}:{ALIAS}")),
        Statement(role, "Probe", ("lambda:InvokeFunction",), (f"{function}:*",), why="Versions are numbered."),
        evidence(role),
    ]


def _move_endpoint(site: Site, role: str) -> list[Statement]:
    execution = site.role_arn(names.execution_role(site.project, site.environment))
    return [
        Statement(
            role,
            "MakeReleases",
            (
                "sagemaker:CreateModel",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DescribeEndpointConfig",
                "sagemaker:AddTags",
            ),
            site.releases,
            why="Models and configs are named by version and content.",
        ),
        Statement(
            role,
            "MoveEndpoint",
            CHANGES,
            (site.endpoint_arn, site.releases[1]),
            why="An update names the config that it moves to.",
        ),
        Statement(
            role,
            "PassExecutionRole",
            ("iam:PassRole",),
            (execution,),
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        ask(site, role),
        evidence(role),
    ]
