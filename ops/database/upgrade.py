"""Upgrades PostgreSQL after a snapshot, which is the only way back.

A minor upgrade does the replicas before the primary, as RDS requires; in a major one RDS upgrades
them together. A major version needs a parameter group of its own family: ops creates one with the
same values until the stack deploys its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import RUN_TAG, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.database import parameters
from ops.database.events import UPGRADE_FAILURES, build_failure_reports
from ops.database.instance import (
    PENDING_CHANGES_PATH,
    DatabaseInstance,
    build_ready_wait,
    describe_instance_call,
    format_tags,
    list_in_stack_region,
    rds_call,
    require_no_pending_changes,
    require_takes,
)
from ops.database.parameters import PostgresParameter
from ops.database.snapshots import build_snapshot_step
from ops.database.statuses import STEADY, Change, build_failed_conditions
from ops.outputs import Outputs

ENGINE_VERSION_PATH: Final = "DBInstances[0].EngineVersion"
POSTGRES_ENGINE: Final = "postgres"
# "The outage lasts until the upgrade is complete": RDS User Guide, "Upgrades of the RDS for
# PostgreSQL DB engine". It gives no figures.
TYPICAL_MINOR_UPGRADE_SECONDS, TYPICAL_MAJOR_UPGRADE_SECONDS = 10 * 60, 30 * 60
UPGRADE_TIME_SOURCE: Final = (
    "an assumption, AWS gives no figure; a major upgrade takes longer with more objects"
)


@dataclass(frozen=True)
class UpgradeTarget:
    """A version that an instance can be upgraded to."""

    version: str
    is_major: bool

    def row(self) -> dict[str, object]:
        """Returns the table row."""
        return {"version": self.version, "kind": "major" if self.is_major else "minor"}


UPGRADE_TARGET_COLUMNS: Final = ("version", "kind")


def list_database_upgrade_targets(
    aws: Aws, outputs: Outputs, instance: DatabaseInstance
) -> list[UpgradeTarget]:
    """Lists the versions that an instance can be upgraded to, the lowest first.

    Its own version may be deprecated: RDS lists that only with IncludeAll (API reference,
    DescribeDBEngineVersions).
    """
    params: JsonObject = {
        "Engine": POSTGRES_ENGINE,
        "EngineVersion": instance.version,
        "IncludeAll": True,
    }
    api = "rds.describe_db_engine_versions"
    engine_versions = list(list_in_stack_region(aws, outputs, api, "DBEngineVersions", params))
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
    """Returns the target of that version; a major number alone means its newest minor version.

    Raises UsageError, naming the option, if there is no such target.
    """
    if version == instance.version:
        raise UsageError(
            f"{option} is {version!r}, but {instance.identifier} has that version already"
        )
    matches = [
        target
        for target in upgrade_targets
        if version in (target.version, target.version.partition(".")[0])
    ]
    if not matches:
        choices = ", ".join(target.version for target in upgrade_targets)
        raise UsageError(
            f"{option} must be {choices}, not {version!r}"
            if choices
            else f"{option} is {version!r}, but RDS offers no upgrade of {instance.version}",
            "ops db upgrade",
        )
    return matches[-1]


def build_database_upgrade_plan(
    outputs: Outputs,
    primary: DatabaseInstance,
    replicas: Sequence[DatabaseInstance],
    target: UpgradeTarget,
    user_parameters: Sequence[PostgresParameter],
    run: str,
    precheck_notes: Sequence[str] = (),
) -> Plan:
    """Builds the plan that takes a snapshot and upgrades the primary and its replicas.

    `user_parameters` are those that the primary's group sets, `precheck_notes` what could not be
    checked before (upgrade_prechecks.py). Raises OpsError unless RDS takes
    this of all instances now and nothing is pending.
    """
    require_takes(primary, "before it is upgraded", Change.SNAPSHOT)
    for instance in (primary, *replicas):
        require_takes(instance, "before it is upgraded", Change.MODIFY)
        require_no_pending_changes(instance)
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
        *precheck_notes,
        "the database is down during the upgrade; there is no undo: to go back, restore the "
        f"snapshot {primary.identifier}-{run}",
        *(
            [
                f"parameters of {group} that are still pending take effect after `ops db reboot`",
                f"the parameter group {group} is created with the values of "
                f"{primary.parameter_group} and stays, even if the upgrade fails; the next "
                "`pulumi up` with the new engineVersion replaces it and needs a reboot",
            ]
            if target.is_major
            else []
        ),
        f"set database.engineVersion in the stack's settings to "
        f"{target.version.partition('.')[0]} or {target.version} too",
    )
    return build_stack_plan(
        outputs,
        run,
        "db upgrade",
        *steps,
        changes=[f"version of PostgreSQL: {primary.version} -> {target.version}"],
        losses=["the planner's statistics: run ANALYZE in psql (`ops db connect`) right afterwards"]
        if target.is_major
        else [],
        cost=NO_COST,
        notes=notes,
        arguments=target.version,
    )


def _build_parameter_group_steps(
    outputs: Outputs,
    primary: DatabaseInstance,
    group: str,
    target: UpgradeTarget,
    user_parameters: Sequence[PostgresParameter],
    run: str,
) -> list[Step]:
    """Builds the steps that create a parameter group of the new family with the same values."""
    family = f"{POSTGRES_ENGINE}{target.version.partition('.')[0]}"
    if len(user_parameters) > parameters.MAX_PARAMETERS_PER_CHANGE:
        raise OpsError(
            f"{primary.parameter_group} sets {len(user_parameters)} parameters, but at most "
            f"{parameters.MAX_PARAMETERS_PER_CHANGE} can be copied: create a group of the new "
            "version in the stack's settings first"
        )
    group_params = {"DBParameterGroupName": group}
    describe_call = rds_call(
        outputs, "rds.describe_db_parameter_groups", {**group_params}, "DBParameterGroupNotFound"
    )
    tags: Mapping[str, str] = {**primary.tags, RUN_TAG: run}
    create_step = Step(
        name="group",
        description=f"create the parameter group {group} for {family}",
        action=rds_call(
            outputs,
            "rds.create_db_parameter_group",
            {
                **group_params,
                "DBParameterGroupFamily": family,
                "Description": f"{primary.parameter_group} for {family}",
                "Tags": format_tags({k: v for k, v in tags.items() if k[:4] != "aws:"}),
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
    """Builds the step that waits until RDS has upgraded a replica, which it does by itself.

    RDS upgrades replicas in the region after the primary. Source: RDS User Guide, "Upgrades of the
    RDS for PostgreSQL DB engine".
    """
    describe_call = describe_instance_call(outputs, replica.identifier)
    return Step(
        name=f"replica_{number}",
        description=f"wait until RDS has upgraded {replica.identifier} from {replica.version} to "
        f"{target.version}",
        action=describe_call,
        goal=Wait(
            read=describe_call,
            met={
                ENGINE_VERSION_PATH: target.version,
                PENDING_CHANGES_PATH: {},
                **STEADY,
            },
            failed=build_failed_conditions(),
            reports=build_failure_reports(outputs, replica.identifier, UPGRADE_FAILURES),
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
        action=rds_call(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": instance.identifier,
                "EngineVersion": target.version,
                "ApplyImmediately": True,
                **major_params,
            },
        ),
        ready=build_ready_wait(outputs, instance.identifier, Change.MODIFY),
        goal=Wait(
            read=describe_instance_call(outputs, instance.identifier),
            met={
                ENGINE_VERSION_PATH: target.version,
                PENDING_CHANGES_PATH: {},
                **STEADY,
            },
            begun={
                f"{PENDING_CHANGES_PATH}.EngineVersion": target.version,
                ENGINE_VERSION_PATH: target.version,
            },
            failed=build_failed_conditions(),
            every=60,
            within=4 * 3600,
            typical=typical_seconds,
            source=UPGRADE_TIME_SOURCE,
            reports=build_failure_reports(outputs, instance.identifier, UPGRADE_FAILURES),
        ),
        downtime=typical_seconds,
    )
