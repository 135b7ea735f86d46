"""A stack that is lost, made again by its own program from the newest backup that is left.

Pulumi does it: what it is told, that it has been told, and what has come of it are steps of a plan.
Killed on its way it leaves its lock behind, which `pulumi cancel` takes away. The settings go on
naming the backup where the deployment fails: without it, the next deployment by anybody would make
an empty database under the name of the lost one.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.bootstrap.names import get_max_stack_name_length
from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.local_commands import build_stack_ops_command
from ops.core.plan import Call, JsonObject, Plan, SavedFile, Step, Wait
from ops.core.stack_plan import NOT_PRICED, build_stack_plan
from ops.database.events import CREATION_FAILURES, build_failure_reports
from ops.database.instance import DB_INSTANCE_NOT_FOUND
from ops.database.statuses import STEADY, build_failed_conditions
from ops.outputs import Outputs
from ops.recovery.region_settings import format_setting
from ops.recovery.restore import (
    RESTORE_TIME_SOURCE,
    TYPICAL_FIRST_QUERY_SECONDS,
    TYPICAL_RESTORE_SECONDS,
    VOLUME_FILLED,
)
from ops.recovery.sources import BackupKind, BackupSource
from ops.recovery.volume_fill import (
    VOLUME_FILL_RATE_SOURCE,
    compute_fill_limit,
    compute_typical_fill,
)
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states
from ops.state.differences import list_resource_ids
from ops.state.restore import build_state_import_step

TYPICAL_STACK_DEPLOY_SECONDS: Final = 15 * 60
REBUILD_TIME_SOURCE: Final = (
    f"{RESTORE_TIME_SOURCE}; and 15 min for all else, an assumption as well"
)
RESTORE_FROM_SETTING: Final = "database.restoreFrom"
# The key below it that names a backup of each kind (components/settings/database.py). Those that a
# deleted instance has left are named by its resource id: RDS User Guide, "Retaining automated
# backups".
RESTORE_FROM_KEYS: Final[dict[BackupKind, str]] = {
    "snapshot": "snapshot",
    "retained backup": "resourceId",
    "automated backup": "automatedBackupArn",
}
REBUILD_TIMEOUT_SECONDS: Final = 6 * 3600
RESTORE_FROM_NOTE: Final = (
    f"{RESTORE_FROM_SETTING} keeps naming the backup, also if the deployment fails; it counts only "
    "when the database is created and may be removed afterwards"
)
NEW_STACK_NAME_PATTERN: Final = re.compile("[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class RebuildChecks:
    """What is checked of a stack that was made again: a URL, and whether a query is answered."""

    url: str | None = None
    can_query: bool = False


@dataclass(frozen=True)
class InitialState:
    """A state that Pulumi is given before anything is deployed, in the run's draft file.

    `saved_file` is None if it is a person's own file, which only this machine has.
    """

    digest: str
    saved_file: SavedFile | None = None


def resolve_program_folder(folder: Path) -> Path:
    """The folder of the stack's program. Raises UsageError without it or the Pulumi CLI."""
    if not (folder / "Pulumi.yaml").is_file():
        raise UsageError(
            f"--program is {str(folder)!r}, must be the folder of the stack's program, with its "
            "Pulumi.yaml"
        )
    if shutil.which("pulumi") is None:
        raise UsageError(
            "`pulumi` is not on the PATH; install the Pulumi CLI: "
            "https://www.pulumi.com/docs/iac/download-install/"
        )
    return folder.absolute()


def load_state_export(path: Path) -> dict[str, Any]:
    """An export of Pulumi's state. Raises UsageError where a file is none."""
    from ops.recovery import reconcile as reconciling

    state = reconciling.read_pulumi_file("--state", path)
    if not list_resource_ids(state):
        raise UsageError(f"--state is {str(path)!r}, must be a file of `pulumi stack export`")
    return state


def require_consistent_state(
    outputs: Outputs, folder: Path, is_state_set: bool, has_saved_state: bool
) -> None:
    """Raises UsageError where Pulumi's state and what is said of it do not go together.

    What Pulumi knows is not thrown away for a saved state that is given; and where it knows
    nothing, and nothing is said, it would try to make what is still there.
    """
    stack = outputs.stack.stack
    resource_count = pulumi_steps.count_stack_resources(folder, stack)
    if resource_count and has_saved_state:
        raise UsageError(
            f"--state is set, and Pulumi knows {resource_count} resources of {stack} "
            "already, which would "
            "be forgotten: leave it out",
            f"ops state restore --program {folder}",
        )
    if not resource_count and not is_state_set:
        known_part = "no stack" if resource_count is None else "nothing of the stack"
        raise UsageError(
            f"--state is not set, and Pulumi knows {known_part} {stack}: must be newest (of "
            "`ops state "
            "list`), a file of `pulumi stack export`, or none, where nothing of it is left",
            "ops state list",
        )


