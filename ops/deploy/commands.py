"""`ops deploy`: a stack deployed by its program, as a workflow or a person does it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from components.facts.fleet import LAUNCH_TEMPLATE_TYPE
from ops.bootstrap.context import AccountContext, get_account_folder
from ops.checks.table import evaluate_checklist
from ops.cli.context import get_selection, write_report
from ops.cli.execution import (
    ExecutionOptions,
    ProgramOption,
    delete_after,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.markdown import escape_markup
from ops.cli.render import Output
from ops.cli.selection import Selection, require_program_of_project
from ops.core import clock
from ops.core.aws import Aws
from ops.core.errors import FindingsError, OpsError, RolledBackError, UsageError
from ops.core.run_context import RunContext, StackContext
from ops.database import instance as database
from ops.database.statuses import Change
from ops.deploy import commits
from ops.deploy import deployment as deploying
from ops.deploy.deployment import StackDeployment
from ops.deploy.earlier_stack import describe_earlier_run, find_earlier_stack
from ops.deploy.taken_names import find_taken_names, require_free_names
from ops.fleet.template_steps import build_template_steps
from ops.outputs import LoadBalancerPart
from ops.preview import page as preview_page
from ops.preview.dangers import has_data_loss
from ops.recovery.rebuild import resolve_program_folder as program_of
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states

app = typer.Typer(add_completion=False)
PRE_DEPLOY_CHECK: Final = "pre-deploy"


@dataclass(frozen=True)
class DeployOptions:
    """What the options say of how careful it is to be."""

    override_reason: str | None
    snapshot: bool
    url: str | None


@app.command(name="deploy")
@mutating_command
def deploy_stack(
    context: typer.Context,
    stack: Annotated[str, typer.Argument(help="of this program, like prod")],
    program: ProgramOption = Path(),
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
    after: Annotated[
        str | None,
        typer.Option(
            metavar="STACK",
            help="where the commit is to have run before; default: staging before prod",
        ),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Deploys a stack: checked, previewed, saved, deployed, looked at; back where it fails.

    The plan says whether the commit ran on the stack before, for how long, and how it did there.
    Exit code 3 where a check fails, or data would be lost that nobody agreed to lose; 5 where the
    deployment failed and the commit of before was deployed again.
    """
    folder = program_of(program)
    _write_deploy_report(report, "")
    selection, output = get_selection(context)
    if selection.stack not in (None, stack):
        raise UsageError(f"--stack is {selection.stack!r}, STACK is {stack!r}: name one of them")
    deploy_options = DeployOptions(despite, snapshot, url)
    earlier_stack = find_earlier_stack(stack, after)
    is_deployed = pulumi_steps.has_stack_outputs(folder, stack)
    if is_deployed is None:
        raise UsageError(
            f"STACK is {stack!r}, which Pulumi does not know",
            f"pulumi stack init {stack}",
            "ops bootstrap",
        )
    context.obj = (replace(selection, stack=stack), output.output_format)
    run = new_run_id("deploy" if is_deployed else "first")
    deployment, run_context = (
        _prepare_existing_stack(context, folder, deploy_options)
        if is_deployed
        else _prepare_first_deployment(selection, folder, stack, deploy_options)
    )
    assessment = deployment.assessment
    page = preview_page.render_preview_page([assessment], allowed=allow_data_loss)
    _write_deploy_report(report, page)
    if assessment.preview.is_empty:
        output.print_result("deploy", {"stack": stack, "state": "nothing to do"})
        return
    _show_deployment(deployment, output)
    if earlier_stack is not None:
        earlier_run = describe_earlier_run(
            selection, deployment.program, earlier_stack, clock.now()
        )
        deployment = replace(deployment, earlier_run=earlier_run)
    is_destructive = has_data_loss(assessment.dangers)
    if is_destructive and not allow_data_loss:
        raise FindingsError(
            "data would be lost; --allow-data-loss agrees to it", "ops preview-report FILE"
        )
    draft = states.get_draft_file(run)
    plan = deploying.build_stack_deploy_plan(deployment, run)
    # A workflow that says --yes and --allow-data-loss was agreed to twice, by a person's label.
    options = options.as_destructive(is_destructive and not options.yes)
    with (
        delete_after(draft),
        _report_outcome(
            deployment, run, lambda text: _write_deploy_report(report, f"{page}\n{text}\n")
        ),
    ):
        if not execute_plan(plan, run_context, output, options, program=folder):
            return
    output.print_result("deploy", _build_deploy_result(deployment, run))


def _prepare_existing_stack(
    context: typer.Context, folder: Path, deploy_options: DeployOptions
) -> tuple[StackDeployment, RunContext]:
    """A stack that is there: checked first."""
    stack_context, _ = load_stack_context(context)
    stack = stack_context.outputs.stack
    require_program_of_project(folder, stack.project)
    program = commits.read_checkout(folder)
    notes = _run_pre_deploy_check(stack_context, program, deploy_options)
    instance = database.find_instance(
        stack_context.aws, stack_context.outputs, stack_context.outputs.database.identifier
    )
    if instance is not None and deploy_options.snapshot:
        database.require_takes(instance, "for a snapshot", Change.SNAPSHOT)
    previous_commit, no_undo_reason = deploying.find_undo_commit(program, stack.stack)
    assessment = deploying.assess_preview(deploying.run_preview(folder, stack.stack))
    fleet_steps = (
        build_template_steps(
            stack_context.aws,
            stack_context.outputs,
            is_changed=any(
                change.type == LAUNCH_TEMPLATE_TYPE and change.kind != "same"
                for change in assessment.preview.changes
            ),
        )
        if stack_context.outputs.fleet is not None
        else ()
    )
    return StackDeployment(
        stack=stack.stack,
        project=stack.project,
        account=stack.account,
        region=stack.region,
        program=program,
        assessment=assessment,
        outputs=stack_context.outputs,
        fleet_steps=tuple(fleet_steps),
        instance=instance if deploy_options.snapshot else None,
        previous_commit=previous_commit,
        no_undo_reason=no_undo_reason,
        url=deploy_options.url or find_public_url(stack_context.outputs.load_balancer),
        notes=notes,
    ), stack_context


