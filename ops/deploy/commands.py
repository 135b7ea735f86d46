"""`ops deploy`: a stack deployed by its program, as a workflow or a person does it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from ops.bootstrap.context import Account, place
from ops.checks.table import check
from ops.cli.context import chosen, written
from ops.cli.execution import How, Program, carry_out, changing, new_run, passing, target
from ops.cli.render import Output
from ops.cli.selection import Selection
from ops.core import clock
from ops.core.aws import Aws
from ops.core.errors import FindingsError, OpsError, RolledBackError, UsageError
from ops.core.run import Ground, Target
from ops.database import instance as database
from ops.deploy import commits
from ops.deploy import deployment as deploying
from ops.deploy.deployment import Deployment
from ops.preview import page as preview_page
from ops.preview.dangers import loses_data
from ops.recovery.rebuild import program as program_of
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states

app = typer.Typer(add_completion=False)
PRE: Final = "pre-deploy"


@dataclass(frozen=True)
class Said:
    """What the options say of how careful it is to be."""

    despite: str | None
    snapshot: bool
    url: str | None


@app.command(name="deploy")
@changing
def deploy(
    context: typer.Context,
    stack: Annotated[str, typer.Argument(help="of this program, like prod")],
    program: Program = Path(),
    url: Annotated[
        str | None,
        typer.Option(help="what must answer in the end; else the stack's own, where it has a zone"),
    ] = None,
    despite: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="go on though a check fails, or files are changed"),
    ] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="what holds data may be deleted or replaced")
    ] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot/--no-snapshot", help="save the database first")
    ] = True,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="where what is deployed is told, Markdown")
    ] = None,
    *,
    how: How,
) -> None:
    """Deploys a stack: checked, previewed, saved, deployed, looked at; back where it fails.

    Exit code 3 where a check fails, or data would be lost that nobody agreed to lose; 5 where the
    deployment failed and the commit of before was deployed again.
    """
    folder = program_of(program)
    _reported(report, "")
    selection, output = chosen(context)
    if selection.stack not in (None, stack):
        raise UsageError(f"--stack is {selection.stack!r}, STACK is {stack!r}: name one of them")
    said = Said(despite, snapshot, url)
    there = pulumi_steps.exports(folder, stack)
    if there is None:
        raise UsageError(
            f"STACK is {stack!r}, which Pulumi does not know",
            f"pulumi stack init {stack}",
            "ops bootstrap",
        )
    context.obj = (replace(selection, stack=stack), output.form)
    run = new_run("deploy" if there else "first")
    of, ground = (
        _existing(context, folder, said) if there else _first(selection, folder, stack, said)
    )
    found = of.seen
    page = preview_page.page([found], allowed=allow_data_loss)
    _reported(report, page)
    if found.preview.empty:
        output.result("deploy", {"stack": stack, "state": "nothing to do"})
        return
    _shown(of, output)
    grave = loses_data(found.dangers)
    if grave and not allow_data_loss:
        raise FindingsError(
            "data would be lost; --allow-data-loss agrees to it", "ops preview-report FILE"
        )
    draft = states.draft(run)
    plan = deploying.plan(of, run, draft)
    # A workflow that says --yes and --allow-data-loss was agreed to twice, by a person's label.
    how = how.grave(grave and not how.yes)
    with passing(draft), _telling(of, run, lambda text: _reported(report, f"{page}\n{text}\n")):
        if not carry_out(plan, ground, output, how):
            return
    output.result("deploy", _result(of, run))


def _existing(context: typer.Context, folder: Path, said: Said) -> tuple[Deployment, Ground]:
    """A stack that is there: checked first."""
    of, _ = target(context)
    stack = of.outputs.stack
    program = commits.here(folder)
    notes = _checked(of, program, said)
    instance = database.look(of.aws, of.outputs, of.outputs.database.identifier)
    if instance is not None and said.snapshot:
        database.settled(instance, "for a snapshot")
    balancer = of.outputs.load_balancer
    before, why_not = deploying.back(program, stack.stack)
    return Deployment(
        stack=stack.stack,
        project=stack.project,
        account=stack.account,
        region=stack.region,
        program=program,
        seen=deploying.looked(deploying.previewed(folder, stack.stack)),
        outputs=of.outputs,
        instance=instance if said.snapshot else None,
        before=before,
        why_not=why_not,
        url=said.url or (balancer.url if balancer and balancer.zone_id else None),
        profile=of.aws.profile,
        notes=notes,
    ), of


def _first(selection: Selection, folder: Path, stack: str, said: Said) -> tuple[Deployment, Ground]:
    """A stack that is to be made: there is nothing to look at, to save or to go back to."""
    region = pulumi_steps.setting(folder, stack, "aws:region")
    if region is None:
        raise UsageError(
            f"aws:region of {stack} is not set", f"pulumi config set aws:region REGION -s {stack}"
        )
    if selection.region not in (None, region):
        raise UsageError(f"--region is {selection.region!r}, may be {region!r}")
    aws = Aws(region, selection.profile)
    account = aws.account()
    notes = ("it is the first deployment: the record of this run is in a folder of this machine",)
    return Deployment(
        stack=stack,
        project=selection.project,
        account=account,
        region=region,
        program=commits.here(folder),
        url=said.url,
        profile=selection.profile,
        notes=notes,
        seen=deploying.looked(deploying.previewed(folder, stack)),
        why_not="there was nothing before it",
    ), Account(aws, account, region, place(account, region))


def _checked(of: Target, program: commits.Checkout, said: Said) -> tuple[str, ...]:
    """Raises FindingsError where something is in the way; a note where it was agreed to."""
    results = check(PRE, of.outputs, of.aws, clock.now(), 0)
    wrong = [f"{one.item}: {one.evidence}" for one in results if one.state != "ok"]
    if program.changed and of.outputs.stack.protect:
        wrong.append(f"program: files of {program.folder} are changed, and not committed")
    if not wrong:
        return ()
    if said.despite is None:
        helps = dict.fromkeys(r.command for r in results if r.command and r.state != "ok")
        raise FindingsError(
            f"{'; '.join(wrong)}; --despite REASON goes on all the same", f"ops check {PRE}", *helps
        )
    return tuple(f"in spite of {one}, since {said.despite}" for one in wrong)


def _shown(of: Deployment, output: Output) -> None:
    if output.form == "json":
        return
    columns = ("act", "component", "type", "resource", "changes")
    output.rows("deploy-changes", columns, deploying.changes(of.seen.preview))
    if of.seen.dangers:
        columns = ("danger", "act", "resource", "what", "downtime")
        output.rows("deploy-dangers", columns, [deploying.told(one) for one in of.seen.dangers])
    old, new = of.seen.costs.fixed
    output.line(f"monthly, fixed part: {old:.2f} $ before, {new:.2f} $ after")


def _result(of: Deployment, run: str) -> dict[str, object]:
    saved = of.instance and f"{of.instance.identifier}-{run}"
    return {
        "stack": of.stack,
        "state": "deployed",
        "commit": of.program.sha,
        "before": of.before,
        **of.seen.preview.counts,
        "snapshot": saved,
        "saved": run if of.outputs else None,
        "url": of.url,
        "run": run,
    }


def _reported(to: Path | None, text: str) -> None:
    """Raises UsageError where the report cannot be written."""
    if to is not None:
        written("--report", to, text)


@contextmanager
def _telling(of: Deployment, run: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Writes how it ended into the report, and what a person may do where it failed."""
    try:
        yield
    except RolledBackError as error:
        tell(f"**Failed** as `{run}`: {error}")
        if of.instance is not None:
            error.advice = (
                *error.advice,
                f"ops recover snapshot {of.instance.identifier}-{run}",
                f"ops runs show {run}",
            )
        raise
    except OpsError as error:
        tell(f"**Stopped** as `{run}`: {error}")
        raise
    tell(f"Deployed as `{run}`.")
