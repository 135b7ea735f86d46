"""`ops service run`, and `ops service deploy --before`."""

from typing import Final

from ops.core.plan import Plan
from ops.services import deploy as deployments
from ops.services import images
from ops.services.command_task import build_service_run_plan
from ops.services.model import get_service
from tests.ops.procedures import Procedure
from tests.ops.procedures.service_revisions import collect_undone_deploy_facts
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    collect_service_facts,
    list_run_tasks,
    put_services,
)
from tests.ops.stage import Stage

RUN: Final = "service-run-1"


def plan_service_run(stage: Stage) -> Plan:
    service = get_service(stage.aws, stage.outputs, "backend")
    return build_service_run_plan(stage.aws, stage.outputs, service, ["true"], RUN)


def plan_deploy_with_command(stage: Stage) -> Plan:
    service = get_service(stage.aws, stage.outputs, "backend")
    image = images.resolve_image(stage.aws, f"{BACKEND_IMAGE}:v2")
    return deployments.build_service_deploy_plan(
        stage.aws, stage.outputs, service, image, RUN, before=["true"]
    )


def count_run_tasks(stage: Stage) -> int:
    """The tasks that the run started, however they ended."""
    return len(list_run_tasks(stage, RUN))


def collect_deploy_facts(stage: Stage) -> object:
    """The service, and how many tasks ran the command."""
    return collect_service_facts(stage), count_run_tasks(stage)


PROCEDURES: Final = (
    Procedure(
        "service run",
        "backend true",
        put_services,
        plan_service_run,
        count_run_tasks,
        steps_maybe_done=frozenset({"stop_run"}),  # a command ends by itself
        collect_undone_facts=lambda _: None,  # one that was started is stopped, others never ran
    ),
    Procedure(
        "service deploy",
        f"{BACKEND_IMAGE}:v2 --service backend --before true",
        put_services,
        plan_deploy_with_command,
        collect_deploy_facts,
        collect_undone_facts=collect_undone_deploy_facts,
        steps_maybe_done=frozenset({"stop_before"}),
        is_long=True,
    ),
)
