"""Permissions in words, from statements such as `infra` has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from headgate.infra.policies import roles
from headgate.infra.site import Site
from headgate.planning.iam import in_words, taken_on_by
from tests.ci.projects import IRIS, PROJECTS, project


@dataclass(frozen=True)
class Statement:
    """One statement of a role."""

    role: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, str | tuple[str, ...]]] = field(default_factory=dict)


def said(*statement: object, role: str = "deliver") -> str:
    found = in_words([Statement(role, *statement)])  # type: ignore[arg-type]
    assert [*found] == [role]
    (sentence,) = found[role]
    return sentence


def test_actions_are_said_by_what_they_do() -> None:
    endpoint = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/iris-production"
    assert said(("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpoint"), (endpoint,)) == (
        "may look at endpoints and change endpoints: SageMaker endpoint/iris-production"
    )
    assert said(("sagemaker:InvokeEndpoint",), (endpoint,)) == (
        "may ask the endpoint: SageMaker endpoint/iris-production"
    )
    assert said(("s3:GetObject", "s3:PutObject"), ("arn:aws:s3:::iris/packages/*", "arn:aws:s3:::iris/runs/*")) == (
        "may read objects and write objects: S3 iris/packages/* and S3 iris/runs/*"
    )
    assert said(("lambda:ListTags", "lambda:ListVersionsByFunction", "lambda:UpdateAlias"), ("x",)) == (
        "may list tags, list the function's versions and move the alias: x"
    )
    many = ("sagemaker:DescribeModel", "sagemaker:CreateModel", "sagemaker:DescribeModelPackage", "sagemaker:ListTags")
    assert said(many, ("x",)) == "may look at models and model packages, make models, list tags: x"
    assert said(("cloudwatch:GetMetricData", "logs:PutResourcePolicy"), ("x",)) == (
        "may read metric data and write resource policies: x"
    )


def test_what_is_one_thing_is_said_as_one() -> None:
    push = ("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage")
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    assert said((*pull, *push, "ecr:DescribeImages"), ("x",)) == "may push images, pull images and look at images: x"
    assert said(("logs:CreateLogStream", "logs:PutLogEvents"), ("x",)) == "may write to the log: x"
    assert said(("sagemaker:AddTags", "sagemaker:DeleteTags"), ("x",)) == "may change tags: x"
    assert said(("kms:Decrypt",), ("x",)) == "may decrypt with the key: x"


def test_who_takes_a_role_on() -> None:
    site = Site.of(project(IRIS).spec, "staging")
    found = {key: taken_on_by(role.trust) for key, role in roles(site).items()}
    assert found["tick"] == "Lambda"
    assert found["delivery"] == "Step Functions"
    assert found["github-pull-request"] == "GitHub as repo:acme/iris:pull_request"
    assert found["github-train"] == "GitHub as repo:acme/iris:ref:refs/heads/main"


@pytest.mark.parametrize("text", PROJECTS.values(), ids=PROJECTS)
def test_every_right_that_a_role_has_is_said_in_english(text: str) -> None:
    spec = project(text).spec
    for name in spec.delivered:
        for role in roles(Site.of(spec, name)).values():
            for statement in role.statements:
                (said,) = in_words([statement])[role.key]
                verbs = said.partition(":")[0]
                assert not re.search(r"[a-z]+:|[a-z][A-Z]|\bby functions|resources|codes", verbs), said


def test_conditions_are_said() -> None:
    role = "arn:aws:iam::123456789012:role/iris-production-execution"
    condition = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert said(("iam:PassRole",), (role,), condition) == (
        "may hand the role on: IAM role/iris-production-execution, only where iam:PassedToService is "
        "sagemaker.amazonaws.com"
    )
    several = {"StringLike": {"s3:prefix": ("runs/*", "packages/*")}}
    assert said(("s3:ListBucket",), ("arn:aws:s3:::iris",), several).endswith("s3:prefix is like runs/* or packages/*")


def test_what_is_wide_sounds_wide() -> None:
    assert said(("*",), ("*",)) == "may do everything: everything in the account"
    assert said(("s3:*",), ("*",)) == "may do everything in S3: everything in the account"
    assert said(("logs:Put*",), ("*",)) == "may do all of Put* in logs: everything in the account"
    assert "of account *" in said(("sns:Publish",), ("arn:aws:sns:*:*:topic",))


def test_actions_without_words_are_said_by_name() -> None:
    assert said(("strange:FrobnicateThing",), ("thing",)) == "may strange:FrobnicateThing: thing"
    assert said(("new:GetURLPart",), ("thing",)) == "may read URL parts: thing"


def test_roles_keep_their_order_and_their_statements() -> None:
    statements = [
        Statement("tick", ("s3:GetObject",), ("a",)),
        Statement("front", ("sagemaker:InvokeEndpoint",), ("b",)),
        Statement("tick", ("s3:PutObject",), ("a",)),
    ]
    assert in_words(statements) == {
        "tick": ["may read objects: a", "may write objects: a"], "front": ["may ask the endpoint: b"]
    }  # fmt: skip
