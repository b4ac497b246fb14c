"""What several roles may do, as statements of whichever role asks."""

from headgate.infra.site import Site
from headgate.infra.statement import Statement

PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def use_key(site: Site, role: str, actions: tuple[str, ...]) -> Statement:
    """Use the key that everything is encrypted with."""
    return Statement(
        role,
        "UseKey",
        actions,
        (site.arn("kms", "key/*"),),
        {"ForAnyValue:StringEquals": {"kms:ResourceAliases": (site.key_alias,)}},
        why="The key's id is known only once it is made; the condition names it by its alias.",
    )


def read_and_append(site: Site, role: str) -> list[Statement]:
    """The log of rollouts: read, listed, appended to. The bucket's policy lets nobody overwrite an entry."""
    return [
        Statement(
            role,
            "ReadLogs",
            ("s3:GetObject",),
            (f"{site.bucket_arn}/rollouts/*",),
            why="Entries are named by rollout and number.",
        ),
        find(site, role),
        Statement(
            role,
            "AppendToLogs",
            ("s3:PutObject",),
            (f"{site.bucket_arn}/rollouts/*",),
            why="Entries are named by rollout and number.",
        ),
        use_key(site, role, ("kms:Decrypt", "kms:GenerateDataKey")),
    ]


def read_packages(site: Site, role: str) -> Statement:
    """Read packages, and the rows that their versions were judged by."""
    return Statement(
        role,
        "ReadPackages",
        ("s3:GetObject",),
        (f"{site.bucket_arn}/packages/*",),
        why="Packages are named by their digest.",
    )


def find(site: Site, role: str) -> Statement:
    """See which objects there are. Without it, and with a condition on it, S3 says 403 of one that is not there."""
    return Statement(role, "FindObjects", ("s3:ListBucket",), (site.bucket_arn,))


def answer(site: Site, role: str) -> Statement:
    """Let an execution that waits for a person go on."""
    return Statement(
        role, "AnswerTheMachine", ("states:SendTaskSuccess", "states:SendTaskFailure"), (site.machine_arn,)
    )


def start(site: Site, role: str) -> Statement:
    """Start an execution of the machine."""
    return Statement(role, "StartRollouts", ("states:StartExecution",), (site.machine_arn,))


def versions(site: Site, role: str) -> list[Statement]:
    """Read the registry's versions of the project here."""
    return [
        Statement(
            role,
            "ReadVersions",
            ("sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"),
            site.package_arns,
            why="Versions are numbered.",
        )
    ]


def decide(site: Site, role: str) -> Statement:
    """Approve or reject a version in the registry."""
    return Statement(
        role,
        "DecideOnVersions",
        ("sagemaker:UpdateModelPackage",),
        (site.package_arns[1],),
        why="Versions are numbered.",
    )


def ask(site: Site, role: str) -> Statement:
    """Ask the endpoint."""
    return Statement(role, "Ask", ("sagemaker:InvokeEndpoint",), (site.endpoint_arn,))


def evidence(role: str) -> Statement:
    """Read what CloudWatch counted."""
    return Statement(
        role,
        "ReadMetrics",
        ("cloudwatch:GetMetricData",),
        ("*",),
        why="This action knows no resources; it only reads.",
    )


def dead_letters(site: Site, role: str) -> list[Statement]:
    """Lambda sends events that failed for good with the role of the function."""
    return [Statement(role, "KeepWhatFailed", ("sqs:SendMessage",), (site.dead_letters_arn,))]
