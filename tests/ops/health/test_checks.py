"""The health checks of the account and the cache; every check of the table has a case."""

from ops.health.registry import HEALTH_CHECKS
from ops.incident.object_keys import get_closing_key, get_opening_key
from tests.ops.alarms.test_health import ALARM_CASES
from tests.ops.checks.upkeep_cases import UPKEEP_CASES
from tests.ops.database.test_health import DATABASE_CASES
from tests.ops.fleet.test_health import FLEET_CASES
from tests.ops.health.test_backups import BACKUP_CASES
from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health.test_load_balancer import LOAD_BALANCER_CASES
from tests.ops.health.test_logs import LOG_CASES
from tests.ops.health.test_network import NETWORK_CASES
from tests.ops.health_answers import (
    answer_cache,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase
from tests.ops.services.test_health import SERVICE_CASES
from tests.ops.stage import ACCOUNT

INCIDENT_NAME = "incident-20261130-021500-1a2b"
OPENED_KEY, CLOSED_KEY = get_opening_key(INCIDENT_NAME), get_closing_key(INCIDENT_NAME)
ACCOUNT_AND_CACHE_CASES: list[HealthCase] = [
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
    # What is failing has tests of its own (tests/ops/runs/test_health.py).
    ("runs", "unfinished runs", {"s3.get_object": [], "s3.list_objects_v2": []}, []),
    (
        "incidents",
        "open incidents",
        {"s3.list_objects_v2": [{"Key": CLOSED_KEY}, {"Key": OPENED_KEY}, {"Key": "incidents/x"}]},
        [
            (
                {"s3.list_objects_v2": [{"Key": OPENED_KEY}]},
                "open since 2026-11-30 02:15 UTC",
                f"ops incident status {INCIDENT_NAME}",
            ),
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
                "ops changes --only cache",
            ),
            (
                answer_cache(NodeGroups=[{"Status": "modifying"}]),
                "available",
                "ops changes --only cache",
            ),
            (
                answer_cache(AutomaticFailover="disabled"),
                "failover disabled",
                "ops changes --only cache",
            ),
            ({"elasticache.describe_replication_groups": []}, "is gone", REFRESH_COMMAND),
        ],
    ),
]


class TestAccountAndCacheCases(HealthCaseTests):
    cases = ACCOUNT_AND_CACHE_CASES


def test_every_check_of_the_table_is_tested() -> None:
    cases = [
        *ACCOUNT_AND_CACHE_CASES,
        *ALARM_CASES,
        *BACKUP_CASES,
        *DATABASE_CASES,
        *FLEET_CASES,
        *LOAD_BALANCER_CASES,
        *LOG_CASES,
        *NETWORK_CASES,
        *SERVICE_CASES,
    ]
    # What checklists look at too is tested with them (tests/ops/checks/test_items.py).
    upkeep = [(check.area, check.subject) for check, *_ in UPKEEP_CASES if check in HEALTH_CHECKS]
    assert sorted([*((area, subject) for area, subject, *_ in cases), *upkeep]) == sorted(
        (check.area, check.subject) for check in HEALTH_CHECKS
    )
