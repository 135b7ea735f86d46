"""The command line: command groups, loaded when used, and the options that they share."""

import os
import sys
import tomllib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperGroup

from ops.cli.options import (
    OutputFormat,
    OutputsSource,
    get_option_value,
    names_several,
)
from ops.cli.streams import ClosedPipeError, OutputError, use_safe_streams
from ops.core.errors import InterruptedRunError, OpsError, UsageError

# Command group to module and help line, so that the help page imports none of the modules.
COMMAND_GROUPS: Final = {
    "db": ("ops.database.commands", "the database: status, snapshot, resize, upgrade, failover"),
    "service": ("ops.services.commands", "the services: deploy, rollback, scale, restart, tasks"),
    "fleet": ("ops.fleet.commands", "the EC2 instances: scale, refresh, deploy, run"),
    "recover": (
        "ops.recovery.commands",
        "recovery: point-in-time, promote, drill, rebuild",
    ),
    "alarms": ("ops.alarms.commands", "the stack's alarms: list, mute, unmute"),
    "cache": ("ops.cache.commands", "the cache: status, hit-rate, clear, connect"),
    "patch": ("ops.patch.commands", "patches: status, scan, apply"),
    "incident": ("ops.incident.commands", "an incident: open, note, status, close, report"),
    "logs": ("ops.logs.commands", "the stack's logs: tail, search, errors, top, query"),
    "network": ("ops.network.commands", "the stack's network: who reaches whom, its flows"),
    "slo": ("ops.slo.commands", "service levels against their objectives: report"),
    "baseline": ("ops.baseline.commands", "the stack as it was: capture, compare, list"),
    "audit": (
        "ops.audit.commands",
        "what is open, unprotected or not watched, and what is waived",
    ),
    "certificate": (
        "ops.certificate.commands",
        "the certificates: show, check, request, validate, attach",
    ),
    "check": ("ops.checks.commands", "checklists: daily, weekly, monthly, pre-deploy, post-deploy"),
    "maintenance": ("ops.maintenance.commands", "maintenance windows: run, status"),
    "keys": ("ops.keys.commands", "access keys of users: rotate"),
    "state": ("ops.state.commands", "Pulumi's state: backup, list, fetch, restore, drift"),
    "image": ("ops.image.commands", "what is known to be wrong with the images that run"),
    "quotas": ("ops.quotas.commands", "what the account may have of what the stack needs"),
    "cost": ("ops.cost.commands", "what a stack costs: estimate, report, forecast, unused"),
    "github": ("ops.github.commands", "comments and issues about what a workflow found"),
    "runs": ("ops.runs.commands", "what was done: list, show, report, note, resume, undo"),
    "lock": ("ops.lock.commands", "who changes the stack now: show, break"),
    "sandbox": (
        "ops.sandbox.commands",
        "a stack in an in-memory AWS, to try commands on",
    ),
    "outputs": ("ops.stack.commands", "the stack's outputs, as operations read them"),
}
# Commands without a group.
TOP_LEVEL_COMMANDS: Final = {
    "health": ("ops.health.commands", "whether the stack is healthy, and what to do if it is not"),
    "rotate": ("ops.rotation.commands", "what is rotated, by whom, and when next"),
    "usage": ("ops.usage.commands", "how much of the stack's capacity is used"),
    "changes": ("ops.changes.commands", "what changed in the stack, and who did it"),
    "diagnose": ("ops.diagnose.commands", "what is wrong, because of what, and what mends it"),
    "metrics": (
        "ops.metrics.commands",
        "what CloudWatch measured of a part, and of days before",
    ),
    "preview-report": (
        "ops.preview.commands",
        "a pull request comment about a preview",
    ),
    "bootstrap": (
        "ops.bootstrap.commands",
        "set up an account: state bucket, keys, GitHub's roles",
    ),
    "deploy": ("ops.deploy.commands", "deploy a stack: save its state, pulumi up, check"),
    "permissions": ("ops.permissions.commands", "the IAM policy of a command or a role"),
}
# click's UsageError as typer vendors it: raised for a command line that cannot be parsed.
CommandLineError = cast(type[typer.BadParameter], typer.BadParameter.__bases__[0])
# Options of the whole program; they may be anywhere on the command line.
SHARED_OPTIONS: Final = (
    "--stack",
    "--project",
    "--profile",
    "--region",
    "--outputs",
    "--source",
    "--output",
    "-o",
)
SHORT_OUTPUTS: Final = ("-otable", "-ojson")
HELP_OPTIONS: Final = ("-h", "--help")
STACK_VARIABLE: Final = "BULWARK_STACK"


