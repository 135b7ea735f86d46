"""Another version of PostgreSQL for the database, a snapshot first.

There is no way back from an upgrade but that snapshot. A minor version takes replicas before the
primary, as RDS wants it; at a major one RDS takes them along. A major version needs a parameter
group of its own family: one with the same settings is made, until the stack's own is deployed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database import parameters
from ops.database.instance import DATABASE_STATUS_PATH, PENDING_CHANGES_PATH, DatabaseInstance
from ops.database.parameters import PostgresParameter
from ops.database.snapshots import DATABASE_RUN_TAG, build_snapshot_step
from ops.outputs import Outputs

ENGINE_VERSION_PATH: Final = "DBInstances[0].EngineVersion"
POSTGRES_ENGINE: Final = "postgres"
# "The outage lasts until the upgrade is complete": RDS User Guide, "Upgrades of the RDS for
# PostgreSQL DB engine". It gives no figures.
TYPICAL_MINOR_UPGRADE_SECONDS, TYPICAL_MAJOR_UPGRADE_SECONDS = 10 * 60, 30 * 60
UPGRADE_TIME_SOURCE: Final = (
    "an assumption, AWS states none; a major one grows with the number of objects"
)


@dataclass(frozen=True)
class UpgradeTarget:
    """A version that an instance can be upgraded to."""

    version: str
    is_major: bool

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {"version": self.version, "kind": "major" if self.is_major else "minor"}


UPGRADE_TARGET_COLUMNS: Final = ("version", "kind")


def list_database_upgrade_targets(
    aws: Aws, outputs: Outputs, instance: DatabaseInstance
) -> list[UpgradeTarget]:
    """What RDS lets an instance be upgraded to, the nearest first."""
    params: JsonObject = {"Engine": POSTGRES_ENGINE, "EngineVersion": instance.version}
    api = "rds.describe_db_engine_versions"
    engine_versions = list(
        database.list_in_stack_region(aws, outputs, api, "DBEngineVersions", params)
    )
    upgrade_targets = [
        UpgradeTarget(target["EngineVersion"], bool(target.get("IsMajorVersionUpgrade")))
        for engine_version in engine_versions
        for target in engine_version.get("ValidUpgradeTarget") or ()
    ]
    return sorted(
        upgrade_targets,
        key=lambda target: [int(part) for part in re.findall(r"\d+", target.version)],
    )


def resolve_upgrade_target(
    instance: DatabaseInstance,
    upgrade_targets: Sequence[UpgradeTarget],
    version: str,
    option: str = "VERSION",
) -> UpgradeTarget:
    """The version that is meant; of a major alone the newest. Raises UsageError."""
    if version == instance.version:
        raise UsageError(f"{option} is {version!r}, which {instance.identifier} has already")
    matches = [
        target
        for target in upgrade_targets
        if version in (target.version, target.version.partition(".")[0])
    ]
    if not matches:
        choices = (
            ", ".join(target.version for target in upgrade_targets) or "none: it is the newest"
        )
        raise UsageError(f"{option} is {version!r}, must be {choices}", "ops db upgrade")
    return matches[-1]


def build_database_upgrade_plan(
    outputs: Outputs,
    primary: DatabaseInstance,
    replicas: Sequence[DatabaseInstance],
    target: UpgradeTarget,
    user_parameters: Sequence[PostgresParameter],
    run: str,
) -> Plan:
    """A snapshot, then the version. `own` are the settings of the primary's parameter group."""
    for instance in (primary, *replicas):
        database.require_available(instance, "to be upgraded")
        database.require_no_pending_changes(instance)
    steps = [build_snapshot_step(outputs, primary, run)]
    group = f"{primary.identifier}-{target.version.partition('.')[0]}-{run}"
    if target.is_major:
        steps += _build_parameter_group_steps(outputs, primary, group, target, user_parameters, run)
        steps.append(_build_upgrade_step(outputs, primary, "upgrade", target, group=group))
        steps += [
            _build_replica_upgraded_step(outputs, replica, number, target)
            for number, replica in enumerate(replicas, 1)
        ]
    else:
        outdated_replicas = [replica for replica in replicas if replica.version != target.version]
        steps += [
            _build_upgrade_step(outputs, replica, f"replica_{number}", target)
            for number, replica in enumerate(outdated_replicas, 1)
        ]
        steps.append(_build_upgrade_step(outputs, primary, "upgrade", target))
    notes = (
        "connections drop, and nobody is answered until it is over; there is no undo: the way back "
        f"is the snapshot, {primary.identifier}-{run}",
        *(
            [
                "statistics are not carried over: ANALYZE by psql (`ops db connect`) at once "
                "afterwards",
                f"settings of {group} that are pending then take effect at `ops db reboot`",
                f"a parameter group with the settings of {primary.parameter_group} is made "
                "for now, and stays, "
                "also where the upgrade fails; the next `pulumi up`, with the new engineVersion, "
                "brings the stack's own and wants a reboot",
            ]
            if target.is_major
            else []
        ),
        f"set database.engineVersion to {target.version.partition('.')[0]} or "
        f"{target.version} in the "
        "settings of the stack as well",
    )
    return build_stack_plan(outputs, run, "db upgrade", *steps, notes=notes)


