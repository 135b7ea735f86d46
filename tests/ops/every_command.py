"""Every command of ops run as a user types it, and the calls to AWS that it makes.

Each changing command is run once for each of its procedures, and by lines of LINES; each reading
one by a line of LINES. What a plan may call on the way back counts as well.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from ops.checks import table as checklists
from ops.cli.app import main
from ops.cli.selection import Selection
from ops.core.check_record import UPKEEP_VIEWS, View
from ops.core.plan import AccessKeys, Call, ContainerTask, Plan
from ops.core.run import WallClock
from ops.diagnose.health_checks import is_diagnosed
from ops.health.registry import list_view_calls, select_health_checks
from ops.permissions.call_sets import CHANGE
from ops.permissions.declared import DECLARATIONS, OUTPUTS_CALLS
from tests.ops import canned_sql, fleet_stage
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.audit_stage import find_open_group_finding
from tests.ops.call_recorder import RecordedCall, record_calls
from tests.ops.check_parameters import APIS_WITH_PARAMETERS, PARAMETERS_BY_API
from tests.ops.procedures import (
    list_procedures,
)
from tests.ops.stage import REGION, Stage, open_stage
from tests.ops.typed_lines import (
    SNAPSHOT_LINE,
    TYPED_LINES,
    TypedLine,
    put_operations_bucket,
)

# Looks at upkeep: their checks hold themselves to what they declare.
VIEWS_BY_COMMAND: Final[Mapping[str, View]] = {
    "certificate check": "certificates",
    "cost rightsizing": "rightsizing",
    "cost unused": "unused",
    "quotas": "quotas",
    "image findings": "images",
    "patch status": "patches",
    "rotate": "rotations",
}


@contextmanager
def open_command_line(
    set_up: Callable[[Stage], object],
) -> Iterator[tuple[Stage, Callable[[str], int]]]:
    """A stage with its bucket, unprotected so that nothing must be typed, and its command line."""
    with open_stage() as stage, TemporaryDirectory() as folder:
        set_up(stage)
        put_operations_bucket(stage)
        file = Path(folder) / "outputs.json"
        open_stack = stage.outputs.stack.model_copy(update={"protect": False})
        outputs = stage.outputs.model_copy(update={"stack": open_stack})
        file.write_text(outputs.model_dump_json(by_alias=True))
        with (
            patch.object(WallClock, "now", lambda _: stage.clock.now()),
            patch.object(WallClock, "sleep", lambda _, seconds: stage.clock.sleep(seconds)),
            patch.object(Selection, "build_aws", lambda *_: stage.aws),
            patch("ops.core.clock.now", stage.clock.held_clock.now),
            patch("psycopg.connect", canned_sql.connect_canned),
            patch("ops.health.requests.fetch_url", return_value={"status": 200, "digest": ""}),
            patch(
                "ops.core.actions.run_shell_command",
                lambda shell: pretended_pulumi.get_fake_pulumi(stage)(shell),
            ),
            patch("shutil.which", lambda name: f"/usr/bin/{name}"),
        ):
            yield stage, lambda line: main([*shlex.split(line), "--outputs", str(file)])


def list_plan_calls(plan: Plan) -> list[RecordedCall]:
    """What a plan may call, there and back, as far as the parameters are known beforehand."""
    calls = [action for action in plan.actions() if isinstance(action, Call)]
    secrets = [
        RecordedCall("secretsmanager.get_secret_value", {"SecretId": arn.partition("#")[0]}, REGION)
        for call in calls
        for arn in (*call.secrets.values(), *(rewrite.secret for rewrite in call.rewrites.values()))
    ]
    key_calls = [
        RecordedCall(api, {"SecretId": action.secret, "UserName": action.user}, REGION)
        for action in plan.actions()
        if isinstance(action, AccessKeys)
        for api in action.calls
    ]
    task_calls = [
        RecordedCall(api, params, REGION)
        for action in plan.actions()
        if isinstance(action, ContainerTask)
        for api, params in action.list_call_parameters()
    ]
    return [
        *key_calls,
        *task_calls,
        *(
            RecordedCall(call_action.api, call_action.params, call_action.region or REGION)
            for call_action in calls
        ),
        *secrets,
    ]


def record_line_calls(line: TypedLine) -> list[RecordedCall]:
    """What a line calls."""
    with open_command_line(line.set_up) as (stage, run_line), TemporaryDirectory() as folder:
        words = line.line.replace("{folder}", folder)
        finding = find_open_group_finding(stage) if "{finding}" in words else ""
        words = words.replace("{finding}", finding)
        for line_before in line.lines_before:
            assert run_line(line_before.replace("{finding}", finding)) == 0, line_before
        if "{run}" in words:
            assert run_line(SNAPSHOT_LINE) == 0
            words = words.format(run=_list_run_ids(stage)[0])
        if "{instance}" in words:
            words = words.format(instance=fleet_stage.get_first_instance(stage))
        if "{stopped}" in words:
            with patch.object(WallClock, "sleep", _interrupt):
                assert run_line(SNAPSHOT_LINE) == 130
            words = words.format(stopped=_list_run_ids(stage)[0])
        with record_calls() as calls:
            assert run_line(words) == line.exit_code, words
    return calls


def _interrupt(_: object, __: float) -> None:
    raise KeyboardInterrupt


def _list_run_ids(stage: Stage) -> list[str]:
    response = stage.client("s3").list_objects_v2(Bucket=stage.outputs.backups.operations_bucket)
    return sorted(
        {item["Key"].split("/")[1] for item in response["Contents"] if "/" in item["Key"]}
    )


@cache
def record_command_calls(command: str) -> tuple[RecordedCall, ...] | None:
    """What a command calls, by all its procedures and lines; None where there are none."""
    call_lists = [record_line_calls(line) for line in TYPED_LINES.get(command, ())]
    name, _, option = command.partition(" --")
    matching_procedures = [
        procedure
        for procedure in list_procedures()
        if procedure.command == name and option in procedure.arguments
    ]
    if not option:  # those of an option that has a line of its own are not this line's
        other_options = [
            key.removeprefix(f"{name} ") for key in DECLARATIONS if key.startswith(f"{name} --")
        ]
        matching_procedures = [
            procedure
            for procedure in matching_procedures
            if not any(other_option in procedure.arguments for other_option in other_options)
        ]
    for procedure in matching_procedures:
        code = {"done": 0, "undone": 5}[procedure.outcome]
        with open_command_line(procedure.set_up) as (stage, run_line):
            call_lists.append(list_plan_calls(procedure.build_plan(stage)))
            with record_calls() as calls:
                line = f"{procedure.command} {procedure.arguments} --yes"
                assert run_line(line) == code, line
        call_lists.append(calls)
    if command.startswith("check "):
        apis = checklists.list_checklist_apis(name.removeprefix("check "))
        call_lists.append(
            [
                RecordedCall(api, PARAMETERS_BY_API.get(api, {}), REGION)
                for api in apis
                if api not in APIS_WITH_PARAMETERS
            ]
        )
    if command in VIEWS_BY_COMMAND:
        call_lists.append(
            [
                RecordedCall(api, PARAMETERS_BY_API.get(api, {}), REGION)
                for api in list_view_calls(VIEWS_BY_COMMAND[command])
                if api not in APIS_WITH_PARAMETERS
            ]
        )
    # The checks hold themselves to what they declare; a baseline has all that they see.
    if command == "health" or command.startswith(("baseline c", "diagnose")):
        checks = select_health_checks("baseline" if command.startswith("baseline") else "health")
        if command.startswith("diagnose"):
            checks = select_health_checks("health", is_diagnosed)
        call_lists.append(
            [
                RecordedCall(api, PARAMETERS_BY_API.get(api, {}), REGION)
                for check in checks
                for api in check.apis
                if api not in APIS_WITH_PARAMETERS
            ]
        )
    if command in ("audit", "audit --waive"):
        views = UPKEEP_VIEWS if command.endswith("--waive") else ("audit",)
        call_lists.append(
            [
                RecordedCall(api, PARAMETERS_BY_API.get(api, {}), REGION)
                for view in views
                for api in list_view_calls(view)
                if api not in APIS_WITH_PARAMETERS
            ]
        )
    all_calls = [call for calls in call_lists for call in calls if call.api not in OUTPUTS_CALLS]
    if command in ("runs resume", "runs undo"):  # and what the run's own command may call
        snapshot_apis = set(DECLARATIONS["db snapshot create"].calls) - set(CHANGE)
        assert command == "runs undo" or snapshot_apis & {call.api for call in all_calls}
        all_calls = [call for call in all_calls if call.api not in snapshot_apis]
    return tuple(all_calls) if call_lists else None
