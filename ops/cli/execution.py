"""What changing commands share: options, confirmation and execution of a plan."""

import inspect
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, overload

import typer
from pydantic import JsonValue

from ops.cli.context import load_stack as load_stack
from ops.cli.durations import build_duration_option
from ops.cli.plan_view import describe_continuation_stakes, describe_plan_stakes
from ops.cli.progress import ProgressDisplay
from ops.cli.render import Output
from ops.cli.streams import say_closed_output
from ops.core.actions import Actions, SqlRunner
from ops.core.clock import get_clock_rate
from ops.core.continuation import Continuation
from ops.core.engine import ProgressListener, get_person
from ops.core.errors import RolledBackError, UsageError
from ops.core.journal_folder import find_journal_folder
from ops.core.local_commands import Workstation
from ops.core.plan import Plan, Sql
from ops.core.run import Runner, WallClock, require_expected_hash
from ops.core.run_context import RunContext, StackContext

# Options of every changing command.
CHANGE_PANEL: Final = "Options of every change"
DryRunOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="show the plan and its hash; change nothing", rich_help_panel=CHANGE_PANEL
    ),
]


DetailsOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--details",
        help="show each call, condition and undo of the plan",
        rich_help_panel=CHANGE_PANEL,
    ),
]


def _parse_hash(value: str | None) -> str | None:
    """Returns the hash. Raises UsageError unless it is 16 hex digits, as --dry-run prints it."""
    if value is not None and re.fullmatch("[0-9a-f]{16}", value) is None:
        raise UsageError(
            f"--expect must be a hash that --dry-run printed (16 hex digits), not {value!r}"
        )
    return value


ExpectOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HASH",
        help="run only if the plan has this hash",
        callback=_parse_hash,
        rich_help_panel=CHANGE_PANEL,
    ),
]
ProgramOption: TypeAlias = Annotated[
    Path, typer.Option(metavar="FOLDER", help="folder with the stack's program and its Pulumi.yaml")
]
YesOption: TypeAlias = Annotated[
    bool, typer.Option("--yes", help="do not ask for confirmation", rich_help_panel=CHANGE_PANEL)
]
ReasonOption: TypeAlias = Annotated[
    str,
    typer.Option(help="why; recorded in the journal and the lock", rich_help_panel=CHANGE_PANEL),
]
TimeoutOption: TypeAlias = Annotated[
    float | None,
    build_duration_option(
        "--timeout",
        minimum=1,
        text="limit of each wait; default: the plan's own",
        panel=CHANGE_PANEL,
    ),
]


@dataclass(frozen=True)
class ExecutionOptions:
    """The options of a changing command. `timeout` is in minutes."""

    dry_run: bool
    expect: str | None
    yes: bool
    reason: str = ""
    timeout: float | None = None
    destructive: bool = False
    details: bool = False

    def as_destructive(self, destructive: bool = True) -> "ExecutionOptions":
        """Returns a copy that is marked destructive, or not."""
        return replace(self, destructive=destructive)


CommandFunction: TypeAlias = Callable[..., None]


@overload
def mutating_command(command: CommandFunction) -> CommandFunction: ...


@overload
def mutating_command(*, timeout: Any) -> Callable[[CommandFunction], CommandFunction]: ...


def mutating_command(
    command: CommandFunction | None = None, *, timeout: Any = TimeoutOption
) -> Any:
    """Adds the options of changing commands and passes their values as `options`.

    `timeout` is the type of the --timeout option, None for a command without it.
    """
    if command is None:
        return partial(mutating_command, timeout=timeout)
    option_types = {
        **({} if timeout is None else {"timeout": (timeout, None)}),
        "dry_run": (DryRunOption, False),
        "expect": (ExpectOption, None),
        "yes": (YesOption, False),
        "reason": (ReasonOption, ""),
        "details": (DetailsOption, False),
    }

    @wraps(command)
    def command_with_options(*args: Any, **arguments: Any) -> Any:
        execution_options = ExecutionOptions(**{name: arguments.pop(name) for name in option_types})
        return command(*args, options=execution_options, **arguments)

    signature = inspect.signature(command)
    own_parameters = [param for name, param in signature.parameters.items() if name != "options"]
    option_parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=kind)
        for name, (kind, value) in option_types.items()
    ]
    wrapper: Any = command_with_options
    wrapper.__signature__ = signature.replace(parameters=[*own_parameters, *option_parameters])
    option_annotations = {name: kind for name, (kind, _) in option_types.items()}
    own_annotations = {
        name: kind for name, kind in command.__annotations__.items() if name != "options"
    }
    wrapper.__annotations__ = {**own_annotations, **option_annotations}
    return wrapper


