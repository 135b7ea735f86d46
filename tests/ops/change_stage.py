"""A stage on which things change: each source of `ops changes` has something to say."""

from datetime import UTC, datetime
from typing import Any, Final

from sandbox.patches.autoscaling.application_autoscaling import get_service_activities
from sandbox.patches.cloudtrail import TrailEvent, get_trail_events
from tests.ops import db_stage, fleet_stage, metric_stage, service_stage
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

ALARM: Final = f"{STACK_PREFIX}-database-cpu-high"


def put_changed_stack(stage: Stage) -> None:
    """Services, a fleet, a database, a cache and an alarm that was raised."""
    service_stage.put_services(stage, ("backend", "frontend"))
    fleet_stage.put_fleet(stage)
    db_stage.put_database(stage)
    metric_stage.put_cache(stage)
    put_secrets(stage)
    put_raised_alarm(stage)


def put_secrets(stage: Stage) -> None:
    """The secrets of the database and the cache, as the outputs name them."""
    secrets = stage.client("secretsmanager")
    known = {item["Name"] for item in secrets.list_secrets()["SecretList"]}
    outputs = stage.outputs
    assert outputs.cache is not None
    arns = {}
    for part in ("database", "cache"):
        name = f"{STACK_PREFIX}-{part}-1"
        if name not in known:
            secrets.create_secret(Name=name, SecretString="{}")
        arns[part] = secrets.describe_secret(SecretId=name)["ARN"]
    stage.outputs = outputs.model_copy(
        update={
            "database": outputs.database.model_copy(update={"secret_arn": arns["database"]}),
            "cache": outputs.cache.model_copy(update={"secret_arn": arns["cache"]}),
        }
    )


def put_raised_alarm(stage: Stage, name: str = ALARM) -> None:
    """An alarm in state ALARM; the stack's own, which its outputs name, is ALARM."""
    alarms = stage.outputs.alarms.model_copy(update={"names": {"P1": (ALARM,)}})
    stage.outputs = stage.outputs.model_copy(update={"alarms": alarms})
    cloudwatch = stage.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/RDS",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=90,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="high")


def put_call(
    stage: Stage,
    event: str,
    parameters: dict[str, Any],
    *,
    minutes_ago: float = 20,
    source: str = "ec2",
    **record: Any,
) -> None:
    """A call in CloudTrail's history."""
    fields = {
        "eventID": f"{event}-{minutes_ago}",
        "eventName": event,
        "eventSource": f"{source}.amazonaws.com",
        "readOnly": False,
        "userIdentity": {"type": "IAMUser", "userName": "ada", "arn": "arn:aws:iam::1:user/ada"},
        "requestParameters": parameters,
        **record,
    }
    time = datetime.fromtimestamp(stage.clock.now() - minutes_ago * 60, UTC)
    get_trail_events(ACCOUNT, REGION).append(TrailEvent(time, fields))


def put_scaling_activity(stage: Stage, service: str, description: str, status: str) -> None:
    """A scaling activity of a service, a minute ago."""
    from moto.applicationautoscaling.models import applicationautoscaling_backends

    resource = f"service/{STACK_PREFIX}/{service}"
    get_service_activities(applicationautoscaling_backends[ACCOUNT][REGION]).append(
        {
            "ActivityId": f"activity-{service}",
            "ServiceNamespace": "ecs",
            "ResourceId": resource,
            "ScalableDimension": "ecs:service:DesiredCount",
            "Description": description,
            "Cause": "monitor alarm cpu-high in state ALARM triggered policy cpu",
            "StartTime": datetime.fromtimestamp(stage.clock.now() - 60, UTC),
            "StatusCode": status,
            "StatusMessage": "the maximum was reached",
        }
    )