class LazyCommandGroup(TyperGroup):
    """A group that imports a command only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Lists the commands, then the groups."""
        return [*TOP_LEVEL_COMMANDS, *COMMAND_GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a placeholder with name and help line, enough for help and completion."""
        if cmd_name not in TOP_LEVEL_COMMANDS | COMMAND_GROUPS:
            return None
        return TyperGroup(name=cmd_name, help=(TOP_LEVEL_COMMANDS | COMMAND_GROUPS)[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Imports and returns the command or group to run.

        Raises CommandLineError, with what may have been meant, if no command has that name.
        """
        try:
            name, command, remaining_args = super().resolve_command(ctx, args)
        except CommandLineError as error:
            from ops.cli.help_pages import suggest_commands

            if suggestions := suggest_commands(args[0], self.list_commands(ctx)):
                meant = ", ".join(map(repr, suggestions))
                error.message = f"{error.message.rstrip('.')}. Did you mean {meant}?"
            raise
        if command is not None and name in TOP_LEVEL_COMMANDS | COMMAND_GROUPS:
            # A group with one command stays a group: `ops outputs show`.
            build_command: Any = (
                typer.main.get_group if name in COMMAND_GROUPS else typer.main.get_command
            )
            command = build_command(
                import_module((TOP_LEVEL_COMMANDS | COMMAND_GROUPS)[name][0]).app
            )
            command.name = name
            if set(HELP_OPTIONS) & set(remaining_args):
                from ops.cli.help_pages import add_epilogs

                add_epilogs(command, name)
        return name, command, remaining_args


# Plain help: importing rich for it would double the time to show it.
app = typer.Typer(
    cls=LazyCommandGroup,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": list(HELP_OPTIONS)},
)


def _print_version(is_asked: bool) -> None:
    """Prints the project's version, and ends the command."""
    if not is_asked:
        return
    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        typer.echo(f"bulwark {tomllib.load(file)['project']['version']}")
    raise typer.Exit


@app.callback(help="Operates a bulwark stack. Changes show a plan first and survive being killed.")
def store_shared_options(
    context: typer.Context,
    stack: Annotated[
        str | None,
        typer.Option(
            envvar=STACK_VARIABLE, help="name of the stack; for some looks several, or all"
        ),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(
            envvar="BULWARK_PROJECT", help="Pulumi project; default: the name in Pulumi.yaml"
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(envvar="AWS_PROFILE", help="AWS profile")] = None,
    region: Annotated[
        str | None,
        typer.Option(
            envvar=["AWS_REGION", "AWS_DEFAULT_REGION"],
            help="AWS region: the stack's or its recovery region",
        ),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(envvar="BULWARK_OUTPUTS", help="file of `pulumi stack output --json`"),
    ] = None,
    source: Annotated[
        OutputsSource | None,
        typer.Option(envvar="BULWARK_SOURCE", help="where to read the stack's outputs from"),
    ] = None,
    output: Annotated[
        OutputFormat,
        typer.Option("--output", "-o", envvar="BULWARK_OUTPUT", help="output format"),
    ] = "table",
    version: Annotated[
        bool,
        typer.Option("--version", help="show the version", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Stores the shared options for the command."""
    from ops.cli.selection import Selection  # imports botocore, too slow for the help page

    selection = Selection(
        stack, project, profile, region, outputs, source, requires_account=context.obj is True
    )
    context.obj = (selection, output)


def move_shared_options_first(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments with the shared options moved to the front, up to a bare `--`."""
    shared_arguments, other_arguments = split_shared_options(arguments)
    return [*shared_arguments, *other_arguments]


def split_shared_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the shared options with their values, and all other arguments."""
    shared_arguments: list[str] = []
    other_arguments: list[str] = []
    remaining_arguments = list(arguments)
    while remaining_arguments:
        word = remaining_arguments.pop(0)
        if word == "--":
            return shared_arguments, [*other_arguments, word, *remaining_arguments]
        if word in SHARED_OPTIONS and remaining_arguments:
            shared_arguments += [word, remaining_arguments.pop(0)]
        elif (word.split("=")[0] in SHARED_OPTIONS and "=" in word) or word in SHORT_OUTPUTS:
            shared_arguments.append(word)
        else:
            other_arguments.append(word)
    return shared_arguments, other_arguments


def find_stacks_text(shared_arguments: Sequence[str]) -> str | None:
    """What --stack or its variable says if it names several stacks, else None."""
    text = get_option_value(shared_arguments, "--stack")
    if text is None:
        text = os.environ.get(STACK_VARIABLE)
    return text if text is not None and names_several(text) else None


def _run_line(arguments: Sequence[str]) -> Any:
    """Runs a line, for several stacks if it names them."""
    shared_arguments, other_arguments = split_shared_options(arguments)
    text = find_stacks_text(shared_arguments)
    if text is None or not other_arguments or set(HELP_OPTIONS) & set(other_arguments):
        line = [*shared_arguments, *other_arguments]
        return app(line, standalone_mode=False, prog_name="ops")
    from ops.cli.several_stacks import run_look

    def run_for_one_of_several(line: list[str]) -> Any:
        return app(line, standalone_mode=False, prog_name="ops", obj=True)

    return run_look(run_for_one_of_several, text, shared_arguments, other_arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs one command line and returns the exit code (see ops/core/errors.py)."""
    try:
        with use_safe_streams():
            return _run(arguments)
    except ClosedPipeError as error:
        return error.code
    except OutputError as error:
        with use_safe_streams():
            return _print_error(error.code, str(error))


def _run(arguments: Sequence[str]) -> int:
    """Runs one command line. Raises OutputError if standard output cannot be written."""
    try:
        exit_code = _run_line(arguments)
        sys.stdout.flush()
    except OutputError:
        raise
    except OpsError as error:
        return _print_error(error.code, str(error), *error.advice)
    except CommandLineError as error:
        from ops.cli.line_errors import format_line_error

        help_command = f"{error.ctx.command_path} --help" if error.ctx else "ops --help"
        return _print_error(UsageError.code, format_line_error(error, SHARED_OPTIONS), help_command)
    except typer.Exit as error:
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _print_error(InterruptedRunError.code, "interrupted")
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        return _print_error(OpsError.code, f"AWS: {' '.join(str(error).split())}")
    return exit_code if isinstance(exit_code, int) else 0


def _print_error(code: int, message: str, *advice: str) -> int:
    """Prints the error and the commands that help to stderr; returns the exit code."""
    lines = [f"ops: {message}", *(f"  {command}" for command in advice)]
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return code
