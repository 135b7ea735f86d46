"""What the commands of `ops db` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE, IN_USE, SQL

# Which libraries the server loads is asked only of an extension whose library it has not loaded.
_LIBRARY_READS: Final = dict.fromkeys(
    ("rds.describe_db_instances", "rds.describe_db_parameters"),
    "only if a library is not loaded: its test sees it",
)
_EXTENSION_READS: Final = ("secretsmanager.get_secret_value", *_LIBRARY_READS)

DECLARATIONS: Final = (
    Declaration(
        "db activity",
        role="operator",
        calls=(*SQL,),
    ),
    Declaration(
        "db bloat",
        role="operator",
        calls=(*SQL,),
    ),
    # The last two are made by the AWS CLI when a person runs the printed commands.
    Declaration(
        "db connect",
        role="operator",
        calls=(
            "autoscaling.describe_auto_scaling_groups",
            "ecs.describe_services",
            "ecs.describe_tasks",
            "ecs.list_tasks",
            "rds.describe_db_instances",
            "ssm.start_session",
            "secretsmanager.get_secret_value",
        ),
        unseen={
            "ssm.start_session": "by the AWS CLI, with the printed command",
            "secretsmanager.get_secret_value": "by the AWS CLI, with the printed command",
        },
    ),
    Declaration(
        "db databases",
        role="operator",
        calls=(*SQL,),
    ),
    Declaration(
        "db events",
        role="reader",
        calls=(
            "rds.describe_db_snapshots",
            "rds.describe_events",
        ),
        unseen={"rds.describe_db_snapshots": "only if AWS Backup made one: its test sees it"},
        bad={"--since": ("soon", "2w", "2999-01-01", "15d"), "--until": ("soon", "15d")},
        example="db events --since 3h",
    ),
    Declaration(
        "db extension create",
        role="operator",
        calls=(*CHANGE, *_EXTENSION_READS),
        unseen=_LIBRARY_READS,
        needs={"NAME": "pg_stat_statements"},
        bad={"NAME": ("Pg_Trgm", "pg_trgm; DROP TABLE x")},
    ),
    Declaration(
        "db extension list",
        role="operator",
        calls=_EXTENSION_READS,
    ),
    Declaration(
        "db extension update",
        role="operator",
        calls=(*CHANGE, *_EXTENSION_READS),
        unseen=_LIBRARY_READS,
        needs={"NAME": "pg_stat_statements"},
        bad={"NAME": ("Pg_Trgm", "pg_trgm; DROP TABLE x")},
    ),
    Declaration(
        "db failover",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.reboot_db_instance",
        ),
    ),
    Declaration(
        "db indexes",
        role="operator",
        calls=(*SQL,),
    ),
    Declaration(
        "db insights",
        role="reader",
        calls=(
            "rds.describe_db_instances",
            "pi.get_resource_metrics",
            "pi.describe_dimension_keys",
        ),
        bad={"--since": ("soon", "2w", "2999-01-01"), "--until": ("soon",)},
        example="db insights --since 3h",
    ),
    Declaration(
        "db kill",
        role="recoverer",
        calls=(
            *CHANGE,
            *SQL,
        ),
        needs={"PID": "4242"},
    ),
    Declaration(
        "db kill-idle",
        role="recoverer",
        calls=(
            *CHANGE,
            *SQL,
        ),
        never_bad={
            "--user": "any name; a name without sessions is valid",
            "--application": "any name that a client sets; a name without sessions is valid",
        },
    ),
    Declaration(
        "db locks",
        role="operator",
        calls=(*SQL,),
    ),
    Declaration(
        "db maintenance apply",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.apply_pending_maintenance_action",
            "rds.create_db_snapshot",
            "rds.describe_db_instances",
            "rds.describe_db_snapshots",
            "rds.describe_events",
            "rds.describe_pending_maintenance_actions",
        ),
        bad={"ACTION": ("nonsense",), "--instance": ("nonsense",)},
        judged_by_aws={"ACTION": "what is pending", "--instance": "which replicas there are"},
    ),
    Declaration(
        "db maintenance list",
        role="reader",
        calls=("rds.describe_db_instances", "rds.describe_pending_maintenance_actions"),
    ),
    Declaration(
        "db parameters",
        role="reader",
        calls=(
            "rds.describe_db_instances",
            "rds.describe_db_parameters",
        ),
        bad={"--set": ("nonsense", "=1")},
    ),
    Declaration(
        "db parameters --set",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.describe_db_parameters",
            "rds.modify_db_parameter_group",
            "rds.reboot_db_instance",
            "rds.reset_db_parameter_group",
        ),
    ),
    Declaration(
        "db reboot",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.reboot_db_instance",
        ),
        bad={"--instance": ("nonsense",)},
    ),
    Declaration(
        "db reindex",
        role="operator",
        calls=(
            *CHANGE,
            "secretsmanager.get_secret_value",
            "cloudwatch.get_metric_data",
        ),
        needs={"INDEX": "public.orders_pkey"},
        bad={"--lock-timeout": ("soon", "0", "2d")},
        never_bad={"INDEX": "PostgreSQL judges: test_reindex.py"},
    ),
    # The undo deletes the replica that it created, never the primary (resources.py).
    Declaration(
        "db replica add",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.describe_orderable_db_instance_options",
            "rds.create_db_instance_read_replica",
            "rds.modify_db_instance",
            "rds.delete_db_instance",
        ),
        needs={"NAME": "reader"},
        bad={"NAME": ("Non_sense", "a--b"), "--class": ("large", "db.m7g.tiny")},
        judged_by_aws={"--class": "which classes a version can be ordered with"},
    ),
    Declaration(
        "db replica remove",
        role="recoverer",
        calls=(
            *CHANGE,
            "rds.describe_db_instances",
            "rds.modify_db_instance",
            "rds.delete_db_instance",
        ),
        needs={"NAME": "reader"},
        bad={"NAME": ("nonsense",)},
        judged_by_aws={"NAME": "which replicas there are"},
    ),
    Declaration(
        "db resize",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.describe_orderable_db_instance_options",
            "rds.create_db_snapshot",
            "rds.describe_db_snapshots",
            "rds.modify_db_instance",
        ),
        needs={"CLASS": "db.m7g.large"},
        bad={"CLASS": ("large", "db.m7g.tiny")},
        judged_by_aws={"CLASS": "which classes a version can be ordered with"},
    ),
    Declaration(
        "db rotate-password",
        role="operator",
        calls=(
            *CHANGE,
            *SQL,
            "secretsmanager.describe_secret",
            "secretsmanager.rotate_secret",
            "ecs.describe_services",
            "ecs.list_service_deployments",
            "ecs.update_service",
            "rds.describe_events",
        ),
    ),
    Declaration(
        "db size",
        role="operator",
        calls=(*SQL,),
    ),
    Declaration(
        "db slow",
        role="operator",
        calls=(*SQL,),
    ),
    Declaration(
        "db snapshot copy",
        role="operator",
        calls=(
            *CHANGE,
            "rds.copy_db_snapshot",
            "rds.describe_db_snapshots",
        ),
        bad={"SNAPSHOT": ("nonsense",)},
        judged_by_aws={"SNAPSHOT": "which snapshots there are"},
    ),
    Declaration(
        "db snapshot create",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            "rds.create_db_snapshot",
            "rds.describe_db_instances",
            "rds.describe_db_snapshots",
        ),
    ),
    Declaration(
        "db snapshot export",
        role="operator",
        calls=(
            *CHANGE,
            "rds.start_export_task",
            "rds.describe_export_tasks",
            "rds.describe_db_snapshots",
        ),
        bad={"SNAPSHOT": ("nonsense",), "--tables": ("a.b.c.d", ",", "orders;drop")},
        judged_by_aws={"SNAPSHOT": "which snapshots there are"},
    ),
    Declaration(
        "db snapshot list",
        role="reader",
        calls=("rds.describe_db_snapshots",),
    ),
    Declaration(
        "db snapshot prune",
        role="recoverer",
        calls=(
            *CHANGE,
            "rds.delete_db_snapshot",
            "rds.describe_db_snapshots",
        ),
        bad={"--where": ("mars-north-1",)},
    ),
    Declaration(
        "db status",
        role="reader",
        calls=("rds.describe_db_instances",),
    ),
    Declaration(
        "db storage",
        role="operator",
        calls=(
            *CHANGE,
            "cloudwatch.get_metric_data",
            *IN_USE,
            "rds.describe_db_instances",
            "rds.describe_events",
            "rds.create_db_snapshot",
            "rds.describe_db_snapshots",
            "rds.modify_db_instance",
        ),
        needs={"GIB": "40"},
    ),
    Declaration(
        "db upgrade",
        role="operator",
        calls=(
            *CHANGE,
            *IN_USE,
            *SQL,
            "rds.describe_db_engine_versions",
            "rds.describe_engine_default_parameters",
            "rds.describe_events",
            "rds.describe_db_parameters",
            "rds.describe_db_parameter_groups",
            "rds.describe_db_snapshots",
            "rds.create_db_snapshot",
            "rds.create_db_parameter_group",
            "rds.modify_db_parameter_group",
            "rds.modify_db_instance",
        ),
        bad={"VERSION": ("nonsense", "9.6")},
        judged_by_aws={"VERSION": "which versions there are"},
    ),
    Declaration(
        "db user list",
        role="operator",
        calls=(*SQL,),
    ),
    Declaration(
        "db vacuum",
        role="operator",
        calls=(
            *CHANGE,
            "secretsmanager.get_secret_value",
        ),
        needs={"TABLE": "public.orders"},
        never_bad={"TABLE": "PostgreSQL judges: test_sql.py"},
    ),
)
