"""The checks of `ops audit`. Pure data; the routines are in this folder."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ops.audit.detector_check_records import DETECTOR_CHECKS
from ops.audit.identity_check_records import IDENTITY_CHECKS
from ops.audit.trail_check_records import TRAIL_CHECKS
from ops.core.check_record import AUDIT_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

if TYPE_CHECKING:
    from ops.outputs import Outputs


def build_audit_check(
    *,
    key: str,
    title: str,
    failure: str,
    routine: str,
    line: str,
    calls: tuple[str, ...],
    is_applicable: "Callable[[Outputs], bool]" = lambda _: True,
) -> Check:
    """The record of a check of `ops audit`, whose findings can be waived."""
    return Check(
        key=key,
        area="audit",
        title=title,
        failure=failure,
        calls=(*calls, *WAIVER_CALLS),
        routine=routine,
        reports=AUDIT_REPORTS,
        lines=(line,),
        is_applicable=is_applicable,
    )


OPEN_PORTS_LINE: Final = "open ports"
OPEN_DATA_LINE: Final = "open data"
PROTECTION_LINE: Final = "protection"
EXPOSURE_CHECKS: Final = (
    build_audit_check(
        key="open-security-groups",
        title="security groups",
        failure="A security group lets the internet in, to more than the load balancer's ports.",
        routine="ops.audit.security_groups:check_open_security_groups",
        line=OPEN_PORTS_LINE,
        calls=(
            "ec2.describe_security_groups",
            "ec2.describe_network_interfaces",
            "ec2.get_managed_prefix_list_entries",
        ),
    ),
    build_audit_check(
        key="default-security-group",
        title="default security group",
        failure="The default security group of the VPC has rules.",
        routine="ops.audit.exposure:check_default_group",
        line=OPEN_PORTS_LINE,
        calls=("ec2.describe_security_groups",),
    ),
    build_audit_check(
        key="open-network-acls",
        title="network ACLs",
        failure="A network ACL lets the internet in to the ports of administration.",
        routine="ops.audit.exposure:check_network_acls",
        line=OPEN_PORTS_LINE,
        calls=("ec2.describe_network_acls",),
    ),
    build_audit_check(
        key="public-instances",
        title="instances",
        failure="An instance of the VPC has a public address.",
        routine="ops.audit.exposure:check_public_instances",
        line=OPEN_PORTS_LINE,
        calls=("ec2.describe_instances",),
    ),
)
BALANCER_CHECKS: Final = (
    build_audit_check(
        key="load-balancers",
        title="load balancers",
        failure="A load balancer takes requests without TLS, or with nothing that guards it.",
        routine="ops.audit.load_balancers:check_load_balancers",
        line=PROTECTION_LINE,
        calls=(
            "elbv2.describe_load_balancers",
            "elbv2.describe_load_balancer_attributes",
            "elbv2.describe_listeners",
            "wafv2.get_web_acl_for_resource",
        ),
    ),
)
RUNNING_CHECKS: Final = (
    build_audit_check(
        key="image-repositories",
        title="repositories",
        failure="A repository is open, not scanned, or its tags can be another image tomorrow.",
        routine="ops.audit.repositories:check_repositories",
        line=PROTECTION_LINE,
        calls=(
            "ecr.describe_repositories",
            "ecr.get_lifecycle_policy",
            "ecr.get_repository_policy",
            "ecr.get_registry_scanning_configuration",
        ),
        is_applicable=lambda outputs: outputs.registry is not None,
    ),
    build_audit_check(
        key="container-rights",
        title="containers",
        failure="A container has rights on its host, runs as root, or a secret is in plain text.",
        routine="ops.audit.containers:check_containers",
        line=PROTECTION_LINE,
        calls=("ecs.describe_services", "ecs.describe_task_definition"),
        is_applicable=lambda outputs: outputs.services is not None,
    ),
    build_audit_check(
        key="instance-metadata",
        title="instances",
        failure="An instance gives the credentials of its role away by one request.",
        routine="ops.audit.instances:check_instance_metadata",
        line=PROTECTION_LINE,
        calls=("ec2.describe_instances", "ec2.describe_launch_template_versions"),
    ),
)
SECRET_CHECKS: Final = (
    build_audit_check(
        key="secret-rotation",
        title="secrets",
        failure="A secret is old, its rotation is off or failed, or it is about to be deleted.",
        routine="ops.audit.secrets:check_secrets",
        line=PROTECTION_LINE,
        calls=("secretsmanager.list_secrets",),
    ),
    build_audit_check(
        key="encryption-keys",
        title="keys",
        failure="A key cannot be used, is about to be deleted, or is open to everybody.",
        routine="ops.audit.encryption_keys:check_encryption_keys",
        line=OPEN_DATA_LINE,
        calls=("kms.describe_key", "kms.get_key_rotation_status", "kms.get_key_policy"),
        is_applicable=lambda outputs: bool(
            outputs.stack.data_key_arn or outputs.stack.logs_key_arn
        ),
    ),
)
STORED_CHECKS: Final = (
    build_audit_check(
        key="volume-encryption",
        title="volumes",
        failure="A volume or a snapshot of one is not encrypted, or new ones would not be.",
        routine="ops.audit.volumes:check_volume_encryption",
        line=PROTECTION_LINE,
        calls=(
            "ec2.describe_volumes",
            "ec2.describe_snapshots",
            "ec2.describe_instances",
            "ec2.get_ebs_encryption_by_default",
        ),
    ),
    build_audit_check(
        key="file-system-encryption",
        title="file systems",
        failure="A file system is not encrypted.",
        routine="ops.audit.file_systems:check_file_systems",
        line=PROTECTION_LINE,
        calls=("efs.describe_file_systems",),
    ),
    build_audit_check(
        key="backup-coverage",
        title="recovery points",
        failure="What holds data was not saved by AWS Backup in the last days.",
        routine="ops.audit.backup_coverage:check_backup_coverage",
        line=PROTECTION_LINE,
        calls=(
            "backup.list_protected_resources",
            "rds.describe_db_instances",
            "ec2.describe_volumes",
            "efs.describe_file_systems",
            "dynamodb.list_tables",
            "dynamodb.describe_table",
        ),
        is_applicable=lambda outputs: outputs.backups.vault is not None,
    ),
    build_audit_check(
        key="log-groups",
        title="log groups",
        failure="A log group keeps its lines for ever, or without the stack's key.",
        routine="ops.audit.messages:check_log_groups",
        line=PROTECTION_LINE,
        calls=("logs.describe_log_groups",),
    ),
    build_audit_check(
        key="topics-and-queues",
        title="topics and queues",
        failure="A topic or a queue is open to everybody, or not encrypted.",
        routine="ops.audit.messages:check_topics_and_queues",
        line=OPEN_DATA_LINE,
        calls=(
            "sns.list_topics",
            "sns.get_topic_attributes",
            "sqs.list_queues",
            "sqs.get_queue_attributes",
        ),
    ),
)
DATA_CHECKS: Final = (
    build_audit_check(
        key="open-buckets",
        title="buckets",
        failure="Everybody can read or list a bucket, or one change would let them.",
        routine="ops.audit.buckets:check_open_buckets",
        line=OPEN_DATA_LINE,
        calls=(
            "s3.list_buckets",
            "s3.get_bucket_tagging",
            "s3.get_bucket_policy_status",
            "s3.get_bucket_acl",
            "s3.get_public_access_block",
            "s3control.get_public_access_block",
        ),
    ),
    build_audit_check(
        key="database-protection",
        title="databases",
        failure="A database is public, not encrypted, not backed up, or deleted by one call.",
        routine="ops.audit.databases:check_database_protection",
        line=OPEN_DATA_LINE,
        calls=("rds.describe_db_instances",),
    ),
    build_audit_check(
        key="shared-snapshots",
        title="snapshots",
        failure="A snapshot can be restored by everybody, or by another account.",
        routine="ops.audit.sharing:check_shared_snapshots",
        line=OPEN_DATA_LINE,
        calls=(
            "rds.describe_db_snapshots",
            "rds.describe_db_snapshot_attributes",
            "ec2.describe_snapshots",
            "ec2.describe_snapshot_attribute",
        ),
    ),
    build_audit_check(
        key="shared-images",
        title="machine images",
        failure="A machine image can be launched by everybody, or by another account.",
        routine="ops.audit.sharing:check_shared_images",
        line=OPEN_DATA_LINE,
        calls=(
            "ec2.describe_images",
            "ec2.describe_image_attribute",
        ),
    ),
    build_audit_check(
        key="bucket-protection",
        title="buckets",
        failure="A bucket takes requests without TLS, or keeps no versions.",
        routine="ops.audit.buckets:check_bucket_protection",
        line=PROTECTION_LINE,
        calls=(
            "s3.list_buckets",
            "s3.get_bucket_tagging",
            "s3.get_bucket_policy",
            "s3.get_bucket_versioning",
        ),
    ),
    build_audit_check(
        key="cache-protection",
        title="cache",
        failure="The cache is not encrypted, or asks for no token.",
        routine="ops.audit.databases:check_cache_protection",
        line=PROTECTION_LINE,
        calls=("elasticache.describe_replication_groups",),
        is_applicable=lambda outputs: outputs.cache is not None,
    ),
)
CHECKS: Final = (
    *EXPOSURE_CHECKS,
    *DATA_CHECKS,
    *BALANCER_CHECKS,
    *RUNNING_CHECKS,
    *SECRET_CHECKS,
    *STORED_CHECKS,
    *IDENTITY_CHECKS,
    *TRAIL_CHECKS,
    *DETECTOR_CHECKS,
)
