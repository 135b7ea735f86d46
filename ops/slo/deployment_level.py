"""How many deployments succeeded: those of ops, and those that ECS and Auto Scaling had beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.changes.model import ChangeEvent, SourceName
from ops.outputs import ObjectivesPart
from ops.slo.model import ServiceLevel, Spending
from ops.slo.month import Month

DEPLOYMENT_SOURCES: Final[tuple[SourceName, ...]] = ("runs", "deployments", "refreshes")
# How lines of commands that deploy begin: of the stack, of a service, of the fleet.
DEPLOY_LINE_STARTS: Final = tuple(f"ops {noun}deploy " for noun in ("", "service ", "fleet "))
_RUN_DONE: Final = "done"
# How deployments and refreshes end. Sources: API references, ServiceDeployment.status and
# InstanceRefresh.Status. One that was stopped or cancelled, by another or by a person, is neither.
SUCCEEDED: Final = ("SUCCESSFUL", "Successful")
FAILED: Final = (
    "ROLLBACK_REQUESTED",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
    "Failed",
    "RollbackSuccessful",
    "RollbackFailed",
)


@dataclass(frozen=True)
class Deployment:
    """A deployment that ended."""

    began: datetime
    ended: datetime
    what: str
    is_good: bool


def build_deployment_level(
    events: Sequence[ChangeEvent],
    month: Month,
    kept_share: float,
    objectives: ObjectivesPart | None,
    gaps: Sequence[str],
    notes: Sequence[str],
) -> ServiceLevel:
    """The deployments that ended in the month; what has not ended is not judged.

    `kept_share` is the share of the month that AWS still tells of; runs are kept for good.
    """
    runs, unfinished = _list_run_deployments(events)
    deployments = [
        *runs,
        *(
            deployment
            for deployment in _list_aws_deployments(events)
            if not any(run.began <= deployment.began <= run.ended for run in runs)
        ),
    ]
    bad = [deployment for deployment in deployments if not deployment.is_good]
    open_notes = (
        [f"{len(unfinished)} not ended, and not judged: {', '.join(unfinished)}"]
        if unfinished
        else []
    )
    return ServiceLevel(
        name="deployments",
        about="deployments that succeeded",
        unit="deployments",
        objective=objectives.deployment_success_percent if objectives is not None else None,
        good=len(deployments) - len(bad),
        bad=len(bad),
        seen=kept_share,
        gaps=tuple(gaps),
        notes=(*notes, *open_notes),
        spendings=tuple(
            Spending(deployment.began, deployment.ended, 1, deployment.what)
            for deployment in sorted(bad, key=lambda deployment: deployment.began)
        ),
    )


def _list_run_deployments(events: Sequence[ChangeEvent]) -> tuple[list[Deployment], list[str]]:
    """The runs that deploy and ended in the span, and those that began in it and did not end."""
    began: dict[str, ChangeEvent] = {}
    deployments: list[Deployment] = []
    for event in events:
        if event.source != "runs" or not event.what.startswith(DEPLOY_LINE_STARTS):
            continue
        run = str(event.subject)
        if event.what.endswith(" ended"):
            start = began.pop(run, event)
            what = f"{event.what} as {event.outcome}: {run}"
            is_good = event.outcome == _RUN_DONE
            deployments.append(Deployment(start.time, event.time, what, is_good))
        elif " began" in event.what:
            began[run] = event
    return deployments, list(began)


def _list_aws_deployments(events: Sequence[ChangeEvent]) -> list[Deployment]:
    starts: dict[tuple[SourceName, str | None], datetime] = {}
    ends: dict[tuple[SourceName, str | None], ChangeEvent] = {}
    for event in events:
        if event.source not in ("deployments", "refreshes"):
            continue
        key = (event.source, event.subject)
        starts.setdefault(key, event.time)
        if event.outcome in (*SUCCEEDED, *FAILED):
            ends[key] = event
    return [
        Deployment(starts[key], end.time, _describe(end), end.outcome in SUCCEEDED)
        for key, end in ends.items()
    ]


def _describe(event: ChangeEvent) -> str:
    return f"{event.part}: {event.what} ({event.outcome})"


def measure_kept_share(month: Month, kept_since: Mapping[SourceName, datetime]) -> float:
    """The share of the month of which all sources still have their events."""
    first = max((month.since, *kept_since.values()))
    return max(0.0, min(1.0, (month.until - first) / (month.until - month.since)))
