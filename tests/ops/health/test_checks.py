"""Each check: well, failing for its reason with a command, unknown without an answer."""

from typing import Any

import pytest

from ops.core.check_runner import run_checks
from ops.core.checks import TRUNCATED, CheckFacts, ReadAnswer, UnknownAnswerError
from ops.health.logs import MAX_LOG_GROUPS as READ_AT_ONCE
from ops.health.logs import redact_line
from ops.health.registry import HEALTH_CHECKS
from tests.ops.health_answers import (
    DATABASE_IDENTIFIER,
    FREE_STORAGE_METRIC_ID,
    METRIC_DATA_API,
    OUTPUTS_BY_CASE,
    TARGET_GROUP_NAMES,
    AwsAnswers,
    answer_activity,
    answer_cache,
    answer_certificate,
    answer_deployment,
    answer_free_storage,
    answer_group,
    answer_host_counts,
    answer_instance,
    answer_log_events,
    answer_nat_gateway,
    answer_nat_instance,
    answer_pending_action,
    answer_refresh,
    answer_refused_connections,
    answer_replicated_backup,
    answer_scaling,
    answer_services,
    answer_snapshot,
    answer_target_health,
    answer_task,
    answer_vault,
    build_alarm_answer,
)
from tests.ops.single_check import NOW, build_changed_outputs, format_time_ago, run_check
from tests.ops.stage import ACCOUNT, RECOVERY_REGION, build_stack_outputs

