"""The settings as a whole: what holds between the sections."""

import re
from typing import Any

import pytest
from pydantic import JsonValue

from components.settings import SettingsError, parse_settings
from components.settings.zones import ZONE_LETTERS_BY_REGION
from tests.components.settings.test_loader import config, get_settings_error
from tests.world import build_settings

NO_RECOVERY_CONFIG: dict[str, JsonValue] = {"recoveryRegion": None}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"recoveryRegion": "eu-north-1"},
            "recoveryRegion is 'eu-north-1', must be another region: this is the stack's own",
        ),
        (
            {**NO_RECOVERY_CONFIG, "database": {"crossRegionBackups": True}},
            "database.crossRegionBackups is true, must be so only if recoveryRegion is set",
        ),
        (
            {**NO_RECOVERY_CONFIG, "backups": {"copyToRecovery": True}},
            "backups.copyToRecovery is true, must be so only if recoveryRegion is set",
        ),
        (
            {"network": {"zones": ["a", "b", "d"]}},
            "network.zones has 'd', must have a, b, c in eu-north-1",
        ),
        (
            {"backups": {"time": "02:30"}},
            "backups.time is '02:30', must be a time from which an hour is clear of "
            "database.maintenanceWindow and of the hour before it: RDS refuses backups then",
        ),
        (
            {"backups": {"time": "00:30"}},
            "backups.time is '00:30', must be a time from which an hour is clear of "
            "database.backupWindow",
        ),
        (
            {"protect": "false", "backups": {"lock": "compliance"}},
            "backups.lock is 'compliance', must be so only where protect is true: nobody can "
            "delete such a vault",
        ),
        (
            {"services": {f"s{n}": {} for n in range(51)}},
            "services is an object, must have at most 50 items",
        ),
        (
            {"loadBalancer": {"domain": None, "zoneId": None}},
            "loadBalancer.domain is not set, must be a host name (or set certificateArn): the prod "
            "profile does not serve plain HTTP",
        ),
    ],
)
def test_contradicting_settings_are_refused_with_the_reason(
    values: dict[str, JsonValue], line: str
) -> None:
    assert get_settings_error(values).startswith(f"bulwark:{line}")


@pytest.mark.parametrize(
    ("time", "backup_days", "is_allowed"),
    [
        ("03:00", 30, False),  # the maintenance window begins at 03:30
        ("04:29", 30, False),
        ("04:30", 30, True),
        ("23:30", 30, True),  # until 00:30; the hour before 02:00 is clear
        ("00:01", 30, False),  # until 01:01
        ("00:01", 0, True),  # without automated backups their window does not count
    ],
)
def test_backups_start_outside_the_databases_windows(
    time: str, backup_days: int, is_allowed: bool
) -> None:
    values: dict[str, JsonValue] = {
        "backups": {"time": time},
        "database": {"backupDays": backup_days, "crossRegionBackups": False},
    }
    try:
        backup_time = build_settings(values).backups.time
    except SettingsError:
        backup_time = None
    assert (backup_time == time) is is_allowed


@pytest.mark.parametrize("stack", ["prod", "a" * 16, "1"])
def test_a_stacks_name_fits_into_every_name_made_of_it(stack: str) -> None:
    settings = parse_settings("bulwark", stack=stack, region="eu-north-1", config=config({}))
    region = "ap-southeast-1"  # none is longer
    assert len(f"{settings.prefix}-operations-123456789012-{region}") <= 63  # S3
    assert len(f"{settings.prefix}-restore-test") <= 50  # AWS Backup
    assert len(settings.cache_identifier) <= 40  # ElastiCache
    assert len(settings.database_identifier) <= 63  # RDS


