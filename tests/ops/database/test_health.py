"""The health checks of the database."""

from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from components.facts.extended_support import ENROLLED
from ops.core.checks import CheckFacts, CheckFinding
from ops.core.metrics import build_metric_query
from ops.database.health import check_trusted_authorities
from ops.database.sql.tls import TrustedAuthority
from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    DATABASE_IDENTIFIER,
    FREE_STORAGE_METRIC_ID,
    AwsAnswers,
    answer_free_storage,
    answer_instance,
    answer_pending_action,
    answer_snapshot,
    answer_version_support,
)
from tests.ops.health_cases import HealthCase
from tests.ops.single_check import NOW, build_changed_outputs, format_time_ago, run_check
from tests.ops.stage import build_stack_outputs

OTHER_IDENTIFIER = f"{DATABASE_IDENTIFIER}-before"


def answer_secret(label: str, *other_identifiers: str, **connections: list[float]) -> AwsAnswers:
    """The secret's current version with a label or none, and instances beside the primary.

    `connections` are the counts of the last minutes, of `primary` and `other`.
    """
    stages = ["AWSCURRENT", *filter(None, [label])]
    instances = [answer_instance()["rds.describe_db_instances"][0]]
    instances += [{**instances[0], "DBInstanceIdentifier": name} for name in other_identifiers]
    names = {"primary": DATABASE_IDENTIFIER, "other": OTHER_IDENTIFIER}
    return {
        "rds.describe_db_instances": instances,
        "secretsmanager.describe_secret": [{"VersionIdsToStages": {"v2": stages, "v1": ["x"]}}],
        "cloudwatch.get_metric_data": [
            {
                "Id": build_metric_query(
                    "AWS/RDS", "DatabaseConnections", "Maximum", DBInstanceIdentifier=names[which]
                ).id,
                "Values": counts,
            }
            for which, counts in connections.items()
        ],
    }


