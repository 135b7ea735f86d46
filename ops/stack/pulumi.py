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
UNKNOWN: Final = "no stack named"
UNSET: Final = "not found"  # and of a setting
NEWEST: Final = 10  # updates of the history that are looked at


def pulumi(folder: Path, *words: str, strict: bool = False) -> Shell:
    """A command of Pulumi that is as good twice as once."""
    return Shell(argv=("pulumi", *words), folder=str(folder), strict=strict, repeatable=True)


def asked(shell: Shell, but: str | None = None) -> Any:
    """What Pulumi prints as JSON; None where it says `but`, like that there is no such stack.

    Raises OpsError where it fails otherwise, as when its backend is not reached.
    """
    from ops.core.actions import command

    seen: Any = command(shell)
    if seen["exit"] == 0:
        return {} if seen["output"] is None else seen["output"]
    said = str(seen["said"]).strip()
    if but is not None and but in said:
        return None
    verb = " ".join(takewhile(lambda word: not word.startswith("-"), shell.argv[:3]))
    raise OpsError(f"{verb} ended with {seen['exit']}: {said[-500:]}")


def resources(folder: Path, stack: str) -> int | None:
    """How many resources Pulumi knows of a stack; None where it knows no such stack.

    Raises OpsError where it does not say.
    """
    found = asked(pulumi(folder, "stack", "export", "--stack", stack), UNKNOWN)
    if found is None:
        return None
    return len((found.get("deployment") or {}).get("resources") or ())


def exports(folder: Path, stack: str) -> bool | None:
    """Whether a stack has outputs: one whose first deployment is not through has none.

    None where Pulumi knows no such stack. Raises OpsError where it does not say.
    """
    found = asked(pulumi(folder, "stack", "output", "--json", "--stack", stack), UNKNOWN)
    return None if found is None else "stack" in found


def setting(folder: Path, stack: str, key: str) -> str | None:
    """The value of a setting; None where it is not set. Raises OpsError where Pulumi fails."""
    path = () if "." not in key else ("--path",)
    words = ("config", "get", *path, key, "--json", "--stack", stack)
    found = asked(pulumi(folder, *words), UNSET)
    return None if found is None else str(found.get("value"))


def pack(folder: Path) -> tuple[str, ...]:
    """The words that hold a deployment to the policy pack of a program, where it has one."""
    there = folder / "policy" / "PulumiPolicy.yaml"
    return ("--policy-pack", str(there.parent)) if there.exists() else ()


def history(folder: Path, stack: str) -> Shell:
    """The read of the newest updates of a stack: whose, and what has come of them."""
    return pulumi(
        folder, "stack", "history", "--json", "--page-size", str(NEWEST), "--stack", stack
    )


def selected(folder: Path, stack: str) -> Step:
    """Pulumi knows the stack."""
    return Step(
        name="select",
        says=f"see that Pulumi knows the stack {stack}, or make it",
        do=pulumi(folder, "stack", "select", "--create", stack, strict=True),
        goal=Wait(read=history(folder, stack), met={"exit": 0}, every=2, within=120),
    )


def set_to(folder: Path, stack: str, key: str, value: str, name: str) -> Step:
    """A setting of the stack has a value."""
    path = () if "." not in key else ("--path",)
    return Step(
        name=name,
        says=f"set {key} of {stack} to {value}",
        do=pulumi(folder, "config", "set", *path, key, value, "--stack", stack, strict=True),
        goal=Wait(
            read=pulumi(folder, "config", "get", *path, key, "--json", "--stack", stack),
            met={"output.value": value},
            every=2,
            within=120,
        ),
    )


def unset(folder: Path, stack: str, key: str, name: str, says: str) -> Step:
    """A setting of the stack is as the profile has it."""
    path = () if "." not in key else ("--path",)
    return Step(
        name=name,
        says=says,
        do=pulumi(folder, "config", "rm", *path, key, "--stack", stack),
        goal=Wait(
            read=pulumi(folder, "config", "get", *path, key, "--json", "--stack", stack),
            met={f"contains(said, '{UNSET}')": True},
            every=2,
            within=120,
        ),
    )


def copied(folder: Path, stack: str, to: str, key: str, value: str) -> Step:
    """Another stack has all settings of this one, of which one is looked at."""
    return Step(
        name="settings",
        says=f"copy the settings of {stack} to {to}",
        do=pulumi(folder, "config", "cp", "--stack", stack, "--dest", to),
        goal=Wait(
            read=pulumi(folder, "config", "get", key, "--json", "--stack", to),
            met={"output.value": value},
            every=2,
            within=120,
        ),
    )


def up(
    folder: Path, stack: str, run: str, says: str, typical: float, source: str, within: float
) -> Step:
    """The deployment of this very run has succeeded, by Pulumi's history. Seconds."""
    ours = f"output[?kind=='update' && message=='{run}' && result=='succeeded'] | [0].message"
    return Step(
        name="up",
        says=says,
        do=pulumi(
            folder,
            "up",
            "--yes",
            "--skip-preview",
            "--refresh",
            "--non-interactive",
            "--message",
            run,
            *pack(folder),
            "--stack",
            stack,
            strict=True,
        ),
        goal=Wait(
            read=history(folder, stack),
            met={ours: run},
            every=15,
            within=within,
            typical=typical,
            source=source,
        ),
        downtime=typical,
    )


def outputs(folder: Path, stack: str, wanted: Sequence[tuple[str, str]]) -> Step:
    """The stack exports these values, by path."""
    read = pulumi(folder, "stack", "output", "--json", "--stack", stack)
    met = {"exit": 0, **{f"output.{path}": value for path, value in wanted}}
    return Step(
        name="outputs",
        says=f"see the outputs of {stack}",
        do=read,
        goal=Wait(read=read, met=met, every=5, within=300),
    )