def require_no_database(aws: Aws, identifier: str, stack: str, region: str) -> None:
    """Raises UsageError where a database of the new stack's is there already."""
    params: JsonObject = {"DBInstanceIdentifier": identifier}
    api = "rds.describe_db_instances"
    describe_call = Call(
        api=api, params=params, expected_errors=(DB_INSTANCE_NOT_FOUND,), region=region
    )
    response: Any = Actions(aws)(describe_call, {})
    if response.get("DBInstances"):
        raise UsageError(
            f"{identifier} is in {region} already, made by an earlier run: a deployment brings "
            "about what is missing, and another --as another stack",
            f"pulumi up --stack {stack}",
        )


def resolve_new_stack_name(outputs: Outputs, requested_name: str | None) -> str:
    """The name of the stack in the recovery region: another than the lost one's."""
    stack_name, recovery_region = outputs.stack.stack, outputs.stack.recovery_region
    name = requested_name or f"{stack_name}-{recovery_region}"
    max_characters = get_max_stack_name_length(outputs.stack.project)
    if (
        name == stack_name
        or len(name) > max_characters
        or not NEW_STACK_NAME_PATTERN.fullmatch(name)
    ):
        raise UsageError(
            f"--as is {name!r}, must be another name than {stack_name!r}, of at most "
            f"{max_characters} small "
            "letters, digits and hyphens"
        )
    return name


def build_stack_rebuild_plan(
    outputs: Outputs,
    folder: Path,
    source: BackupSource,
    run: str,
    state: InitialState | None,
    checks: RebuildChecks,
    warning: str = "",
) -> Plan:
    """The same stack again, where it was; `state` is what Pulumi gets first."""
    stack = outputs.stack
    steps = [pulumi_steps.build_stack_select_step(stack.stack)]
    if state is not None:
        steps.append(
            build_state_import_step(
                stack.stack, "import", states.get_draft_path(run), state.saved_file, state.digest
            )
        )
    steps += _build_restore_setting_steps(outputs, stack.stack, source)
    steps += _build_deployment_steps(
        outputs, folder, stack.stack, stack.region, outputs.database.identifier, source, run, checks
    )
    notes = (
        f"what of the stack is still there stays; the database is made from the {source.kind} "
        f"{source.name}",
        "it gets a new password, in the stack's secret; services read it when they start",
        RESTORE_FROM_NOTE,
        *_list_unseen_data_notes(checks, stack.stack),
        *filter(None, [warning]),
    )
    return build_stack_plan(
        outputs,
        run,
        "recover rebuild",
        *steps,
        changes=[f"what is gone of {stack.stack}: created again"],
        losses=[f"what was written after {source.latest_time}"],
        cost=f"{NOT_PRICED} here: as before the loss (ops cost estimate)",
        notes=notes,
    )


def build_region_recovery_plan(
    outputs: Outputs,
    folder: Path,
    source: BackupSource,
    name: str,
    balancer_settings: Sequence[tuple[str, str]],
    run: str,
    checks: RebuildChecks,
    warning: str = "",
) -> Plan:
    """A stack of another name in the recovery region, with the settings of the lost one.

    `balancer` are the settings of its load balancer that must be others there.
    """
    stack, recovery_region = outputs.stack, str(outputs.stack.recovery_region)
    identifier = f"{stack.project}-{name}-database"
    settings = [("aws:region", recovery_region), *balancer_settings]
    steps = [
        pulumi_steps.build_stack_select_step(name),
        pulumi_steps.build_settings_copy_step(
            stack.stack, name, format_setting(outputs, "profile"), stack.profile
        ),
        *(
            pulumi_steps.build_setting_change_step(name, key, value, f"set_{number}")
            for number, (key, value) in enumerate(settings, 1)
        ),
        pulumi_steps.build_setting_removal_step(
            name,
            format_setting(outputs, "recoveryRegion"),
            "alone",
            "let it have no recovery region: that would be the lost one",
        ),
        *_build_restore_setting_steps(outputs, name, source),
        *_build_deployment_steps(
            outputs, folder, name, recovery_region, identifier, source, run, checks
        ),
    ]
    notes = (
        f"the stack {stack.stack} and its state are not touched; {name} is another stack, whose "
        f"database is made from the {source.kind} {source.name}",
        "users reach it once the record of their domain points to its load balancer",
        "its images must be in its own registry: push them, then `ops service deploy`",
        f"then operate it with --stack {name}; set its recoveryRegion when there is one again",
        RESTORE_FROM_NOTE,
        *_list_unseen_data_notes(checks, name),
        *filter(None, [warning]),
    )
    return build_stack_plan(
        outputs,
        run,
        "recover region",
        *steps,
        changes=[f"one stack more: {name} in {recovery_region}"],
        losses=[f"what was written after {source.latest_time}"],
        cost=f"{NOT_PRICED} here: a whole stack more (ops cost estimate)",
        notes=notes,
        region=recovery_region,
    )


