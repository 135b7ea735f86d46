"""Commands of Pulumi: what it knows of a stack, and the steps of a plan that it carries out.

Each command can be repeated, and Pulumi's own lock keeps a second one out. A deployment is done
when Pulumi's history of the stack has it, under the id of its run. Nothing that an older deployment
may have left counts: neither outputs nor a database that is already up.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import jmespath

from ops.core.errors import OpsError
from ops.core.local_commands import Shell
from ops.core.plan import ProgramCommand, SavedFile, Step, Wait

# Pulumi's exit code for a stack that its backend does not have, since version 3.226.1
# (https://www.pulumi.com/docs/iac/cli/exit-codes/).
STACK_NOT_FOUND_EXIT_CODE: Final = 6
HISTORY_UPDATES: Final = 10  # updates of the history that are looked at
POLICY_PACK_FOLDER: Final = "policy"  # in the program's folder, where Pulumi is run


def build_pulumi_shell(folder: Path, *arguments: str) -> Shell:
    """A read of Pulumi, for now."""
    return Shell(argv=("pulumi", *arguments), folder=str(folder), repeatable=True)


def build_pulumi_command(
    *arguments: str,
    checkout: str | None = None,
    files: Mapping[str, SavedFile | None] | None = None,
    strict: bool = False,
) -> ProgramCommand:
    """A command of Pulumi as part of a plan; all that we use can be repeated."""
    return ProgramCommand(
        tool="pulumi",
        arguments=arguments,
        checkout=checkout,
        files=dict(files or {}),
        strict=strict,
    )


def read_pulumi_json(shell: Shell) -> Any:
    """What Pulumi prints as JSON; None if the stack does not exist.

    Raises OpsError if it fails otherwise, for example if its backend cannot be reached.
    """
    from ops.core.actions import run_shell_command

    result: Any = run_shell_command(shell)
    if result["exit"] == 0:
        return {} if result["output"] is None else result["output"]
    if result["exit"] == STACK_NOT_FOUND_EXIT_CODE:
        return None
    verb = " ".join(takewhile(lambda word: not word.startswith("-"), shell.argv[:3]))
    message = str(result["said"]).strip()
    raise OpsError(f"{verb} ended with {result['exit']}: {message[-500:]}")


def count_stack_resources(folder: Path, stack: str) -> int | None:
    """How many resources Pulumi knows of a stack; None where it knows no such stack.

    Raises OpsError where it does not say.
    """
    exported = read_pulumi_json(build_pulumi_shell(folder, "stack", "export", "--stack", stack))
    if exported is None:
        return None
    return len((exported.get("deployment") or {}).get("resources") or ())


def has_stack_outputs(folder: Path, stack: str) -> bool | None:
    """Whether a stack has outputs: one whose first deployment is not through has none.

    None where Pulumi knows no such stack. Raises OpsError where it does not say.
    """
    stack_outputs = read_pulumi_json(
        build_pulumi_shell(folder, "stack", "output", "--json", "--stack", stack)
    )
    return None if stack_outputs is None else "stack" in stack_outputs


def find_stack_setting(folder: Path, stack: str, key: str) -> str | None:
    """The value of a setting, `namespace:key` or `namespace:key.key`; None if it is not set.

    Raises OpsError if Pulumi fails, or if the setting holds a secret.
    """
    config = read_pulumi_json(build_pulumi_shell(folder, *_build_config_words(stack)))
    if config and jmespath.search(_get_secret_path(key), config):
        raise OpsError(f"{key} of {stack} cannot be read: it holds a secret")
    value = jmespath.search(get_setting_path(key), config)
    return None if value is None else str(value)


def get_setting_path(key: str) -> str:
    """The JMESPath of a setting's value in what `pulumi config --json` prints."""
    name, _, path = key.partition(".")
    return f'"{name}".objectValue.{path}' if path else f'"{name}".value'


def _get_secret_path(key: str) -> str:
    """The JMESPath of whether a setting holds a secret: its value is not printed then."""
    return f'"{key.partition(".")[0]}".secret'


def _build_config_words(stack: str) -> tuple[str, ...]:
    return ("config", "--json", "--stack", stack)


