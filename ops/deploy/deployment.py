"""A stack deployed by its program: saved, changed as agreed, looked at, and back where it fails.

That Pulumi does what was agreed to is held by a second preview right before the deployment, not by
Pulumi's own plan files: those are a preview feature, and hold a refresh for a deviation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ops.core import steps as verifying
from ops.core.errors import OpsError
from ops.core.local_commands import (
    CHECKOUT_PLACEHOLDER,
    PROGRAM_PLACEHOLDER,
    build_ops_command,
    build_stack_ops_command,
)
from ops.core.plan import Plan, ProgramCommand, Step, Wait
from ops.core.stack_plan import NO_COST
from ops.database import snapshots
from ops.database.instance import DatabaseInstance
from ops.deploy import commits
from ops.deploy.commits import Checkout
from ops.outputs import Outputs
from ops.preview import changes as preview
from ops.preview import page as preview_page
from ops.preview.changes import Preview
from ops.preview.dangers import Danger
from ops.preview.document import CHANGE_KINDS
from ops.preview.failure import has_reason, list_text_reasons
from ops.preview.page import PreviewAssessment
from ops.prices.difference import describe_difference
from ops.services.deployment_steps import build_url_answers_step
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states

DEPLOY_SECONDS: Final = 15 * 60
DEPLOY_TIME_SOURCE: Final = (
    "an assumption: most of it is whatever is replaced; a new database takes as long"
)
DEPLOY_TIMEOUT_SECONDS: Final = 2 * 3600
DEPLOY_CHECK_TIMEOUT_SECONDS: Final = (
    20 * 60
)  # seconds until services and targets must be well after a deployment
NEW_ALARM_MINUTES: Final = 15  # minutes in which no alarm may have been raised
FAILED_ITEMS_PATH: Final = "output.items[?state!='ok' && item!='new errors']"
PREVIEW_ARGUMENTS: Final = ("preview", "--json", "--show-sames", "--refresh", "--non-interactive")
# The same as text, which says what JSON does not: why a policy refuses.
TEXT_PREVIEW_ARGUMENTS: Final = ("preview", "--refresh", "--non-interactive", "--color", "never")
# What stands in a plan for how the commit did on the stack before: whether it ran, and how it did.
EARLIER_RUN_PLACEHOLDERS: Final = ("EARLIER", "EVIDENCE")
MAX_REASONS: Final = 20  # reasons of a failed preview that are shown


@dataclass(frozen=True)
class StackDeployment:
    """What is to be deployed, where, and what is known of it. `outputs` is None the first time.

    `previous_commit` is the one to go back to, `no_undo_reason` says why there is none;
    `fleet_steps` bring the fleet to the launch template that the deployment leaves; `earlier_run`
    says how the commit did on the stack before, which is not agreed to.
    """

    stack: str
    project: str
    account: str
    region: str
    program: Checkout
    assessment: PreviewAssessment
    outputs: Outputs | None = None
    instance: DatabaseInstance | None = None
    previous_commit: str | None = None
    no_undo_reason: str = ""
    url: str | None = None
    fleet_steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    earlier_run: tuple[str, ...] = ()


def run_preview(folder: Path, stack: str) -> Preview:
    """What a deployment would do now. Raises OpsError with what Pulumi said if it failed."""
    from ops.core.actions import run_shell_command

    options = (*pulumi_steps.build_policy_pack_options(folder), "--stack", stack)
    result: Any = run_shell_command(
        pulumi_steps.build_pulumi_shell(folder, *PREVIEW_ARGUMENTS, *options)
    )
    stack_preview = None if not result["output"] else preview.parse_live(result["output"], stack)
    if stack_preview is not None and not result["exit"] and not stack_preview.errors:
        return stack_preview
    reasons = stack_preview.errors if stack_preview is not None else ()
    if not has_reason(reasons):
        reasons = list_text_reasons(str(result["said"])) or reasons
    if not has_reason(reasons):
        text_result: Any = run_shell_command(
            pulumi_steps.build_pulumi_shell(folder, *TEXT_PREVIEW_ARGUMENTS, *options)
        )
        reasons = list_text_reasons(str(text_result["said"])) or reasons
    raise OpsError(f"the preview of {stack} failed: {_format_reasons(reasons, result['exit'])}")


def _format_reasons(reasons: Sequence[str], exit_code: int) -> str:
    """The first reasons, a line each, and how many more there are."""
    if not reasons:
        return f"Pulumi ended with {exit_code} and said nothing"
    shown = list(reasons[:MAX_REASONS])
    if len(reasons) > MAX_REASONS:
        shown.append(f"and {len(reasons) - MAX_REASONS} more")
    return shown[0] if len(shown) == 1 else "".join(f"\n  {reason}" for reason in shown)


def assess_preview(stack_preview: Preview) -> PreviewAssessment:
    """The preview with what follows from it."""
    return preview_page.assess_previews([stack_preview])[0]


def find_undo_commit(program: Checkout, stack: str) -> tuple[str | None, str]:
    """The commit that a failed deployment goes back to; None, and why, where there is none."""
    if program.repository is None:
        return None, "the program is in no repository"
    sha = commits.find_deployed_commit(
        pulumi_steps.read_pulumi_json(
            pulumi_steps.build_pulumi_shell(
                program.folder, *pulumi_steps.build_history_words(stack)
            )
        )
    )
    if sha is None:
        return None, "Pulumi's history knows no commit of a deployment that succeeded"
    if sha == program.sha and not program.dirty:
        return None, "it is this very commit that was deployed last"
    if not commits.has_commit(program, sha):
        return None, f"{sha[:12]}, which was deployed last, is not in this repository"
    return sha, ""


def build_stack_deploy_plan(deployment: StackDeployment, run: str) -> Plan:
    """The whole deployment."""
    steps: list[Step] = []
    if deployment.outputs is not None:
        if deployment.instance is not None:
            steps.append(
                snapshots.build_snapshot_step(deployment.outputs, deployment.instance, run)
            )
        steps += states.build_state_backup_steps(deployment.outputs, run)
    steps.append(_build_preview_unchanged_step(deployment))
    steps.append(_build_stack_up_step(deployment, run))
    steps.append(
        pulumi_steps.build_outputs_step(deployment.stack, [("stack.stack", deployment.stack)])
    )
    if deployment.outputs is not None and deployment.instance is not None:
        steps.append(
            verifying.build_instance_available_step(
                deployment.outputs, deployment.instance.identifier, in_sync=False
            ).model_copy(update={"name": "database"})
        )
    steps += deployment.fleet_steps
    steps.append(_build_health_check_step(deployment))
    if deployment.url is not None:
        steps.append(build_url_answers_step(deployment.url))
    earlier_texts = dict(zip(EARLIER_RUN_PLACEHOLDERS, deployment.earlier_run, strict=False))
    return Plan(
        run=run,
        kind="deploy",
        arguments=deployment.stack,
        stack=deployment.stack,
        account=deployment.account,
        region=deployment.region,
        steps=tuple(steps),
        changes=(_describe_commit_change(deployment),),
        losses=tuple(
            f"{danger.change.name}: {danger.description}"
            for danger in deployment.assessment.dangers
            if danger.kind == "data"
        ),
        notes=(
            *(f"${{{name}}}" for name in earlier_texts),
            *deployment.notes,
            *_build_notes(deployment),
        ),
        captured=earlier_texts,
        cost=_describe_preview_cost(deployment.assessment),
    )


def _describe_preview_cost(assessment: PreviewAssessment) -> str:
    before, after = assessment.costs.totals
    return describe_difference(after - before) if after != before else NO_COST


def _describe_commit_change(deployment: StackDeployment) -> str:
    program = deployment.program
    after = program.sha[:12] if program.sha else "a program of no repository"
    before = deployment.previous_commit[:12] if deployment.previous_commit else "not known"
    return f"what is deployed: {before} -> {after}{', with changes' * program.dirty}"


def _build_notes(deployment: StackDeployment) -> Sequence[str]:
    notes = []
    if deployment.previous_commit:
        notes.append(
            f"if it fails, {deployment.previous_commit[:12]}, which was deployed last, is deployed "
            "again; data are not restored"
        )
    else:
        notes.append(
            f"if it fails, nothing is deployed again: {deployment.no_undo_reason}; what was saved "
            "stays: mend the program and deploy it"
        )
    return notes


def _build_preview_unchanged_step(deployment: StackDeployment) -> Step:
    digest_command = build_ops_command(
        "state", "previewed", "--of", deployment.stack, "--program", PROGRAM_PLACEHOLDER
    )
    expected_digest = deployment.assessment.preview.digest
    return Step(
        name="agreed",
        description="see that a deployment would still do what was agreed to",
        action=digest_command,
        goal=Wait(
            read=digest_command,
            met={"output.digest": expected_digest},
            failed={f"output.digest != '{expected_digest}' && exit == `0`": [True]},
            every=15,
            within=900,
        ),
    )


def _build_stack_up_step(deployment: StackDeployment, run: str) -> Step:
    sha = (
        deployment.program.sha if deployment.program.sha and not deployment.program.dirty else None
    )
    message = f"{run}{commits.COMMIT_SEPARATOR}{sha}" if sha else run
    step = pulumi_steps.build_up_step(
        deployment.program.folder,
        deployment.stack,
        message,
        f"deploy {deployment.stack}",
        DEPLOY_SECONDS,
        DEPLOY_TIME_SOURCE,
        DEPLOY_TIMEOUT_SECONDS,
    )
    undo = (
        tuple(_build_undo_steps(deployment, run, deployment.previous_commit))
        if deployment.previous_commit
        else ()
    )
    return step.model_copy(update={"undo": undo, "downtime": 0})


def _build_undo_steps(deployment: StackDeployment, run: str, sha: str) -> list[Step]:
    """The commit that was deployed last, in a checkout of its own, with the packages of now."""
    checkout = f"{deployment.stack}-{sha[:12]}"
    up_step = pulumi_steps.build_up_step(
        deployment.program.folder,
        deployment.stack,
        f"{run}-back{commits.COMMIT_SEPARATOR}{sha}",
        f"deploy {sha[:12]} again, which was deployed last",
        DEPLOY_SECONDS,
        DEPLOY_TIME_SOURCE,
        DEPLOY_TIMEOUT_SECONDS,
        checkout=checkout,
    )
    worktree_words = ("worktree", "add", "--force", "--detach", CHECKOUT_PLACEHOLDER, sha)
    return [
        Step(
            name="checkout",
            description=f"check out {sha[:12]} in a folder beside the program",
            action=_build_checkout_command("git", checkout, *worktree_words),
            goal=Wait(
                read=_build_checkout_command(
                    "git", checkout, "-C", CHECKOUT_PLACEHOLDER, "diff", "--quiet", sha
                ),
                met={"exit": 0},
                every=2,
                within=300,
            ),
        ),
        Step(
            name="packages",
            description="give it the program's packages",
            action=_build_checkout_command("packages", checkout, "link"),
            goal=Wait(
                read=_build_checkout_command("packages", checkout, "check"),
                met={"exit": 0},
                every=1,
                within=30,
            ),
        ),
        up_step.model_copy(update={"name": "back", "downtime": 0}),
    ]


def _build_checkout_command(
    tool: Literal["git", "packages"], checkout: str, *arguments: str
) -> ProgramCommand:
    return ProgramCommand(tool=tool, arguments=arguments, checkout=checkout)


def _build_health_check_step(deployment: StackDeployment) -> Step:
    """What was deployed is well, by the checklist; but for lines of logs that are errors."""
    check_command = build_stack_ops_command(
        "check",
        "post-deploy",
        "--since",
        str(NEW_ALARM_MINUTES),
        project=deployment.project,
        stack=deployment.stack,
        region=deployment.region,
    )
    return Step(
        name="well",
        description=f"see services, targets and alarms of {deployment.stack} well",
        action=check_command,
        goal=Wait(
            read=check_command,
            met={"output.list": "post-deploy", f"length({FAILED_ITEMS_PATH} || `[]`)": 0},
            failed_on_timeout={"exit": [3]},
            every=30,
            within=DEPLOY_CHECK_TIMEOUT_SECONDS,
        ),
    )


def format_danger_row(danger: Danger) -> dict[str, object]:
    """A danger, for a person who is to agree to it."""
    change = danger.change
    return {
        "danger": danger.kind,
        "act": change.kind,
        "resource": change.name,
        "what": danger.description,
        "downtime": danger.downtime or None,
    }


def format_change_rows(stack_preview: Preview) -> list[dict[str, object]]:
    """Everything that would be done, the gravest first."""
    change_kinds = CHANGE_KINDS
    sorted_changes = sorted(
        (change for change in stack_preview.changes if change.kind != "same"),
        key=lambda change: (
            change_kinds.index(change.kind),
            change.component,
            change.type,
            change.name,
        ),
    )
    return [
        {
            "act": change.kind,
            "component": change.component,
            "type": change.type,
            "resource": change.name,
            "changes": change.format_properties() or None,
        }
        for change in sorted_changes
    ]
