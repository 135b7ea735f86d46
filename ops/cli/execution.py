"""What the commands share: the stack they are about, and how a plan is agreed to."""

import inspect
import os
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
from ops.cli.render import Output, ProgressDisplay
from ops.core.actions import Actions, SqlRunner
from ops.core.clock import get_clock_rate
from ops.core.continuation import Continuation
from ops.core.engine import get_person
from ops.core.errors import RolledBackError, UsageError
from ops.core.local_commands import Workstation
from ops.core.plan import Plan, Sql
from ops.core.run import RunContext, Runner, StackContext, WallClock, require_expected_hash

# Where journals and the lock are kept instead of the operations bucket, where that is gone.
JOURNAL_VARIABLE: Final = "BULWARK_JOURNAL"
# What every changing command takes.
DryRunOption: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="show the plan and its hash, change nothing")
]


def _parse_hash(value: str | None) -> str | None:
    """A hash as a dry run prints it."""
    if value is not None and re.fullmatch("[0-9a-f]{16}", value) is None:
        raise UsageError(f"--expect is {value!r}, must be the hash that --dry-run prints")
    return value


ExpectOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HASH", help="carry out the plan of this hash, or nothing", callback=_parse_hash
    ),
]
ProgramOption: TypeAlias = Annotated[
    Path, typer.Option(metavar="FOLDER", help="of the stack's program, with its Pulumi.yaml")
]
YesOption: TypeAlias = Annotated[bool, typer.Option("--yes", help="do not ask")]
ReasonOption: TypeAlias = Annotated[
    str, typer.Option(help="why; stands in the journal and the lock")
]
TimeoutOption: TypeAlias = Annotated[
    float | None,
    typer.Option(min=1, metavar="MINUTES", help="limit of each wait, instead of the plan's own"),
]


@dataclass(frozen=True)
class ExecutionOptions:
    """How a plan is to be carried out, as the options say. `timeout` is in minutes."""

    dry_run: bool
    expect: str | None
    yes: bool
    reason: str = ""
    timeout: float | None = None
    destructive: bool = False

    def as_destructive(self, destructive: bool = True) -> "ExecutionOptions":
        """The same of an act that destroys something, where it does."""
        return replace(self, destructive=destructive)


CommandFunction: TypeAlias = Callable[..., None]


@overload
def mutating_command(command: CommandFunction) -> CommandFunction: ...


@overload
def mutating_command(*, timeout: Any) -> Callable[[CommandFunction], CommandFunction]: ...


def mutating_command(
    command: CommandFunction | None = None, *, timeout: Any = TimeoutOption
) -> Any:
    """Gives a command the options of whatever changes something: what they say is its `how`.

    `timeout` is the type of that option, None for a command without it.
    """
    if command is None:
        return partial(mutating_command, timeout=timeout)
    option_types = {
        **({} if timeout is None else {"timeout": (timeout, None)}),
        "dry_run": (DryRunOption, False),
        "expect": (ExpectOption, None),
        "yes": (YesOption, False),
        "reason": (ReasonOption, ""),
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
    """The stack to change, and where to print."""
    outputs, aws, output = load_stack(context)
    folder = os.environ.get(JOURNAL_VARIABLE)
    return StackContext(outputs, aws, Path(folder) if folder else None), output


def build_runner(
    context: RunContext,
    clock: WallClock,
    sql: SqlRunner | None = None,
    wait_limit_minutes: float | None = None,
    program: Path | None = None,
) -> Runner:
    """Builds what carries plans out.

    `sql` replaces the usual way to the database; `program` is the folder of the stack's program, if
    the plan runs Pulumi. For the limit of each wait see Engine.
    """
    wait_limit_seconds = None if wait_limit_minutes is None else wait_limit_minutes * 60
    if sql is None and isinstance(context, StackContext):
        sql = _build_sql_runner(context)
    return Runner(
        context,
        clock,
        ProgressDisplay(),
        Actions(
            context.aws,
            sql,
            workstation=Workstation(program=program, profile=context.aws.profile),
        ),
        wait_limit_seconds=wait_limit_seconds,
    )


def _build_sql_runner(context: StackContext) -> SqlRunner:
    """Statements on the stack's database, which is found when the first is to run."""
    databases: list[SqlRunner] = []

    def run_statement(sql: Sql) -> list[dict[str, JsonValue]]:
        if not databases:
            from ops.database.sql.connection import DatabaseClient

            databases.append(DatabaseClient(context.outputs, context.aws))
        return databases[0](sql)

    return run_statement


def new_run_id(verb: str) -> str:
    """An id for a run: what it does, when, and something that makes it the only one."""
    timestamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(get_clock_rate().now()))
    return f"{verb}-{timestamp}-{secrets.token_hex(2)}"