@pytest.mark.parametrize("stack", ["a" * 17, "Prod", "my_stack", "my.stack", "a--b", "a-"])
def test_a_stacks_name_that_would_not_fit_is_refused(stack: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings("bulwark", stack=stack, region="eu-north-1", config=config({}))
    assert str(error.value).startswith(f"bulwark:stack is {stack!r}, must be lower case letters")


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_a_stack_without_a_recovery_region_is_valid_and_copies_nothing(profile: str) -> None:
    settings = build_settings(NO_RECOVERY_CONFIG, profile=profile)
    assert not settings.copies_backups


def test_a_region_that_is_not_known_may_have_any_zone() -> None:
    network: dict[str, JsonValue] = {"network": {"zones": ["a", "f"]}}
    settings = parse_settings("bulwark", stack="test", region="eu-west-9", config=config(network))
    assert settings.availability_zones == {"a": "eu-west-9a", "f": "eu-west-9f"}
    assert "eu-west-9" not in ZONE_LETTERS_BY_REGION


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        ("services", (True, False, True)),
        ("fleet", (False, True, True)),
        ("both", (True, True, True)),
        ("none", (False, False, False)),
    ],
)
def test_the_compute_setting_selects_services_fleet_and_load_balancer(
    compute: str, expected: tuple[bool, ...]
) -> None:
    settings = build_settings({"compute": compute})
    assert (settings.has_services, settings.has_fleet, settings.has_load_balancer) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, False),
        ({"loadBalancer": {"accessLogs": True}}, True),
        ({"compute": "none", "loadBalancer": {"accessLogs": True}}, False),
        ({"compute": "none", "network": {"flowLogs": ["s3"]}}, True),
    ],
)
def test_a_dev_stack_has_a_log_bucket_only_if_it_is_used(
    values: dict[str, JsonValue], expected: bool
) -> None:
    assert build_settings(values, profile="dev").has_log_bucket is expected


def test_names_begin_with_project_and_stack() -> None:
    settings: Any = build_settings()
    for name in ("cluster_name", "database_identifier", "fleet_name", "cache_identifier"):
        assert re.match(r"bulwark-test\b", getattr(settings, name))


PAGE_SUBSCRIPTION: dict[str, JsonValue] = {
    "name": "on-call",
    "level": "page",
    "protocol": "email",
    "endpoint": "on-call@example.com",
}


@pytest.mark.parametrize("subscriptions", [[], [{**PAGE_SUBSCRIPTION, "level": "warn"}]])
def test_prod_needs_a_paging_subscriber_or_a_reason(subscriptions: JsonValue) -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"alarms": {"subscriptions": subscriptions}})
    message = str(error.value)
    assert message.startswith("bulwark:alarms.subscriptions has nobody of level page, must have ")
    assert "alarms.noSubscriptionsReason must say why" in message
    reason = "the incident tool subscribes itself"
    settings = build_settings(
        {"alarms": {"subscriptions": subscriptions, "noSubscriptionsReason": reason}}
    )
    assert settings.alarms.no_subscriptions_reason == reason
    assert build_settings({"alarms": {"subscriptions": subscriptions}}, profile="dev")


def test_the_reason_for_no_paging_must_be_a_sentence_and_apply() -> None:
    alarms: dict[str, JsonValue] = {"subscriptions": [], "noSubscriptionsReason": "none"}
    with pytest.raises(SettingsError, match="noSubscriptionsReason is 'none', must be a sentence"):
        build_settings({"alarms": alarms})
    alarms = {"subscriptions": [PAGE_SUBSCRIPTION], "noSubscriptionsReason": "nobody is here"}
    with pytest.raises(SettingsError, match="noSubscriptionsReason is 'nobody is here', must not"):
        build_settings({"alarms": alarms})


def build_port_exception(rules: list[str], resources: str) -> dict[str, JsonValue]:
    exception: JsonValue = {
        "rules": [*rules],
        "resources": resources,
        "reason": "the vendor's client has it built in",
        "until": "2027-06-30",
    }
    return {"database": {"port": 5432}, "policyExceptions": {"vendor": exception}}


@pytest.mark.parametrize("resources", ["database", "*"])
def test_the_default_port_is_allowed_with_a_reason(resources: str) -> None:
    settings = build_settings(build_port_exception(["database-port"], resources))
    assert settings.database.port == 5432


@pytest.mark.parametrize(
    ("rules", "resources"), [(["tags"], "database"), (["database-port"], "cache")]
)
@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_default_port_without_its_exception_is_refused(
    rules: list[str], resources: str, profile: str
) -> None:
    with pytest.raises(SettingsError) as error:
        build_settings(build_port_exception(rules, resources), profile=profile)
    assert str(error.value) == (
        "bulwark:database.port is 5432, must be another than PostgreSQL's default (RDS.23), or "
        "policyExceptions must have one of the rule database-port for database, with a reason"
    )
