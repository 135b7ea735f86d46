"""What lacks patches beside the fleet: database, cache, services, functions, by AWS's answers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
)
from ops.outputs import Outputs
from ops.patch.cache import check_cache_patches
from ops.patch.database import check_database_patches
from ops.patch.runtimes import check_function_runtimes, check_platform_versions
from tests.ops.health_answers import CACHE_PART
from tests.ops.stage import build_stack_outputs

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
OUTPUTS = build_stack_outputs().model_copy(update={"cache": CACHE_PART})
DATABASE = {
    "DBInstanceIdentifier": OUTPUTS.database.identifier,
    "DBInstanceArn": OUTPUTS.database.arn,
    "EngineVersion": "17.5",
    "AutoMinorVersionUpgrade": True,
    "MultiAZ": True,
}


def judge(
    check: Callable[[CheckFacts], CheckRoutine],
    answers: Mapping[str, Any],
    outputs: Outputs = OUTPUTS,
) -> list[CheckFinding]:
    """Runs a check on answers by call; nothing is waived."""

    def answer(read: ReadRequest) -> ReadAnswer:
        result: ReadAnswer = answers.get(read.api, [])
        return result

    routine = check(CheckFacts(outputs, NOW))
    try:
        reads = next(routine)
        while True:
            reads = routine.send([answer(read) for read in reads])
    except StopIteration as stop:
        findings: list[CheckFinding] = stop.value
        return findings


def judge_database(*minors: str, **overrides: Any) -> list[CheckFinding]:
    targets = [{"EngineVersion": v, "IsMajorVersionUpgrade": v[:2] != "17"} for v in minors]
    answers = {
        "rds.describe_db_instances": [DATABASE | overrides],
        "rds.describe_db_engine_versions": [{"ValidUpgradeTarget": targets}],
    }
    return judge(check_database_patches, answers)


@pytest.mark.parametrize(
    ("minors", "is_automatic", "commands"),
    [
        ((), True, []),
        (("18.1",), True, []),
        (("17.6", "18.1"), True, []),
        (("17.6", "17.10"), True, ["ops db upgrade 17.10"]),
        (
            ("17.6",),
            False,
            [
                "ops db upgrade 17.6",
                "pulumi config set --stack test --path bulwark:database.autoMinorUpgrade true",
            ],
        ),
    ],
)
def test_a_database_is_behind_if_rds_does_not_upgrade_it_itself(
    minors: tuple[str, ...], is_automatic: bool, commands: list[str]
) -> None:
    findings = judge_database(*minors, AutoMinorVersionUpgrade=is_automatic)
    assert [f.command for f in findings if f.state == "failing"] == commands
    assert bool(commands) != (findings[0].state == "ok")


def test_pending_maintenance_says_what_it_stops_and_when() -> None:
    action = {
        "Action": "system-update",
        "Description": "New OS patch",
        "ForcedApplyDate": "2026-12-20T00:00:00Z",
    }
    resource = {
        "ResourceIdentifier": OUTPUTS.database.arn,
        "PendingMaintenanceActionDetails": [action],
    }
    answers = {
        "rds.describe_db_instances": [DATABASE],
        "rds.describe_db_engine_versions": [{"ValidUpgradeTarget": []}],
        "rds.describe_pending_maintenance_actions": [resource],
    }
    (finding,) = judge(check_database_patches, answers)
    assert "system-update is pending, by itself on 2026-12-20 00:00 UTC" in finding.evidence
    assert "a failover of one to two minutes" in finding.evidence
    assert finding.command == "ops db maintenance apply"


def test_a_version_that_rds_does_not_describe_is_unknown() -> None:
    answers = {"rds.describe_db_instances": [DATABASE], "rds.describe_db_engine_versions": []}
    with pytest.raises(UnknownAnswerError, match=r"no version 17\.5 of PostgreSQL"):
        judge(check_database_patches, answers)


def test_a_denied_read_is_unknown_and_never_ok() -> None:
    answers = {
        "rds.describe_db_instances": [DATABASE],
        "rds.describe_db_engine_versions": UnknownAnswerError("denied", "rds:DescribeDB"),
    }
    with pytest.raises(UnknownAnswerError, match="denied"):
        judge(check_database_patches, answers)


CACHE_VERSIONS_ANSWER = {
    "elasticache.describe_cache_engine_versions": [
        {"Engine": "valkey", "EngineVersion": version} for version in ("7.2", "8.0", "8.2")
    ]
}


def judge_cache(
    node: Mapping[str, Any], outputs: Outputs = OUTPUTS, *versions: str
) -> list[CheckFinding]:
    answers = {**CACHE_VERSIONS_ANSWER, "elasticache.describe_cache_clusters": [node]}
    if versions:
        answers["elasticache.describe_cache_engine_versions"] = [
            {"EngineVersion": version} for version in versions
        ]
    return judge(check_cache_patches, answers, outputs)


@pytest.mark.parametrize(
    ("engine", "version", "offered", "texts"),
    [
        ("valkey", "7.0.4", ("7.2", "8.2"), ["AWS no longer offers valkey 7.0; the newest is 8.2"]),
        (
            "redis",
            "6.2.6",
            ("6.2", "7.1"),
            ["standard support of redis 6.2 ends on 2027-01-31; the newest is 7.1"],
        ),
        (
            "redis",
            "5.0.6",
            ("5.0", "7.1"),
            ["standard support of redis 5.0 ended on 2026-01-31; the newest is 7.1"],
        ),
        ("redis", "7.1.0", ("6.2", "7.1"), []),
        ("valkey", "8.2.0", ("7.2", "8.2"), []),
    ],
)
def test_a_version_of_the_cache_needs_support(
    engine: str, version: str, offered: tuple[str, ...], texts: list[str]
) -> None:
    group = CACHE_PART.identifier
    node = {
        "CacheClusterId": f"{group}-001",
        "ReplicationGroupId": group,
        "EngineVersion": version,
        "AutoMinorVersionUpgrade": True,
    }
    part = CACHE_PART.model_copy(update={"engine": engine})
    findings = judge_cache(node, OUTPUTS.model_copy(update={"cache": part}), *offered)
    assert [f.evidence for f in findings if f.state == "failing"] == texts
    commands = [f.command for f in findings if f.state == "failing"]
    assert all(c.endswith(f":cache.engineVersion {offered[-1]}") for c in commands)
    if not texts:
        assert "the newest version" in findings[0].evidence


def test_a_cache_whose_versions_are_not_named_is_unknown() -> None:
    group = CACHE_PART.identifier
    node = {"CacheClusterId": f"{group}-001", "ReplicationGroupId": group, "EngineVersion": "8.0.1"}
    answers = {"elasticache.describe_cache_clusters": [node]}
    with pytest.raises(UnknownAnswerError, match="ElastiCache names no version of"):
        judge(check_cache_patches, answers)


def test_an_update_of_the_cache_is_open_until_it_is_applied() -> None:
    group = CACHE_PART.identifier
    node = {
        "CacheClusterId": f"{group}-001",
        "ReplicationGroupId": group,
        "EngineVersion": "8.0.1",
        "AutoMinorVersionUpgrade": True,
    }
    update = {
        "ReplicationGroupId": group,
        "ServiceUpdateName": "valkey-20261101",
        "ServiceUpdateSeverity": "important",
        "ServiceUpdateType": "security-update",
        "UpdateActionStatus": "not-applied",
    }
    (finding,) = judge(
        check_cache_patches,
        {
            **CACHE_VERSIONS_ANSWER,
            "elasticache.describe_cache_clusters": [node],
            "elasticache.describe_update_actions": [update],
        },
    )
    assert finding.state == "failing"
    assert finding.command.startswith("aws elasticache batch-apply-update-action --region ")
    (ok,) = judge_cache(node)
    assert (ok.state, ok.evidence) == (
        "ok",
        f"{CACHE_PART.engine} 8.0.1, newer: 8.2; no service update waits",
    )
    node["AutoMinorVersionUpgrade"] = False
    (manual,) = judge_cache(node)
    assert "cache.autoMinorUpgrade" in manual.command


@pytest.mark.parametrize(
    ("version", "state"), [("LATEST", "ok"), ("1.4.0", "ok"), ("1.3.0", "failing")]
)
def test_a_service_needs_a_platform_version_that_aws_patches(version: str, state: str) -> None:
    service = {"serviceName": "backend", "platformVersion": version}
    findings = judge(check_platform_versions, {"ecs.describe_services": [service]})
    assert {finding.state for finding in findings} == {state}


@pytest.mark.parametrize(
    ("runtime", "state"), [("python3.13", "ok"), ("python3.9", "failing"), ("cobol1", "unknown")]
)
def test_a_function_needs_a_runtime_that_aws_patches(runtime: str, state: str) -> None:
    answers = {"lambda.get_function_configuration": [{"Runtime": runtime}]}
    findings = judge(check_function_runtimes, answers)
    assert {finding.state for finding in findings} == {state}
