"""Cases of the checks of upkeep: drills, the password's age, old snapshots, roles."""

import json
from typing import Any

from ops.health.registry import HEALTH_CHECKS_BY_KEY
from tests.ops.checks.single_item import ChecklistCase
from tests.ops.health_answers import (
    OUTPUTS_BY_CASE,
    AwsAnswers,
)
from tests.ops.single_check import build_changed_outputs, format_time_ago
from tests.ops.stage import STACK_PREFIX

OBJECT_API, OBJECT_LIST_API = "s3.get_object", "s3.list_objects_v2"
REPLICATION_GROUPS_API = "elasticache.describe_replication_groups"
SECRET_API, ROLE_API = "secretsmanager.describe_secret", "iam.get_role"
DRILL_RECORD_KEY = "drills/20261101-120000-drill-1.json"


DRILL_RECORD = {
    "version": 1,
    "run": "drill-1",
    "taken": format_time_ago(days=20),
    "stack": "test",
    "outcome": "done",
    "phases": {},
    "rto_seconds": 1500.0,
    "rpo_seconds": 120.0,
    "rpo_by": "heartbeat",
    "objectives": {"rto_seconds": 3600.0, "rpo_seconds": 300.0},
    "tables": 1,
    "rows": 1,
    "met": True,
    "why": [],
    "more": "of a later version",
}


def answer_drill_record(**overrides: Any) -> AwsAnswers:
    text = json.dumps({**DRILL_RECORD, **overrides})
    return {
        OBJECT_LIST_API: [{"Key": "drills/20260101-a.json"}, {"Key": DRILL_RECORD_KEY}],
        OBJECT_API: [{"text": text}],
    }


def answer_secret(**overrides: Any) -> AwsAnswers:
    rules = {"RotationEnabled": True, "RotationRules": {"AutomaticallyAfterDays": 30}}
    return {SECRET_API: [{"CreatedDate": format_time_ago(days=400), **rules, **overrides}]}


def answer_records(*keys: str, created_days: float | None = 100) -> AwsAnswers:
    """The answers about records of checklists, and a secret that was created days ago."""
    created = {} if created_days is None else {"CreatedDate": format_time_ago(days=created_days)}
    return {OBJECT_LIST_API: [{"Key": f"checks/{key}.json"} for key in keys], SECRET_API: [created]}


# With NOW at 2026-11-21 12:00.
WEEKLY_IN_TIME, MONTHLY_IN_TIME = "weekly/20261116T060700000000Z", "monthly/20261101T063700000000Z"
DAILY_IN_TIME = "daily/20261121T051700000000Z"


def answer_token(
    *, created_days: float, rotated_days: float | None, stages: tuple[str, ...] = ("AWSCURRENT",)
) -> AwsAnswers:
    """The answers about a cache that was created, and whose token was rotated, days ago."""
    rotated = (
        {} if rotated_days is None else {"LastRotatedDate": format_time_ago(days=rotated_days)}
    )
    return {
        **answer_secret(**rotated, VersionIdsToStages={"a": ["AWSPREVIOUS"], "b": list(stages)}),
        REPLICATION_GROUPS_API: [
            {"ReplicationGroupCreateTime": format_time_ago(days=created_days)}
        ],
    }


def answer_snapshots(*days: int) -> AwsAnswers:
    snapshots = [
        {
            "SnapshotCreateTime": format_time_ago(days=age_days),
            "DBSnapshotIdentifier": f"s-{age_days}",
        }
        for age_days in days
    ]
    return {"rds.describe_db_snapshots": snapshots}


