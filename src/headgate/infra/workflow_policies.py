"""The roles of GitHub's workflows, taken on by a token that says which repository and what it runs for.

    pull-request    pull requests of the repository: keep the image, in the first environment alone
    train           the branch (schedules run on it): upload packages and images, register versions
    deliver         the GitHub environment of this name: the same, and approve, start rollouts, ask
    release         the same, for versions that are registered: by hand, or pinned by a commit
    rollback        the same: start a way back, stop a rollout

A GitHub environment can ask for approval before its jobs get their token, and say which branches may: its name is what
the trust is tied to. A fork's pull request gets no token from GitHub at all. Tokens name repositories that were made or
renamed since July 2026 with their ids (`owner@1/name@2`), which `github` in headgate.yaml then has to say.
"""

from collections.abc import Callable

from headgate.core import names
from headgate.infra.access import (
    answer,
    ask,
    decide,
    find,
    read_and_append,
    read_packages,
    start,
    use_key,
    versions,
)
from headgate.infra.site import ALIAS, Site
from headgate.infra.statement import HOUR, Conditions, Role, Statement, Trust
from headgate.spec.model import GitHub

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
LONGEST_JOB = 6 * HOUR
"""Seconds after which GitHub ends a job. One that follows a rollout needs its role for as long."""

_Statements = Callable[[Site, str], list[Statement]]

PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
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
    repository = f"repo:{_named(site.github)}"
    branch, here = f"{repository}:ref:refs/heads/{site.github.branch}", f"{repository}:environment:{site.environment}"
    found = [
        _role(site, "train", "trains again and registers", branch, _register),
        _role(site, "deliver", "delivers what was merged", here, _deliver, longest=LONGEST_JOB),
        _role(site, "release", "rolls out what is registered", here, _release, longest=LONGEST_JOB),
        _role(site, "rollback", "takes a version back by hand", here, _steer),
    ]
    if site.comes_first:
        found.append(_role(site, "pull-request", "keeps pull requests' images", f"{repository}:pull_request", _images))
    return found


def _named(github: GitHub) -> str:
    """The repository as GitHub's tokens name it."""
    if github.owner_id is None or github.repository_id is None:
        return github.repository
    owner, name = github.repository.split("/")
    return f"{owner}@{github.owner_id}/{name}@{github.repository_id}"


def _role(
    site: Site, workflow: str, purpose: str, subject: str, statements: _Statements, *, longest: int = HOUR
) -> Role:
    key = f"github-{workflow}"
    conditions: Conditions = {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject}}
    trust = Trust(provider=provider_arn(site), conditions=conditions)
    name = names.github_role(site.project, site.environment, workflow)
    return Role(key, name, purpose, trust, tuple(statements(site, key)), longest)


def _images(site: Site, role: str) -> list[Statement]:
    """Images are pushed."""
    return [
        Statement(role, "PushImages", PUSH, (site.arn("ecr", f"repository/{site.repository}"),)),
        Statement(
            role, "LogInToRegistry", ("ecr:GetAuthorizationToken",), ("*",), why="This action knows no resources."
        ),
    ]


def _register(site: Site, role: str) -> list[Statement]:
    return [
        *_images(site, role),
        read_packages(site, role),
        find(site, role),
        use_key(site, role, ("kms:Decrypt", "kms:GenerateDataKey")),
        *versions(site, role),
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
            ("sagemaker:CreateModelPackage",),
            site.package_arns,
            why="Versions are numbered.",
        ),
    ]


def _deliver(site: Site, role: str) -> list[Statement]:
    released = _release(site, role)
    twice = {statement.sid for statement in released}
    asks = (
        ask(site, role)
        if site.has_endpoint
        else Statement(role, "Ask", ("lambda:InvokeFunction",), (f"{site.function_arn('model')}:{ALIAS}",))
    )
    return [*(s for s in _register(site, role) if s.sid not in twice), *released, asks]


def _release(site: Site, role: str) -> list[Statement]:
    return [decide(site, role), read_packages(site, role), *_steer(site, role)]


def _steer(site: Site, role: str) -> list[Statement]:
    """Start the machine, tell a rollout something, and follow it. Only the machine's functions change what answers."""
    looks = _look_at_endpoint(site, role) if site.has_endpoint else _look_at_function(site, role)
    return [
        *read_and_append(site, role),
        *versions(site, role),
        looks,
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
