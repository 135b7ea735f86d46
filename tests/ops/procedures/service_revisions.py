"""`ops service deploy`, `rollback` and `restart`."""

from typing import Final

from ops.core.plan import Plan
from ops.services import deploy as deployments
from ops.services import images
from ops.services import model as services
from tests.ops.procedures import Procedure
from tests.ops.service_stage import BACKEND_IMAGE, collect_service_facts, put_services
from tests.ops.stage import Stage


def plan_service_deploy(stage: Stage, tag: str = "v2", run: str = "run-1") -> Plan:
    service = services.get_service(stage.aws, stage.outputs, "backend")
    image = images.resolve_image(stage.aws, f"{BACKEND_IMAGE}:{tag}")
    return deployments.build_service_deploy_plan(stage.aws, stage.outputs, service, image, run)


def plan_service_rollback(stage: Stage) -> Plan:
    service = services.get_service(stage.aws, stage.outputs, "backend")
    return deployments.build_service_rollback_plan(stage.aws, stage.outputs, service, "run-2")


def plan_service_restart(stage: Stage) -> Plan:
    service = services.get_service(stage.aws, stage.outputs, "backend")
    return deployments.build_service_restart_plan(stage.aws, stage.outputs, service, "run-3")


def put_second_deployment(stage: Stage) -> None:
    """The service after one deployment that went well."""
    put_services(stage)
    ecs = stage.client("ecs")
    task_definition = ecs.register_task_definition(
        family="bulwark-test-backend",
        containerDefinitions=[{"name": "backend", "image": f"{BACKEND_IMAGE}:v2", "memory": 256}],
    )
    arn = task_definition["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="bulwark-test", service="backend", taskDefinition=arn)
    stage.clock.sleep(3600)


def collect_undone_deploy_facts(stage: Stage) -> object:
    """What is left of one that was turned back: ECS may have completed or ended it before."""
    deployments, revision, counts, _, revision_images = collect_service_facts(stage)
    return deployments, revision, counts, revision_images


PROCEDURES: Final = (
    Procedure(
        "service deploy",
        f"{BACKEND_IMAGE}:v2 --service backend",
        put_services,
        plan_service_deploy,
        collect_service_facts,
        collect_undone_facts=collect_undone_deploy_facts,
    ),
    Procedure(
        "service deploy",
        f"{BACKEND_IMAGE}:v4-crash --service backend",
        put_services,
        lambda stage: plan_service_deploy(stage, "v4-crash"),
        collect_service_facts,
        outcome="undone",
        collect_undone_facts=collect_undone_deploy_facts,
    ),
    Procedure(
        "service deploy",
        f"{BACKEND_IMAGE}:v5-unhealthy --service backend",
        put_services,
        lambda stage: plan_service_deploy(stage, "v5-unhealthy"),
        collect_service_facts,
        outcome="undone",
        collect_undone_facts=collect_undone_deploy_facts,
    ),
    Procedure(
        "service rollback",
        "--service backend",
        put_second_deployment,
        plan_service_rollback,
        collect_service_facts,
        collect_undone_facts=collect_undone_deploy_facts,
    ),
    Procedure(
        "service restart",
        "--service backend",
        put_services,
        plan_service_restart,
        collect_service_facts,
        collect_undone_facts=collect_undone_deploy_facts,
    ),
)
