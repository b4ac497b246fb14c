"""One environment of a project on AWS: its settings, and the names and ARNs of what it has there.

All names are deterministic (`core.names`), so that no stack imports a value from another: a stack that exports one
cannot be changed while the other uses it. The order in which stacks are made is said by dependencies alone.
"""

from dataclasses import dataclass
from functools import cached_property

from headgate.core import names
from headgate.core.endpoints import endpoint_name
from headgate.errors import Refused, UsageError
from headgate.spec.hosting import Kind
from headgate.spec.model import Environment, GitHub, Spec

ALIAS = names.ALIAS
STAGE = "live"
"""The stage of the API. It is no version: Lambda's events name paths without it."""


@dataclass(frozen=True)
class Site:
    """What the stacks are told."""

    project: str
    environment: str
    settings: Environment
    account: str
    region: str
    route: str
    github: GitHub | None
    comes_first: bool = True
    """Whether deliveries come here before all other environments."""

    @classmethod
    def of(cls, spec: Spec, environment: str) -> "Site":
        """An environment of the spec. Raises UsageError for an unknown one, Refused for one that is not on AWS."""
        settings = spec.environments.get(environment)
        if settings is None:
            raise UsageError(
                f"headgate.yaml has no environment {environment!r}.",
                hint=f"It has {', '.join(spec.environments)}.",
            )
        if settings.target != "aws" or settings.account is None or settings.region is None:
            raise Refused(
                f"Environment {environment} is on this machine and needs no infrastructure.",
                hint="An environment with `target: aws`, an account and a region does.",
            )
        route = spec.route or "/invocations"
        first = spec.delivered[0] == environment
        return cls(spec.project, environment, settings, settings.account, settings.region, route, spec.github, first)

    @property
    def kind(self) -> Kind:
        """What answers: realtime, serverless or lambda."""
        return self.settings.hosting.kind

    @property
    def has_endpoint(self) -> bool:
        """Whether a SageMaker endpoint answers, and not a Lambda function."""
        return self.kind != "lambda"

    @property
    def prefix(self) -> str:
        """What all names begin with; also the name of the endpoint, of the registry's group and of the repository."""
        return endpoint_name(self.project, self.environment)

    @property
    def path(self) -> str:
        """The path at which the front door answers, such as /v1/predict-student-score."""
        version = self.settings.front.version if self.settings.front else "v1"
        return f"/{version}{self.route}"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything: the user's, and whose it is."""
        return {**self.settings.tags, **self.owner}

    @property
    def owner(self) -> dict[str, str]:
        """The tags that say whose something is."""
        return {"headgate:project": self.project, "headgate:environment": self.environment}

    @cached_property
    def bucket(self) -> str:
        """The bucket's name."""
        return names.bucket(self.project, self.environment, self.account, self.region)

    @property
    def key_alias(self) -> str:
        """The key's alias."""
        return names.key_alias(self.project, self.environment)

    @property
    def partition(self) -> str:
        """The part of AWS: aws, aws-cn or aws-us-gov."""
        return names.partition(self.region)

    def function(self, purpose: str) -> str:
        """The name of a function, and of its role."""
        return names.function(self.project, self.environment, purpose)

    def alarm(self, about: str) -> str:
        """The name of an alarm."""
        return names.alarm(self.project, self.environment, about)

    def stack(self, purpose: str) -> str:
        """The name of a stack."""
        return f"{self.prefix}-{purpose}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something in the environment's account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def role_arn(self, name: str) -> str:
        """The ARN of a role."""
        return names.role_arn(self.account, self.region, name)

    @property
    def bucket_arn(self) -> str:
        """The ARN of the bucket."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def repository(self) -> str:
        """The name of the image repository."""
        return names.repository(self.project, self.environment)

    @property
    def registry(self) -> str:
        """Where images are pulled from and pushed to, with the repository."""
        domain = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"{self.account}.dkr.ecr.{self.region}.{domain}/{self.repository}"

    @property
    def machine_arn(self) -> str:
        """The ARN of the state machine."""
        return names.machine_arn(self.account, self.region, names.machine(self.project, self.environment))

    @property
    def topic_arn(self) -> str:
        """The ARN of the topic."""
        return names.topic_arn(self.account, self.region, names.topic(self.project, self.environment))

    @property
    def dead_letters(self) -> str:
        """The name of the queue for what could not be delivered."""
        return names.fitted(f"{self.prefix}-dead-letters", 80)

    @property
    def dead_letters_arn(self) -> str:
        """The ARN of that queue."""
        return self.arn("sqs", self.dead_letters)

    def function_arn(self, purpose: str) -> str:
        """The ARN of a function."""
        return names.function_arn(self.account, self.region, self.function(purpose))

    @property
    def releases(self) -> tuple[str, ...]:
        """The ARNs of the models and endpoint configs that releases make: patterns, as their names end in a version."""
        # hosting.deployment cuts the names so that version and digest fit; a version has at most nine digits.
        stem = self.prefix if len(self.prefix) <= 63 - 20 else self.prefix[: 63 - 20].rstrip("-")
        end = "-v*" if stem == self.prefix else "*"
        return (self.arn("sagemaker", f"model/{stem}{end}"), self.arn("sagemaker", f"endpoint-config/{stem}{end}"))

    @property
    def endpoint_arn(self) -> str:
        """The ARN of the endpoint."""
        return self.arn("sagemaker", f"endpoint/{self.prefix}")

    @property
    def package_arns(self) -> tuple[str, ...]:
        """The registry's group, and all versions in it."""
        group = names.group(self.project, self.environment)
        return (
            self.arn("sagemaker", f"model-package-group/{group}"),
            self.arn("sagemaker", f"model-package/{group}/*"),
        )
