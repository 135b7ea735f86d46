"""A stage with a cache and what can reach it."""

from tests.ops import fleet_stage, metric_stage, service_stage
from tests.ops.stage import Stage


def put_cache_and_service(stage: Stage) -> None:
    """A cache, and one service with ECS Exec."""
    metric_stage.put_cache(stage)
    service_stage.put_exec_service(stage)
    services = stage.outputs.services
    assert services is not None
    backend_only = services.model_copy(
        update={"services": {"backend": services.services["backend"]}}
    )
    stage.outputs = stage.outputs.model_copy(update={"services": backend_only})


def put_cache_and_fleet(stage: Stage) -> None:
    """A cache in a stack whose only compute is a fleet of one instance."""
    metric_stage.put_cache(stage)
    fleet_stage.put_fleet_only(stage)