BALANCERS_API = "elbv2.describe_load_balancers"
REFRESH_COMMAND = "pulumi up --refresh"
# Area and subject of a check, answers with which all is well, and answers with which it is not:
# what the evidence then says, and the command that helps.
HEALTH_CASES: list[tuple[str, str, AwsAnswers, list[tuple[AwsAnswers, str, str]]]] = [
    (
        "account",
        "credentials",
        {"sts.get_caller_identity": [{"Account": ACCOUNT}]},
        [
            (
                {"sts.get_caller_identity": [{"Account": "999999999999"}]},
                f"of account 999999999999, the stack is in {ACCOUNT}",
                "aws sts get-caller-identity",
            ),
        ],
    ),
    (
        "network",
        "VPC",
        {"ec2.describe_vpcs": [{"State": "available"}]},
        [
            ({"ec2.describe_vpcs": []}, "is gone", REFRESH_COMMAND),
            ({"ec2.describe_vpcs": [{"State": "pending"}]}, "is pending", REFRESH_COMMAND),
        ],
    ),
    (
        "network",
        "NAT gateways",
        answer_nat_gateway("available"),
        [
            (answer_nat_gateway("failed"), "nat-a is failed: no address", REFRESH_COMMAND),
            ({"ec2.describe_nat_gateways": []}, "nat-a is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "network",
        "NAT ports",
        answer_refused_connections(0),
        [
            (
                answer_refused_connections(7),
                "7 connections were refused",
                "aws ec2 describe-nat-gateways",
            ),
        ],
    ),
    (
        "network",
        "NAT instances",
        answer_nat_instance("running", "ok"),
        [
            (answer_nat_instance("stopped", "ok"), "i-1 is stopped", REFRESH_COMMAND),
            (answer_nat_instance("running", "impaired"), "system is impaired", REFRESH_COMMAND),
        ],
    ),
    (
        "database",
        "status",
        answer_instance(),
        [
            ({"rds.describe_db_instances": []}, "gone", "ops db status"),
            (answer_instance(DBInstanceStatus="storage-full"), "storage-full", "ops db status"),
            (
                answer_instance(StatusInfos=[{"Normal": False, "Status": "error"}]),
                "replication is error",
                "ops db status",
            ),
        ],
    ),
    (
        "database",
        "standby",
        answer_instance(),
        [
            (answer_instance(MultiAZ=False), "no standby; the primary is in a", "pulumi up"),
        ],
    ),
    (
        "database",
        "parameters",
        answer_instance(),
        [
            (
                answer_instance(DBParameterGroups=[{"ParameterApplyStatus": "pending-reboot"}]),
                f"{DATABASE_IDENTIFIER}: pending-reboot",
                "ops db parameters",
            ),
        ],
    ),
    (
        "database",
        "maintenance",
        answer_pending_action(),
        [
            (
                answer_pending_action(ForcedApplyDate=format_time_ago(days=-3)),
                "system-update on",
                "ops db upgrade",
            ),
            (
                answer_pending_action(CurrentApplyDate=format_time_ago(days=-6)),
                "system-update on",
                "ops db upgrade",
            ),
        ],
    ),
    (
        "database",
        "storage",
        answer_free_storage(50),
        [(answer_free_storage(9), "9 % of 100 GiB is free", "ops db storage GIB")],
    ),
    (
        "database",
        "latest restorable time",
        answer_instance(),
        [
            (
                answer_instance(LatestRestorableTime=format_time_ago(hours=2)),
                "2 h 0 min ago",
                "ops db status",
            ),
            (answer_instance(LatestRestorableTime=None), "no backup yet", "ops db snapshot create"),
        ],
    ),
    (
        "database",
        "backup of the last day",
        answer_snapshot(format_time_ago(hours=20)),
        [
            (
                answer_snapshot(format_time_ago(hours=30)),
                "the last one is from",
                "ops db snapshot create",
            ),
            (
                answer_snapshot(format_time_ago(hours=2), status="failed"),
                "there is no backup",
                "ops db snapshot create",
            ),
        ],
    ),
    (
        "database",
        "server certificate",
        answer_instance(),
        [
            (
                answer_instance(CertificateDetails={"ValidTill": format_time_ago(days=-20)}),
                "until",
                "ops db reboot",
            ),
        ],
    ),
    (
        "services",
        "tasks",
        answer_services(),
        [
            (
                answer_services(runningCount=1),
                "1 of 2 tasks run",
                "ops service tasks --service backend",
            ),
            (
                answer_services(desiredCount=0, runningCount=0),
                "0 of 0",
                "ops service scale COUNT --service backend",
            ),
            (answer_services(status="INACTIVE"), "is INACTIVE", REFRESH_COMMAND),
            ({"ecs.describe_services": []}, "is gone", REFRESH_COMMAND),
            (
                answer_deployment("FAILED", format_time_ago(minutes=5)),
                "failed: tasks failed to start",
                "ops service events --service backend",
            ),
            (
                answer_deployment("IN_PROGRESS", format_time_ago(minutes=45)),
                "goes on since 45 min",
                "ops service events --service backend",
            ),
        ],
    ),
    (
        "services",
        "stopped tasks",
        {"ecs.list_tasks": []},
        [
            (
                answer_task(
                    stopCode="TaskFailedToStart",
                    stoppedReason="CannotPullContainerError: not found",
                ),
                "1x CannotPullContainerError: not found",
                "ops service tasks --service backend",
            ),
            (
                answer_task(
                    stopCode="EssentialContainerExited",
                    stoppedReason="Essential container exited",
                    containers=[{"name": "app", "exitCode": 137, "reason": "OutOfMemory"}],
                ),
                "app exited 137 (OutOfMemory)",
                "ops service tasks --service backend",
            ),
            (
                answer_task(
                    stopCode="ServiceSchedulerInitiated",
                    stoppedReason="Task failed ELB health checks",
                ),
                "Task failed ELB health checks",
                "ops service tasks --service backend",
            ),
        ],
    ),
    (
        "services",
        "scaling",
        answer_scaling(),
        [
            (answer_scaling(StatusCode="Failed"), "Failed: why", "ops service limits"),
            (
                answer_scaling(desired=10),
                "at its limit of 10 tasks",
                "ops service autoscaling --service backend --max COUNT",
            ),
            (
                {**answer_scaling(), "application-autoscaling.describe_scalable_targets": []},
                "has no scaling",
                REFRESH_COMMAND,
            ),
        ],
    ),
    (
        "fleet",
        "instances",
        answer_group(),
        [
            (answer_group("Unhealthy"), "1 of 2 instances", "ops fleet instances"),
            (
                answer_group(SuspendedProcesses=[{"ProcessName": "Launch"}]),
                "suspended: Launch",
                "ops fleet activities",
            ),
            (answer_group(MaxSize=2, MinSize=1), "at its limit of 2", "ops fleet limits"),
            ({"autoscaling.describe_auto_scaling_groups": []}, "is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "fleet",
        "scaling",
        answer_activity("Successful"),
        [
            (answer_activity("Failed"), "no capacity in the zone", "ops fleet activities"),
        ],
    ),
    (
        "fleet",
        "instance refresh",
        answer_refresh("Successful"),
        [
            (answer_refresh("Failed"), "Failed, 0 %: why", "ops fleet refresh status"),
            (
                answer_refresh("RollbackSuccessful"),
                "RollbackSuccessful",
                "ops fleet refresh status",
            ),
        ],
    ),
    (
        "balancer",
        "load balancer",
        {BALANCERS_API: [{"State": {"Code": "active"}}]},
        [
            (
                {BALANCERS_API: [{"State": {"Code": "failed", "Reason": "no address"}}]},
                "is failed: no address",
                REFRESH_COMMAND,
            ),
            ({BALANCERS_API: []}, "is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "balancer",
        "targets",
        answer_target_health("healthy", "draining"),
        [
            (
                answer_target_health("healthy", "unhealthy"),
                "1 of 2 are healthy: unhealthy (timed out)",
                "ops service tasks --service backend",
            ),
            (answer_target_health(), "0 of 0 are healthy", "ops service tasks --service backend"),
            (
                answer_target_health("initial"),
                "0 of 1 are healthy",
                "ops service tasks --service backend",
            ),
        ],
    ),
    (
        "balancer",
        "many targets",
        answer_host_counts(),
        [
            (
                answer_host_counts(group_007=1),
                "1 of 2 are healthy: unhealthy (timed out)",
                "ops service tasks --service group-007",
            ),
            (
                {**answer_host_counts(group_001=2), **answer_target_health()},
                "0 of 0 are healthy",
                "ops service tasks",
            ),
        ],
    ),
    (
        "certificate",
        "certificate",
        answer_certificate(),
        [
            (
                answer_certificate(NotAfter=format_time_ago(days=-40)),
                "until",
                "aws acm describe-certificate",
            ),
            (answer_certificate(Status="EXPIRED"), "expired", "aws acm describe-certificate"),
            (
                answer_certificate(RenewalSummary={"RenewalStatus": "FAILED"}),
                "renewal failed",
                "aws acm describe-certificate",
            ),
            ({"acm.describe_certificate": []}, "is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "cache",
        "replication group",
        answer_cache(),
        [
            (
                answer_cache(Status="create-failed"),
                "create-failed",
                "aws elasticache describe-events",
            ),
            (answer_cache(NodeGroups=[{"Status": "modifying"}]), "available", "aws elasticache"),
            (answer_cache(AutomaticFailover="disabled"), "failover disabled", "aws elasticache"),
            ({"elasticache.describe_replication_groups": []}, "is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "alarms",
        "alarms",
        {
            "cloudwatch.describe_alarms": [
                build_alarm_answer("test-down", "OK"),
                build_alarm_answer("test-slow", "OK"),
                build_alarm_answer("of-another", "ALARM"),
            ]
        },
        [
            (
                {
                    "cloudwatch.describe_alarms": [
                        build_alarm_answer("test-down", "ALARM"),
                        build_alarm_answer("test-slow", "OK"),
                    ]
                },
                "why",
                "ops health",
            ),
            (
                {"cloudwatch.describe_alarms": [build_alarm_answer("test-down", "OK")]},
                "1 of 2 are not there: test-slow",
                REFRESH_COMMAND,
            ),
        ],
    ),
    (
        "backups",
        "replication",
        answer_replicated_backup(format_time_ago(minutes=20)),
        [
            (
                answer_replicated_backup(format_time_ago(hours=3)),
                "3 h 0 min ago",
                "ops db snapshot copy",
            ),
            (
                answer_replicated_backup(format_time_ago(minutes=1), "stopped"),
                "is stopped",
                "ops db snapshot copy",
            ),
            ({"rds.describe_db_instance_automated_backups": []}, "there is none", REFRESH_COMMAND),
        ],
    ),
    (
        "backups",
        "vault",
        answer_vault(format_time_ago(days=90), format_time_ago(hours=20)),
        [
            (
                answer_vault(format_time_ago(days=90)),
                "no recovery point since",
                "ops db snapshot create",
            ),
            (
                {**answer_vault(format_time_ago(days=90)), "backup.describe_backup_vault": []},
                "is gone",
                REFRESH_COMMAND,
            ),
        ],
    ),
    (
        "backups",
        "copies",
        answer_vault(format_time_ago(days=90), format_time_ago(hours=20)),
        [
            (
                answer_vault(format_time_ago(days=90)),
                "the vault copies has none since",
                "aws backup list-copy-jobs",
            ),
            (
                {**answer_vault(format_time_ago(days=90)), "backup.describe_backup_vault": []},
                "copies is gone",
                REFRESH_COMMAND,
            ),
        ],
    ),
    (
        "logs",
        "errors",
        answer_log_events(3),
        [
            (
                answer_log_events(11),
                "11 in the last hour, the newest at 2026-11-21T12:00:00Z: ERROR no such",
                "aws logs tail /bulwark/test/fleet --since 1h",
            ),
            (
                answer_log_events(11, "ERROR x", TRUNCATED),
                "at least 11 in the last hour",
                "aws logs tail",
            ),
        ],
    ),
]
HEALTHY_ANSWERS = {(area, subject): answers for area, subject, answers, _ in HEALTH_CASES}
FAILING_CASES = [
    (area, subject, *case) for area, subject, _, cases in HEALTH_CASES for case in cases
]


def run_health_check(area: str, subject: str, answers: AwsAnswers) -> list[Any]:
    return run_check(
        area, subject, answers, OUTPUTS_BY_CASE.get(subject, OUTPUTS_BY_CASE.get(area))
    )


# Reads that are sent only where something is not well, and have tests of their own.
SECOND_CALLS = (
    ("stopped tasks", "ecs.describe_tasks"),
    ("many targets", "elbv2.describe_target_health"),
)


def test_every_check_of_the_table_is_tested() -> None:
    assert {(check.area, check.subject) for check in HEALTH_CHECKS} == set(HEALTHY_ANSWERS)


@pytest.mark.parametrize(("area", "subject"), HEALTHY_ANSWERS)
def test_where_all_is_well_it_is_ok_with_evidence_and_no_command(area: str, subject: str) -> None:
    findings = run_health_check(area, subject, HEALTHY_ANSWERS[area, subject])
    assert findings
    assert {f.state for f in findings} == {"ok"}
    assert all(f.evidence and not f.command and f.area == area for f in findings)


@pytest.mark.parametrize(("area", "subject", "answers", "evidence", "command"), FAILING_CASES)
def test_it_fails_for_its_reason_and_names_a_command(
    area: str, subject: str, answers: AwsAnswers, evidence: str, command: str
) -> None:
    failing = [f for f in run_health_check(area, subject, answers) if f.state == "failing"]
    assert failing
    assert evidence in failing[0].evidence
    assert failing[0].command.startswith(command)


@pytest.mark.parametrize(
    ("area", "subject", "api"),
    [
        (c.area, c.subject, api)
        for c in HEALTH_CHECKS
        for api in c.apis
        if (c.subject, api) not in SECOND_CALLS
    ],
)
def test_without_an_answer_it_is_unknown_and_never_ok(area: str, subject: str, api: str) -> None:
    answers = {
        **HEALTHY_ANSWERS[area, subject],
        api: UnknownAnswerError(f"{api} was denied", "ops permissions"),
    }
    (found,) = {
        (f.state, f.command) for f in run_health_check(area, subject, answers) if f.state != "ok"
    }
    assert found == ("unknown", "ops permissions")
    if api != "ecs.describe_services":
        assert "ok" not in {f.state for f in run_health_check(area, subject, answers)}


def test_tasks_that_cannot_be_described_are_unknown() -> None:
    answers: AwsAnswers = {
        "ecs.list_tasks": ["arn-1"],
        "ecs.describe_tasks": UnknownAnswerError("throttled"),
    }
    (finding,) = run_check("services", "stopped tasks", answers)
    assert (finding.state, finding.evidence) == ("unknown", "throttled")


@pytest.mark.parametrize(
    "task_fields",
    [
        {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by"},
        {"stopCode": "UserInitiated", "stoppedReason": "ops service restart"},
        {"stopCode": "EssentialContainerExited", "group": "service:of-another"},
    ],
)
def test_a_task_that_was_meant_to_stop_is_no_fault(task_fields: dict[str, str]) -> None:
    (finding,) = run_check("services", "stopped tasks", answer_task(**task_fields))
    assert finding.state == "ok"


def test_a_young_database_needs_no_backup_of_the_last_day_yet() -> None:
    answers = {
        **answer_snapshot(format_time_ago(hours=1), instance_created=format_time_ago(hours=2)),
        "rds.describe_db_snapshots": [],
    }
    (finding,) = run_check("database", "backup of the last day", answers)
    assert finding.state == "ok"


def test_no_metric_of_free_storage_is_unknown() -> None:
    answers = {
        **answer_instance(),
        "cloudwatch.get_metric_data": [{"Id": FREE_STORAGE_METRIC_ID, "Values": []}],
    }
    (finding,) = run_check("database", "storage", answers)
    assert (finding.state, finding.command) == ("unknown", "ops usage")


def test_a_replica_that_is_gone_is_named() -> None:
    outputs = build_changed_outputs("database", replicas=(f"{DATABASE_IDENTIFIER}-replica",))
    findings = run_check("database", "status", answer_instance(), outputs)
    assert [(f.subject, f.state) for f in findings] == [
        (DATABASE_IDENTIFIER, "ok"),
        (f"{DATABASE_IDENTIFIER}-replica", "failing"),
    ]


def test_the_recovery_region_is_asked_for_its_backups() -> None:
    (finding,) = run_health_check(
        "backups", "replication", answer_replicated_backup(format_time_ago(minutes=20))
    )
    assert RECOVERY_REGION in finding.subject


def test_of_very_many_groups_few_are_described_and_the_metric_tells_of_the_others() -> None:
    bad = {name.replace("-", "_"): 1 for name in TARGET_GROUP_NAMES[10:40]}
    findings = run_health_check("balancer", "many targets", answer_host_counts(**bad))
    assert {f.state for f in findings} == {"failing"}
    assert [f.subject for f in findings] == [
        f"targets of {name}" for name in TARGET_GROUP_NAMES[10:40]
    ]
    assert [f.evidence.endswith("by their metric") for f in findings] == [False] * 20 + [True] * 10
    denied = {
        **answer_host_counts(**bad),
        "elbv2.describe_target_health": UnknownAnswerError("denied"),
    }
    assert [f.state for f in run_health_check("balancer", "many targets", denied)][:20] == [
        "unknown"
    ] * 20


def test_a_group_without_data_is_described() -> None:
    answers = {
        **answer_target_health("healthy"),
        "cloudwatch.get_metric_data": answer_host_counts()[METRIC_DATA_API][2:],
    }
    (finding,) = run_health_check("balancer", "many targets", answers)
    assert finding.state == "ok"
    assert "all of 60" in finding.evidence


def test_a_group_that_was_not_looked_through_is_unknown() -> None:
    findings = run_health_check("logs", "errors", answer_log_events(2, "ERROR x", TRUNCATED))
    assert {f.state for f in findings} == {"unknown"}
    assert all("at least 2" in f.evidence for f in findings)


def test_very_many_log_groups_are_read_where_they_are_asked_for() -> None:
    outputs = build_stack_outputs()
    assert outputs.services is not None
    like = outputs.services.services["backend"]
    many = {
        f"s{n:03}": like.model_copy(update={"name": f"s{n:03}", "log_group": f"/s/{n:03}"})
        for n in range(80)
    }
    outputs = build_changed_outputs("services", services=many)
    (check,) = (c for c in HEALTH_CHECKS if c.area == "logs")
    for asked, count in (((), READ_AT_ONCE), (("logs",), 81)):
        sent: list[Any] = []

        def sending(call: Any, sent: list[Any] = sent) -> ReadAnswer:
            sent.append(call)
            return []

        (finding,) = run_checks([check], CheckFacts(outputs, NOW, asked), sending)
        assert (finding.state, len(sent)) == ("ok", count)
        assert ("31 others are read by" in finding.evidence) is (not asked)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ERROR login with password=hunter2 failed", "ERROR login with password=*** failed"),
        ('{"level":"error","api_key":"abc"}', '{"level":"error","api_key":***"}'),
        ("ERROR Authorization: Bearer abc.def", "ERROR Authorization: ***"),
        ("ERROR postgres://app:pw@db/app is down", "ERROR postgres://app:***@db/app is down"),
        ("ERROR key AKIAIOSFODNN7EXAMPLE refused", "ERROR key *** refused"),
        ("ERROR first line\nDETAIL: secret rows", "ERROR first line"),
        ("ERROR " + "word " * 50, "ERROR " + "word " * 18 + "word..."),
    ],
)
def test_of_a_line_the_beginning_is_shown_without_secrets(line: str, expected: str) -> None:
    assert redact_line(line) == expected
