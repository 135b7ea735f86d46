"""Cases of the checks around a deployment: the lock, rollouts, alarms, backups, errors."""

from typing import Any, Final

from ops.core.lock import LockRecord
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from tests.ops.checks.single_item import ChecklistCase
from tests.ops.health_answers import (
    AwsAnswers,
    answer_deployment,
    answer_instance,
    answer_log_events,
    answer_refresh,
    answer_services,
)
from tests.ops.single_check import NOW, build_changed_outputs, format_time_ago

ALARMS_API, OBJECT_API = "cloudwatch.describe_alarms", "s3.get_object"


def answer_lock(**overrides: Any) -> AwsAnswers:
    now = NOW.timestamp()
    lock_record = LockRecord(
        holder="a@b", run="r-1", reason="a release", since=now - 60, until=now + 60
    )
    return {OBJECT_API: [{"text": lock_record.model_copy(update=overrides).model_dump_json()}]}


GRAVE_ALARM: Final = "bulwark-test-balancer-5xx"
MILD_ALARM: Final = "bulwark-test-balancer-rejected"


def build_alarm_item(
    name: str, state: str = "OK", since: str = format_time_ago(minutes=5)
) -> dict[str, Any]:
    text = "P0. The site is down. Run: ops usage"
    return {
        "AlarmName": name,
        "StateValue": state,
        "AlarmDescription": text,
        "StateReason": "why",
        "StateUpdatedTimestamp": since,
    }


def answer_alarms(
    severe_state: str = "OK", mild_state: str = "OK", since: str = format_time_ago(minutes=5)
) -> AwsAnswers:
    return {
        ALARMS_API: [
            build_alarm_item(GRAVE_ALARM, severe_state, since),
            build_alarm_item(MILD_ALARM, mild_state, since),
        ]
    }


ALARM_OUTPUTS = build_changed_outputs(
    "alarms",
    names={"P0": (GRAVE_ALARM,), "P2": (MILD_ALARM,)},
)


DEPLOYMENT_CASES: list[ChecklistCase] = [
    (
        HEALTH_CHECKS_BY_KEY["lock-free"],
        None,
        {OBJECT_API: []},
        [
            (answer_lock(), "failing", "held by a@b for r-1: a release, until", "ops lock show"),
            ({OBJECT_API: [{"text": "{}"}]}, "unknown", "is no lock", "ops lock show"),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["no-deployment"],
        None,
        answer_services(),
        [
            (
                answer_deployment("IN_PROGRESS", format_time_ago(minutes=1)),
                "failing",
                "1 of them under way",
                "ops service events --service backend",
            ),
            (
                answer_services(deployments=[{}, {}]),
                "failing",
                "2 deployments",
                "ops service events",
            ),
            ({"ecs.describe_services": []}, "failing", "is gone", "pulumi up"),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["no-instance-refresh"],
        None,
        answer_refresh("Failed"),
        [
            (answer_refresh("InProgress"), "failing", "is InProgress", "ops fleet refresh status"),
            (answer_refresh("Baking"), "failing", "is Baking", "ops fleet refresh status"),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["grave-alarms"],
        ALARM_OUTPUTS,
        answer_alarms(mild_state="ALARM"),
        [
            (answer_alarms(severe_state="ALARM"), "failing", "why", "ops health"),
            (
                {ALARMS_API: [build_alarm_item(MILD_ALARM)]},
                "unknown",
                f"1 are not there: {GRAVE_ALARM}",
                "pulumi up",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["deploy-restorable"],
        None,
        answer_instance(LatestRestorableTime=format_time_ago(minutes=9)),
        [
            (
                answer_instance(LatestRestorableTime=format_time_ago(minutes=11)),
                "failing",
                "11 min ago",
                "ops db snapshot create",
            ),
            (
                answer_instance(LatestRestorableTime=None),
                "failing",
                "no backup yet",
                "ops db snapshot create",
            ),
            ({"rds.describe_db_instances": []}, "failing", "is gone", "ops db snapshot create"),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["new-alarms"],
        ALARM_OUTPUTS,
        answer_alarms("ALARM", since=format_time_ago(minutes=16)),
        [
            (answer_alarms("OK", "ALARM"), "failing", "why", "ops metrics"),
            (
                {ALARMS_API: [build_alarm_item(MILD_ALARM)]},
                "unknown",
                f"1 are not there: {GRAVE_ALARM}",
                "pulumi up",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["new-log-errors"],
        None,
        answer_log_events(0),
        [
            (
                answer_log_events(1),
                "failing",
                "1 in the last 15 min, the newest at",
                "ops logs errors",
            ),
            (
                {"logs.filter_log_events": [{"cut": True}]},
                "unknown",
                "more lines",
                "ops logs errors",
            ),
        ],
    ),
]
