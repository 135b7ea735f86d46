"""`ops alarms mute` and `unmute`, by rules and by actions."""

from datetime import timedelta
from typing import Any, Final, Literal

from ops.alarms import mute as muting
from ops.alarms import mute_state as muted
from ops.core.actions import Actions
from ops.core.engine import Engine
from ops.core.journal import BucketJournalStore, Journal
from ops.core.plan import Plan
from ops.core.run_context import StackContext
from tests.ops.procedures import Procedure
from tests.ops.stage import ACCOUNT, REGION, Stage

ALARM_PREFIX: Final = "bulwark-test"
ALARM_NAMES: Final = {
    "P0": ("target-none-healthy-backend",),
    "P1": ("database-cpu-high-primary", "target-5xx-count-backend"),
    "P2": ("database-load-high-primary", "slo-availability-slow-burn"),
}
SCALING_ALARM: Final = "TargetTracking-service/bulwark-test/backend-AlarmHigh-1"
MUTE_RUN: Final = "mute-20261121-120000-abcd"
PAGE_TOPIC_ARN: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:{ALARM_PREFIX}-page"
SCALING_POLICY_ARN: Final = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:1:policyName/cpu"


def put_alarms(stage: Stage) -> None:
    """The stack's alarms, one of them a composite, and one that scales; the outputs name them."""
    cloudwatch = stage.client("cloudwatch")
    for name in (
        alarm_name
        for names in ALARM_NAMES.values()
        for alarm_name in names[:2]
        if not alarm_name.startswith("slo-")
    ):
        put_stack_alarm(cloudwatch, f"{ALARM_PREFIX}-{name}", PAGE_TOPIC_ARN)
    put_stack_alarm(cloudwatch, SCALING_ALARM, SCALING_POLICY_ARN)
    cloudwatch.put_composite_alarm(
        AlarmName=f"{ALARM_PREFIX}-slo-availability-slow-burn",
        AlarmRule=f'ALARM("{ALARM_PREFIX}-target-5xx-count-backend")',
        AlarmActions=[PAGE_TOPIC_ARN],
    )
    names = {
        severity: tuple(f"{ALARM_PREFIX}-{name}" for name in severity_names)
        for severity, severity_names in ALARM_NAMES.items()
    }
    part = stage.outputs.alarms.model_copy(update={"names": names})
    stage.outputs = stage.outputs.model_copy(update={"alarms": part})


def put_stack_alarm(cloudwatch: Any, name: str, action: str) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/RDS",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=90,
        AlarmActions=[action],
        OKActions=[action],
        ComparisonOperator="GreaterThanThreshold",
        AlarmDescription="P1. CPU. Run: ops db status",
    )


def plan_mute(stage: Stage, method: Literal["rules", "actions"], severity: str = "P2") -> Plan:
    """A mute of one severity for ten hours."""
    now = stage.clock.held_clock.now()
    alarms = muting.select_alarms(
        muting.list_stack_alarms(stage.aws, stage.outputs), ALARM_PREFIX, severity=severity
    )
    return muting.build_mute_plan(
        stage.outputs, alarms, now, now + timedelta(hours=10), "planned", MUTE_RUN, method
    )


def plan_unmute(stage: Stage) -> Plan:
    disabled_names = [
        alarm.name
        for alarm in muting.list_stack_alarms(stage.aws, stage.outputs)
        if not alarm.has_enabled_actions
    ]
    mutes = muted.list_mutes(StackContext(stage.outputs, stage.aws), disabled_alarms=disabled_names)
    return muting.build_unmute_plan(stage.outputs, mutes, "unmute-1")


def put_muted_alarms(stage: Stage, method: Literal["rules", "actions"] = "rules") -> None:
    """Alarms that ops has muted, with the journal of the run in the bucket."""
    put_alarms(stage)
    bucket = stage.outputs.backups.operations_bucket
    s3 = stage.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    journal = Journal(BucketJournalStore(s3, bucket, MUTE_RUN))
    actions = Actions(stage.aws)
    assert Engine(actions, journal, stage.clock).start(plan_mute(stage, method)) == "done"


def collect_alarm_facts(stage: Stage) -> object:
    """Which alarms act, and what is muted by rules."""
    cloudwatch = stage.client("cloudwatch")
    kinds = ["MetricAlarm", "CompositeAlarm"]
    response = cloudwatch.describe_alarms(AlarmTypes=kinds)
    alarms = [*response["MetricAlarms"], *response["CompositeAlarms"]]
    rules = cloudwatch.list_alarm_mute_rules()["AlarmMuteRuleSummaries"]
    return (
        sorted((alarm["AlarmName"], alarm["ActionsEnabled"]) for alarm in alarms),
        [(rule["AlarmMuteRuleArn"].rsplit(":", 1)[-1], rule["Status"]) for rule in rules],
    )


PROCEDURES: Final = (
    Procedure(
        "alarms mute",
        "--for 600 --severity P2 --reason planned",
        put_alarms,
        lambda stage: plan_mute(stage, "rules"),
        collect_alarm_facts,
    ),
    Procedure(
        "alarms mute",
        "--for 600 --severity P2 --reason planned --by actions",
        put_alarms,
        lambda stage: plan_mute(stage, "actions"),
        collect_alarm_facts,
    ),
    Procedure("alarms unmute", "", put_muted_alarms, plan_unmute, collect_alarm_facts),
    Procedure(
        "alarms unmute",
        "",
        lambda stage: put_muted_alarms(stage, "actions"),
        plan_unmute,
        collect_alarm_facts,
    ),
)
