"""`ops recover rebuild` and `region`: a lost stack made again, here or in the recovery region."""

from pathlib import Path
from typing import Annotated

import typer

from ops import database, rebuilding
from ops.commands.common import How, carry_out, changing, new_run, target
from ops.errors import UsageError

app = typer.Typer(add_completion=False)
Program = Annotated[
    Path, typer.Option(metavar="FOLDER", help="of the stack's program, with its Pulumi.yaml")
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="BACKUP", help="snapshot or ARN of a backup; else the newest"),
]


def _url(said: str | None) -> str | None:
    if said is not None and not said.startswith(("http://", "https://")):
        raise UsageError(f"--url is {said!r}, may be like https://app.example.com/")
    return said


Url = Annotated[
    str | None, typer.Option(help="what must answer in the end", callback=_url)
]  # fmt: skip


@app.command()
@changing
def rebuild(
    context: typer.Context,
    source: From = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="of `pulumi stack export`, where it is lost")
    ] = None,
    program: Program = Path(),
    url: Url = None,
    *,
    how: How,
) -> None:
    """The stack and its database are gone: made again where they were, from the newest backup."""
    folder = rebuilding.program(program)
    known = None if state is None else (state, rebuilding.digested(state))
    of, output = target(context)
    own = of.outputs.stack
    if state is not None and (found := rebuilding.said(state)) not in ("", own.stack):
        raise UsageError(f"--state is {str(state)!r}, which is of {found!r}, not of {own.stack!r}")
    identifier = of.outputs.database.identifier
    listed = rebuilding.sources(of.aws, of.outputs, own.region)
    chosen = rebuilding.chosen(listed, source, own.region)
    if database.look(of.aws, of.outputs, identifier) is not None:
        raise UsageError(
            f"{identifier} is there: rebuilt is what is lost", "ops recover point-in-time --to TIME"
        )
    rebuilding.room(of.aws, own.region)
    run = new_run("rebuild")
    plan = rebuilding.rebuild(of.outputs, folder, chosen, run, known, url)
    how = how.grave()
    if carry_out(plan, of, output, how):
        output.result(
            "recover-rebuild",
            {"stack": own.stack, "region": own.region, "database": identifier,
             "from": chosen.name, "reaches": chosen.at, "run": run},
        )  # fmt: skip


@app.command()
@changing
def region(
    context: typer.Context,
    source: From = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="STACK", help="its name there; else by region"),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(help="its domain, where that of the lost stack is taken"),
    ] = None,
    program: Program = Path(),
    url: Url = None,
    *,
    how: How,
) -> None:
    """The stack's region is lost: made again in its recovery region, from what is there."""
    folder = rebuilding.program(program)
    of, output = target(context)
    own, there = of.outputs.stack, of.outputs.stack.recovery_region
    if there is None:
        raise UsageError(
            "this stack has no recovery region: nothing was prepared anywhere (recoveryRegion)",
            "ops recover ready",
        )
    balancer = of.outputs.load_balancer
    if balancer is not None and balancer.zone_id and domain is None:
        raise UsageError(
            f"--domain is not set, may be another name in the zone {balancer.zone_id}: the record "
            "of the lost stack's domain stands, and is led there afterwards"
        )
    stack = rebuilding.new_stack(of.outputs, name)
    identifier = f"{own.project}-{stack}-database"
    rebuilding.room(of.aws, there)
    listed = rebuilding.sources(of.aws, of.outputs, there)
    chosen = rebuilding.chosen(listed, source, there)
    run = new_run("region")
    plan = rebuilding.region(of.outputs, folder, chosen, stack, domain, run, url)
    how = how.grave()
    if carry_out(plan, of, output, how):
        output.result(
            "recover-region",
            {"stack": stack, "region": there, "database": identifier, "from": chosen.name,
             "reaches": chosen.at, "run": run},
        )  # fmt: skip
