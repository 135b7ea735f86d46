"""What must hold after an operation: seen by steps that look and change nothing."""

from typing import Any, Final

from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.goal_evaluation import StepFailedError, evaluate
from ops.core.plan import Call, Sql, Step, Wait
from ops.core.service_reports import build_service_reports
from ops.database import instance as database
from ops.database.instance import PENDING_CHANGES_PATH
from ops.database.parameters import PARAMETER_APPLY_STATUS_PATH, PARAMETERS_APPLIED_EXPRESSION
from ops.database.statuses import STEADY, build_failed_conditions
from ops.outputs import Outputs

SERVICES_PER_CALL: Final = 10  # services a call. Source: ECS API reference, DescribeServices
UNSTABLE_SERVICES_PATH: Final = (
    "services[?runningCount != desiredCount || pendingCount != `0` || length(deployments) != `1` "
    "|| deployments[0].rolloutState == 'IN_PROGRESS' || deployments[0].rolloutState == 'FAILED']"
    ".serviceName"
)
ANSWER_QUERY: Final = Sql(statement="SELECT 1 AS answers", unreachable_is_answer=True)
DATABASE_ANSWERS: Final = Wait(read=ANSWER_QUERY, met={"rows[0].answers": 1}, every=5, within=1800)


def build_instance_available_step(outputs: Outputs, identifier: str, *, in_sync: bool) -> Step:
    """The instance is available, and nothing waits; not `synced`, settings may wait for a reboot
    that waited before."""
    describe_call = database.describe_instance_call(outputs, identifier)
    parameter_conditions: Any = (
        {PARAMETER_APPLY_STATUS_PATH: "in-sync"}
        if in_sync
        else {PARAMETERS_APPLIED_EXPRESSION: True}
    )
    return Step(
        name="verify",
        description=f"see {identifier} available, with nothing pending",
        action=describe_call,
        goal=Wait(
            read=describe_call,
            met={
                **STEADY,
                PENDING_CHANGES_PATH: {},
                **parameter_conditions,
            },
            failed=build_failed_conditions(),
            every=15,
            within=1800,
        ),
    )


def build_database_answers_step(identifier: str) -> Step:
    """The primary answers a query, with the password of the stack's secret."""
    return Step(
        name="answers",
        description=f"see {identifier} answer a query",
        action=ANSWER_QUERY,
        goal=DATABASE_ANSWERS,
    )


def build_services_stable_steps(outputs: Outputs) -> list[Step]:
    """Each service runs what it should, and nothing is being deployed."""
    return [
        Step(
            name=f"steady_{number}",
            description=f"see {', '.join(names)} steady",
            action=describe_call,
            goal=Wait(
                read=describe_call,
                met={"length(services)": len(names), UNSTABLE_SERVICES_PATH: []},
                every=15,
                within=1800,
                reports=build_service_reports(describe_call),
            ),
        )
        for number, (names, describe_call) in enumerate(_list_service_calls(outputs), 1)
    ]


def require_services_stable(aws: Aws, outputs: Outputs) -> None:
    """Raises OpsError where a service is not steady now: afterwards nobody could tell why."""
    for step in build_services_stable_steps(outputs):
        response: Any = Actions(aws)(step.action, {})
        try:
            is_stable = evaluate(step.goal, response) == "met"
        except StepFailedError:
            is_stable = False
        if not is_stable:
            raise OpsError(
                "not all services are steady, which they must be before: " + step.description,
                "ops service list",
            )


def _list_service_calls(outputs: Outputs) -> list[tuple[list[str], Call]]:
    services_part = outputs.services
    if services_part is None:
        return []
    names = sorted(services_part.services)
    groups = [names[n : n + SERVICES_PER_CALL] for n in range(0, len(names), SERVICES_PER_CALL)]
    return [
        (
            group,
            Call(
                api="ecs.describe_services",
                params={"cluster": services_part.cluster, "services": list(group)},
                region=outputs.stack.region,
            ),
        )
        for group in groups
    ]
