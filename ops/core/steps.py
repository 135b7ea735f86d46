"""What must hold after an operation: seen by steps that look and change nothing."""

from typing import Any, Final

from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.engine import StepFailedError, verdict
from ops.core.errors import OpsError
from ops.core.plan import Call, Sql, Step, Wait
from ops.database import instance as database
from ops.database.instance import PENDING, STATUS
from ops.database.parameters import APPLIED, APPLY
from ops.outputs import Outputs

AT_ONCE: Final = 10  # services a call. Source: ECS API reference, DescribeServices
UNSTEADY: Final = (
    "services[?runningCount != desiredCount || pendingCount != `0` || length(deployments) != `1` "
    "|| deployments[0].rolloutState == 'IN_PROGRESS' || deployments[0].rolloutState == 'FAILED']"
    ".serviceName"
)
ASK: Final = Sql(statement="SELECT 1 AS answers", patient=True)
ANSWERING: Final = Wait(read=ASK, met={"rows[0].answers": 1}, every=5, within=1800)


def available(outputs: Outputs, identifier: str, *, synced: bool) -> Step:
    """The instance is available, and nothing waits; not `synced`, settings may wait for a reboot
    that waited before."""
    looking = database.looking(outputs, identifier)
    applied: Any = {APPLY: "in-sync"} if synced else {APPLIED: True}
    return Step(
        name="verify",
        says=f"see {identifier} available, with nothing pending",
        do=looking,
        goal=Wait(
            read=looking,
            met={STATUS: "available", PENDING: {}, **applied},
            failed={STATUS: list(database.BROKEN)},
            every=15,
            within=1800,
        ),
    )


def answers(identifier: str) -> Step:
    """The primary answers a query, with the password of the stack's secret."""
    return Step(name="answers", says=f"see {identifier} answer a query", do=ASK, goal=ANSWERING)


def steady(outputs: Outputs) -> list[Step]:
    """Each service runs what it should, and nothing is being deployed."""
    return [
        Step(
            name=f"steady_{number}",
            says=f"see {', '.join(names)} steady",
            do=read,
            goal=Wait(
                read=read, met={"length(services)": len(names), UNSTEADY: []}, every=15, within=1800
            ),
        )
        for number, (names, read) in enumerate(_services(outputs), 1)
    ]


def checked(aws: Aws, outputs: Outputs) -> None:
    """Raises OpsError where a service is not steady now: afterwards nobody could tell why."""
    for step in steady(outputs):
        seen: Any = Actions(aws)(step.do, {})
        try:
            well = verdict(step.goal, seen) == "met"
        except StepFailedError:
            well = False
        if not well:
            raise OpsError(
                "not all services are steady, which they must be before: " + step.says,
                "ops service list",
            )


def _services(outputs: Outputs) -> list[tuple[list[str], Call]]:
    part = outputs.services
    if part is None:
        return []
    names = sorted(part.services)
    groups = [names[n : n + AT_ONCE] for n in range(0, len(names), AT_ONCE)]
    return [
        (
            group,
            Call(
                api="ecs.describe_services",
                params={"cluster": part.cluster, "services": list(group)},
                region=outputs.stack.region,
            ),
        )
        for group in groups
    ]
