"""Who may do what: a table, evaluated on the policies in the templates."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from headgate.infra.policies import roles
from headgate.infra.resource_policies import TRIAL_TAG, lifecycle
from headgate.infra.site import Site
from headgate.infra.statement import Role
from tests.infra.conftest import Assembly
from tests.infra.evaluation import Document, Request, decide
from tests.infra.projects import PROJECTS, site_of, spec_of

pytestmark = pytest.mark.slow

HERE = "eu-central-1:123456789012"
BUCKET = "arn:aws:s3:::iris-production-123456789012-eu-central-1"
SAGEMAKER = f"arn:aws:sagemaker:{HERE}"
ENDPOINT = f"{SAGEMAKER}:endpoint/iris-production"
CONFIG = f"{SAGEMAKER}:endpoint-config/iris-production-v3-0a1b2c3d"
MODEL = f"{SAGEMAKER}:model/iris-production-v3-0a1b2c3d"
PACKAGE = f"{SAGEMAKER}:model-package/iris-production/3"
GROUP = f"{SAGEMAKER}:model-package-group/iris-production"
EXECUTION = "arn:aws:iam::123456789012:role/iris-production-execution"
MACHINE = f"arn:aws:states:{HERE}:stateMachine:iris-production-delivery"
KEY = f"arn:aws:kms:{HERE}:key/0b4d"
IMAGES = f"arn:aws:ecr:{HERE}:repository/iris-production"
LETTERS = f"arn:aws:sqs:{HERE}:iris-production-dead-letters"
TOPIC = f"arn:aws:sns:{HERE}:iris-production-alarms"
FUNCTION = f"arn:aws:lambda:{HERE}:function"
LOGS = f"arn:aws:logs:{HERE}:log-group:/headgate/iris-production"
ALARM = f"arn:aws:cloudwatch:{HERE}:alarm:iris-production-rollback"
RULE = f"arn:aws:events:{HERE}:rule/iris-production-approval"
NEWS = f"{FUNCTION}:news-category-cloud-model"

Context = dict[str, str | list[str]]
OURS: Context = {"kms:ResourceAliases": ["alias/iris-production"]}
THEIRS: Context = {"kms:ResourceAliases": ["alias/payroll"]}
ONCE: Context = {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}
AGAIN: Context = {"s3:ObjectCreationOperation": "true"}
PLAIN: Context = {"aws:SecureTransport": "false"}
TO_SAGEMAKER: Context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
TO_LAMBDA: Context = {"iam:PassedToService": "lambda.amazonaws.com"}

ROLES: list[tuple[str, str, str, Context, str]] = [
    # Models read packages and write captures. They change nothing, not even a package.
    ("execution", "s3:GetObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "allow"),
    ("execution", "s3:GetObject", f"{BUCKET}/packages/aa/model.tar.gz", PLAIN, "deny"),
    ("execution", "s3:PutObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("execution", "s3:PutObject", f"{BUCKET}/capture/iris-production/stable/x.jsonl", {}, "allow"),
    ("execution", "s3:GetObject", f"{BUCKET}/rollouts/production/1/000001.json", {}, "deny"),
    ("execution", "s3:GetObject", "arn:aws:s3:::payroll/packages/aa", {}, "deny"),
    ("execution", "kms:Decrypt", KEY, OURS, "allow"),
    ("execution", "kms:Decrypt", KEY, THEIRS, "deny"),
    ("execution", "kms:ScheduleKeyDeletion", KEY, OURS, "deny"),
    ("execution", "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/SageMaker"}, "allow"),
    ("execution", "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Payroll"}, "deny"),
    ("execution", "sagemaker:UpdateEndpoint", ENDPOINT, {}, "deny"),
    ("execution", "ecr:BatchGetImage", IMAGES, {}, "allow"),
    ("execution", "ecr:PutImage", IMAGES, {}, "deny"),
    # The tick moves this endpoint between configs of its own, and deletes nothing.
    ("tick", "sagemaker:UpdateEndpoint", ENDPOINT, {}, "allow"),
    ("tick", "sagemaker:UpdateEndpoint", CONFIG, {}, "allow"),
    ("tick", "sagemaker:UpdateEndpoint", f"{ENDPOINT}-two", {}, "deny"),
    ("tick", "sagemaker:CreateEndpointConfig", CONFIG, {}, "allow"),
    ("tick", "sagemaker:CreateEndpointConfig", f"{SAGEMAKER}:endpoint-config/iris-productive-v1-0a1b2c3d", {}, "deny"),
    ("tick", "sagemaker:CreateModel", MODEL, {}, "allow"),
    ("tick", "sagemaker:DeleteEndpoint", ENDPOINT, {}, "deny"),
    ("tick", "sagemaker:DeleteEndpointConfig", CONFIG, {}, "deny"),
    ("tick", "sagemaker:UpdateModelPackage", PACKAGE, {}, "allow"),  # it carries a person's word to the registry
    ("monitor", "sagemaker:UpdateModelPackage", PACKAGE, {}, "allow"),
    ("tick", "sagemaker:InvokeEndpoint", ENDPOINT, {}, "allow"),
    ("tick", "iam:PassRole", EXECUTION, TO_SAGEMAKER, "allow"),
    ("tick", "iam:PassRole", EXECUTION, TO_LAMBDA, "deny"),
    ("tick", "iam:PassRole", EXECUTION, {}, "deny"),
    ("tick", "iam:PassRole", "arn:aws:iam::123456789012:role/admin", TO_SAGEMAKER, "deny"),
    ("tick", "cloudwatch:GetMetricData", "*", {}, "allow"),
    # The log of rollouts is appended to: never overwritten, never deleted, whoever asks.
    ("tick", "s3:PutObject", f"{BUCKET}/rollouts/production/1/000002.json", ONCE, "allow"),
    ("tick", "s3:PutObject", f"{BUCKET}/rollouts/production/1/000002.json", AGAIN, "deny"),
    ("tick", "s3:DeleteObject", f"{BUCKET}/rollouts/production/1/000002.json", {}, "deny"),
    ("tick", "s3:PutObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("tick", "s3:ListBucket", BUCKET, {}, "allow"),
    # Whatever a tick asks for, it may: a permission that is missing stops a rollout in its middle.
    *[
        (role, action, thing, {}, "allow")
        for role in ("tick", "monitor")
        for action, thing in (
            ("sagemaker:DescribeEndpoint", ENDPOINT),
            ("sagemaker:DescribeEndpointConfig", CONFIG),
            ("sagemaker:UpdateEndpointWeightsAndCapacities", ENDPOINT),
            ("sagemaker:ListTags", ENDPOINT),
            ("sagemaker:AddTags", ENDPOINT),
            ("sagemaker:DeleteTags", ENDPOINT),
            ("sagemaker:DescribeModelPackage", PACKAGE),
            ("sagemaker:ListModelPackages", GROUP),
            ("s3:GetObject", f"{BUCKET}/rollouts/production/1/000001.json"),
            ("s3:GetObject", f"{BUCKET}/packages/aa/row.json"),
        )
    ],
    # Who records approvals cannot move anything; who watches can.
    ("approval", "states:SendTaskSuccess", MACHINE, {}, "allow"),
    ("approval", "s3:GetObject", f"{BUCKET}/rollouts/production/1/000001.json", {}, "allow"),
    ("approval", "s3:PutObject", f"{BUCKET}/rollouts/production/1/000002.json", ONCE, "allow"),
    ("approval", "sagemaker:UpdateEndpoint", ENDPOINT, {}, "deny"),
    ("approval", "states:StartExecution", MACHINE, {}, "deny"),
    ("tick", "states:SendTaskSuccess", MACHINE, {}, "allow"),
    ("tick", "states:StartExecution", MACHINE, {}, "allow"),
    ("tick", "states:StopExecution", MACHINE, {}, "deny"),
    ("monitor", "states:StartExecution", MACHINE, {}, "allow"),
    ("approval", "sagemaker:UpdateModelPackage", PACKAGE, {}, "deny"),
    ("approval", "iam:PassRole", EXECUTION, TO_SAGEMAKER, "deny"),
    ("approval", "sqs:SendMessage", LETTERS, {}, "allow"),
    ("monitor", "sagemaker:UpdateEndpoint", ENDPOINT, {}, "allow"),
    ("monitor", "sagemaker:DeleteEndpoint", ENDPOINT, {}, "deny"),
    ("monitor", "sqs:SendMessage", LETTERS, {}, "allow"),
    # The machine calls the tick, and looks at versions.
    ("delivery", "lambda:InvokeFunction", f"{FUNCTION}:iris-production-tick", {}, "allow"),
    ("delivery", "lambda:InvokeFunction", f"{FUNCTION}:payroll", {}, "deny"),
    ("delivery", "states:StartExecution", MACHINE, {}, "deny"),
    ("delivery", "sagemaker:DescribeModelPackage", PACKAGE, {}, "allow"),
    ("delivery", "sagemaker:UpdateEndpoint", ENDPOINT, {}, "deny"),
    # The front door asks one endpoint.
    ("front", "sagemaker:InvokeEndpoint", ENDPOINT, {}, "allow"),
    ("front", "sagemaker:InvokeEndpoint", f"{ENDPOINT}-two", {}, "deny"),
    ("front", "s3:GetObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("front", "logs:PutLogEvents", f"{LOGS}/front:log-stream:a", {}, "allow"),
    ("front", "logs:PutLogEvents", f"{LOGS}/tick:log-stream:a", {}, "deny"),
    # A pull request keeps its image; training registers; only a delivery starts a rollout.
    ("github-pull-request", "ecr:PutImage", IMAGES, {}, "allow"),
    ("github-pull-request", "ecr:BatchDeleteImage", IMAGES, {}, "deny"),
    ("github-pull-request", "sagemaker:CreateModelPackage", PACKAGE, {}, "deny"),
    ("github-pull-request", "sagemaker:DescribeModelPackage", PACKAGE, {}, "deny"),
    ("github-pull-request", "s3:GetObject", f"{BUCKET}/packages/aa/row.json", {}, "deny"),
    ("github-pull-request", "s3:PutObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("github-pull-request", "states:StartExecution", MACHINE, {}, "deny"),
    ("github-train", "sagemaker:CreateModelPackage", PACKAGE, {}, "allow"),
    ("github-train", "s3:PutObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "allow"),
    ("github-train", "sagemaker:UpdateModelPackage", PACKAGE, {}, "deny"),
    ("github-train", "states:StartExecution", MACHINE, {}, "deny"),
    ("github-deliver", "states:StartExecution", MACHINE, {}, "allow"),
    ("github-deliver", "sagemaker:UpdateModelPackage", PACKAGE, {}, "allow"),
    ("github-deliver", "sagemaker:UpdateEndpoint", ENDPOINT, {}, "deny"),
    ("github-deliver", "iam:PassRole", EXECUTION, TO_SAGEMAKER, "deny"),
    ("github-deliver", "sagemaker:InvokeEndpoint", ENDPOINT, {}, "allow"),
    ("github-rollback", "sagemaker:InvokeEndpoint", ENDPOINT, {}, "deny"),
    ("github-deliver", "s3:PutObject", f"{BUCKET}/rollouts/production/1/000002.json", ONCE, "allow"),
    ("github-deliver", "s3:PutObject", f"{BUCKET}/rollouts/production/1/000002.json", AGAIN, "deny"),
    ("github-release", "states:StartExecution", MACHINE, {}, "allow"),
    ("github-release", "sagemaker:UpdateModelPackage", PACKAGE, {}, "allow"),
    ("github-release", "ecr:PutImage", IMAGES, {}, "deny"),
    ("github-release", "s3:PutObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("github-rollback", "s3:GetObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("approval", "s3:GetObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("github-rollback", "states:StartExecution", MACHINE, {}, "allow"),
    ("github-rollback", "sagemaker:UpdateModelPackage", PACKAGE, {}, "deny"),
    ("github-rollback", "s3:PutObject", f"{BUCKET}/packages/aa/model.tar.gz", {}, "deny"),
    ("github-rollback", "ecr:PutImage", IMAGES, {}, "deny"),
]  # fmt: skip

ACCOUNT: Context = {"aws:SourceAccount": "123456789012"}
SERVICES: list[tuple[str, str, str, Context, str]] = [
    ("cloudwatch", "sns:Publish", TOPIC,
     {**ACCOUNT, "aws:SourceArn": ALARM}, "allow"),
    ("cloudwatch", "sns:Publish", TOPIC,
     {"aws:SourceAccount": "999999999999", "aws:SourceArn": ALARM.replace("123456789012", "999999999999")}, "deny"),
    ("cloudwatch", "sns:Publish", TOPIC,
     {**ACCOUNT, "aws:SourceArn": ALARM.replace("iris", "payroll")}, "deny"),
    ("events", "sns:Publish", TOPIC, ACCOUNT, "deny"),
    ("cloudwatch", "kms:GenerateDataKey", KEY, ACCOUNT, "allow"),
    ("cloudwatch", "kms:GenerateDataKey", KEY, {"aws:SourceAccount": "999999999999"}, "deny"),
    ("sns", "kms:GenerateDataKey", KEY, ACCOUNT, "allow"),
    ("sns", "kms:GenerateDataKey", KEY, {}, "deny"),
    # EventBridge does not say for whom it delivers to what is encrypted; the queue says whose letters it takes.
    ("events", "kms:GenerateDataKey", KEY, {}, "allow"),
    ("events", "kms:Decrypt", KEY, {}, "allow"),
    ("events", "kms:ScheduleKeyDeletion", KEY, {}, "deny"),
    ("events", "sqs:SendMessage", LETTERS, {"aws:SourceArn": f"{RULE}-other"}, "deny"),
    ("lambda", "kms:Decrypt", KEY, ACCOUNT, "deny"),
    ("events", "sqs:SendMessage", LETTERS, {"aws:SourceArn": RULE}, "allow"),
    ("sns", "sqs:SendMessage", LETTERS, {"aws:SourceArn": TOPIC}, "allow"),
    ("sns", "sqs:SendMessage", LETTERS, {"aws:SourceArn": TOPIC, **PLAIN}, "deny"),
    ("sns", "sqs:SendMessage", LETTERS, {"aws:SourceArn": f"{TOPIC}-other"}, "deny"),
    ("lambda", "ecr:BatchGetImage", IMAGES, {"aws:SourceArn": f"{FUNCTION}:iris-production-tick"}, "allow"),
    ("lambda", "ecr:BatchGetImage", IMAGES, {"aws:SourceArn": f"{FUNCTION}:payroll"}, "deny"),
]  # fmt: skip

ON_LAMBDA: list[tuple[str, str, str, Context, str]] = [
    *[
        (role, action, thing, {}, verdict)
        for role in ("tick", "monitor")
        for action, thing, verdict in (
            ("lambda:UpdateFunctionCode", NEWS, "allow"),
            ("lambda:PublishVersion", NEWS, "allow"),
            ("lambda:TagResource", NEWS, "allow"),
            ("lambda:UntagResource", NEWS, "allow"),
            ("lambda:ListTags", NEWS, "allow"),
            ("lambda:GetFunction", NEWS, "allow"),
            ("lambda:GetFunction", f"{NEWS}:12", "allow"),
            ("lambda:ListVersionsByFunction", NEWS, "allow"),
            ("lambda:GetAlias", f"{NEWS}:live", "allow"),
            ("lambda:UpdateAlias", f"{NEWS}:live", "allow"),
            ("lambda:InvokeFunction", f"{NEWS}:live", "allow"),
            ("lambda:InvokeFunction", f"{NEWS}:12", "allow"),
            ("lambda:UpdateAlias", f"{NEWS}:other", "deny"),
            ("lambda:UpdateFunctionConfiguration", NEWS, "deny"),
            ("lambda:UpdateFunctionCode", f"{FUNCTION}:news-category-cloud-tick", "deny"),
            ("lambda:InvokeFunction", f"{FUNCTION}:payroll", "deny"),
            ("cloudwatch:GetMetricData", "*", "allow"),
        )
    ],
    ("approval", "lambda:UpdateAlias", f"{NEWS}:live", {}, "deny"),
    ("github-deliver", "lambda:ListTags", NEWS, {}, "allow"),
    ("github-deliver", "lambda:GetAlias", f"{NEWS}:live", {}, "allow"),
    ("github-deliver", "lambda:UpdateFunctionCode", NEWS, {}, "deny"),
    ("github-deliver", "lambda:UpdateAlias", f"{NEWS}:live", {}, "deny"),
    ("github-deliver", "lambda:InvokeFunction", f"{NEWS}:live", {}, "allow"),
    ("github-deliver", "lambda:DeleteFunction", NEWS, {}, "deny"),
    ("github-deliver", "lambda:UpdateFunctionCode", f"{FUNCTION}:payroll", {}, "deny"),
    ("github-rollback", "lambda:GetAlias", f"{NEWS}:live", {}, "allow"),
    ("github-rollback", "lambda:UpdateAlias", f"{NEWS}:live", {}, "deny"),
    ("github-rollback", "lambda:UpdateFunctionCode", NEWS, {}, "deny"),
]


def attached(assembly: Assembly) -> list[Document]:
    """The policies of things. Each names the things that it is of, but for those of key and repository."""
    found = [
        assembly.properties("base", "BucketPolicy")["PolicyDocument"],
        assembly.properties("watch", "TopicPolicy")["PolicyDocument"],
        assembly.properties("delivery", "DeadLettersPolicy")["PolicyDocument"],
    ]
    return [
        *found,
        *(_of(assembly, *thing) for thing in (("Key", "KeyPolicy", KEY), ("Images", "RepositoryPolicyText", IMAGES))),
    ]


def _of(assembly: Assembly, name: str, key: str, arn: str) -> Document:
    statements = assembly.properties("base", name)[key]["Statement"]
    return {"Statement": [{**statement, "Resource": arn} for statement in statements]}


@pytest.mark.parametrize(("role", "action", "resource", "context", "expected"), ROLES)
def test_what_roles_may_do(
    iris: Assembly, *, role: str, action: str, resource: str, context: Context, expected: str
) -> None:
    arn, documents = identity(iris, role)
    assert decide(Request(arn, action, resource, context), documents, attached(iris)) == expected


def identity(assembly: Assembly, key: str) -> tuple[str, list[Document]]:
    """A role's ARN and its policies, from the template."""
    name = roles(assembly.site)[key].name
    (role,) = (
        r["Properties"]
        for r in assembly.resources("AWS::IAM::Role").values()
        if r["Properties"].get("RoleName") == name
    )
    assert "ManagedPolicyArns" not in role
    return f"arn:aws:iam::123456789012:role/{name}", [policy["PolicyDocument"] for policy in role["Policies"]]


