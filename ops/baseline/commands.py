"""`ops baseline`: the stack as it is, kept, and compared with what it is later."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.baseline import store as keeping
from ops.baseline.capture import taken
from ops.baseline.comparison import KINDS, TOLERANCE, differences
from ops.baseline.model import AREAS, Baseline
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.render import Output
from ops.core import clock
from ops.core.errors import FindingsError, UsageError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stack as it was.")
COLUMNS = ("kind", "area", "subject", "what", "before", "now")


def _areas(text: str | None) -> tuple[str, ...]:
    named = AREAS if text is None else tuple(word.strip() for word in text.split(","))
    if not set(named) <= set(AREAS):
        raise UsageError(f"--only is {text!r}, may be some of {', '.join(AREAS)}")
    return named


@app.command("capture")
@mutating_command
def capture(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option(help="its name in the operations bucket, else the time")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="a file of yours instead of the bucket")
    ] = None,
    *,
    how: ExecutionOptions,
) -> None:
    """Keeps how the stack is: health, usage, database, services, fleet, cache, alarms."""
    if to is not None:
        clashes = {
            "--name": name is not None,
            "--dry-run": how.dry_run,
            "--expect": bool(how.expect),
        }
        for option in (option for option, given in clashes.items() if given):
            raise UsageError(f"{option} is set, and --to too: a file has no name and no plan")
        keeping.free(to)
    now = clock.now()
    named = keeping.checked(name or keeping.from_time(now), "--name")
    of, output = load_stack_context(context)
    if to is not None:
        made = taken(of.outputs, of.aws, now)
        keeping.write(made, to)
        _kept(output, made, {"baseline": str(to)})
        return
    keeping.unused(of.aws, of.outputs, named)
    made, run = taken(of.outputs, of.aws, now), new_run_id("baseline")
    plan = keeping.capture(of.outputs, made, named, run, timed=name is None)
    if execute_plan(plan, of, output, how):
        _kept(output, made, {"baseline": named, "run": run})


def _kept(output: Output, made: Baseline, where: dict[str, str]) -> None:
    output.print_result("baseline", {**where, "taken": made.taken, "unknown": list(made.unknown)})


@app.command(name="list")
def list_(context: typer.Context) -> None:
    """The baselines of the operations bucket, the newest first; sizes in bytes."""
    of, output = load_stack_context(context)
    rows = [asdict(one) for one in keeping.listed(of.aws, of.outputs)]
    output.print_rows("baselines", ("name", "written", "size"), rows)


@app.command("compare")
def compare(
    context: typer.Context,
    baseline: Annotated[
        str | None,
        typer.Argument(
            metavar="[BASELINE]", help="a name, or a file; else the newest in the bucket"
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, max=1000, metavar="PERCENT", help="by how much a figure may differ"),
    ] = TOLERANCE,
    only: Annotated[
        str | None, typer.Option(help="areas to compare, with commas: database,services")
    ] = None,
) -> None:
    """What is not as it was: changed, gone, new, worse, or not known then or now.

    Reads only. Exit code 0 where all is as it was, 3 where anything is not, or is not known.
    """
    wanted = _areas(only)
    if baseline is not None and not keeping.is_file(baseline):
        keeping.checked(baseline, "BASELINE")
    of, output = load_stack_context(context)
    if baseline is not None and keeping.is_file(baseline):
        named, before = baseline, keeping.from_file(of.outputs, baseline)
    else:
        named, before = keeping.loaded(of.aws, of.outputs, baseline)
    now = taken(of.outputs, of.aws, clock.now(), wanted)
    found = differences(before, now, wanted, tolerance)
    counts = Counter(one.kind for one in found)
    rows = [asdict(one) for one in found]
    if output.output_format == "json":
        of_each = {str(kind): counts[kind] for kind in KINDS}
        head = {"baseline": named, "before": before.taken, "now": now.taken, "areas": wanted}
        output.print_json("baseline-differences", {**head, **of_each, "items": rows})
    elif rows:
        output.print_rows("baseline-differences", COLUMNS, rows)
    if found:
        said = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
        raise FindingsError(
            f"not as it was at {before.taken} ({named}): {said}", "ops health", "ops runs list"
        )
    output.print_line(f"all is as it was at {before.taken} ({named})")
