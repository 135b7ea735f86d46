"""`ops state`: Pulumi's state saved, listed, given back, and held against AWS."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import printing
from ops.cli.execution import How, Program, carry_out, changing, new_run, passing, target
from ops.core.errors import FindingsError, UsageError
from ops.recovery import reconcile as reconciling
from ops.recovery.rebuild import program as program_of
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Pulumi's state.")
Name = Annotated[
    str | None, typer.Argument(metavar="[STATE]", help="from `ops state list`; else the newest")
]


@app.command("backup")
@changing
def backup(
    context: typer.Context,
    program: Program = Path(),
    *,
    how: How,
) -> None:
    """Saves the state of now in the operations bucket, and so in its copy a region away."""
    folder = program_of(program)
    of, output = target(context)
    run = new_run("state")
    draft = states.draft(run)
    plan = states.backup(of.outputs, folder, draft, run)
    with passing(draft):
        if carry_out(plan, of, output, how):
            (made,) = [one for one in states.listed(of) if one.name == run]
            output.result("state-backup", {"state": made.name, "bytes": made.size, "run": run})


@app.command(name="list")
def list_(context: typer.Context) -> None:
    """The saved states, the newest first."""
    of, output = target(context)
    output.rows("states", states.COLUMNS, [one.row() for one in states.listed(of)])


@app.command("fetch")
def fetch(
    context: typer.Context,
    to: Annotated[Path, typer.Option(metavar="FILE", help="where it goes, readable by you alone")],
    name: Name = None,
) -> None:
    """Writes a saved state into a file, as `pulumi stack import` takes it."""
    _vacant(to)
    of, output = target(context)
    one = states.chosen(states.listed(of), name)
    states.write(to, states.fetched(of, one))
    output.result("state-fetch", {"state": one.name, "file": str(to)})


@app.command("restore")
@changing
def restore(
    context: typer.Context,
    name: Name = None,
    program: Program = Path(),
    *,
    how: How,
) -> None:
    """Gives Pulumi a saved state instead of that of now, which is saved first.

    What Pulumi would forget or know again is shown before.
    """
    folder = program_of(program)
    of, output = target(context)
    one = states.chosen(states.listed(of), name)
    then = states.fetched(of, one)
    now = states.exported(of.outputs.stack.stack, folder)
    rows = states.differences(now, then)
    if states.digest(now) == states.digest(then):
        raise UsageError(f"STATE is {one.name!r}, which is what Pulumi knows already")
    run = new_run("state")
    draft, given = states.draft(run), states.draft(f"{run}-given")
    states.write(given, then)
    plan = states.restore(of.outputs, folder, draft, given, then, now, run)
    if output.form == "table":
        output.rows("state-differences", ("what", "resource", "now", "then"), rows)
    how = how.grave()
    with passing(draft, given):
        if carry_out(plan, of, output, how):
            output.result(
                "state-restore",
                {"state": one.name, "saved": run, "different": len(rows), "run": run},
            )


@app.command("drift")
def drift(context: typer.Context, program: Program = Path()) -> None:
    """What AWS has that the program does not say: a preview with a refresh. Exit code 3 on drift.

    Changes nothing, the state neither.
    """
    folder = program_of(program)
    of, output = target(context)
    words = ("preview", "--refresh", "--json", "--non-interactive", "--stack")
    shell = pulumi_steps.pulumi(folder, *words, of.outputs.stack.stack)
    found = states.drifted(pulumi_steps.asked(shell))
    output.rows("state-drift", ("op", "resource", "properties"), found)
    if found:
        raise FindingsError(f"{len(found)} resources are not as the program says", "pulumi up")
    output.line("everything is as the program says")


@app.command("digest", hidden=True)
def digest(
    context: typer.Context,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="an export")] = None,
    of: Annotated[str | None, typer.Option(metavar="STACK", help="what Pulumi knows now")] = None,
    program: Program = Path(),
) -> None:
    """What tells two states apart, as JSON: what a plan waits for."""
    if (file is None) is (of is None):
        raise UsageError("one of --file and --of must be set")
    if file is not None:
        known = reconciling.read("--file", file)
    else:
        known = states.exported(str(of), program_of(program))
    if not states.resources(known):
        raise UsageError(f"--file is {str(file)!r}, may be a file of `pulumi stack export`")
    printing(context).data("state-digest", {"digest": states.digest(known)})


@app.command("previewed", hidden=True)
def previewed(
    context: typer.Context,
    of: Annotated[str, typer.Option(metavar="STACK", help="of the program")],
    program: Program = Path(),
) -> None:
    """What tells two previews apart, as JSON: what a plan waits for."""
    from ops.deploy import deployment as deploying
    from ops.preview import changes as preview

    found = deploying.previewed(program_of(program), of)
    printing(context).data("state-previewed", {"digest": preview.fingerprint(found)})


def _vacant(to: Path) -> None:
    if to.exists():
        raise UsageError(f"--to is {str(to)!r}, which is there already: it is not overwritten")
    if not to.absolute().parent.is_dir():
        raise UsageError(f"--to is {str(to)!r}, may be a file in a folder that is there")
