"""What things are called on AWS: one name for each, the same for whoever makes it and whoever uses it.

`infra` makes these things, `hosting` and the delivery functions use them, workflows assume the roles. Every name says
which project and which environment it is for; it is cut and given a digest only where AWS takes no name that long. So
a project's environments, be they in one account or in several, never meet. Two projects may, as names are joined with a
hyphen; tags tell whose something is, and `headgate infra` looks at them before it makes or deletes anything.
"""

from headgate.core.digest import sha256
from headgate.core.endpoints import endpoint_name

DIGEST_LENGTH = 8


def fitted(name: str, limit: int) -> str:
    """The name, if AWS takes one that long; else its beginning and a digest of the whole."""
    if len(name) <= limit:
        return name
    tail = f"-{sha256(name.encode())[:DIGEST_LENGTH]}"
    return name[: limit - len(tail)].rstrip("-") + tail


def bucket(project: str, environment: str, account: str, region: str) -> str:
    """The bucket of packages, logs of rollouts, captures. Bucket names are the world's, so the account is in it."""
    return fitted(f"{endpoint_name(project, environment)}-{account}-{region}", 63)


def group(project: str, environment: str) -> str:
    """The model package group: the versions that this environment can have."""
    return endpoint_name(project, environment)


def repository(project: str, environment: str) -> str:
    """The ECR repository of its images."""
    return endpoint_name(project, environment)


def key_alias(project: str, environment: str) -> str:
    """The alias of the key that everything is encrypted with."""
    return f"alias/{endpoint_name(project, environment)}"


def execution_role(project: str, environment: str) -> str:
    """The role that models run as."""
    return fitted(f"{endpoint_name(project, environment)}-execution", 64)


def function(project: str, environment: str, purpose: str) -> str:
    """A Lambda function: `tick`, `approval`, `monitor`, `front` or `model`. Its role has the same name."""
    return fitted(f"{endpoint_name(project, environment)}-{purpose}", 64)


ALIAS = "live"
"""The alias of a model's function: what callers reach, and rollouts move."""


def machine(project: str, environment: str) -> str:
    """The state machine that rolls out. Its role has the same name."""
    return fitted(f"{endpoint_name(project, environment)}-delivery", 64)


def topic(project: str, environment: str) -> str:
    """The SNS topic that alarms are sent to."""
    return fitted(f"{endpoint_name(project, environment)}-alarms", 256)


def alarm(project: str, environment: str, about: str) -> str:
    """An alarm: `errors`, `latency`, `throttles`, `quiet`."""
    return fitted(f"{endpoint_name(project, environment)}-{about}", 255)


def log_group(project: str, environment: str, of: str) -> str:
    """A log group of ours, such as that of the state machine."""
    return f"/headgate/{endpoint_name(project, environment)}/{of}"


def github_role(project: str, environment: str, workflow: str) -> str:
    """The role that a workflow takes on: `pull-request`, `deliver`, `train`, `rollback`."""
    return fitted(f"{endpoint_name(project, environment)}-github-{workflow}", 64)


def package_key(digest: str) -> str:
    """Where in the bucket a package's archive is, by its digest."""
    return f"packages/{digest}/model.tar.gz"


def row_key(digest: str) -> str:
    """Where in the bucket the row is that a package's deployments are probed with."""
    return f"packages/{digest}/row.json"


def partition(region: str) -> str:
    """The part of AWS that a region is in."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def role_arn(account: str, region: str, role: str) -> str:
    """A role's ARN."""
    return f"arn:{partition(region)}:iam::{account}:role/{role}"


def machine_arn(account: str, region: str, name: str) -> str:
    """A state machine's ARN."""
    return f"arn:{partition(region)}:states:{region}:{account}:stateMachine:{name}"


def function_arn(account: str, region: str, name: str) -> str:
    """A Lambda function's ARN."""
    return f"arn:{partition(region)}:lambda:{region}:{account}:function:{name}"


def topic_arn(account: str, region: str, name: str) -> str:
    """A topic's ARN."""
    return f"arn:{partition(region)}:sns:{region}:{account}:{name}"
