"""A stage with metrics on it, and a cache."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from components.facts.metrics import ALB_NAMESPACE
from ops.outputs import CachePart
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

BALANCER: Final = {"LoadBalancer": f"app/{STACK_PREFIX}-alb/50dc6c495c0c9188"}
BACKEND_TARGETS: Final = {
    **BALANCER,
    "TargetGroup": "targetgroup/alb-backend-a1b2c3d/6d0ecf831eec9f09",
}


def put_values(
    stage: Stage,
    name: str,
    values: Sequence[float | None],
    *,
    namespace: str = ALB_NAMESPACE,
    dimensions: dict[str, str] | None = None,
    minutes_ago: float = 60,
    apart_minutes: float = 1,
) -> None:
    """Data points of a metric, the first so many minutes before this one; None is none."""
    first = datetime.fromtimestamp(stage.clock.now() // 60 * 60, UTC)
    first -= timedelta(minutes=minutes_ago)
    data = [
        {
            "MetricName": name,
            "Dimensions": [
                {"Name": key, "Value": value} for key, value in (dimensions or BALANCER).items()
            ],
            "Timestamp": first + timedelta(minutes=number * apart_minutes),
            "Value": value,
        }
        for number, value in enumerate(values)
        if value is not None
    ]
    stage.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)


def put_cache(stage: Stage) -> None:
    """A cache of two nodes."""
    identifier = f"{STACK_PREFIX}-cache"
    stage.client("elasticache").create_replication_group(
        ReplicationGroupId=identifier,
        ReplicationGroupDescription="cache",
        Engine="redis",
        CacheNodeType="cache.t4g.small",
        NumCacheClusters=2,
        AutomaticFailoverEnabled=True,
    )
    cache = CachePart(
        identifier=identifier,
        arn=f"arn:aws:elasticache:{REGION}:{ACCOUNT}:replicationgroup:{identifier}",
        engine="redis",
        primary_endpoint="cache.example.com",
        reader_endpoint="cache-ro.example.com",
        port=6379,
        secret_arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{identifier}-AbCdEf",
        security_group_id="sg-cache",
    )
    stage.outputs = stage.outputs.model_copy(update={"cache": cache})
