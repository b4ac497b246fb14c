"""The policies of things: who may use the key, the bucket, the images, the topic and the queue, whoever they are."""

import json
from typing import Any

from headgate.core import names
from headgate.infra.site import Site
from headgate.infra.statement import policy

TRIAL_DAYS = 30
"""How long images without a tag, and those of pull requests, are kept."""
TRIAL_TAG = "pull-request-"
"""What the workflow of pull requests begins its tags with."""


def key(site: Site) -> dict[str, Any]:
    """The account decides by its roles; three services use the key for what they deliver from this account."""
    deliver = ["kms:Decrypt", "kms:GenerateDataKey"]
    return policy(
        [
            {
                "Sid": "RolesOfTheAccount",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{site.partition}:iam::{site.account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "DeliverAlarmsAndLetters",
                "Effect": "Allow",
                "Principal": {"Service": ["cloudwatch.amazonaws.com", "sns.amazonaws.com"]},
                "Action": deliver,
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": site.account}},
            },
            {
                # In a key's policy AWS supports neither aws:SourceAccount nor aws:SourceArn where EventBridge delivers
                # to an encrypted topic, and promises neither for a queue. Where a condition does not hold, letters are
                # lost without a word. Whose letters are taken is said by the queue's own policy.
                "Sid": "DeliverLettersOfEventBridge",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": deliver,
                "Resource": "*",
            },
        ]
    )


def bucket(site: Site) -> dict[str, Any]:
    """Over TLS only, and an entry of a rollout's log is written once."""
    return policy(
        [
            _over_tls("s3:*", [site.bucket_arn, f"{site.bucket_arn}/*"]),
            {
                # S3 refuses a second write by itself where the writer asks for it; this makes every writer ask.
                "Sid": "LogsAreWrittenOnce",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"{site.bucket_arn}/rollouts/*",
                "Condition": {
                    "Null": {"s3:if-none-match": "true"},
                    "Bool": {"s3:ObjectCreationOperation": "true"},
                },
            },
        ]
    )


def repository(site: Site) -> dict[str, Any]:
    """Lambda pulls the images of the account's functions itself."""
    return policy(
        [
            {
                "Sid": "FunctionsPull",
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "Condition": {"StringLike": {"aws:SourceArn": site.arn("lambda", f"function:{site.prefix}-*")}},
            }
        ]
    )


def lifecycle() -> str:
    """What is kept of images: those of versions for ever, as a way back may need any of them."""
    selections: list[tuple[str, dict[str, Any]]] = [
        ("images without a tag", {"tagStatus": "untagged"}),
        ("images of pull requests", {"tagStatus": "tagged", "tagPrefixList": [TRIAL_TAG]}),
    ]
    rules = [
        {
            "rulePriority": number,
            "description": said,
            "selection": {
                **selection,
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": TRIAL_DAYS,
            },
            "action": {"type": "expire"},
        }
        for number, (said, selection) in enumerate(selections, 1)
    ]
    return json.dumps({"rules": rules}, separators=(",", ":"))


def topic(site: Site) -> dict[str, Any]:
    """CloudWatch's alarms of this account publish; over TLS only."""
    return policy(
        [
            {
                "Sid": "AlarmsPublish",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": site.topic_arn,
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": site.account},
                    "ArnLike": {"aws:SourceArn": site.arn("cloudwatch", f"alarm:{site.prefix}-*")},
                },
            },
            _over_tls("sns:Publish", [site.topic_arn]),
        ]
    )


def queue(site: Site) -> dict[str, Any]:
    """The rule and the topic put there what they could not deliver; over TLS only."""
    sources = [site.arn("events", f"rule/{rule_name(site)}"), site.topic_arn]
    return policy(
        [
            {
                "Sid": "LettersThatCouldNotBeDelivered",
                "Effect": "Allow",
                "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
                "Action": "sqs:SendMessage",
                "Resource": site.dead_letters_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": sources}},
            },
            _over_tls("sqs:*", [site.dead_letters_arn]),
        ]
    )


def rule_name(site: Site) -> str:
    """The EventBridge rule that hears of versions that are approved or rejected."""
    return names.fitted(f"{site.prefix}-approval", 64)


def _over_tls(action: str, resources: list[str]) -> dict[str, Any]:
    return {
        "Sid": "OverTlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
