"""Each check: well, failing for its reason with a command, unknown without an answer."""

from typing import Any

import pytest

from ops.core.check_runner import run
from ops.core.checks import CUT, Answer, Facts, UnknownError
from ops.health.logs import GROUPS as READ_AT_ONCE
from ops.health.logs import shown
from ops.health.registry import CHECKS
from tests.ops.health_answers import (
    DB,
    FREE,
    GROUPS,
    METRIC,
    OUTPUTS,
    Answers,
    action,
    activity,
    alarm,
    cached,
    counted,
    deployment,
    free,
    group,
    instance,
    issued,
    logged,
    nat,
    nat_instance,
    refresh,
    refused,
    replicated,
    saved,
    scaling,
    services,
    target,
    task,
    vault,
)
from tests.ops.single_check import NOW, ago, changed, look
from tests.ops.stage import ACCOUNT, RECOVERY, stack_outputs

BALANCER = "elbv2.describe_load_balancers"
UP = "pulumi up --refresh"
# Area and subject of a check, answers with which all is well, and answers with which it is not:
# what the evidence then says, and the command that helps.
CASES: list[tuple[str, str, Answers, list[tuple[Answers, str, str]]]] = [
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
            ({"ec2.describe_vpcs": []}, "is gone", UP),
            ({"ec2.describe_vpcs": [{"State": "pending"}]}, "is pending", UP),
        ],
    ),
    (
        "network",
        "NAT gateways",
        nat("available"),
        [
            (nat("failed"), "nat-a is failed: no address", UP),
            ({"ec2.describe_nat_gateways": []}, "nat-a is gone", UP),
        ],
    ),
    (
        "network",
        "NAT ports",
        refused(0),
        [
            (refused(7), "7 connections were refused", "aws ec2 describe-nat-gateways"),
        ],
    ),
    (
        "network",
        "NAT instances",
        nat_instance("running", "ok"),
        [
            (nat_instance("stopped", "ok"), "i-1 is stopped", UP),
            (nat_instance("running", "impaired"), "system is impaired", UP),
        ],
    ),
    (
        "database",
        "status",
        instance(),
        [
            ({"rds.describe_db_instances": []}, "gone", "ops db status"),
            (instance(DBInstanceStatus="storage-full"), "storage-full", "ops db status"),
            (
                instance(StatusInfos=[{"Normal": False, "Status": "error"}]),
                "replication is error",
                "ops db status",
            ),
        ],
    ),
    (
        "database",
        "standby",
        instance(),
        [
            (instance(MultiAZ=False), "only the primary in a", "pulumi up"),
        ],
    ),
    (
        "database",
        "parameters",
        instance(),
        [
            (
                instance(DBParameterGroups=[{"ParameterApplyStatus": "pending-reboot"}]),
                f"{DB}: pending-reboot",
                "ops db parameters",
            ),
        ],
    ),
    (
        "database",
        "maintenance",
        action(),
        [
            (action(ForcedApplyDate=ago(days=-3)), "system-update on", "ops db upgrade"),
            (action(CurrentApplyDate=ago(days=-6)), "system-update on", "ops db upgrade"),
        ],
    ),
    ("database", "storage", free(50), [(free(9), "9 % of 100 GiB is free", "ops db storage GIB")]),
    (
        "database",
        "latest restorable time",
        instance(),
        [
            (instance(LatestRestorableTime=ago(hours=2)), "2 h 0 min ago", "ops db status"),
            (instance(LatestRestorableTime=None), "no backup yet", "ops db snapshot create"),
        ],
    ),
    (
        "database",
        "backup of the last day",
        saved(ago(hours=20)),
        [
            (saved(ago(hours=30)), "the last is of", "ops db snapshot create"),
            (saved(ago(hours=2), status="failed"), "none at all", "ops db snapshot create"),
        ],
    ),
    (
        "database",
        "server certificate",
        instance(),
        [
            (instance(CertificateDetails={"ValidTill": ago(days=-20)}), "until", "ops db reboot"),
        ],
    ),
    (
        "services",
        "tasks",
        services(),
        [
            (services(runningCount=1), "1 of 2 tasks run", "ops service tasks --service backend"),
            (
                services(desiredCount=0, runningCount=0),
                "0 of 0",
                "ops service scale COUNT --service backend",
            ),
            (services(status="INACTIVE"), "is INACTIVE", UP),
            ({"ecs.describe_services": []}, "is gone", UP),
            (
                deployment("FAILED", ago(minutes=5)),
                "failed: tasks failed to start",
                "ops service events --service backend",
            ),
            (
                deployment("IN_PROGRESS", ago(minutes=45)),
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
                task(
                    stopCode="TaskFailedToStart",
                    stoppedReason="CannotPullContainerError: not found",
                ),
                "1x CannotPullContainerError: not found",
                "ops service tasks --service backend",
            ),
            (
                task(
                    stopCode="EssentialContainerExited",
                    stoppedReason="Essential container exited",
                    containers=[{"name": "app", "exitCode": 137, "reason": "OutOfMemory"}],
                ),
                "app exited 137 (OutOfMemory)",
                "ops service tasks --service backend",
            ),
            (
                task(
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
        scaling(),
        [
            (scaling(StatusCode="Failed"), "Failed: why", "ops service limits"),
            (
                scaling(desired=10),
                "at its limit of 10 tasks",
                "ops service autoscaling --service backend --max COUNT",
            ),
            (
                {**scaling(), "application-autoscaling.describe_scalable_targets": []},
                "has no scaling",
                UP,
            ),
        ],
    ),
    (
        "fleet",
        "instances",
        group(),
        [
            (group("Unhealthy"), "1 of 2 instances", "ops fleet instances"),
            (
                group(SuspendedProcesses=[{"ProcessName": "Launch"}]),
                "suspended: Launch",
                "ops fleet activities",
            ),
            (group(MaxSize=2, MinSize=1), "at its limit of 2", "ops fleet limits"),
            ({"autoscaling.describe_auto_scaling_groups": []}, "is gone", UP),
        ],
    ),
    (
        "fleet",
        "scaling",
        activity("Successful"),
        [
            (activity("Failed"), "no capacity in the zone", "ops fleet activities"),
        ],
    ),
    (
        "fleet",
        "instance refresh",
        refresh("Successful"),
        [
            (refresh("Failed"), "Failed, 0 %: why", "ops fleet refresh status"),
            (refresh("RollbackSuccessful"), "RollbackSuccessful", "ops fleet refresh status"),
        ],
    ),
    (
        "balancer",
        "load balancer",
        {BALANCER: [{"State": {"Code": "active"}}]},
        [
            (
                {BALANCER: [{"State": {"Code": "failed", "Reason": "no address"}}]},
                "is failed: no address",
                UP,
            ),
            ({BALANCER: []}, "is gone", UP),
        ],
    ),
    (
        "balancer",
        "targets",
        target("healthy", "draining"),
        [
            (
                target("healthy", "unhealthy"),
                "1 of 2 are healthy: unhealthy (timed out)",
                "ops service tasks --service backend",
            ),
            (target(), "0 of 0 are healthy", "ops service tasks --service backend"),
            (target("initial"), "0 of 1 are healthy", "ops service tasks --service backend"),
        ],
    ),
    (
        "balancer",
        "many targets",
        counted(),
        [
            (
                counted(group_007=1),
                "1 of 2 are healthy: unhealthy (timed out)",
                "ops service tasks --service group-007",
            ),
            ({**counted(group_001=2), **target()}, "0 of 0 are healthy", "ops service tasks"),
        ],
    ),
    (
        "certificate",
        "certificate",
        issued(),
        [
            (issued(NotAfter=ago(days=-40)), "until", "aws acm describe-certificate"),
            (issued(Status="EXPIRED"), "expired", "aws acm describe-certificate"),
            (
                issued(RenewalSummary={"RenewalStatus": "FAILED"}),
                "renewal failed",
                "aws acm describe-certificate",
            ),
            ({"acm.describe_certificate": []}, "is gone", UP),
        ],
    ),
    (
        "cache",
        "replication group",
        cached(),
        [
            (cached(Status="create-failed"), "create-failed", "aws elasticache describe-events"),
            (cached(NodeGroups=[{"Status": "modifying"}]), "available", "aws elasticache"),
            (cached(AutomaticFailover="disabled"), "failover disabled", "aws elasticache"),
            ({"elasticache.describe_replication_groups": []}, "is gone", UP),
        ],
    ),
    (
        "alarms",
        "alarms",
        {
            "cloudwatch.describe_alarms": [
                alarm("test-down", "OK"),
                alarm("test-slow", "OK"),
                alarm("of-another", "ALARM"),
            ]
        },
        [
            (
                {
                    "cloudwatch.describe_alarms": [
                        alarm("test-down", "ALARM"),
                        alarm("test-slow", "OK"),
                    ]
                },
                "why",
                "ops health",
            ),
            (
                {"cloudwatch.describe_alarms": [alarm("test-down", "OK")]},
                "1 of 2 are not there: test-slow",
                UP,
            ),
        ],
    ),
    (
        "backups",
        "replication",
        replicated(ago(minutes=20)),
        [
            (replicated(ago(hours=3)), "3 h 0 min ago", "ops db snapshot copy"),
            (replicated(ago(minutes=1), "stopped"), "is stopped", "ops db snapshot copy"),
            ({"rds.describe_db_instance_automated_backups": []}, "there is none", UP),
        ],
    ),
    (
        "backups",
        "vault",
        vault(ago(days=90), ago(hours=20)),
        [
            (vault(ago(days=90)), "no recovery point since", "ops db snapshot create"),
            ({**vault(ago(days=90)), "backup.describe_backup_vault": []}, "is gone", UP),
        ],
    ),
    (
        "backups",
        "copies",
        vault(ago(days=90), ago(hours=20)),
        [
            (vault(ago(days=90)), "the vault copies has none since", "aws backup list-copy-jobs"),
            ({**vault(ago(days=90)), "backup.describe_backup_vault": []}, "copies is gone", UP),
        ],
    ),
    (
        "logs",
        "errors",
        logged(3),
        [
            (
                logged(11),
                "11 in the last hour, the newest at 2026-11-21T12:00:00Z: ERROR no such",
                "aws logs tail /bulwark/test/fleet --since 1h",
            ),
            (logged(11, "ERROR x", CUT), "at least 11 in the last hour", "aws logs tail"),
        ],
    ),
]
WELL = {(area, subject): answers for area, subject, answers, _ in CASES}
ILL = [(area, subject, *case) for area, subject, _, cases in CASES for case in cases]


def seen(area: str, subject: str, answers: Answers) -> list[Any]:
    return look(area, subject, answers, OUTPUTS.get(subject, OUTPUTS.get(area)))


# Reads that are sent only where something is not well, and have tests of their own.
LATER = (("stopped tasks", "ecs.describe_tasks"), ("many targets", "elbv2.describe_target_health"))


def test_every_check_of_the_table_is_tested() -> None:
    assert {(check.area, check.subject) for check in CHECKS} == set(WELL)


@pytest.mark.parametrize(("area", "subject"), WELL)
def test_where_all_is_well_it_is_ok_with_evidence_and_no_command(area: str, subject: str) -> None:
    findings = seen(area, subject, WELL[area, subject])
    assert findings
    assert {f.state for f in findings} == {"ok"}
    assert all(f.evidence and not f.command and f.area == area for f in findings)


@pytest.mark.parametrize(("area", "subject", "answers", "evidence", "command"), ILL)
def test_it_fails_for_its_reason_and_names_a_command(
    area: str, subject: str, answers: Answers, evidence: str, command: str
) -> None:
    failing = [f for f in seen(area, subject, answers) if f.state == "failing"]
    assert failing
    assert evidence in failing[0].evidence
    assert failing[0].command.startswith(command)


@pytest.mark.parametrize(
    ("area", "subject", "api"),
    [(c.area, c.subject, api) for c in CHECKS for api in c.apis if (c.subject, api) not in LATER],
)
def test_without_an_answer_it_is_unknown_and_never_ok(area: str, subject: str, api: str) -> None:
    answers = {**WELL[area, subject], api: UnknownError(f"{api} was denied", "ops permissions")}
    (found,) = {(f.state, f.command) for f in seen(area, subject, answers) if f.state != "ok"}
    assert found == ("unknown", "ops permissions")
    if api != "ecs.describe_services":
        assert "ok" not in {f.state for f in seen(area, subject, answers)}


def test_tasks_that_cannot_be_described_are_unknown() -> None:
    answers: Answers = {
        "ecs.list_tasks": ["arn-1"],
        "ecs.describe_tasks": UnknownError("throttled"),
    }
    (finding,) = look("services", "stopped tasks", answers)
    assert (finding.state, finding.evidence) == ("unknown", "throttled")


@pytest.mark.parametrize(
    "given",
    [
        {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by"},
        {"stopCode": "UserInitiated", "stoppedReason": "ops service restart"},
        {"stopCode": "EssentialContainerExited", "group": "service:of-another"},
    ],
)
def test_a_task_that_was_meant_to_stop_is_no_fault(given: dict[str, str]) -> None:
    (finding,) = look("services", "stopped tasks", task(**given))
    assert finding.state == "ok"


def test_a_young_database_needs_no_backup_of_the_last_day_yet() -> None:
    answers = {**saved(ago(hours=1), made=ago(hours=2)), "rds.describe_db_snapshots": []}
    (finding,) = look("database", "backup of the last day", answers)
    assert finding.state == "ok"


def test_no_metric_of_free_storage_is_unknown() -> None:
    answers = {**instance(), "cloudwatch.get_metric_data": [{"Id": FREE, "Values": []}]}
    (finding,) = look("database", "storage", answers)
    assert (finding.state, finding.command) == ("unknown", "ops usage")


def test_a_replica_that_is_gone_is_named() -> None:
    outputs = changed("database", replicas=(f"{DB}-replica",))
    findings = look("database", "status", instance(), outputs)
    assert [(f.subject, f.state) for f in findings] == [(DB, "ok"), (f"{DB}-replica", "failing")]


def test_the_recovery_region_is_asked_for_its_backups() -> None:
    (finding,) = seen("backups", "replication", replicated(ago(minutes=20)))
    assert RECOVERY in finding.subject


def test_of_very_many_groups_few_are_described_and_the_metric_tells_of_the_others() -> None:
    bad = {name.replace("-", "_"): 1 for name in GROUPS[10:40]}
    findings = seen("balancer", "many targets", counted(**bad))
    assert {f.state for f in findings} == {"failing"}
    assert [f.subject for f in findings] == [f"targets of {name}" for name in GROUPS[10:40]]
    assert [f.evidence.endswith("by their metric") for f in findings] == [False] * 20 + [True] * 10
    denied = {**counted(**bad), "elbv2.describe_target_health": UnknownError("denied")}
    assert [f.state for f in seen("balancer", "many targets", denied)][:20] == ["unknown"] * 20


def test_a_group_without_data_is_described() -> None:
    answers = {**target("healthy"), "cloudwatch.get_metric_data": counted()[METRIC][2:]}
    (finding,) = seen("balancer", "many targets", answers)
    assert finding.state == "ok"
    assert "all of 60" in finding.evidence


def test_a_group_that_was_not_looked_through_is_unknown() -> None:
    findings = seen("logs", "errors", logged(2, "ERROR x", CUT))
    assert {f.state for f in findings} == {"unknown"}
    assert all("at least 2" in f.evidence for f in findings)


def test_very_many_log_groups_are_read_where_they_are_asked_for() -> None:
    outputs = stack_outputs()
    assert outputs.services is not None
    like = outputs.services.services["backend"]
    many = {
        f"s{n:03}": like.model_copy(update={"name": f"s{n:03}", "log_group": f"/s/{n:03}"})
        for n in range(80)
    }
    outputs = changed("services", services=many)
    (check,) = (c for c in CHECKS if c.area == "logs")
    for asked, count in (((), READ_AT_ONCE), (("logs",), 81)):
        sent: list[Any] = []

        def sending(one: Any, sent: list[Any] = sent) -> Answer:
            sent.append(one)
            return []

        (finding,) = run([check], Facts(outputs, NOW, asked), sending)
        assert (finding.state, len(sent)) == ("ok", count)
        assert ("31 others are read by" in finding.evidence) is (not asked)


@pytest.mark.parametrize(
    ("line", "wanted"),
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
def test_of_a_line_the_beginning_is_shown_without_secrets(line: str, wanted: str) -> None:
    assert shown(line) == wanted
