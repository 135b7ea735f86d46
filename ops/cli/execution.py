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

from ops.cli.context import opened as opened
from ops.cli.render import Output, Progress
from ops.core.actions import Actions, RunSql
from ops.core.clock import pace
from ops.core.errors import RolledBackError, UsageError
from ops.core.plan import Plan, Sql
from ops.core.run import Ground, Runner, Target, WallClock, check_expected

# Where journals and the lock are kept instead of the operations bucket, where that is gone.
JOURNAL: Final = "BULWARK_JOURNAL"
# What every changing command takes.
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="show the plan and its hash, change nothing")
]


def _hash(value: str | None) -> str | None:
    """A hash as a dry run prints it."""
    if value is not None and re.fullmatch("[0-9a-f]{16}", value) is None:
        raise UsageError(f"--expect is {value!r}, may be the hash that --dry-run prints")
    return value


Expect: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HASH", help="carry out the plan of this hash, or nothing", callback=_hash
    ),
]
Program: TypeAlias = Annotated[
    Path, typer.Option(metavar="FOLDER", help="of the stack's program, with its Pulumi.yaml")
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="do not ask")]
Reason: TypeAlias = Annotated[str, typer.Option(help="why; stands in the journal and the lock")]
Timeout: TypeAlias = Annotated[
    float | None,
    typer.Option(min=1, metavar="MINUTES", help="limit of each wait, instead of the plan's own"),
]


@dataclass(frozen=True)
class How:
    """How a plan is to be carried out, as the options say. `timeout` is in minutes."""

    dry_run: bool
    expect: str | None
    yes: bool
    reason: str = ""
    timeout: float | None = None
    destructive: bool = False

    def grave(self, grave: bool = True) -> "How":
        """The same of an act that destroys something, where it does."""
        return replace(self, destructive=grave)


Command: TypeAlias = Callable[..., None]


@overload
def changing(command: Command) -> Command: ...


@overload
def changing(*, timeout: Any) -> Callable[[Command], Command]: ...


def changing(command: Command | None = None, *, timeout: Any = Timeout) -> Any:
    """Gives a command the options of whatever changes something: what they say is its `how`.

    `timeout` is the type of that option, None for a command without it.
    """
    if command is None:
        return partial(changing, timeout=timeout)
    options = {
        **({} if timeout is None else {"timeout": (timeout, None)}),
        "dry_run": (DryRun, False),
        "expect": (Expect, None),
        "yes": (Yes, False),
        "reason": (Reason, ""),
    }

    @wraps(command)
    def typed(*args: Any, **given: Any) -> Any:
        how = How(**{name: given.pop(name) for name in options})
        return command(*args, how=how, **given)

    own = inspect.signature(command)
    kept = [param for name, param in own.parameters.items() if name != "how"]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=kind)
        for name, (kind, value) in options.items()
    ]
    changed: Any = typed
    changed.__signature__ = own.replace(parameters=[*kept, *more])
    kinds = {name: kind for name, (kind, _) in options.items()}
    hints = {name: kind for name, kind in command.__annotations__.items() if name != "how"}
    changed.__annotations__ = {**hints, **kinds}
    return changed


def target(context: typer.Context) -> tuple[Target, Output]:
    """The stack to change, and where to print."""
    outputs, aws, output = opened(context)
    folder = os.environ.get(JOURNAL)
    return Target(outputs, aws, Path(folder) if folder else None), output


def runner(
    of: Ground, clock: WallClock, sql: RunSql | None = None, patience: float | None = None
) -> Runner:
    """What carries plans out on a target. `sql` where the way to the database is not the usual.

    `patience` is in minutes: see Engine.
    """
    seconds = None if patience is None else patience * 60
    if sql is None and isinstance(of, Target):
        sql = _sql(of)
    return Runner(of, clock, Progress(), Actions(of.aws, sql), patience=seconds)


def _sql(of: Target) -> RunSql:
    """Statements on the stack's database, which is found when the first is to run."""
    made: list[RunSql] = []

    def run(sql: Sql) -> list[dict[str, JsonValue]]:
        if not made:
            from ops.database.sql.connection import Database

            made.append(Database(of.outputs, of.aws))
        return made[0](sql)

    return run


def new_run(verb: str) -> str:
    """An id for a run: what it does, when, and something that makes it the only one."""
    at = time.strftime("%Y%m%d-%H%M%S", time.gmtime(pace().now()))
    return f"{verb}-{at}-{secrets.token_hex(2)}"


def carry_out(plan: Plan, of: Ground, output: Output, how: How, sql: RunSql | None = None) -> bool:
    """Shows a plan, has it agreed to and carries it out; False where it was only to be shown.

    A program that reads JSON gets the plan of a dry run, else only the result: the plan then goes
    to stderr.
    """
    plan = _limited(plan, how)
    if how.dry_run:
        output.plan(plan)
        return False
    check_expected(plan, how.expect)  # before anybody is asked
    shown = Output("table", err=True) if output.form == "json" else output
    agreed(plan, shown, how, protect=of.protect)
    clock = WallClock()
    with clock.listening():
        runner(of, clock, sql).start(plan, how.expect)
    return True


@contextmanager
def passing(*files: Path) -> Iterator[None]:
    """Files that a plan is carried out with: gone when it has ended, kept for a resume."""
    try:
        yield
    except (UsageError, RolledBackError, typer.Abort):
        _gone(files)
        raise
    _gone(files)


def _gone(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _limited(plan: Plan, how: How) -> Plan:
    if how.timeout is None:
        return plan.model_copy(update={"reason": how.reason})
    within = {"within": how.timeout * 60}
    steps = tuple(
        step.model_copy(update={"goal": step.goal.model_copy(update=within)}) for step in plan.steps
    )
    return plan.model_copy(update={"reason": how.reason, "steps": steps})


def agreed(plan: Plan, output: Output, how: How, *, protect: bool) -> None:
    """Shows the plan and asks. Raises UsageError where nobody can be asked, Abort for a no.

    A destructive act on a protected stack wants the stack's name typed; --yes alone does not
    spare it, but --yes together with --expect does: that plan was seen before.
    """
    output.plan(plan)
    grave = how.destructive and protect
    if how.yes and (how.expect is not None or not grave):
        return
    if grave and how.yes and not sys.stdin.isatty():
        raise UsageError(
            "--expect is not set, and there is no terminal to type the stack's name on; "
            "it may be the hash of the plan above"
        )
    confirmed(plan.stack if grave else None)


def confirmed(stack: str | None = None) -> None:
    """Asks whether to go on, for a grave act on `stack` by having its name typed.

    Raises UsageError where nobody can be asked or the name is wrong, Abort for a no.
    """
    if not sys.stdin.isatty():
        raise UsageError("--yes is not set, and there is no terminal to ask on")
    if stack is None:
        typer.confirm("go on?", abort=True, err=True)
        return
    typed = typer.prompt(f"type the stack's name, {stack}, to go on", err=True)
    if typed != stack:
        raise UsageError(f"{typed!r} was typed, the stack is {stack!r}: nothing was changed")