def _build_parameter_group_steps(
    outputs: Outputs,
    primary: DatabaseInstance,
    group: str,
    target: UpgradeTarget,
    user_parameters: Sequence[PostgresParameter],
    run: str,
) -> list[Step]:
    """A parameter group of the new family with the same settings."""
    family = f"{POSTGRES_ENGINE}{target.version.partition('.')[0]}"
    if len(user_parameters) > parameters.MAX_PARAMETERS_PER_CHANGE:
        raise OpsError(
            f"{primary.parameter_group} sets {len(user_parameters)} parameters, at most "
            f"{parameters.MAX_PARAMETERS_PER_CHANGE} can be taken "
            "along: make a group of the new version by the settings of the stack first"
        )
    group_params = {"DBParameterGroupName": group}
    describe_call = database.rds_call(
        outputs, "rds.describe_db_parameter_groups", {**group_params}, "DBParameterGroupNotFound"
    )
    tags: Mapping[str, str] = {**primary.tags, DATABASE_RUN_TAG: run}
    create_step = Step(
        name="group",
        description=f"make the parameter group {group} of {family}",
        action=database.rds_call(
            outputs,
            "rds.create_db_parameter_group",
            {
                **group_params,
                "DBParameterGroupFamily": family,
                "Description": f"{primary.parameter_group} for {family}",
                "Tags": database.format_tags({k: v for k, v in tags.items() if k[:4] != "aws:"}),
            },
            "DBParameterGroupAlreadyExists",
        ),
        goal=Wait(
            read=describe_call,
            met={"DBParameterGroups[0].DBParameterGroupFamily": family},
            every=10,
            within=600,
        ),
    )
    if not user_parameters:
        return [create_step]
    changes = [(parameter, str(parameter.value)) for parameter in user_parameters]
    return [create_step, parameters.build_parameter_set_step(outputs, group, "settings", changes)]


def _build_replica_upgraded_step(
    outputs: Outputs, replica: DatabaseInstance, number: int, target: UpgradeTarget
) -> Step:
    """RDS upgrades the replicas of a region along with the primary, the primary first (RDS User
    Guide, "Upgrades of the RDS for PostgreSQL DB engine"): seen, not called."""
    describe_call = database.describe_instance_call(outputs, replica.identifier)
    return Step(
        name=f"replica_{number}",
        description=f"see {replica.identifier} upgraded along, from {replica.version} to "
        f"{target.version}",
        action=describe_call,
        goal=Wait(
            read=describe_call,
            met={
                ENGINE_VERSION_PATH: target.version,
                DATABASE_STATUS_PATH: "available",
                PENDING_CHANGES_PATH: {},
            },
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=60,
            within=4 * 3600,
        ),
    )


def _build_upgrade_step(
    outputs: Outputs,
    instance: DatabaseInstance,
    name: str,
    target: UpgradeTarget,
    *,
    group: str | None = None,
) -> Step:
    major_params: dict[str, Any] = (
        {"AllowMajorVersionUpgrade": True, "DBParameterGroupName": group} if target.is_major else {}
    )
    typical_seconds = (
        TYPICAL_MAJOR_UPGRADE_SECONDS if target.is_major else TYPICAL_MINOR_UPGRADE_SECONDS
    )
    return Step(
        name=name,
        description=f"upgrade {instance.identifier} from {instance.version} to {target.version}",
        action=database.rds_call(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": instance.identifier,
                "EngineVersion": target.version,
                "ApplyImmediately": True,
                **major_params,
            },
        ),
        ready=database.available_with_nothing_pending(outputs, instance.identifier),
        goal=Wait(
            read=database.describe_instance_call(outputs, instance.identifier),
            met={
                ENGINE_VERSION_PATH: target.version,
                DATABASE_STATUS_PATH: "available",
                PENDING_CHANGES_PATH: {},
            },
            begun={
                f"{PENDING_CHANGES_PATH}.EngineVersion": target.version,
                ENGINE_VERSION_PATH: target.version,
            },
            failed={DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)},
            every=60,
            within=4 * 3600,
            typical=typical_seconds,
            source=UPGRADE_TIME_SOURCE,
        ),
        downtime=typical_seconds,
    )