UPKEEP_CASES: list[ChecklistCase] = [
    (
        HEALTH_CHECKS_BY_KEY["checklists-recorded"],
        build_changed_outputs("alarms", checklists=("weekly", "monthly")),
        answer_records(WEEKLY_IN_TIME, created_days=31),
        [
            (
                answer_records("weekly/20261113T115900000000Z", MONTHLY_IN_TIME, DAILY_IN_TIME),
                "failing",
                "weekly checklist: last recorded at 2026-11-13 11:59 UTC, more than 8 days ago; "
                "the daily one is of 2026-11-21 05:17 UTC: the workflow runs, and this list does",
                "ops check weekly --record",
            ),
            (
                answer_records(
                    WEEKLY_IN_TIME,
                    "monthly/20261020T063700000000Z",
                    "daily/20261118T051700000000Z",
                ),
                "failing",
                "monthly checklist: last recorded at 2026-10-20 06:37 UTC, more than 32 days ago; "
                "the daily one is of 2026-11-18 05:17 UTC: the workflow `operations` does not run",
                "ops check monthly --record",
            ),
            (
                answer_records("weekly/notes", MONTHLY_IN_TIME, created_days=9),
                "failing",
                "weekly checklist: never recorded, and the stack is 9 days old; nor is the daily",
                "ops check weekly --record",
            ),
            (
                answer_records(WEEKLY_IN_TIME, created_days=None),
                "unknown",
                "never recorded, and the age of the stack is not known",
                "ops check monthly --record",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["last-drill"],
        None,
        answer_drill_record(),
        [
            (
                answer_drill_record(taken=format_time_ago(days=32)),
                "failing",
                "older than 31 days: drill-1",
                "ops recover",
            ),
            (
                answer_drill_record(met=False, why=["its RTO is 2 h"]),
                "failing",
                "not met (its RTO is 2 h)",
                "ops recover drill",
            ),
            (
                answer_drill_record(version=2),
                "unknown",
                "is not a drill's record; missing or wrong: version",
                "ops recover drill",
            ),
            (
                {**answer_drill_record(), OBJECT_API: [{"text": "{}"}]},
                "unknown",
                "wrong: run, taken",
                "ops recover",
            ),
            (
                {**answer_drill_record(), OBJECT_API: [{"text": ""}]},
                "unknown",
                "is not a drill's record",
                "ops recover drill",
            ),
            (
                {**answer_drill_record(), OBJECT_API: []},
                "unknown",
                "is gone meanwhile",
                "ops recover drill",
            ),
            (
                {OBJECT_LIST_API: [{"Key": "drills/readme"}]},
                "failing",
                "there is no record",
                "ops recover",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["password-age"],
        None,
        answer_secret(LastRotatedDate=format_time_ago(days=31)),
        [
            (
                answer_secret(LastRotatedDate=format_time_ago(days=33)),
                "failing",
                "33 days old; rotated each 30 days",
                "ops db rotate-password",
            ),
            (
                answer_secret(RotationEnabled=False),
                "failing",
                "nothing rotates it",
                "ops db rotate-password",
            ),
            (
                answer_secret(CreatedDate=None),
                "unknown",
                "AWS does not say",
                "ops db rotate-password",
            ),
            ({SECRET_API: []}, "failing", "is gone", "pulumi up"),
            (
                answer_secret(
                    VersionIdsToStages={"a": ["AWSPENDING"], "b": ["first", "AWSCURRENT"]},
                    CreatedDate=format_time_ago(days=0),
                ),
                "failing",
                "Pulumi's state holds: it was never rotated",
                "ops db rotate-password",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["cache-token-age"],
        OUTPUTS_BY_CASE["cache"],
        answer_token(created_days=40, rotated_days=31),
        [
            (
                answer_token(created_days=40, rotated_days=33),
                "failing",
                "33 days old; rotated each 30 days",
                "aws secretsmanager rotate-secret",
            ),
            (
                answer_token(created_days=3, rotated_days=4),
                "failing",
                "the secret's token does not open it",
                "aws secretsmanager rotate-secret",
            ),
            (
                answer_token(created_days=1, rotated_days=None, stages=("first", "AWSCURRENT")),
                "failing",
                "it was never rotated",
                "aws secretsmanager rotate-secret",
            ),
            (
                answer_token(created_days=3, rotated_days=4) | {SECRET_API: []},
                "failing",
                "is gone",
                "pulumi up",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["old-snapshots"],
        None,
        answer_snapshots(1, 89),
        [
            (
                answer_snapshots(1, 91, 100),
                "failing",
                "4 are older than 90 days: s-100",
                "ops db snapshot prune",
            ),
        ],
    ),
    (
        HEALTH_CHECKS_BY_KEY["operation-roles"],
        None,
        {ROLE_API: [{"Role": {}}]},
        [
            (
                {ROLE_API: []},
                "failing",
                f"{STACK_PREFIX}-reader, {STACK_PREFIX}-operator, ",
                "pulumi up",
            ),
        ],
    ),
]
