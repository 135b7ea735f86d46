"""`--stack all` and `--stack dev,prod`: a look at several stacks, one block each.

Looks only: what changes anything is of one stack, which its plan names. Each stack is looked at by
the same command as alone, with its own profile, and only if the credentials are of its account.
"""

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import typer

from ops.cli.options import OutputFormat, get_option_value, names_all
from ops.cli.render import Output
from ops.core.errors import FindingsError, InterruptedRunError, OpsError, UsageError

# What can be looked at of several stacks: a command's first words.
LOOKS: Final = (
    ("health",),
    ("usage",),
    ("changes",),
    ("alarms", "list"),
    ("service", "list"),
    ("runs", "list"),
)
# Options of one stack alone, and why.
SINGLE_STACK_OPTIONS: Final = {
    "--outputs": "it is a file of one stack",
    "--watch": "a look at several ends",
    "--url": "it is of one stack",
}
PROFILE_SETTING: Final = "aws:profile"
SETTINGS_FILE_PATTERN: Final = re.compile(r"Pulumi\.([A-Za-z0-9_.-]+)\.ya?ml")
Runner = Callable[[list[str]], Any]


@dataclass(frozen=True)
class StackLook:
    """How the look at a stack ended: its exit code and what was said.

    `is_unknown` says that it could not be read, `result` is what was printed as JSON.
    """

    stack: str
    code: int
    message: str
    is_unknown: bool = False
    result: Any = None

    def build_row(self) -> dict[str, object]:
        """Its line in the summary."""
        text = f"unknown: {self.message}" if self.is_unknown else self.message
        return {"stack": self.stack, "exit": self.code, "said": text or "looked at"}


def run_look(run: Runner, text: str, shared: Sequence[str], words: Sequence[str]) -> int:
    """Looks at each stack and says at the end how each did; returns the worst exit code.

    `shared` are the shared options as they were typed, `words` the command with its own. Raises
    UsageError, before any call, unless the command is a look and the stacks are named well.
    """
    _require_look(text, shared, words)
    stacks = _list_stacks() if names_all(text) else _parse_stacks(text)
    output_format = _get_output_format(shared)
    output = Output(output_format)
    looks = []
    for stack in stacks:
        output.print_line(f"stack {stack}", "bold")
        line = [*_list_stack_options(stack, shared), *words]
        looks.append(_look_at_stack(run, stack, line, output_format))
        output.print_line("")
    if (
        all(look.code == UsageError.code for look in looks)
        and len({look.message for look in looks}) == 1
    ):
        raise UsageError(looks[0].message)  # about what was typed, not about a stack
    looks = [replace(look, code=FindingsError.code) if look.is_unknown else look for look in looks]
    if output_format == "json":
        items = [
            {"stack": look.stack, "exit": look.code, "unknown": look.is_unknown}
            | {"said": look.message, "result": look.result}
            for look in looks
        ]
        output.print_json("stacks", {"items": items})
    else:
        output.print_rows("stacks", ("stack", "exit", "said"), [look.build_row() for look in looks])
    return max(look.code for look in looks)


def _require_look(text: str, shared: Sequence[str], words: Sequence[str]) -> None:
    if not any(tuple(words[: len(look)]) == look for look in LOOKS):
        names = ", ".join(" ".join(look) for look in LOOKS)
        command = " ".join(word for word in words[:2] if not word.startswith("-"))
        raise UsageError(
            f"--stack must be one stack for `ops {command}`, not {text!r}: several can be looked "
            f"at only, by {names}"
        )
    for option, reason in SINGLE_STACK_OPTIONS.items():
        is_in_environment = option == "--outputs" and bool(os.environ.get("BULWARK_OUTPUTS"))
        if get_option_value([*shared, *words], option) is not None or is_in_environment:
            raise UsageError(f"{option} must be left out with --stack {text}: {reason}")


def _parse_stacks(text: str) -> list[str]:
    stacks = [name.strip() for name in text.split(",")]
    is_named = all(re.fullmatch(r"[A-Za-z0-9_./-]+", name) for name in stacks)
    if not is_named or len(set(stacks)) < len(stacks) or any(map(names_all, stacks)):
        raise UsageError(
            f"--stack must be different stacks, separated by commas, or all, not {text!r}"
        )
    return stacks


def _list_stacks() -> list[str]:
    """The stacks of this folder's project that Pulumi's backend has.

    Raises UsageError if Pulumi is not there or has none, OpsError if it does not say.
    """
    if shutil.which("pulumi") is None:
        raise UsageError("--stack all asks Pulumi, which is not on the PATH: name them")
    process = subprocess.run(
        ["pulumi", "stack", "ls", "--json"], capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise OpsError(f"pulumi stack ls failed: {process.stderr.strip()[-500:]}")
    names = sorted(str(item["name"]) for item in json.loads(process.stdout))
    if not names:
        raise UsageError("--stack all: Pulumi's backend has no stack of this project")
    settings = {match[1] for file in Path().iterdir() if (match := _match_settings(file.name))}
    if others := sorted(settings - set(names)):
        Output("table").print_note(
            f"not looked at, as Pulumi's backend here has no such stack: {', '.join(others)}"
        )
    return names


def _match_settings(name: str) -> re.Match[str] | None:
    return SETTINGS_FILE_PATTERN.fullmatch(name)


def find_stack_profile(stack: str, folder: Path) -> str | None:
    """The profile of a stack by its setting aws:profile, in its file of settings; else None."""
    import yaml  # for a look at several stacks alone

    try:
        text = (folder / f"Pulumi.{stack.rpartition('/')[2]}.yaml").read_text(encoding="utf-8")
        settings = yaml.safe_load(text)
    except (OSError, yaml.YAMLError):
        return None
    config = settings.get("config") if isinstance(settings, dict) else None
    profile = config.get(PROFILE_SETTING) if isinstance(config, dict) else None
    return profile if isinstance(profile, str) else None


def _list_stack_options(stack: str, shared: Sequence[str]) -> list[str]:
    """The shared options for one stack: a typed --profile counts before the stack's setting."""
    profile = find_stack_profile(stack, Path())
    is_profile_typed = get_option_value(shared, "--profile") is not None
    profile_options = [] if profile is None or is_profile_typed else ["--profile", profile]
    return [*shared, *profile_options, "--stack", stack]  # the last one counts


def _get_output_format(arguments: Sequence[str]) -> OutputFormat:
    text = get_option_value(arguments, "--output") or get_option_value(arguments, "-o")
    if text is None:
        is_short = "-ojson" in arguments
        text = "json" if is_short else os.environ.get("BULWARK_OUTPUT", "table")
    return "json" if text == "json" else "table"


def _look_at_stack(
    run: Runner, stack: str, line: list[str], output_format: OutputFormat
) -> StackLook:
    buffer = io.StringIO()
    code, message = 0, ""
    try:
        if output_format == "json":
            with redirect_stdout(buffer):
                code = _as_code(run(line))
        else:
            code = _as_code(run(line))
    except OpsError as error:
        if isinstance(error, InterruptedRunError):
            raise
        code, message = error.code, " ".join(str(error).split())
    except typer.Exit as error:
        code = error.exit_code
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        code, message = OpsError.code, f"AWS: {' '.join(str(error).split())}"
    is_unknown = code not in (0, FindingsError.code)
    text = buffer.getvalue()
    result = json.loads(text) if text.strip() else None
    if is_unknown:
        Output(output_format).print_line(f"unknown: {message}", "yellow")
    return StackLook(stack, code, message, is_unknown, result)


def _as_code(value: Any) -> int:
    return value if isinstance(value, int) else 0