def build_policy_pack_options(folder: Path) -> tuple[str, ...]:
    """The options that hold a deployment to the program's policy pack, if it has one."""
    has_pack = (folder / POLICY_PACK_FOLDER / "PulumiPolicy.yaml").exists()
    return ("--policy-pack", POLICY_PACK_FOLDER) if has_pack else ()


def build_history_words(stack: str) -> tuple[str, ...]:
    """The newest updates of a stack: whose, and how they ended."""
    return ("stack", "history", "--json", "--page-size", str(HISTORY_UPDATES), "--stack", stack)


def build_stack_select_step(stack: str) -> Step:
    """Pulumi knows the stack."""
    return Step(
        name="select",
        description=f"create the stack {stack} in Pulumi's backend unless it exists",
        action=build_pulumi_command("stack", "select", "--create", stack, strict=True),
        goal=Wait(
            read=build_pulumi_command(*build_history_words(stack)),
            met={"exit": 0},
            every=2,
            within=120,
        ),
    )


def build_setting_change_step(stack: str, key: str, value: str, name: str) -> Step:
    """A setting of the stack has a value."""
    path_option = () if "." not in key else ("--path",)
    return Step(
        name=name,
        description=f"set {key} of {stack} to {value}",
        action=build_pulumi_command(
            "config", "set", *path_option, key, value, "--stack", stack, strict=True
        ),
        goal=_wait_for_setting(stack, key, value),
    )


def build_setting_removal_step(stack: str, key: str, name: str, description: str) -> Step:
    """A setting of the stack is not set: the profile's value holds."""
    path_option = () if "." not in key else ("--path",)
    return Step(
        name=name,
        description=description,
        action=build_pulumi_command("config", "rm", *path_option, key, "--stack", stack),
        goal=_wait_for_setting(stack, key, None),
    )


def build_settings_copy_step(stack: str, destination: str, key: str, value: str) -> Step:
    """Another stack has all settings of this one; one of them is looked at."""
    return Step(
        name="settings",
        description=f"copy the settings of {stack} to {destination}",
        action=build_pulumi_command("config", "cp", "--stack", stack, "--dest", destination),
        goal=_wait_for_setting(destination, key, value),
    )


def _wait_for_setting(stack: str, key: str, value: str | None) -> Wait:
    path = get_setting_path(key).removesuffix(".value") if value is None else get_setting_path(key)
    return Wait(
        read=build_pulumi_command(*_build_config_words(stack)),
        met={
            "exit": 0,
            f"output.{path}": value,
            f"output.{_get_secret_path(key)} == `true`": False,
        },
        every=2,
        within=120,
    )


def build_up_step(
    folder: Path,
    stack: str,
    run: str,
    description: str,
    typical_seconds: float,
    source: str,
    timeout: float,
    checkout: str | None = None,
) -> Step:
    """The deployment of this very run has succeeded, by Pulumi's history. Seconds."""
    update_path = (
        f"output[?kind=='update' && message=='{run}' && result=='succeeded'] | [0].message"
    )
    pack_options = () if checkout else build_policy_pack_options(folder)
    return Step(
        name="up",
        description=description,
        action=build_pulumi_command(
            "up",
            "--yes",
            "--skip-preview",
            "--refresh",
            "--non-interactive",
            "--message",
            run,
            *pack_options,
            "--stack",
            stack,
            checkout=checkout,
            strict=True,
        ),
        goal=Wait(
            read=build_pulumi_command(*build_history_words(stack)),
            met={update_path: run},
            every=15,
            within=timeout,
            typical=typical_seconds,
            source=source,
        ),
        downtime=typical_seconds,
    )


def build_outputs_step(stack: str, expected: Sequence[tuple[str, str]]) -> Step:
    """The stack exports these values, by path."""
    read_command = build_pulumi_command("stack", "output", "--json", "--stack", stack)
    conditions = {"exit": 0, **{f"output.{path}": value for path, value in expected}}
    return Step(
        name="outputs",
        description=f"see the outputs of {stack}",
        action=read_command,
        goal=Wait(read=read_command, met=conditions, every=5, within=300),
    )