def load_stack_context(context: typer.Context) -> tuple[StackContext, Output]:
    """Loads the stack to change and the printer."""
    outputs, aws, output = load_stack(context)
    return StackContext(outputs, aws, find_journal_folder()), output


def build_runner(
    context: RunContext,
    clock: WallClock,
    sql: SqlRunner | None = None,
    wait_limit_minutes: float | None = None,
    program: Path | None = None,
    listener: ProgressListener | None = None,
) -> Runner:
    """Builds what carries plans out.

    `sql` replaces the usual way to the database; `program` is the folder of the stack's program, if
    the plan runs Pulumi; `listener` shows progress. For the limit of each wait see Engine.
    """
    say_closed_output()
    wait_limit_seconds = None if wait_limit_minutes is None else wait_limit_minutes * 60
    if sql is None and isinstance(context, StackContext):
        sql = _build_sql_runner(context)
    return Runner(
        context,
        clock,
        listener or ProgressDisplay(),
        Actions(
            context.aws,
            sql,
            workstation=Workstation(program=program, profile=context.aws.profile),
        ),
        wait_limit_seconds=wait_limit_seconds,
    )


def _build_sql_runner(context: StackContext) -> SqlRunner:
    """Builds a runner of SQL statements that connects when the first one runs."""
    databases: list[SqlRunner] = []

    def run_statement(sql: Sql) -> list[dict[str, JsonValue]]:
        if not databases:
            from ops.database.sql.connection import DatabaseClient

            databases.append(DatabaseClient(context.outputs, context.aws))
        return databases[0](sql)

    return run_statement


def new_run_id(verb: str) -> str:
    """Returns a new run id: verb, UTC time and a random suffix."""
    timestamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(get_clock_rate().now()))
    return f"{verb}-{timestamp}-{secrets.token_hex(2)}"


def execute_plan(
    plan: Plan,
    context: RunContext,
    output: Output,
    options: ExecutionOptions,
    sql: SqlRunner | None = None,
    program: Path | None = None,
    listener: ProgressListener | None = None,
) -> bool:
    """Shows a plan, asks for confirmation and runs it. Returns False after a dry run.

    With --output json, a dry run prints the plan to stdout; otherwise the plan goes to stderr and
    stdout holds only the result.
    """
    plan = _apply_options(plan, options)
    if isinstance(context, StackContext):
        plan = _note_instance_in_use(plan, context)
    if options.dry_run:
        output.print_plan(plan, details=options.details)
        return False
    require_expected_hash(plan, options.expect)  # before asking for confirmation
    plan_output = Output("table", to_stderr=True) if output.output_format == "json" else output
    confirm_plan(plan, plan_output, options, protect=context.protect)
    clock = WallClock()
    with clock.handle_interrupts():
        runner = build_runner(context, clock, sql, program=program, listener=listener)
        runner.start(plan, options.expect)
    return True


def _note_instance_in_use(plan: Plan, context: StackContext) -> Plan:
    """Adds a note to a plan for the primary if services use another instance, or it is unknown."""
    from ops.database.instance_in_use import PRIMARY_KINDS, list_in_use_notes

    if plan.kind not in PRIMARY_KINDS:
        return plan
    notes = list_in_use_notes(context.aws, context.outputs)
    return plan.model_copy(update={"notes": (*plan.notes, *notes)})


