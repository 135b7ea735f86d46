"""Gives Pulumi a saved state again."""

from collections.abc import Mapping
from typing import Any

from ops.core.local_commands import PROGRAM_PLACEHOLDER, build_ops_command
from ops.core.plan import Plan, SavedFile, Step, Wait
from ops.core.stack_plan import NO_COST, build_stack_plan
from ops.outputs import Outputs
from ops.stack import pulumi as pulumi_steps
from ops.state.backup import build_state_backup_steps, get_draft_path, get_saved_file
from ops.state.differences import compute_state_digest


def build_state_restore_plan(
    outputs: Outputs,
    saved_file: SavedFile,
    new_state: Mapping[str, Any],
    current_state: Mapping[str, Any],
    run: str,
) -> Plan:
    """Builds the plan that gives Pulumi a saved state, after a backup of the current one.

    Its undo gives Pulumi the current state again.
    """
    stack = outputs.stack.stack
    steps = build_state_backup_steps(outputs, run)
    undo_step = build_state_import_step(
        stack,
        "back",
        get_draft_path(run),
        get_saved_file(outputs, run),
        compute_state_digest(current_state),
    )
    step = build_state_import_step(
        stack,
        "import",
        get_draft_path(f"{run}-given"),
        saved_file,
        compute_state_digest(new_state),
    )
    steps.append(step.model_copy(update={"undo": (undo_step,)}))
    notes = (
        "nothing in AWS changes, only what Pulumi knows of it; look at a preview with --refresh "
        "afterwards",
    )
    return build_stack_plan(
        outputs,
        run,
        "state restore",
        *steps,
        changes=[f"what Pulumi knows of {stack}: the current state -> the saved one"],
        losses=(),
        cost=NO_COST,
        notes=notes,
    )


def build_state_import_step(
    stack: str, name: str, file: str, saved_file: SavedFile | None, expected_digest: str
) -> Step:
    """Builds the step that imports a file as Pulumi's state and checks the digest."""
    digest_command = build_ops_command(
        "state", "digest", "--of", stack, "--program", PROGRAM_PLACEHOLDER
    )
    origin = saved_file.key if saved_file else "the given file"
    return Step(
        name=name,
        description=f"give Pulumi the state of {stack} from {origin}",
        action=pulumi_steps.build_pulumi_command(
            "stack",
            "import",
            "--file",
            file,
            "--stack",
            stack,
            files={file: saved_file},
            strict=True,
        ),
        goal=Wait(read=digest_command, met={"output.digest": expected_digest}, every=2, within=300),
    )
