"""`ops service deploy`, `rollback` and `restart`."""

from typing import Final

from ops.core.plan import Plan
from ops.services import deploy as deployments
from ops.services import images
from ops.services import model as services
from tests.ops.procedures import Procedure
from tests.ops.service_stage import IMAGE, facts, put
from tests.ops.stage import Stage


def deploying(on: Stage, tag: str = "v2", run: str = "run-1") -> Plan:
    service = services.one(on.aws, on.outputs, "backend")
    image = images.resolve_image(on.aws, f"{IMAGE}:{tag}")
    return deployments.deploy(on.aws, on.outputs, service, image, run)


def going_back(on: Stage) -> Plan:
    service = services.one(on.aws, on.outputs, "backend")
    return deployments.rollback(on.aws, on.outputs, service, "run-2")


def restarting(on: Stage) -> Plan:
    service = services.one(on.aws, on.outputs, "backend")
    return deployments.restart(on.aws, on.outputs, service, "run-3")


def put_second(on: Stage) -> None:
    """The service after one deployment that went well."""
    put(on)
    ecs = on.client("ecs")
    made = ecs.register_task_definition(
        family="bulwark-test-backend",
        containerDefinitions=[{"name": "backend", "image": f"{IMAGE}:v2", "memory": 256}],
    )
    arn = made["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="bulwark-test", service="backend", taskDefinition=arn)
    on.clock.sleep(3600)


def returned(on: Stage) -> object:
    """What is left of one that was turned back: ECS may have completed or ended it before."""
    deployments, revision, counts, _, registered = facts(on)
    return deployments, revision, counts, registered


PROCEDURES: Final = (
    Procedure(
        "service deploy",
        f"{IMAGE}:v2 --service backend",
        put,
        deploying,
        facts,
        undone=returned,
    ),
    Procedure(
        "service deploy",
        f"{IMAGE}:v4-crash --service backend",
        put,
        lambda on: deploying(on, "v4-crash"),
        facts,
        outcome="undone",
        undone=returned,
    ),
    Procedure(
        "service deploy",
        f"{IMAGE}:v5-unhealthy --service backend",
        put,
        lambda on: deploying(on, "v5-unhealthy"),
        facts,
        outcome="undone",
        undone=returned,
    ),
    Procedure(
        "service rollback",
        "--service backend",
        put_second,
        going_back,
        facts,
        undone=returned,
    ),
    Procedure("service restart", "--service backend", put, restarting, facts, undone=returned),
)
