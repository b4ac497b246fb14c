"""What everything rests on: the key, the bucket, the images, the registry, and the role that models run as.

Nothing here is deleted while something is in it: CloudFormation refuses to delete a bucket, a repository or a group
that is not empty, and with them the key stays. `headgate infra destroy --delete-data` empties them first.
"""

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker

from headgate.core import names
from headgate.infra import resource_policies
from headgate.infra.site import Site
from headgate.infra.stacks.parts import LOG_DAYS, acknowledge, make_role, open_stack
from headgate.infra.statement import Role

NONCURRENT_DAYS = 90
CAPTURE_DAYS = 90
UPLOAD_DAYS = 7


def build(app: cdk.App, site: Site, roles: dict[str, Role]) -> cdk.Stack:
    """The stack."""
    stack = open_stack(app, site, "base", "key, bucket, images, registry and the role of models")
    key = _key(stack, site)
    _bucket(stack, site, key)
    _repository(stack, site, key)
    group = sagemaker.CfnModelPackageGroup(
        stack,
        "Versions",
        model_package_group_name=names.group(site.project, site.environment),
        model_package_group_description=f"Model versions of {site.project} in {site.environment}",
    )
    group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
    if site.has_endpoint:
        make_role(stack, roles["execution"])
        logs.CfnLogGroup(
            stack,
            "EndpointLog",
            log_group_name=f"/aws/sagemaker/Endpoints/{site.prefix}",
            retention_in_days=LOG_DAYS,
        )
    return stack


def _key(stack: cdk.Stack, site: Site) -> kms.CfnKey:
    key = kms.CfnKey(
        stack,
        "Key",
        description=f"Everything that {site.project} keeps in {site.environment}",
        enable_key_rotation=True,
        pending_window_in_days=30,
        key_policy=resource_policies.key(site),
    )
    kms.CfnAlias(stack, "KeyAlias", alias_name=site.key_alias, target_key_id=key.ref)
    return key


def _bucket(stack: cdk.Stack, site: Site, key: kms.CfnKey) -> None:
    encryption = s3.CfnBucket.ServerSideEncryptionRuleProperty(
        bucket_key_enabled=True,
        server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
            sse_algorithm="aws:kms", kms_master_key_id=key.attr_arn
        ),
    )
    bucket = s3.CfnBucket(
        stack,
        "Bucket",
        bucket_name=site.bucket,
        bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(server_side_encryption_configuration=[encryption]),
        public_access_block_configuration=s3.CfnBucket.PublicAccessBlockConfigurationProperty(
            block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
        ),
        ownership_controls=s3.CfnBucket.OwnershipControlsProperty(
            rules=[s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
        ),
        versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
        lifecycle_configuration=s3.CfnBucket.LifecycleConfigurationProperty(rules=_lifecycle()),
    )
    acknowledge(
        bucket,
        {
            "S1": "Who read a package or a capture is for CloudTrail's data events, which the account decides on; "
            "access logs need a second bucket that nobody looks at."
        },
    )
    rules = s3.CfnBucketPolicy(
        stack, "BucketPolicy", bucket=site.bucket, policy_document=resource_policies.bucket(site)
    )
    rules.add_resource_dependency(bucket)


def _lifecycle() -> list[s3.CfnBucket.RuleProperty]:
    return [
        s3.CfnBucket.RuleProperty(
            id="old-versions",
            status="Enabled",
            noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(
                noncurrent_days=NONCURRENT_DAYS
            ),
            expired_object_delete_marker=True,
        ),
        s3.CfnBucket.RuleProperty(id="captures", status="Enabled", prefix="capture/", expiration_in_days=CAPTURE_DAYS),
        s3.CfnBucket.RuleProperty(
            id="unfinished-uploads",
            status="Enabled",
            abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                days_after_initiation=UPLOAD_DAYS
            ),
        ),
    ]


def _repository(stack: cdk.Stack, site: Site, key: kms.CfnKey) -> None:
    ecr.CfnRepository(
        stack,
        "Images",
        repository_name=site.repository,
        image_scanning_configuration=ecr.CfnRepository.ImageScanningConfigurationProperty(scan_on_push=True),
        image_tag_mutability="IMMUTABLE",
        encryption_configuration=ecr.CfnRepository.EncryptionConfigurationProperty(
            encryption_type="KMS", kms_key=key.attr_arn
        ),
        lifecycle_policy=ecr.CfnRepository.LifecyclePolicyProperty(lifecycle_policy_text=resource_policies.lifecycle()),
        repository_policy_text=resource_policies.repository(site),
    )
