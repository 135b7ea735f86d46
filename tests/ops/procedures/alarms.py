"""`ops alarms mute` and `unmute`, by rules and by actions."""

from datetime import timedelta
from typing import Any, Final, Literal

from ops.alarms import mute as muting
from ops.alarms import mute_state as muted
from ops.core.actions import Actions
from ops.core.engine import Engine
from ops.core.journal import BucketJournalStore, Journal
from ops.core.plan import Plan
from ops.core.run import StackContext
from tests.ops.procedures import Procedure
from tests.ops.stage import ACCOUNT, REGION, Stage

PREFIX: Final = "bulwark-test"
NAMES: Final = {
    "P0": ("target-none-healthy-backend",),
    "P1": ("database-cpu-high-primary", "target-5xx-count-backend"),
    "P2": ("database-load-high-primary", "slo-availability-slow-burn"),
}
SCALING: Final = "TargetTracking-service/bulwark-test/backend-AlarmHigh-1"
RUN: Final = "mute-20261121-120000-abcd"
TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-page"
POLICY: Final = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:1:policyName/cpu"


def put(on: Stage) -> None:
    """The stack's alarms, one of them a composite, and one that scales; the outputs name them."""
    cloudwatch = on.client("cloudwatch")
    for name in (n for names in NAMES.values() for n in names[:2] if not n.startswith("slo-")):
        put_alarm(cloudwatch, f"{PREFIX}-{name}", TOPIC)
    put_alarm(cloudwatch, SCALING, POLICY)
    cloudwatch.put_composite_alarm(
        AlarmName=f"{PREFIX}-slo-availability-slow-burn",
        AlarmRule=f'ALARM("{PREFIX}-target-5xx-count-backend")',
        AlarmActions=[TOPIC],
    )
    names = {
        severity: tuple(f"{PREFIX}-{name}" for name in listed) for severity, listed in NAMES.items()
    }
    part = on.outputs.alarms.model_copy(update={"names": names})
    on.outputs = on.outputs.model_copy(update={"alarms": part})


def put_alarm(cloudwatch: Any, name: str, action: str) -> None:
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


def muting_of(on: Stage, how: Literal["rules", "actions"], severity: str = "P2") -> Plan:
    """A mute of one severity for ten hours."""
    now = on.clock.held.now()
    found = muting.select_alarms(
        muting.list_stack_alarms(on.aws, on.outputs), PREFIX, severity=severity
    )
    return muting.build_mute_plan(
        on.outputs, found, now, now + timedelta(hours=10), "planned", RUN, how
    )


def unmuting(on: Stage) -> Plan:
    off = [
        a.name for a in muting.list_stack_alarms(on.aws, on.outputs) if not a.has_enabled_actions
    ]
    found = muted.list_mutes(StackContext(on.outputs, on.aws), disabled_alarms=off)
    return muting.build_unmute_plan(on.outputs, found, "unmute-1")


def put_muted(on: Stage, how: Literal["rules", "actions"] = "rules") -> None:
    """Alarms that ops has muted, with the journal of the run in the bucket."""
    put(on)
    bucket = on.outputs.backups.operations_bucket
    s3 = on.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    journal = Journal(BucketJournalStore(s3, bucket, RUN))
    actions = Actions(on.aws)
    assert Engine(actions, journal, on.clock).start(muting_of(on, how)) == "done"


def facts(on: Stage) -> object:
    """Which alarms act, and what is muted by rules."""
    cloudwatch = on.client("cloudwatch")
    kinds = ["MetricAlarm", "CompositeAlarm"]
    found = cloudwatch.describe_alarms(AlarmTypes=kinds)
    alarms = [*found["MetricAlarms"], *found["CompositeAlarms"]]
    rules = cloudwatch.list_alarm_mute_rules()["AlarmMuteRuleSummaries"]
    return (
        sorted((alarm["AlarmName"], alarm["ActionsEnabled"]) for alarm in alarms),
        [(rule["AlarmMuteRuleArn"].rsplit(":", 1)[-1], rule["Status"]) for rule in rules],
    )


PROCEDURES: Final = (
    Procedure(
        "alarms mute",
        "--for 600 --severity P2 --reason planned",
        put,
        lambda on: muting_of(on, "rules"),
        facts,
    ),
    Procedure(
        "alarms mute",
        "--for 600 --severity P2 --reason planned --by actions",
        put,
        lambda on: muting_of(on, "actions"),
        facts,
    ),
    Procedure("alarms unmute", "", put_muted, unmuting, facts),
    Procedure("alarms unmute", "", lambda on: put_muted(on, "actions"), unmuting, facts),
)
