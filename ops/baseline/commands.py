"""`ops baseline`: the stack as it is, kept, and compared with what it is later."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.baseline import store as keeping
from ops.baseline.capture import capture_baseline
from ops.baseline.comparison import (
    BASELINE_DIFFERENCE_KINDS,
    DEFAULT_TOLERANCE_PERCENT,
    list_baseline_differences,
)
from ops.baseline.model import BASELINE_AREAS, Baseline
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.render import Output
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import FindingsError, UsageError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stack as it was.")
BASELINE_DIFFERENCE_COLUMNS = ("kind", "area", "subject", "what", "before", "now")


def _parse_areas(text: str | None) -> tuple[str, ...]:
    areas = BASELINE_AREAS if text is None else tuple(word.strip() for word in text.split(","))
    if not set(areas) <= set(BASELINE_AREAS):
        raise UsageError(f"--only is {text!r}, must be some of {', '.join(BASELINE_AREAS)}")
    return areas


@app.command("capture")
@mutating_command
def run_baseline_capture(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option(help="its name in the operations bucket, else the time")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="a file of yours instead of the bucket")
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Keeps how the stack is: health, usage, database, services, fleet, cache, alarms."""
    if to is not None:
        conflicts = {
            "--name": name is not None,
            "--dry-run": options.dry_run,
            "--expect": bool(options.expect),
        }
        for option in (option for option, is_set in conflicts.items() if is_set):
            raise UsageError(f"{option} is set, and --to too: a file has no name and no plan")
        keeping.require_new_baseline_file(to)
    now = clock.now()
    baseline_name = keeping.parse_baseline_name(name or keeping.build_baseline_name(now), "--name")
    stack_context, output = load_stack_context(context)
    if to is not None:
        baseline = capture_baseline(stack_context.outputs, stack_context.aws, now)
        keeping.write_baseline_file(baseline, to)
        _print_baseline(output, baseline, {"baseline": str(to)})
        return
    keeping.require_unused_baseline_name(stack_context.aws, stack_context.outputs, baseline_name)
    baseline, run = (
        capture_baseline(stack_context.outputs, stack_context.aws, now),
        new_run_id("baseline"),
    )
    plan = keeping.build_baseline_capture_plan(
        stack_context.outputs, baseline, baseline_name, run, is_named_by_time=name is None
    )
    if execute_plan(plan, stack_context, output, options):
        _print_baseline(output, baseline, {"baseline": baseline_name, "run": run})


def _print_baseline(output: Output, baseline: Baseline, location: dict[str, str]) -> None:
    output.print_result(
        "baseline", {**location, "taken": baseline.taken, "unknown": list(baseline.unknown_items)}
    )


@app.command(name="list")
@looking_command
def show_baselines(context: typer.Context) -> None:
    """The baselines of the operations bucket, the newest first; sizes in bytes."""
    stack_context, output = load_stack_context(context)
    rows = [
        asdict(baseline)
        for baseline in keeping.list_baselines(stack_context.aws, stack_context.outputs)
    ]
    output.print_rows("baselines", ("name", "written", "size"), rows)


@app.command("compare")
def compare_with_baseline(
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
    ] = DEFAULT_TOLERANCE_PERCENT,
    only: Annotated[
        str | None, typer.Option(help="areas to compare, with commas: database,services")
    ] = None,
) -> None:
    """What is not as it was: changed, gone, new, worse, or not known then or now.

    Reads only. Exit code 0 where all is as it was, 3 where anything is not, or is not known.
    """
    areas = _parse_areas(only)
    if baseline is not None and not keeping.is_baseline_file(baseline):
        keeping.parse_baseline_name(baseline, "BASELINE")
    stack_context, output = load_stack_context(context)
    if baseline is not None and keeping.is_baseline_file(baseline):
        baseline_name, before = (
            baseline,
            keeping.load_baseline_file(stack_context.outputs, baseline),
        )
    else:
        baseline_name, before = keeping.load_baseline(
            stack_context.aws, stack_context.outputs, baseline
        )
    after = capture_baseline(stack_context.outputs, stack_context.aws, clock.now(), areas)
    differences = list_baseline_differences(before, after, areas, tolerance)
    counts = Counter(difference.kind for difference in differences)
    rows = [asdict(difference) for difference in differences]
    if output.output_format == "json":
        counts_by_kind = {str(kind): counts[kind] for kind in BASELINE_DIFFERENCE_KINDS}
        body = {
            "baseline": baseline_name,
            "before": before.taken,
            "now": after.taken,
            "areas": areas,
        }
        output.print_json("baseline-differences", {**body, **counts_by_kind, "items": rows})
    elif rows:
        output.print_rows("baseline-differences", BASELINE_DIFFERENCE_COLUMNS, rows)
    if differences:
        summary = ", ".join(
            f"{counts[kind]} {kind}" for kind in BASELINE_DIFFERENCE_KINDS if counts[kind]
        )
        is_known = any(kind != "unknown" for kind, count in counts.items() if count)
        verdict = "not as it was" if is_known else "it is unknown whether all is as it was"
        raise FindingsError(
            f"{verdict} at {before.taken} ({baseline_name}): {summary}",
            "ops health",
            "ops runs list",
        )
    output.print_line(f"all is as it was at {before.taken} ({baseline_name})")
