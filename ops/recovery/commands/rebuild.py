"""`ops recover rebuild` and `region`: a lost stack made again, here or in the recovery region."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.cli.execution import (
    JOURNAL_VARIABLE,
    ExecutionOptions,
    ProgramOption,
    delete_after,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core.errors import OpsError, UsageError
from ops.core.run import StackContext
from ops.database import instance as database
from ops.recovery import rebuild as rebuilding
from ops.recovery import sources
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states

app = typer.Typer(add_completion=False)
NEWEST, NONE = "newest", "none"
From = Annotated[
    str | None,
    typer.Option("--from", metavar="BACKUP", help="its name in the plan; else the newest"),
]
StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="FILE",
        help="where Pulumi's is lost: newest (of `ops state list`), an export, or none",
    ),
]


def _url(said: str | None) -> str | None:
    if said is not None and not said.startswith(("http://", "https://")):
        raise UsageError(f"--url is {said!r}, may be like https://app.example.com/")
    return said


Url = Annotated[str | None, typer.Option(help="what must answer in the end", callback=_url)]


Query = Annotated[
    bool, typer.Option("--sql", help="ask the new database, to which there is a way from here")
]


def _state(of: StackContext, said: str | None) -> dict[str, Any] | None:
    """The state to begin with; None where Pulumi's own is there, or nothing is left."""
    if said in (None, NONE):
        return None
    if said == NEWEST:
        found = states.fetch_saved_state(
            of, states.resolve_saved_state(states.list_saved_states(of), None)
        )
    else:
        found = rebuilding.state_of(Path(str(said)))
    own = of.outputs.stack.stack
    if (other := rebuilding.said(found)) not in ("", own):
        raise UsageError(f"--state is {said!r}, which is of {other!r}, not of {own!r}")
    return found


def _journaled(of: StackContext) -> None:
    """Raises OpsError where journals and the lock can be kept nowhere."""
    try:
        of.lock().find_record()
    except UsageError:
        raise
    except OpsError as error:
        raise OpsError(
            f"{error}; where the operations bucket is lost with its region, journals and the lock "
            f"are kept in a folder: set {JOURNAL_VARIABLE} to one",
            f"export {JOURNAL_VARIABLE}=FOLDER",
        ) from error


@app.command("rebuild")
@mutating_command
def rebuild(
    context: typer.Context,
    source: From = None,
    state: StateOption = None,
    program: ProgramOption = Path(),
    url: Url = None,
    sql: Query = False,
    *,
    how: ExecutionOptions,
) -> None:
    """The stack and its database are gone: made again where they were, from the newest backup."""
    folder = rebuilding.program(program)
    if state not in (None, NONE, NEWEST):
        rebuilding.state_of(Path(str(state)))
    of, output = load_stack_context(context)
    own, identifier = of.outputs.stack, of.outputs.database.identifier
    known = _state(of, state)
    listed = sources.whole(of.aws, of.outputs, own.region)
    chosen = sources.chosen(listed, source, own.region)
    if database.find_instance(of.aws, of.outputs, identifier) is not None:
        raise UsageError(
            f"{identifier} is there: rebuilt is what is lost",
            "ops recover point-in-time --to TIME",
            f"pulumi up --stack {own.stack}",
        )
    sources.room(of.aws, own.region)
    doubt = sources.locked(of.aws, chosen, own.region)
    rebuilding.known_again(of.outputs, folder, state is not None, known is not None)
    run = new_run_id("rebuild")
    draft, begun = states.get_draft_file(run), None
    if known is not None:
        states.write_state(draft, known)
        begun = draft, states.compute_state_digest(known)
    looks = rebuilding.Looks(url, sql, of.aws.profile)
    plan = rebuilding.rebuild(of.outputs, folder, chosen, run, begun, looks, doubt)
    how = how.as_destructive()
    with delete_after(draft):
        done = execute_plan(plan, of, output, how)
    if done:
        output.print_result(
            "recover-rebuild",
            {
                "stack": own.stack,
                "region": own.region,
                "database": identifier,
                "from": chosen.name,
                "reaches": chosen.at,
                "run": run,
            },
        )


@app.command("region")
@mutating_command
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
    certificate: Annotated[
        str | None,
        typer.Option(metavar="ARN", help="its certificate, where the lost stack was given one"),
    ] = None,
    program: ProgramOption = Path(),
    url: Url = None,
    sql: Query = False,
    *,
    how: ExecutionOptions,
) -> None:
    """The stack's region is lost: made again in its recovery region, from what is there."""
    folder = rebuilding.program(program)
    of, output = load_stack_context(context)
    own, there = of.outputs.stack, of.outputs.stack.recovery_region
    if there is None:
        raise UsageError(
            "this stack has no recovery region: nothing was prepared anywhere (recoveryRegion)",
            "ops recover ready",
        )
    rebuilding.certificate_of(there, certificate)
    zone = of.outputs.load_balancer.zone_id if of.outputs.load_balancer else None
    if zone and domain is None:
        raise UsageError(
            f"--domain is not set, may be another name in the zone {zone}: the record of the lost "
            "stack's domain stands, and is led there afterwards"
        )
    stack = rebuilding.new_stack(of.outputs, name)
    identifier = f"{own.project}-{stack}-database"
    rebuilding.vacant(of.aws, identifier, stack, there)
    sources.room(of.aws, there)
    listed = sources.whole(of.aws, of.outputs, there)
    chosen = sources.chosen(listed, source, there)
    doubt = sources.locked(of.aws, chosen, there)
    if pulumi_steps.count_stack_resources(folder, own.stack) is None:
        raise UsageError(
            f"Pulumi knows no stack {own.stack}, whose settings are copied: its settings' file is "
            "enough, beside the program",
            f"pulumi stack init {own.stack}",
        )
    balancer = rebuilding.balancer(of.aws, of.outputs, folder, domain, certificate)
    if not how.dry_run:
        _journaled(of)
    run = new_run_id("region")
    looks = rebuilding.Looks(url, sql, of.aws.profile)
    plan = rebuilding.region(of.outputs, folder, chosen, stack, balancer, run, looks, doubt)
    how = how.as_destructive()
    if execute_plan(plan, of, output, how):
        output.print_result(
            "recover-region",
            {
                "stack": stack,
                "region": there,
                "database": identifier,
                "from": chosen.name,
                "reaches": chosen.at,
                "run": run,
            },
        )