def execute_plan(
    plan: Plan,
    context: RunContext,
    output: Output,
    options: ExecutionOptions,
    sql: SqlRunner | None = None,
    program: Path | None = None,
) -> bool:
    """Shows a plan, has it agreed to and carries it out; False where it was only to be shown.

    A program that reads JSON gets the plan of a dry run, else only the result: the plan then goes
    to stderr.
    """
    plan = _apply_options(plan, options)
    if options.dry_run:
        output.print_plan(plan)
        return False
    require_expected_hash(plan, options.expect)  # before anybody is asked
    plan_output = Output("table", to_stderr=True) if output.output_format == "json" else output
    confirm_plan(plan, plan_output, options, protect=context.protect)
    clock = WallClock()
    with clock.handle_interrupts():
        build_runner(context, clock, sql, program=program).start(plan, options.expect)
    return True


@contextmanager
def delete_after(*files: Path) -> Iterator[None]:
    """Files that a plan is carried out with: gone when it has ended, kept for a resume."""
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
    """Shows the plan and asks. Raises UsageError where nobody can be asked, Abort for a no.

    A destructive act on a protected stack wants the stack's name typed; --yes alone does not
    spare it, but --yes together with --expect does: that plan was seen before.
    """
    output.print_plan(plan)
    needs_stack_name = options.destructive and protect
    if options.yes and (options.expect is not None or not needs_stack_name):
        return
    if needs_stack_name and options.yes and not sys.stdin.isatty():
        raise UsageError(
            "--expect is not set, and there is no terminal to type the stack's name on; "
            "it must be the hash of the plan above"
        )
    ask_confirmation(plan.stack if needs_stack_name else None)


def confirm_continuation(
    continuation: Continuation,
    output: Output,
    *,
    yes: bool,
    expect: str | None,
    protect: bool,
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
            f"ops runs {'undo' if continuation.direction == 'back' else 'resume'} {run} --dry-run",
        )
    output.print_continuation(continuation)
    needs_stack_name = continuation.is_destructive and protect
    starter = continuation.plan.started_by
    is_foreign = starter not in ("", get_person())
    if yes and (expect is not None or not (needs_stack_name or is_foreign)):
        return
    if yes and not sys.stdin.isatty():
        reason = (
            "there is no terminal to type the stack's name on"
            if needs_stack_name
            else f"the run was started by {starter}"
        )
        raise UsageError(f"--expect must be {continuation.digest}, the hash above: {reason}")
    ask_confirmation(continuation.plan.stack if needs_stack_name else None)


def ask_confirmation(stack: str | None = None) -> None:
    """Asks whether to go on, for a grave act on `stack` by having its name typed.

    Raises UsageError where nobody can be asked or the name is wrong, Abort for a no.
    """
    if not sys.stdin.isatty():
        raise UsageError("--yes is not set, and there is no terminal to ask on")
    if stack is None:
        typer.confirm("go on?", abort=True, err=True)
        return
    entered_name = typer.prompt(f"type the stack's name, {stack}, to go on", err=True)
    if entered_name != stack:
        raise UsageError(f"{entered_name!r} was typed, the stack is {stack!r}: nothing was changed")