@pytest.mark.parametrize(("service", "action", "resource", "context", "expected"), SERVICES)
def test_what_services_may_do(
    iris: Assembly, *, service: str, action: str, resource: str, context: Context, expected: str
) -> None:
    request = Request(f"{service}.amazonaws.com", action, resource, context)
    assert decide(request, [], attached(iris)) == expected


@pytest.mark.parametrize(("role", "action", "resource", "context", "expected"), ON_LAMBDA)
def test_what_roles_may_do_where_there_is_a_function(
    news: Assembly, *, role: str, action: str, resource: str, context: Context, expected: str
) -> None:
    arn, documents = identity(news, role)
    assert decide(Request(arn, action, resource, context), documents, attached(news)) == expected


UNBOUNDED = {
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
    "cloudwatch:GetMetricData",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
"""The actions that know no resources, as AWS's reference of them says."""


def all_statements() -> Iterator[tuple[Role, Any]]:
    for name in PROJECTS:
        for role in roles(site_of(name)).values():
            yield from ((role, statement) for statement in role.statements)


def test_no_role_may_do_everything_or_to_everything() -> None:
    for role, statement in all_statements():
        where = f"{role.key}/{statement.sid}"
        assert statement.role == role.key, where
        assert not [action for action in statement.actions if "*" in action], where
        if "*" in statement.resources:
            assert set(statement.actions) <= UNBOUNDED, where
        if statement.wildcards:
            assert re.fullmatch(r"[A-Z].{15,}\.", statement.why), where
        if "iam:PassRole" in statement.actions:
            assert statement.actions == ("iam:PassRole",)
            assert statement.conditions["StringEquals"]["iam:PassedToService"]
            assert "*" not in statement.resources[0]


def test_who_takes_a_role_on() -> None:
    """A service acts for this account alone where it takes a role on for others too; workflows come with a token."""
    ours = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    services = {"execution": ("sagemaker", ours), "delivery": ("states", ours)}
    for role in {role.key: role for role, _ in all_statements()}.values():
        (said,) = role.trust.document()["Statement"]
        if role.key.startswith("github-"):
            assert said["Action"] == "sts:AssumeRoleWithWebIdentity", role.key
            continue
        service, conditions = services.get(role.key, ("lambda", None))
        assert (said["Action"], said["Principal"]) == ("sts:AssumeRole", {"Service": f"{service}.amazonaws.com"})
        assert said.get("Condition") == conditions, role.key


def test_images_of_versions_are_kept_for_ever() -> None:
    """A way back may need any of them."""
    selected = [rule["selection"] for rule in json.loads(lifecycle())["rules"]]
    assert [(one["tagStatus"], one.get("tagPrefixList")) for one in selected] == [
        ("untagged", None),
        ("tagged", [TRIAL_TAG]),
    ]


def test_a_role_says_everything_once() -> None:
    for role in {role.key: role for role, _ in all_statements()}.values():
        sids = [statement.sid for statement in role.statements]
        assert len(set(sids)) == len(sids), role.key


def test_the_templates_hold_what_the_values_say(iris: Assembly) -> None:
    for role in roles(iris.site).values():
        _, (document,) = identity(iris, role.key)
        assert document == role.document()


def test_the_machine_may_do_what_its_states_do(iris: Assembly) -> None:
    machine = json.loads(iris.properties("machine", "Machine")["DefinitionString"])
    arn, documents = identity(iris, "delivery")
    asked = set()
    for state in machine["States"].values():
        if state["Type"] == "Task":
            parameters = state["Parameters"]
            resource = parameters.get("FunctionName") or PACKAGE
            integration = state["Resource"].split(":::")[1].split(".")[0].replace("aws-sdk:", "")
            service, verb = integration.split(":")
            action = "lambda:InvokeFunction" if service == "lambda" else f"{service}:{verb[0].upper()}{verb[1:]}"
            assert decide(Request(arn, action, resource), documents, []) == "allow", action
            asked.add(action)
    assert asked == {"lambda:InvokeFunction", "sagemaker:DescribeModelPackage"}


def test_models_write_captures_where_the_environment_says() -> None:
    text, environment = PROJECTS["iris"]
    to = "s3://lake/iris"
    spec = spec_of(
        text.replace("    front: {version: v2}\n", f"    front: {{version: v2}}\n    capture: {{to: {to}}}\n")
    )
    document = roles(Site.of(spec, environment))["execution"].document()
    arn = "arn:aws:iam::123456789012:role/iris-production-execution"
    wanted = {"arn:aws:s3:::lake/iris/a.jsonl": "allow", "arn:aws:s3:::lake/other/a.jsonl": "deny",
              f"{BUCKET}/capture/a.jsonl": "deny"}  # fmt: skip
    for thing, expected in wanted.items():
        assert decide(Request(arn, "s3:PutObject", thing), [document], []) == expected, thing