@contextmanager
def delete_after(*files: Path) -> Iterator[None]:
    """Deletes a plan's input files when the run has ended; keeps them if it can be resumed."""
    try:
        yield
    except (UsageError, RolledBackError, typer.Abort):
        _delete_files(files)
        raise
    _delete_files(files)


def _delete_files(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _apply_options(plan: Plan, options: ExecutionOptions) -> Plan:
    plan = plan.model_copy(update={"destructive": options.destructive})
    if options.timeout is None:
        return plan.model_copy(update={"reason": options.reason})
    limit = {"within": options.timeout * 60}
    steps = tuple(
        step.model_copy(update={"goal": step.goal.model_copy(update=limit)}) for step in plan.steps
    )
    return plan.model_copy(update={"reason": options.reason, "steps": steps})


def confirm_plan(plan: Plan, output: Output, options: ExecutionOptions, *, protect: bool) -> None:
    """Shows the plan and asks for confirmation.

    A destructive plan on a protected stack needs the stack's name typed, or --yes with --expect.
    Raises UsageError if there is no terminal to ask on, typer.Abort if the answer is no.
    """
    output.print_plan(plan, details=options.details)
    _confirm_shown(
        f"{plan.stack}: {describe_plan_stakes(plan.fill())}",
        plan.digest,
        yes=options.yes,
        expect=options.expect,
        stack=plan.stack if options.destructive and protect else None,
    )


def confirm_continuation(
    continuation: Continuation,
    output: Output,
    *,
    yes: bool,
    expect: str | None,
    protect: bool,
    details: bool = False,
) -> None:
    """Shows what is left of a run and asks. Raises UsageError if nobody can be asked, Abort for no.

    The rules are those of a new plan. In addition, --yes alone does not carry on a run that
    somebody else started and agreed to.
    """
    run = continuation.plan.run
    if expect is not None and expect != continuation.digest:
        raise UsageError(
            f"--expect must be {continuation.digest}, the hash of what is left of {run}, "
            f"not {expect}: look at it again",
            *(
                [f"ops runs undo {run} --dry-run"]
                if continuation.direction == "back"
                else [f"ops runs resume {run} --dry-run"]
            ),
        )
    output.print_continuation(continuation, details=details)
    plan = continuation.plan
    _confirm_shown(
        f"{plan.stack}: {describe_continuation_stakes(continuation)}",
        continuation.digest,
        yes=yes,
        expect=expect,
        stack=plan.stack if continuation.is_destructive and protect else None,
        other_person="" if plan.started_by in ("", get_person()) else plan.started_by,
    )


def _confirm_shown(
    stakes: str,
    digest: str,
    *,
    yes: bool,
    expect: str | None,
    stack: str | None,
    other_person: str = "",
) -> None:
    """Asks for confirmation of what was shown, unless the options agree to it.

    `stack` is the name to type, None if none is needed. --yes alone agrees neither to that nor to a
    run that `other_person` started. Raises as ask_confirmation does.
    """
    if yes and (expect is not None or not (stack or other_person)):
        return
    if yes and not sys.stdin.isatty():
        reason = (
            "there is no terminal to type the stack's name on"
            if stack
            else f"the run was started by {other_person}"
        )
        raise UsageError(f"--expect must be {digest}, the hash above: {reason}")
    ask_confirmation(stakes, stack)


def ask_confirmation(stakes: str, stack: str | None = None) -> None:
    """Says what is at stake and asks for confirmation, by typing the stack's name if one is given.

    Raises UsageError if there is no terminal or the name is wrong, typer.Abort for a no.
    """
    if not sys.stdin.isatty():
        raise UsageError("--yes is not set, and there is no terminal to ask on")
    if stack is None:
        typer.confirm(f"{stakes}; continue?", abort=True, err=True)
        return
    question = f"{stakes}; type the stack's name, {stack}, to continue"
    entered_name = typer.prompt(question, err=True)
    if entered_name != stack:
        raise UsageError(f"the stack is {stack!r}, not {entered_name!r}; nothing was changed")