DATABASE_CASES: list[HealthCase] = [
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
        "instance in use",
        answer_secret(f"instance:{DATABASE_IDENTIFIER}"),
        [
            (
                answer_secret(f"instance:{OTHER_IDENTIFIER}", OTHER_IDENTIFIER),
                f"services are sent to {OTHER_IDENTIFIER} (available), but ops",
                f"ops recover promote {OTHER_IDENTIFIER} --by rename",
            ),
            (
                answer_secret(f"instance:{OTHER_IDENTIFIER}"),
                f"services are sent to {OTHER_IDENTIFIER}, which does not exist",
                "ops recover list",
            ),
            (
                {**answer_instance(), "secretsmanager.describe_secret": []},
                "secret is gone",
                "pulumi up --refresh",
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
                "ops db maintenance apply",
            ),
            (
                answer_pending_action(CurrentApplyDate=format_time_ago(days=-6)),
                "system-update on",
                "ops db maintenance apply",
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
        "version support",
        answer_version_support(91),
        [
            (
                answer_version_support(89),
                "Extended Support then costs about 292 $ a month (4 vCPU",
                "ops db upgrade",
            ),
            (
                answer_version_support(-1, MultiAZ=False),
                "ended on 2026-11-20; Extended Support then costs about 146 $ a month (2 vCPU",
                "ops db upgrade",
            ),
            (answer_version_support(-740), "costs about 584 $ a month", "ops db upgrade"),
            (
                answer_version_support(
                    10, EngineLifecycleSupport="open-source-rds-extended-support-disabled"
                ),
                "RDS then upgrades the major version by itself",
                "ops db upgrade",
            ),
            (
                answer_version_support(10, DBInstanceClass="db.x9z.huge"),
                "those of db.x9z.huge are not known",
                "ops db upgrade",
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
]


class TestDatabaseCases(HealthCaseTests):
    cases = DATABASE_CASES


@pytest.mark.parametrize(
    ("answers", "state", "evidence"),
    [
        (answer_secret(""), "ok", "the stack's only instance"),
        (
            answer_secret("", OTHER_IDENTIFIER, primary=[0, 1], other=[0]),
            "ok",
            f"1 connection to {DATABASE_IDENTIFIER}",
        ),
        (
            answer_secret("", OTHER_IDENTIFIER, primary=[0, 0], other=[0, 9]),
            "unknown",
            f"nobody was connected to {DATABASE_IDENTIFIER} in the last 15 minutes, but 9 to "
            f"{OTHER_IDENTIFIER}",
        ),
        (answer_secret("", OTHER_IDENTIFIER, primary=[0]), "unknown", "nobody was connected"),
        (answer_secret("", OTHER_IDENTIFIER), "unknown", "AWS reports no connection count"),
    ],
    ids=["alone", "connected", "connected to another", "to none", "no metric"],
)
def test_connections_are_the_evidence_if_the_secret_has_no_label(
    answers: AwsAnswers, state: str, evidence: str
) -> None:
    (finding,) = run_check("database", "instance in use", answers)
    assert (finding.state, evidence in finding.evidence) == (state, True), finding
    assert finding.command == ("" if state == "ok" else "ops recover list")


def test_a_young_database_needs_no_backup_of_the_last_day_yet() -> None:
    answers = {
        **answer_snapshot(format_time_ago(hours=1), instance_created=format_time_ago(hours=2)),
        "rds.describe_db_snapshots": [],
    }
    (finding,) = run_check("database", "backup of the last day", answers)
    assert finding.state == "ok"


@pytest.mark.parametrize(("declared", "is_failing"), [(True, True), (False, False), (None, False)])
def test_another_choice_of_extended_support_than_the_settings_is_failing(
    declared: bool | None, is_failing: bool
) -> None:
    outputs = build_stack_outputs()
    database = outputs.database.model_copy(update={"extended_support": declared})
    disabled = "open-source-rds-extended-support-disabled"
    findings = run_check(
        "database",
        "version support",
        answer_version_support(1000, EngineLifecycleSupport=disabled),
        outputs.model_copy(update={"database": database}),
    )
    assert [finding.state for finding in findings] == ["failing"] * is_failing + ["ok"]
    if is_failing:
        assert findings[0].evidence.startswith("RDS has Extended Support off, the settings")
        assert findings[0].command.endswith("--engine-lifecycle-support " + ENROLLED)


def test_a_version_whose_support_is_not_listed_is_unknown() -> None:
    answers = answer_version_support(1000, EngineVersion="19.1")
    (finding,) = run_check("database", "version support", answers)
    assert (finding.state, finding.command) == ("unknown", "ops db upgrade")
    assert "PostgreSQL 19" in finding.evidence


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


def check_authorities(**authority_days: int) -> CheckFinding:
    """The finding, with authorities that expire in so many days."""
    authorities = [
        TrustedAuthority(name, NOW + timedelta(days=days)) for name, days in authority_days.items()
    ]
    with patch("ops.database.health.list_trusted_authorities", return_value=authorities):
        (finding,) = check_trusted_authorities(CheckFacts(build_stack_outputs(), NOW))
    return finding


@pytest.mark.parametrize(
    ("authority_days", "state", "evidence"),
    [
        ({"Root1": 366, "Root2": 4000}, "ok", "all 2 are valid until 20"),
        ({"Root1": 4000, "Root2": 364}, "failing", "Root2 expires on 20"),
        ({"Root1": -1, "Root2": 300}, "failing", "Root1 expired on 20"),
        ({}, "unknown", "has none"),
    ],
)
def test_an_authority_that_expires_within_a_year_is_named(
    authority_days: dict[str, int], state: str, evidence: str
) -> None:
    finding = check_authorities(**authority_days)
    assert finding.state == state
    assert evidence in finding.evidence
    assert finding.command.startswith("curl" if state != "ok" else "")
    assert (", and 1 more" in finding.evidence) is (min(authority_days.values(), default=0) < 0)


def test_the_authorities_of_this_copy_are_read_and_those_of_a_bad_file_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = CheckFacts(build_stack_outputs(), NOW)
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    (finding,) = check_trusted_authorities(facts)
    assert (finding.state, finding.evidence) == (
        "ok",
        "all 81 are valid until 2061-05-19 or longer",
    )
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "gone.pem"))
    (finding,) = check_trusted_authorities(facts)
    assert finding.state == "unknown"
    assert "PGSSLROOTCERT must be a file" in finding.evidence
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("PGSSLROOTCERT", str(damaged))
    (finding,) = check_trusted_authorities(facts)
    assert finding.state == "unknown"
    monkeypatch.setenv("PGSSLROOTCERT", "system")
    assert check_trusted_authorities(facts) == []
