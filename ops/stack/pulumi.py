"""What Pulumi is told to do, as steps of a plan, and what it knows of a stack.

Its commands are as good twice as once, and its own lock keeps a second one out. That a deployment
is done is told by Pulumi's history of the stack, where it stands under the name of its run, and
never by what was there before: an older deployment's outputs, or a database that is up already.
"""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from ops.core.errors import OpsError
from ops.core.plan import Shell, Step, Wait

# What Pulumi says of a stack that its backend has not (pulumi stack export).
UNKNOWN_STACK_MESSAGE: Final = "no stack named"
UNSET_SETTING_MESSAGE: Final = "not found"  # and of a setting
HISTORY_UPDATES: Final = 10  # updates of the history that are looked at


def build_pulumi_command(folder: Path, *arguments: str, strict: bool = False) -> Shell:
    """A command of Pulumi that is as good twice as once."""
    return Shell(argv=("pulumi", *arguments), folder=str(folder), strict=strict, repeatable=True)


def read_pulumi_json(shell: Shell, absent_message: str | None = None) -> Any:
    """What Pulumi prints as JSON; None where it says `but`, like that there is no such stack.

    Raises OpsError where it fails otherwise, as when its backend is not reached.
    """
    from ops.core.actions import run_shell_command

    result: Any = run_shell_command(shell)
    if result["exit"] == 0:
        return {} if result["output"] is None else result["output"]
    message = str(result["said"]).strip()
    if absent_message is not None and absent_message in message:
        return None
    verb = " ".join(takewhile(lambda word: not word.startswith("-"), shell.argv[:3]))
    raise OpsError(f"{verb} ended with {result['exit']}: {message[-500:]}")


def count_stack_resources(folder: Path, stack: str) -> int | None:
    """How many resources Pulumi knows of a stack; None where it knows no such stack.

    Raises OpsError where it does not say.
    """
    exported = read_pulumi_json(
        build_pulumi_command(folder, "stack", "export", "--stack", stack), UNKNOWN_STACK_MESSAGE
    )
    if exported is None:
        return None
    return len((exported.get("deployment") or {}).get("resources") or ())


def has_stack_outputs(folder: Path, stack: str) -> bool | None:
    """Whether a stack has outputs: one whose first deployment is not through has none.

    None where Pulumi knows no such stack. Raises OpsError where it does not say.
    """
    stack_outputs = read_pulumi_json(
        build_pulumi_command(folder, "stack", "output", "--json", "--stack", stack),
        UNKNOWN_STACK_MESSAGE,
    )
    return None if stack_outputs is None else "stack" in stack_outputs


def find_stack_setting(folder: Path, stack: str, key: str) -> str | None:
    """The value of a setting; None where it is not set. Raises OpsError where Pulumi fails."""
    path_option = () if "." not in key else ("--path",)
    arguments = ("config", "get", *path_option, key, "--json", "--stack", stack)
    response = read_pulumi_json(build_pulumi_command(folder, *arguments), UNSET_SETTING_MESSAGE)
    return None if response is None else str(response.get("value"))


def build_policy_pack_options(folder: Path) -> tuple[str, ...]:
    """The words that hold a deployment to the policy pack of a program, where it has one."""
    pack_file = folder / "policy" / "PulumiPolicy.yaml"
    return ("--policy-pack", str(pack_file.parent)) if pack_file.exists() else ()


def build_history_command(folder: Path, stack: str) -> Shell:
    """The read of the newest updates of a stack: whose, and what has come of them."""
    return build_pulumi_command(
        folder, "stack", "history", "--json", "--page-size", str(HISTORY_UPDATES), "--stack", stack
    )


def build_stack_select_step(folder: Path, stack: str) -> Step:
    """Pulumi knows the stack."""
    return Step(
        name="select",
        description=f"see that Pulumi knows the stack {stack}, or make it",
        action=build_pulumi_command(folder, "stack", "select", "--create", stack, strict=True),
        goal=Wait(read=build_history_command(folder, stack), met={"exit": 0}, every=2, within=120),
    )


def build_setting_change_step(folder: Path, stack: str, key: str, value: str, name: str) -> Step:
    """A setting of the stack has a value."""
    path_option = () if "." not in key else ("--path",)
    return Step(
        name=name,
        description=f"set {key} of {stack} to {value}",
        action=build_pulumi_command(
            folder, "config", "set", *path_option, key, value, "--stack", stack, strict=True
        ),
        goal=Wait(
            read=build_pulumi_command(
                folder, "config", "get", *path_option, key, "--json", "--stack", stack
            ),
            met={"output.value": value},
            every=2,
            within=120,
        ),
    )


def build_setting_removal_step(
    folder: Path, stack: str, key: str, name: str, description: str
) -> Step:
    """A setting of the stack is as the profile has it."""
    path_option = () if "." not in key else ("--path",)
    return Step(
        name=name,
        description=description,
        action=build_pulumi_command(folder, "config", "rm", *path_option, key, "--stack", stack),
        goal=Wait(
            read=build_pulumi_command(
                folder, "config", "get", *path_option, key, "--json", "--stack", stack
            ),
            met={f"contains(said, '{UNSET_SETTING_MESSAGE}')": True},
            every=2,
            within=120,
        ),
    )


def build_settings_copy_step(
    folder: Path, stack: str, destination: str, key: str, value: str
) -> Step:
    """Another stack has all settings of this one, of which one is looked at."""
    return Step(
        name="settings",
        description=f"copy the settings of {stack} to {destination}",
        action=build_pulumi_command(
            folder, "config", "cp", "--stack", stack, "--dest", destination
        ),
        goal=Wait(
            read=build_pulumi_command(
                folder, "config", "get", key, "--json", "--stack", destination
            ),
            met={"output.value": value},
            every=2,
            within=120,
        ),
    )


def build_up_step(
    folder: Path,
    stack: str,
    run: str,
    description: str,
    typical_seconds: float,
    source: str,
    timeout: float,
) -> Step:
    """The deployment of this very run has succeeded, by Pulumi's history. Seconds."""
    update_path = (
        f"output[?kind=='update' && message=='{run}' && result=='succeeded'] | [0].message"
    )
    return Step(
        name="up",
        description=description,
        action=build_pulumi_command(
            folder,
            "up",
            "--yes",
            "--skip-preview",
            "--refresh",
            "--non-interactive",
            "--message",
            run,
            *build_policy_pack_options(folder),
            "--stack",
            stack,
            strict=True,
        ),
        goal=Wait(
            read=build_history_command(folder, stack),
            met={update_path: run},
            every=15,
            within=timeout,
            typical=typical_seconds,
            source=source,
        ),
        downtime=typical_seconds,
    )


def build_outputs_step(folder: Path, stack: str, expected: Sequence[tuple[str, str]]) -> Step:
    """The stack exports these values, by path."""
    read_command = build_pulumi_command(folder, "stack", "output", "--json", "--stack", stack)
    conditions = {"exit": 0, **{f"output.{path}": value for path, value in expected}}
    return Step(
        name="outputs",
        description=f"see the outputs of {stack}",
        action=read_command,
        goal=Wait(read=read_command, met=conditions, every=5, within=300),
    )
