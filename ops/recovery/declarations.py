"""What the commands of `ops recover` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.health.registry import list_view_calls
from ops.permissions.call_sets import BACKUPS, CHANGE, IN_USE, RECORD, RESTORES, SQL

DECLARATIONS: Final = (
    Declaration(
        "recover compare",
        role="operator",
        calls=(*SQL,),
        needs={"SOURCE": "bulwark-test-database", "RESTORED": "bulwark-test-database"},
        never_bad={
            "SOURCE": "any instance; a missing one is an error when it is read",
            "RESTORED": "any instance; a missing one is an error when it is read",
        },
    ),
    Declaration(
        "recover discard",
        role="recoverer",
        calls=(
            *CHANGE,
            "rds.describe_db_instances",
            "rds.create_db_snapshot",
            "rds.describe_db_snapshots",
            "rds.modify_db_instance",
            "rds.delete_db_instance",
            "secretsmanager.get_secret_value",
        ),
        bad={"NAME": ("bulwark-test-database",)},
        judged_by_aws={"NAME": "which instances there are"},
    ),
    Declaration(
        "recover drill",
        role="recoverer",
        calls=(
            *CHANGE,
            *RESTORES,
            "cloudwatch.describe_alarms",
            "rds.describe_db_instance_automated_backups",
            "rds.restore_db_instance_to_point_in_time",
        ),
        bad={"--to": ("/no/such/folder/drill.html",)},
        never_bad={"--class": "RDS judges: which classes a source can be restored with"},
    ),
    # Records drills that ended without a record.
    Declaration(
        "recover drills",
        role="operator",
        plans=False,
        calls=(
            *RECORD,
            "s3.put_object",
        ),
        bad={"--to": ("/no/such/folder/drill.html",)},
        unseen={"s3.put_object": "for a drill whose process was killed: test_drills.py"},
    ),
    Declaration(
        "recover failover",
        role="operator",
        plans=False,  # that of `db failover`
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.reboot_db_instance",
        ),
    ),
    Declaration(
        "recover list",
        # Reads the secret's host, which says whom services use; the password is beside it.
        role="operator",
        calls=("rds.describe_db_instances", "secretsmanager.get_secret_value"),
    ),
    Declaration(
        "recover point-in-time",
        role="recoverer",
        calls=(
            *CHANGE,
            *RESTORES,
            "rds.describe_db_instance_automated_backups",
            "rds.describe_db_snapshots",
            "rds.restore_db_instance_to_point_in_time",
        ),
        needs={"--to": "latest"},
        bad={"--to": ("yesterday", "2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z")},
        never_bad={"--class": "RDS judges: which classes a source can be restored with"},
        judged_by_aws={"--to": "between which times a restore is possible"},
    ),
    Declaration(
        "recover promote",
        role="recoverer",
        calls=(
            *CHANGE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.modify_db_instance",
            "rds.reboot_db_instance",
            "secretsmanager.describe_secret",
            "secretsmanager.get_secret_value",
            "secretsmanager.put_secret_value",
            "secretsmanager.update_secret_version_stage",
            "secretsmanager.cancel_rotate_secret",
            "secretsmanager.rotate_secret",
            "ecs.describe_services",
            "ecs.list_service_deployments",
            "ecs.update_service",
        ),
        bad={"RESTORED": ("bulwark-test-database",)},
        judged_by_aws={"RESTORED": "which instances there are"},
    ),
    Declaration(
        "recover ready",
        role="reader",
        calls=(
            *RECORD,
            *list_view_calls("recover-ready"),
        ),
    ),
    # Pulumi also needs the permissions to deploy the stack. They include reading a saved state from
    # the bucket's copy, and with --sql what `ops db size` reads.
    Declaration(
        "recover rebuild",
        role="recoverer",
        calls=(
            *CHANGE,
            *BACKUPS,
            "rds.describe_events",
        ),
        bad={"--from": ("nonsense",), "--state": ("/no/such/file",)},
        judged_by_aws={"--from": "which backups there are"},
    ),
    Declaration(
        "recover reconcile",
        role="reader",
        calls=("rds.describe_db_instances",),
        bad={
            "--state": ("/no/such/file",),
            "--to": ("/etc/hostname",),
            "--preview": ("/no/such/file",),
        },
    ),
    Declaration(
        "recover region",
        role="recoverer",
        calls=(
            *CHANGE,
            *BACKUPS,
            "rds.describe_events",
            "acm.describe_certificate",
        ),
        bad={
            "--from": ("nonsense",),
            "--as": ("test", "Test-1", "much-too-long-a-name-for-a-stack"),
            "--certificate": ("nonsense", "arn:aws:acm:eu-west-1:1:certificate/x"),
        },
        never_bad={"--domain": "any name; Route 53 judges"},
        judged_by_aws={"--from": "which backups there are"},
        unseen={"acm.describe_certificate": "only with --certificate: test_rebuilding.py"},
    ),
    Declaration(
        "recover replica promote",
        role="recoverer",
        calls=(
            *CHANGE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.promote_read_replica",
        ),
        bad={"NAME": ("bulwark-test-database",)},
        judged_by_aws={"NAME": "which instances there are"},
    ),
    Declaration(
        "recover snapshot",
        role="recoverer",
        calls=(
            *CHANGE,
            *RESTORES,
            "rds.describe_db_snapshots",
            "rds.restore_db_instance_from_db_snapshot",
        ),
        needs={"SNAPSHOT": "{snapshot}"},
        bad={"SNAPSHOT": ("nonsense",)},
        never_bad={"--class": "RDS judges: which classes a snapshot can be restored with"},
        judged_by_aws={"SNAPSHOT": "which snapshots there are"},
    ),
    Declaration(
        "recover sources",
        role="reader",
        calls=("rds.describe_db_instance_automated_backups", "rds.describe_db_snapshots"),
    ),
)
