"""What a recovery needs, as checks. Pure data; the routines are in ops/recovery/readiness_*.py."""

from typing import TYPE_CHECKING, Final

from ops.core.check_record import READINESS_REPORTS, Check

if TYPE_CHECKING:
    from ops.outputs import Outputs


def _has_recovery_region(outputs: "Outputs") -> bool:
    return outputs.stack.recovery_region is not None


CHECKS: Final = (
    Check(
        key="recovery-region",
        area="recovery",
        title="recovery region",
        failure="The stack has no recovery region.",
        calls=(),
        routine="ops.recovery.readiness_region:check_recovery_region",
        reports=READINESS_REPORTS,
    ),
    Check(
        key="recovery-restorable",
        area="recovery",
        title="restorable here",
        failure="The database cannot be restored to a point in time.",
        calls=("rds.describe_db_instances",),
        routine="ops.recovery.readiness_copies:check_point_in_time_restore",
        reports=READINESS_REPORTS,
    ),
    Check(
        key="recovery-outputs",
        area="recovery",
        title="outputs",
        failure="The outputs in the recovery region are missing, or are not those of the stack.",
        calls=("ssm.get_parameters_by_path",),
        routine="ops.recovery.readiness_copies:check_recovery_outputs",
        reports=READINESS_REPORTS,
        is_applicable=_has_recovery_region,
    ),
    Check(
        key="recovery-key",
        area="recovery",
        title="key",
        failure="The key of the backups in the recovery region cannot be used.",
        calls=("kms.describe_key",),
        routine="ops.recovery.readiness_region:check_recovery_key",
        reports=READINESS_REPORTS,
        is_applicable=lambda outputs: (
            _has_recovery_region(outputs) and outputs.stack.recovery_key_arn is not None
        ),
    ),
    Check(
        key="recovery-instance-quota",
        area="recovery",
        title="room",
        failure="A region has no room for one more DB instance.",
        calls=("rds.describe_account_attributes",),
        routine="ops.recovery.readiness_region:check_instance_quota",
        reports=READINESS_REPORTS,
    ),
    Check(
        key="recovery-state-copies",
        area="recovery",
        title="state",
        failure="There is no copy of Pulumi's state of the last week.",
        calls=("s3.list_objects_v2",),
        routine="ops.recovery.readiness_copies:check_state_copies",
        reports=READINESS_REPORTS,
    ),
    Check(
        key="recovery-backup",
        area="recovery",
        title="source",
        failure="The recovery region has no backup to make the database from.",
        calls=("rds.describe_db_snapshots", "rds.describe_db_instance_automated_backups"),
        routine="ops.recovery.readiness_copies:check_recovery_backup",
        reports=READINESS_REPORTS,
        is_applicable=_has_recovery_region,
    ),
    Check(
        key="recovery-bucket",
        area="recovery",
        title="bucket",
        failure="The operations bucket is not replicated, or objects are not there after an hour.",
        calls=("s3.get_bucket_replication", "s3.list_objects_v2"),
        routine="ops.recovery.readiness_copies:check_recovery_bucket",
        reports=READINESS_REPORTS,
        is_applicable=lambda outputs: (
            _has_recovery_region(outputs) and outputs.backups.recovery_bucket is not None
        ),
    ),
    Check(
        key="recovery-certificate",
        area="recovery",
        title="certificate",
        failure="The recovery region has no issued certificate for the load balancer's names.",
        calls=("acm.describe_certificate", "acm.list_certificates"),
        routine="ops.recovery.readiness_region:check_recovery_certificate",
        reports=READINESS_REPORTS,
        is_applicable=lambda outputs: (
            _has_recovery_region(outputs)
            and bool(outputs.load_balancer and outputs.load_balancer.certificate_arn)
        ),
    ),
    Check(
        key="recovery-images",
        area="recovery",
        title="images",
        failure="The services' images are not replicated to the recovery region.",
        calls=("ecr.describe_registry",),
        routine="ops.recovery.readiness_copies:check_recovery_images",
        reports=READINESS_REPORTS,
        is_applicable=lambda outputs: (
            _has_recovery_region(outputs)
            and bool(outputs.registry and outputs.registry.repositories)
        ),
    ),
)
