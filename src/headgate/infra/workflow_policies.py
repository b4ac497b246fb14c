"""The roles of GitHub's workflows: one each, taken on by a token that says which repository and what it runs for.

    pull-request    pull requests of the repository: build and keep the image, look, change nothing that serves
    train           the branch (schedules run on it): upload packages and images, register versions
    deliver         the GitHub environment of this name: register, start rollouts, approve
    rollback        the same GitHub environment: start a way back, stop a rollout

A GitHub environment can ask for approval before its jobs get their token: its name is what the trust of `deliver` and
`rollback` is tied to. A fork's pull request gets no token from GitHub at all.
"""

from collections.abc import Callable

from headgate.core import names
from headgate.infra.access import answer, ask, evidence, find, read_and_append, start, use_key, versions
from headgate.infra.site import ALIAS, Site
from headgate.infra.statement import HOUR, Conditions, Role, Statement, Trust

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
LONGEST_JOB = 6 * HOUR
"""Seconds after which GitHub ends a job. One that follows a rollout needs its role for as long."""
WORKFLOWS = ("pull-request", "train", "deliver", "rollback")

_Statements = Callable[[Site, str], list[Statement]]

PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)


def provider_arn(site: Site) -> str:
    """The account's one OIDC provider for GitHub."""
    return f"arn:{site.partition}:iam::{site.account}:oidc-provider/{ISSUER}"


def workflow_roles(site: Site) -> list[Role]:
    """A role for each workflow; none where the project has no `github`."""
    if site.github is None:
        return []
    repository = f"repo:{site.github.repository}"
    here = f"{repository}:environment:{site.environment}"
    return [
        _role(site, "pull-request", "checks pull requests", f"{repository}:pull_request", _images),
        _role(
            site, "train", "trains again and registers", f"{repository}:ref:refs/heads/{site.github.branch}", _register
        ),
        _role(site, "deliver", "delivers what was merged", here, _deliver, longest=LONGEST_JOB),
        _role(site, "rollback", "takes a version back by hand", here, _steer),
    ]


def _role(
    site: Site, workflow: str, purpose: str, subject: str, statements: _Statements, *, longest: int = HOUR
) -> Role:
    key = f"github-{workflow}"
    conditions: Conditions = {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject}}
    trust = Trust(provider=provider_arn(site), conditions=conditions)
    name = names.github_role(site.project, site.environment, workflow)
    return Role(key, name, purpose, trust, tuple(statements(site, key)), longest)


def _images(site: Site, role: str) -> list[Statement]:
    """Images are pushed; what is registered already is looked at, so that a candidate can be held against it."""
    return [
        Statement(role, "PushImages", PUSH, (site.arn("ecr", f"repository/{site.repository}"),)),
        Statement(
            role, "LogInToRegistry", ("ecr:GetAuthorizationToken",), ("*",), why="This action knows no resources."
        ),
        Statement(
            role,
            "ReadPackages",
            ("s3:GetObject",),
            (f"{site.bucket_arn}/packages/*",),
            why="Packages are named by their digest.",
        ),
        find(site, role),
        use_key(site, role, ("kms:Decrypt",)),
        *versions(site, role),
    ]


def _register(site: Site, role: str) -> list[Statement]:
    group, packages = site.package_arns
    pushed = [statement for statement in _images(site, role) if statement.sid != "UseKey"]
    return [
        *pushed,
        use_key(site, role, ("kms:Decrypt", "kms:GenerateDataKey")),
        Statement(
            role,
            "UploadPackages",
            ("s3:PutObject", "s3:AbortMultipartUpload"),
            (f"{site.bucket_arn}/packages/*",),
            why="Packages are named by their digest.",
        ),
        Statement(
            role,
            "RegisterVersions",
            ("sagemaker:CreateModelPackage", "sagemaker:CreateModelPackageGroup"),
            (group, packages),
            why="Versions are numbered.",
        ),
    ]


def _deliver(site: Site, role: str) -> list[Statement]:
    twice = ("FindObjects", "ReadPackages", "ReadVersions", "UseKey")
    kept = [statement for statement in _register(site, role) if statement.sid not in twice]
    approve = Statement(
        role,
        "ApproveVersions",
        ("sagemaker:UpdateModelPackage",),
        (site.package_arns[1],),
        why="Versions are numbered.",
    )
    steered = [*kept, approve, *_steer(site, role)]
    if site.has_endpoint:
        return [*steered, ask(site, role)]
    return [
        *steered,
        Statement(role, "Ask", ("lambda:InvokeFunction",), (f"{site.function_arn('model')}:{ALIAS}",)),
    ]


def _steer(site: Site, role: str) -> list[Statement]:
    """Start the machine, tell a rollout something, and follow it. Only the machine's functions change what answers."""
    looks = _look_at_endpoint(site, role) if site.has_endpoint else _look_at_function(site, role)
    return [
        *read_and_append(site, role),
        *versions(site, role),
        looks,
        evidence(role),
        answer(site, role),
        start(site, role),
    ]


def _look_at_endpoint(site: Site, role: str) -> Statement:
    return Statement(
        role,
        "LookAtEndpoint",
        ("sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:ListTags"),
        (site.endpoint_arn, site.releases[1]),
        why="Configs are named by version and content.",
    )


def _look_at_function(site: Site, role: str) -> Statement:
    function = site.function_arn("model")
    return Statement(
        role,
        "LookAtFunction",
        ("lambda:GetAlias", "lambda:GetFunction", "lambda:ListTags", "lambda:ListVersionsByFunction"),
        (function, f"{function}:*"),
        why="Versions are numbered.",
    )
