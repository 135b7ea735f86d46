"""The checks of `ops audit`. Pure data; the routines are in this folder."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ops.core.check_record import AUDIT_REPORTS, Check
from ops.findings.waiver_calls import WAIVER_CALLS

if TYPE_CHECKING:
    from ops.outputs import Outputs


def build_audit_check(
    key: str,
    title: str,
    failure: str,
    routine: str,
    line: str,
    *calls: str,
    is_applicable: "Callable[[Outputs], bool]" = lambda _: True,
) -> Check:
    """The record of a check of `ops audit`, whose findings can be waived."""
    return Check(
        key=key,
        area="audit",
        title=title,
        failure=failure,
        calls=(*calls, *WAIVER_CALLS),
        routine=f"ops.audit.{routine}",
        reports=AUDIT_REPORTS,
        lines=(line,),
        is_applicable=is_applicable,
    )


OPEN_PORTS_LINE: Final = "open ports"
OPEN_DATA_LINE: Final = "open data"
PROTECTION_LINE: Final = "protection"
EXPOSURE_CHECKS: Final = (
    build_audit_check(
        "open-security-groups",
        "security groups",
        "A security group lets the internet in, to more than the load balancer's ports.",
        "security_groups:check_open_security_groups",
        OPEN_PORTS_LINE,
        "ec2.describe_security_groups",
        "ec2.describe_network_interfaces",
        "ec2.get_managed_prefix_list_entries",
    ),
    build_audit_check(
        "default-security-group",
        "default security group",
        "The default security group of the VPC has rules.",
        "exposure:check_default_group",
        OPEN_PORTS_LINE,
        "ec2.describe_security_groups",
    ),
    build_audit_check(
        "open-network-acls",
        "network ACLs",
        "A network ACL lets the internet in to the ports of administration.",
        "exposure:check_network_acls",
        OPEN_PORTS_LINE,
        "ec2.describe_network_acls",
    ),
    build_audit_check(
        "public-instances",
        "instances",
        "An instance of the VPC has a public address.",
        "exposure:check_public_instances",
        OPEN_PORTS_LINE,
        "ec2.describe_instances",
    ),
)
DATA_CHECKS: Final = (
    build_audit_check(
        "open-buckets",
        "buckets",
        "Everybody can read or list a bucket, or one change would let them.",
        "buckets:check_open_buckets",
        OPEN_DATA_LINE,
        "s3.list_buckets",
        "s3.get_bucket_tagging",
        "s3.get_bucket_policy_status",
        "s3.get_bucket_acl",
        "s3.get_public_access_block",
        "s3control.get_public_access_block",
    ),
    build_audit_check(
        "database-protection",
        "databases",
        "A database is public, not encrypted, not backed up, or deleted by one call.",
        "databases:check_database_protection",
        OPEN_DATA_LINE,
        "rds.describe_db_instances",
    ),
    build_audit_check(
        "shared-snapshots",
        "snapshots",
        "A snapshot can be restored by everybody, or by another account.",
        "sharing:check_shared_snapshots",
        OPEN_DATA_LINE,
        "rds.describe_db_snapshots",
        "rds.describe_db_snapshot_attributes",
        "ec2.describe_snapshots",
        "ec2.describe_snapshot_attribute",
    ),
    build_audit_check(
        "shared-images",
        "machine images",
        "A machine image can be launched by everybody, or by another account.",
        "sharing:check_shared_images",
        OPEN_DATA_LINE,
        "ec2.describe_images",
        "ec2.describe_image_attribute",
    ),
    build_audit_check(
        "bucket-protection",
        "buckets",
        "A bucket takes requests without TLS, or keeps no versions.",
        "buckets:check_bucket_protection",
        PROTECTION_LINE,
        "s3.list_buckets",
        "s3.get_bucket_tagging",
        "s3.get_bucket_policy",
        "s3.get_bucket_versioning",
    ),
    build_audit_check(
        "cache-protection",
        "cache",
        "The cache is not encrypted, or asks for no token.",
        "databases:check_cache_protection",
        PROTECTION_LINE,
        "elasticache.describe_replication_groups",
        is_applicable=lambda outputs: outputs.cache is not None,
    ),
)
CHECKS: Final = (*EXPOSURE_CHECKS, *DATA_CHECKS)