def find_public_url(load_balancer: LoadBalancerPart | None) -> str | None:
    """Returns the stack's URL if it resolves and answers everywhere, not in its VPC alone."""
    if load_balancer is None or load_balancer.zone_id is None or load_balancer.internal:
        return None
    return load_balancer.url


def _prepare_first_deployment(
    selection: Selection, folder: Path, stack: str, deploy_options: DeployOptions
) -> tuple[StackDeployment, RunContext]:
    """A stack that is to be made: there is nothing to look at, to save or to go back to."""
    region = pulumi_steps.find_stack_setting(folder, stack, "aws:region")
    if region is None:
        raise UsageError(
            f"aws:region of {stack} is not set", f"pulumi config set aws:region REGION -s {stack}"
        )
    if selection.region not in (None, region):
        raise UsageError(f"--region is {selection.region!r}, must be {region!r}")
    aws = Aws(region, selection.profile)
    account = aws.get_account()
    assessment = deploying.assess_preview(deploying.run_preview(folder, stack))
    notes = (
        "it is the first deployment: the record of this run is in a folder of this machine",
        *require_free_names(
            find_taken_names(aws, region, assessment.preview), deploy_options.override_reason
        ),
    )
    return StackDeployment(
        stack=stack,
        project=selection.resolve_project(folder),
        account=account,
        region=region,
        program=commits.read_checkout(folder),
        url=deploy_options.url,
        notes=notes,
        assessment=assessment,
        no_undo_reason="there was nothing before it",
    ), AccountContext(aws, account, region, get_account_folder(account, region))


def _run_pre_deploy_check(
    context: StackContext, program: commits.Checkout, deploy_options: DeployOptions
) -> tuple[str, ...]:
    """Raises FindingsError where something is in the way; a note where it was agreed to."""
    results = evaluate_checklist(PRE_DEPLOY_CHECK, context.outputs, context.aws, clock.now(), 0)
    failures = [
        f"{finding.item}: {finding.evidence}" for finding in results if finding.state != "ok"
    ]
    if program.dirty and context.outputs.stack.protect:
        failures.append(f"program: files of {program.folder} are changed, and not committed")
    if not failures:
        return ()
    if deploy_options.override_reason is None:
        help_commands = dict.fromkeys(
            result.command for result in results if result.command and result.state != "ok"
        )
        raise FindingsError(
            f"{'; '.join(failures)}; --despite REASON goes on all the same",
            f"ops check {PRE_DEPLOY_CHECK}",
            *help_commands,
        )
    return tuple(
        f"in spite of {finding}, since {deploy_options.override_reason}" for finding in failures
    )


def _show_deployment(deployment: StackDeployment, output: Output) -> None:
    if output.output_format == "json":
        return
    columns = ("act", "component", "type", "resource", "changes")
    output.print_rows(
        "deploy-changes", columns, deploying.format_change_rows(deployment.assessment.preview)
    )
    if deployment.assessment.dangers:
        columns = ("danger", "act", "resource", "what", "downtime")
        output.print_rows(
            "deploy-dangers",
            columns,
            [deploying.format_danger_row(danger) for danger in deployment.assessment.dangers],
        )
    old, new = deployment.assessment.costs.totals
    output.print_line(f"monthly, fixed part: {old:.2f} $ before, {new:.2f} $ after")


def _build_deploy_result(deployment: StackDeployment, run: str) -> dict[str, object]:
    snapshot_name = deployment.instance and f"{deployment.instance.identifier}-{run}"
    return {
        "stack": deployment.stack,
        "state": "deployed",
        "commit": deployment.program.sha,
        "before": deployment.previous_commit,
        **deployment.assessment.preview.counts,
        "snapshot": snapshot_name,
        "saved": run if deployment.outputs else None,
        "url": deployment.url,
        "run": run,
    }


def _write_deploy_report(file: Path | None, text: str) -> None:
    """Raises UsageError where the report cannot be written."""
    if file is not None:
        write_report("--report", file, text)


@contextmanager
def _report_outcome(
    deployment: StackDeployment, run: str, write_outcome: Callable[[str], None]
) -> Iterator[None]:
    """Writes how it ended into the report, and what a person may do where it failed."""
    try:
        yield
    except RolledBackError as error:
        write_outcome(f"**Failed** as `{run}`: {escape_markup(str(error))}")
        if deployment.instance is not None:
            error.advice = (
                *error.advice,
                f"ops recover snapshot {deployment.instance.identifier}-{run}",
                f"ops runs show {run}",
            )
        raise
    except OpsError as error:
        write_outcome(f"**Stopped** as `{run}`: {escape_markup(str(error))}")
        raise
    write_outcome(f"Deployed as `{run}`.")
