"""A stage that was measured on the first day of a March, until five minutes after its end."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.backup.models import backup_backends
from moto.elbv2.models import elbv2_backends
from moto.rds.models import rds_backends

from components.facts.metrics import RDS_NAMESPACE
from ops.outputs import ObjectivesPart
from sandbox.patches.backup.plans import get_recovery_points
from tests.ops import change_stage, db_stage, fleet_stage, service_stage
from tests.ops.incident_stage import put_incident_opening
from tests.ops.metric_stage import put_values
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

OBJECTIVES: Final = ObjectivesPart(
    availability_percent=99.9,
    latency_percent=95,
    latency_ms=500,
    database_availability_percent=99.95,
    statement_latency_ms=200,
    deployment_success_percent=99,
    backup_success_percent=100,
)
STEP_MINUTES: Final = 5  # of the values that are put
STEPS: Final = 24 * 60 // STEP_MINUTES
SILENT_ALARM: Final = f"{STACK_PREFIX}-database-silent-primary"
ERRORS_ALARM: Final = f"{STACK_PREFIX}-target-5xx-count-backend"
BALANCER_NAME: Final = f"{STACK_PREFIX}-alb"


def move_to_march(stage: Stage) -> datetime:
    """Lets time pass until the next March begins, which always has 31 days."""
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    march = datetime(now.year + 1, 3, 1, tzinfo=UTC)
    stage.clock.sleep((march - now).total_seconds())
    return march


def put_measured_stack(stage: Stage) -> None:
    """All parts, older than the month, which begins now; nothing is measured yet."""
    service_stage.put_services(stage, ("backend", "frontend"))
    fleet_stage.put_fleet(stage)
    db_stage.put_database(stage)
    _put_balancer(stage)
    _put_vault(stage)
    names = {"P0": (SILENT_ALARM,), "P1": (ERRORS_ALARM,)}
    alarms = stage.outputs.alarms.model_copy(update={"objectives": OBJECTIVES, "names": names})
    stage.outputs = stage.outputs.model_copy(update={"alarms": alarms})
    march = move_to_march(stage)
    created = march - timedelta(days=40)
    for instance in rds_backends[ACCOUNT][REGION].databases.values():
        instance.instance_create_time = created
    put_recovery_point(stage, march)


def put_first_day(stage: Stage) -> None:
    """All parts at the end of the first day of the month."""
    put_measured_stack(stage)
    sleep_to_end_of_day(stage)


def put_first_day_without_vault(stage: Stage) -> None:
    """The same, with RDS's own backups alone."""
    put_first_day(stage)
    backups = stage.outputs.backups.model_copy(update={"vault": None})
    stage.outputs = stage.outputs.model_copy(update={"backups": backups})


def put_first_day_with_incident(stage: Stage) -> None:
    """The same, with an incident that was opened as the month began."""
    put_measured_stack(stage)
    put_incident_opening(stage)
    sleep_to_end_of_day(stage)


FIRST_DAYS: Final = (put_first_day, put_first_day_without_vault, put_first_day_with_incident)


def put_recovery_point(stage: Stage, time: datetime, status: str = "COMPLETED") -> None:
    """A recovery point of the database, kept for 35 days."""
    vault = str(stage.outputs.backups.vault)
    get_recovery_points(backup_backends[ACCOUNT][REGION], vault).append(
        {
            "RecoveryPointArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:{time:%Y%m%d}",
            "ResourceArn": stage.outputs.database.arn,
            "Status": status,
            "CreationDate": time.timestamp(),
            "CalculatedLifecycle": {"DeleteAt": (time + timedelta(days=35)).timestamp()},
        }
    )


def put_day_values(stage: Stage, name: str, values: list[float | None], **options: Any) -> None:
    """Values of each five minutes of the day that ended five minutes ago."""
    dimensions = get_balancer_dimensions(stage)
    put_values(
        stage,
        name,
        values,
        minutes_ago=24 * 60 + STEP_MINUTES,
        apart_minutes=STEP_MINUTES,
        **{"dimensions": dimensions, **options},
    )


def put_database_minutes(stage: Stage, missing: range = range(0)) -> None:
    """A value each minute of the day; those of some minutes are missing."""
    put_values(
        stage,
        "DatabaseConnections",
        [None if minute in missing else 6 for minute in range(24 * 60)],
        namespace=RDS_NAMESPACE,
        dimensions={"DBInstanceIdentifier": stage.outputs.database.identifier},
        minutes_ago=24 * 60 + STEP_MINUTES,
    )


def get_balancer_dimensions(stage: Stage) -> dict[str, str]:
    """The load balancer as CloudWatch names it."""
    assert stage.outputs.load_balancer is not None
    return {"LoadBalancer": stage.outputs.load_balancer.arn.partition(":loadbalancer/")[2]}


def sleep_to_end_of_day(stage: Stage) -> None:
    """Lets time pass until the values of the first day of the month have come."""
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    end = now.replace(day=2, hour=0, minute=STEP_MINUTES, second=0, microsecond=0)
    stage.clock.sleep((end - now).total_seconds())


def raise_silent_alarm(stage: Stage) -> None:
    """The alarm of a database that reports nothing."""
    change_stage.put_raised_alarm(stage, SILENT_ALARM)


def end_silent_alarm(stage: Stage) -> None:
    """The alarm is over."""
    stage.client("cloudwatch").set_alarm_state(
        AlarmName=SILENT_ALARM, StateValue="OK", StateReason="back"
    )


def _put_balancer(stage: Stage) -> None:
    subnet = stage.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    created = stage.client("elbv2").create_load_balancer(Name=BALANCER_NAME, Subnets=[subnet])
    arn = created["LoadBalancers"][0]["LoadBalancerArn"]
    part = stage.outputs.load_balancer
    assert part is not None
    balancer = elbv2_backends[ACCOUNT][REGION].load_balancers[arn]
    balancer.created_time = "2026-01-01T00:00:00.000Z"
    changed = part.model_copy(update={"arn": arn})
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": changed})


def _put_vault(stage: Stage) -> None:
    name = str(stage.outputs.backups.vault)
    stage.client("backup").create_backup_vault(BackupVaultName=name)
