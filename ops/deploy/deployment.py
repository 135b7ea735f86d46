"""A stack deployed by its program: saved, changed as agreed, looked at, and back where it fails.

That Pulumi does what was agreed to is held by a second preview right before the deployment, not by
Pulumi's own plan files: those are a preview feature, and hold a refresh for a deviation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.core import ourselves
from ops.core import steps as verifying
from ops.core.errors import OpsError
from ops.core.plan import Plan, Shell, Step, Wait
from ops.core.service_models import folder as cache
from ops.database import snapshots
from ops.database.instance import Instance
from ops.deploy import commits
from ops.deploy.commits import Checkout
from ops.outputs import Outputs
from ops.preview import changes as preview
from ops.preview import page as preview_page
from ops.preview.changes import Preview
from ops.preview.dangers import Danger
from ops.preview.page import Seen
from ops.services.deploy import answers
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states

TYPICAL: Final = 15 * 60
ASSUMED: Final = "an assumption: most of it is whatever is replaced; a new database takes as long"
WITHIN: Final = 2 * 3600
LOOKED: Final = 20 * 60  # seconds until services and targets must be well after a deployment
SINCE: Final = 15  # minutes in which no alarm may have been raised
CHECKED: Final = "output.items[?state!='ok' && item!='new errors']"
PREVIEW: Final = ("preview", "--json", "--show-sames", "--refresh", "--non-interactive")


@dataclass(frozen=True)
class Deployment:
    """What is to be deployed, where, and what is known of it. `outputs` is None the first time.

    `before` is the commit to go back to, `why_not` says why there is none.
    """

    stack: str
    project: str
    account: str
    region: str
    program: Checkout
    seen: Seen
    outputs: Outputs | None = None
    instance: Instance | None = None
    before: str | None = None
    why_not: str = ""
    url: str | None = None
    profile: str | None = None
    notes: tuple[str, ...] = ()


def previewed(folder: Path, stack: str) -> Preview:
    """What a deployment would do now. Raises OpsError where Pulumi cannot say."""
    from ops.core.actions import command

    words = (*PREVIEW, *pulumi_steps.pack(folder), "--stack", stack)
    seen: Any = command(pulumi_steps.pulumi(folder, *words))
    if seen["output"] is None:
        said = preview.blinded(str(seen["said"]).strip())
        raise OpsError(f"pulumi preview ended with {seen['exit']}: {said[-500:]}")
    found = preview.told(seen["output"], stack)
    if seen["exit"] or found.errors:
        why = "; ".join(found.errors) or preview.blinded(str(seen["said"]).strip()[-500:])
        raise OpsError(f"the preview of {stack} failed: {why}")
    return found


def looked(found: Preview) -> Seen:
    """The preview with what follows from it."""
    return preview_page.seen([found])[0]


def back(program: Checkout, stack: str) -> tuple[str | None, str]:
    """The commit that a failed deployment goes back to; None, and why, where there is none."""
    if program.top is None:
        return None, "the program is in no repository"
    sha = commits.deployed(pulumi_steps.asked(pulumi_steps.history(program.folder, stack)))
    if sha is None:
        return None, "Pulumi's history knows no commit of a deployment that succeeded"
    if sha == program.sha and not program.changed:
        return None, "it is this very commit that was deployed last"
    if not commits.has(program, sha):
        return None, f"{sha[:12]}, which was deployed last, is not in this repository"
    return sha, ""


def plan(of: Deployment, run: str, draft: Path) -> Plan:
    """The whole of it. `draft` is where the state is exported to."""
    folder = of.program.folder
    steps: list[Step] = []
    if of.outputs is not None:
        if of.instance is not None:
            steps.append(snapshots.saving(of.outputs, of.instance, run))
        steps += states.saving(of.outputs, folder, draft, run)
    steps.append(_agreed(of))
    steps.append(_up(of, run))
    steps.append(pulumi_steps.outputs(folder, of.stack, [("stack.stack", of.stack)]))
    if of.outputs is not None and of.instance is not None:
        steps.append(
            verifying.available(of.outputs, of.instance.identifier, synced=False).model_copy(
                update={"name": "database"}
            )
        )
    steps.append(_checked(of))
    if of.url is not None:
        steps.append(answers(of.url))
    return Plan(
        run=run,
        kind="deploy",
        arguments=of.stack,
        stack=of.stack,
        account=of.account,
        region=of.region,
        steps=tuple(steps),
        notes=(*of.notes, *_notes(of)),
    )


def _notes(of: Deployment) -> Sequence[str]:
    commit = of.program.sha[:12] if of.program.sha else "a program of no repository"
    found = [f"what is deployed is {commit}{', with changes' * of.program.changed}"]
    if of.before:
        found.append(
            f"where it fails {of.before[:12]}, which was deployed last, is deployed again; data go "
            "back by nobody's hand but a person's"
        )
    else:
        found.append(
            f"where it fails nothing is deployed again: {of.why_not}; what was saved stays, mend "
            "the program and deploy it"
        )
    return found


def _agreed(of: Deployment) -> Step:
    look = ourselves.typed(
        "state", "previewed", "--of", of.stack, "--program", str(of.program.folder)
    )
    wanted = preview.fingerprint(of.seen.preview)
    return Step(
        name="agreed",
        says="see that a deployment would still do what was agreed to",
        do=look,
        goal=Wait(
            read=look,
            met={"output.digest": wanted},
            failed={f"output.digest != '{wanted}' && exit == `0`": [True]},
            every=15,
            within=900,
        ),
    )


def _up(of: Deployment, run: str) -> Step:
    sha = of.program.sha if of.program.sha and not of.program.changed else None
    message = f"{run}{commits.OF}{sha}" if sha else run
    step = pulumi_steps.up(
        of.program.folder, of.stack, message, f"deploy {of.stack}", TYPICAL, ASSUMED, WITHIN
    )
    undo = tuple(_returned(of, run, of.before)) if of.before else ()
    return step.model_copy(update={"undo": undo, "downtime": 0})


def _returned(of: Deployment, run: str, sha: str) -> list[Step]:
    """The commit of before, in a folder of its own, deployed with the packages of now."""
    program, top = of.program, of.program.top
    assert top is not None
    tree = cache() / "deploys" / f"{of.stack}-{sha[:12]}"
    folder = tree / program.below
    packages = program.folder / ".venv"
    there = Shell(argv=("test", "-e", str(folder / ".venv")), repeatable=True)
    linked = [
        Step(
            name="packages",
            says=f"give it the packages of {packages}",
            do=Shell(argv=("ln", "-sfn", str(packages), str(folder / ".venv")), repeatable=True),
            goal=Wait(read=there, met={"exit": 0}, every=1, within=30),
        )
    ] * packages.exists()
    up = pulumi_steps.up(
        folder,
        of.stack,
        f"{run}-back{commits.OF}{sha}",
        f"deploy {sha[:12]} again, which was deployed last",
        TYPICAL,
        ASSUMED,
        WITHIN,
    )
    return [
        Step(
            name="checkout",
            says=f"put {sha[:12]} into {tree}",
            do=commits.git(top, "worktree", "add", "--force", "--detach", str(tree), sha),
            goal=Wait(
                read=commits.git(top, "-C", str(tree), "diff", "--quiet", sha),
                met={"exit": 0},
                every=2,
                within=300,
            ),
        ),
        *linked,
        up.model_copy(update={"name": "back", "downtime": 0}),
    ]


def _checked(of: Deployment) -> Step:
    """What was deployed is well, by the checklist; but for lines of logs that are errors."""
    look = ourselves.typed_on(
        "check",
        "post-deploy",
        "--since",
        str(SINCE),
        project=of.project,
        stack=of.stack,
        region=of.region,
        profile=of.profile,
    )
    return Step(
        name="well",
        says=f"see services, targets and alarms of {of.stack} well",
        do=look,
        goal=Wait(
            read=look,
            met={"output.list": "post-deploy", f"length({CHECKED} || `[]`)": 0},
            late={"exit": [3]},
            every=30,
            within=LOOKED,
        ),
    )


def told(danger: Danger) -> dict[str, object]:
    """A danger, for a person who is to agree to it."""
    change = danger.change
    return {
        "danger": danger.kind,
        "act": change.act,
        "resource": change.name,
        "what": danger.what,
        "downtime": danger.downtime or None,
    }


def changes(found: Preview) -> list[dict[str, object]]:
    """Everything that would be done, the gravest first."""
    acts = preview.ACTS
    listed = sorted(
        (one for one in found.changes if one.act != "same"),
        key=lambda one: (acts.index(one.act), one.component, one.type, one.name),
    )
    return [
        {
            "act": one.act,
            "component": one.component,
            "type": one.type,
            "resource": one.name,
            "changes": one.said() or None,
        }
        for one in listed
    ]