def _build_restore_setting_steps(outputs: Outputs, stack: str, source: BackupSource) -> list[Step]:
    """The settings that make the database from the backup; anything said before is gone."""
    setting = format_setting(outputs, RESTORE_FROM_SETTING)
    description = f"remove other backups from the settings of {stack}"
    clear_step = pulumi_steps.build_setting_removal_step(stack, setting, "clear", description)
    key = f"{setting}.{RESTORE_FROM_KEYS[source.kind]}"
    return [
        clear_step,
        pulumi_steps.build_setting_change_step(stack, key, source.name, "origin"),
    ]


def _build_deployment_steps(
    outputs: Outputs,
    folder: Path,
    stack: str,
    region: str,
    identifier: str,
    source: BackupSource,
    run: str,
    checks: RebuildChecks,
) -> list[Step]:
    """The deployment, as Pulumi's history has it, and then as AWS has the database."""
    read = Call(
        api="rds.describe_db_instances",
        params={"DBInstanceIdentifier": identifier},
        expected_errors=(DB_INSTANCE_NOT_FOUND,),
        region=region,
    )
    failed_states = build_failed_conditions()
    reports = build_failure_reports(outputs, identifier, CREATION_FAILURES, region=region)
    encryption_condition = {"DBInstances[0].StorageEncrypted": True} if source.key_arn else {}
    steps = [
        pulumi_steps.build_up_step(
            folder,
            stack,
            run,
            f"deploy {stack}, its database from the {source.kind} {source.name}",
            TYPICAL_RESTORE_SECONDS + TYPICAL_STACK_DEPLOY_SECONDS,
            REBUILD_TIME_SOURCE,
            REBUILD_TIMEOUT_SECONDS,
        ).model_copy(update={"downtime": None}),  # it may be gone since long, and until users come
        pulumi_steps.build_outputs_step(
            stack, [("database.identifier", identifier), ("stack.region", region)]
        ),
        Step(
            name="database",
            description=f"see the database {identifier} available",
            action=read,
            goal=Wait(
                read=read,
                met={**STEADY, **encryption_condition},
                failed=failed_states,
                reports=reports,
                every=15,
                within=3600,
            ),
        ),
        Step(
            name="warm",
            description=f"see the volume of {identifier} filled from its backup",
            action=read,
            goal=Wait(
                read=read,
                met=VOLUME_FILLED,
                failed=failed_states,
                reports=reports,
                every=20,
                within=compute_fill_limit(source.storage_gib),
                typical=compute_typical_fill(source.storage_gib) or None,
                source=VOLUME_FILL_RATE_SOURCE,
            ),
        ),
    ]
    if checks.url is not None:
        from ops.services.deployment_steps import build_url_answers_step

        steps.insert(3, build_url_answers_step(checks.url))
    if checks.can_query:
        steps.insert(3, _build_query_step(outputs.stack.project, stack, region))
    return steps


def _list_unseen_data_notes(checks: RebuildChecks, stack: str) -> list[str]:
    """What to do if no step looks at the data that came back."""
    if checks.can_query:
        return []
    return [
        "nobody looks at the data, since SQL is off or cannot reach them from here: before users "
        f"come back, see the tables with `ops --stack {stack} db size`"
    ]


def _build_query_step(project: str, stack: str, region: str) -> Step:
    """The new stack is read by its own outputs, which nobody knows when this is planned.

    A database without tables answers too: an empty one is not what a recovery ends with.
    """
    read = build_stack_ops_command("db", "size", project=project, stack=stack, region=region)
    return Step(
        name="query",
        description=f"see tables in the database of {stack}, with the password of its secret",
        action=read,
        goal=Wait(
            read=read,
            met={"exit": 0, "output.has_tables": True},
            failed={"output.has_tables": [False]},
            every=15,
            within=1800,
            typical=TYPICAL_FIRST_QUERY_SECONDS,
        ),
    )


def get_state_stack_name(state: Mapping[str, Any]) -> str:
    """The name of the stack that an export is of; empty where it does not say."""
    for urn in list_resource_ids(state):
        stack, _, urn_rest = urn.removeprefix("urn:pulumi:").partition("::")
        if "::pulumi:pulumi:Stack::" in f"::{urn_rest}":
            return stack
    return ""
