"""Loading: what a stack file says becomes settings, and what it may not say names its key."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pulumi.runtime import config as runtime_config
from pydantic import JsonValue

from components.settings import SettingsError, load_settings, parse_settings
from components.settings.fields import find_section, get_settings_fields
from components.settings.loader import HIDDEN_VALUE_KEYS
from components.settings.section import Section
from components.settings.stack import Settings
from tests.world import build_settings

BASE: dict[str, JsonValue] = {
    "profile": "prod",
    "owner": "platform",
    "costCenter": "cc-1",
    "recoveryRegion": "eu-west-1",
    "loadBalancer": {"domain": "app.example.com", "zoneId": "Z0123456789"},
    "alarms": {"noSubscriptionsReason": "a test wakes nobody"},
}
# What a stack needs beside a key so that the key's own section is complete.
BESIDE: dict[str, dict[str, JsonValue]] = {
    "subscriptions": {
        "name": "team",
        "level": "page",
        "protocol": "email",
        "endpoint": "team@example.com",
    },
    "contacts": {"name": "on call", "reach": "+46 8 123"},
    "schedule": {"cron": "0 6 ? * MON-FRI *", "min": 1, "max": 2},
    "policyExceptions": {
        "rules": ["tags"],
        "resources": "*",
        "reason": "it was moved here",
        "until": "2027-06-30",
    },
}
# A name in each object that has them.
NAMES = {
    "services": "web",
    "schedule": "morning",
    "overrides": "database-cpu-critical",
    "lifecycles": "exports",
    "policyExceptions": "moved",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(-1, 1e6) | st.text(max_size=8),
    lambda value_at_path: (
        st.lists(value_at_path, max_size=2) | st.dictionaries(st.sampled_from("ab"), value_at_path)
    ),
    max_leaves=3,
)
LINE = re.compile(r"bulwark:[\w.\-\[\]/]+ .*\bmust\b", re.DOTALL)


def config(values: dict[str, JsonValue]) -> dict[str, str]:
    """Pulumi's config of these values, over what every stack has."""
    return {
        f"bulwark:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in (BASE | values).items()
    }


def get_settings_error(values: dict[str, JsonValue], **more: Any) -> str:
    """What is said of these values."""
    with pytest.raises(SettingsError) as error:
        parse_settings("bulwark", stack="test", region="eu-north-1", config=config(values), **more)
    return str(error.value)


def list_key_paths(
    section: type[Section] = Settings, parent_path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The path of every key below the top, through lists and names too."""
    for key, field in get_settings_fields(section).items():
        value_at_path = find_section(field.annotation)
        if parent_path:
            yield (*parent_path, key)
        if value_at_path is not None:
            origin = str(field.annotation)
            step = ("0",) if "tuple[" in origin else (NAMES[key],) if "dict[" in origin else ()
            yield from list_key_paths(value_at_path, (*parent_path, key, *step))


def build_config_with(path: tuple[str, ...], value: JsonValue) -> dict[str, JsonValue]:
    """The config in which `value` stands at `path`, beside what its section must have."""
    value_at_path: JsonValue = value
    for container, step, part in reversed(
        list(zip(("", *path), path[:-1], path[1:], strict=False))
    ):
        beside = BESIDE.get(container, {}) if step in ("0", *NAMES.values()) else {}
        value_at_path = [value_at_path] if part == "0" else {**beside, part: value_at_path}
    base = BASE.get(path[0])
    merged_values = (
        {**base, **value_at_path}
        if isinstance(base, dict) and isinstance(value_at_path, dict)
        else value_at_path
    )
    return {path[0]: merged_values}


PATHS = sorted(set(list_key_paths()))


def test_the_paths_reach_into_lists_and_names() -> None:
    assert ("database", "restoreFrom", "snapshot") in PATHS
    assert ("alarms", "subscriptions", "0", "endpoint") in PATHS
    assert ("services", "web", "schedule", "morning", "cron") in PATHS
    assert len(PATHS) > 120


@pytest.mark.parametrize("path", PATHS, ids=".".join)
@hypothesis_settings(
    max_examples=hypothesis_settings().max_examples // 8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(value=JSON)
def test_every_value_is_taken_or_refused_in_lines_that_name_the_key(
    path: tuple[str, ...], value: JsonValue
) -> None:
    try:
        parse_settings(
            "bulwark",
            stack="test",
            region="eu-north-1",
            config=config(build_config_with(path, value)),
        )
    except SettingsError as error:
        lines = str(error).split("\nbulwark:")
        lines = [lines[0], *(f"bulwark:{line}" for line in lines[1:])]
        assert any(path[-1] in line for line in lines), lines
        assert all(LINE.match(line) for line in lines), lines


@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_a_value_of_the_wrong_type_is_refused_by_its_own_key(path: tuple[str, ...]) -> None:
    full_key = "bulwark:" + ".".join(path)
    line = get_settings_error(build_config_with(path, [[{}]])).split("\n")[0]
    assert line.startswith(full_key), line
    assert re.search(r" (is|has) .*, (must|may) ", line), line


@pytest.mark.parametrize("key", sorted(get_settings_fields()))
def test_an_invalid_plain_value_is_refused(key: str) -> None:
    assert get_settings_error({key: "never#"}).startswith(f"bulwark:{key} ")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"database": {"storageGb": 3}}, "database.storageGb is 3, must be 20 to 65536"),
        ({"database": {"storageGb": "x"}}, "database.storageGb is 'x', must be 20 to 65536"),
        ({"database": {"storageGb": 20.5}}, "database.storageGb is 20.5, must be 20 to 65536"),
        ({"database": {"storageGb": None}}, "database.storageGb is null, must be 20 to 65536"),
        (
            {"database": {"multiAz": "perhaps"}},
            "database.multiAz is 'perhaps', must be true or false",
        ),
        ({"encryption": "none"}, "encryption is 'none', must be 'own' or 'aws'"),
        ({"network": {"zones": ["a"]}}, "network.zones is ['a'], must have 2 or more items"),
        ({"network": {"zones": "a"}}, "network.zones is 'a', must be a list"),
        (
            {"loadBalancer": {"allowedCidrs": [True]}},
            "loadBalancer.allowedCidrs.0 is true, must be a range like 10.0.0.0/16, without host "
            "bits",
        ),
        (
            {"loadBalancer": {"allowedCidrs": [3]}},
            "loadBalancer.allowedCidrs.0 is 3, must be a range like 10.0.0.0/16, without host bits",
        ),
        ({"logs": []}, "logs is no object, must be an object of settings by name"),
        ({"logs": "{"}, "logs is no object, must be an object of settings by name"),
        ({"services": {"Web": {}}}, "services.Web has that name, must match ^[a-z]"),
        ({"services": {"web": []}}, "services.web is not shown, must be an object of settings"),
        (
            {"database": {"restoreFrom": "x"}},
            "database.restoreFrom is 'x', must be an object of settings by name",
        ),
        (
            {"services": {"web": {"environment": {"PORT": 8080}}}},
            "services.web.environment.PORT is not shown, must be text (put a number in quotes)",
        ),
        ({"profile": "test"}, "profile is 'test', must be 'dev' or 'prod'"),
        ({"region": "eu-west-1"}, "region is 'eu-west-1', must not be set: Pulumi gives it"),
        ({"recoveryRegion": "Ireland"}, "recoveryRegion is 'Ireland', must be a region of"),
    ],
)
def test_a_refusal_names_the_key_the_value_and_what_it_must_be(
    values: dict[str, JsonValue], line: str
) -> None:
    assert get_settings_error(values).startswith(f"bulwark:{line}")


def test_a_missing_key_is_named_with_its_meaning() -> None:
    given_config = {k: v for k, v in config({}).items() if k != "bulwark:owner"}
    with pytest.raises(SettingsError) as error:
        parse_settings("bulwark", stack="test", region="eu-north-1", config=given_config)
    assert str(error.value) == (
        "bulwark:owner is not set, and must be: who is responsible for the stack; a tag"
    )
    with pytest.raises(SettingsError, match="bulwark:profile is null, must be 'dev' or 'prod'"):
        parse_settings("bulwark", stack="test", region="eu-north-1", config={})


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"databse": {}}, "databse is no setting, must be database"),
        (
            {"database": {"instanceClas": "x"}},
            "database.instanceClas is no setting, must be instanceClass",
        ),
        ({"loadBalancer": {"waf": {"on": True}}}, "loadBalancer.waf.on is no setting, must be "),
        ({"services": {"web": {"cpuu": 1}}}, "services.web.cpuu is no setting, must be cpu"),
        ({"serviceDefaults": {"mn": 1}}, "serviceDefaults.mn is no setting, must be min"),
        ({"logs": {"zzz": 1}}, "logs.zzz is no setting, must be errorPattern or retentionDays"),
        (
            {"alarms": {"subscriptions": [{**BESIDE["subscriptions"], "nam": "x"}]}},
            "alarms.subscriptions.0.nam is no setting, must be name",
        ),
    ],
)
def test_an_unknown_key_suggests_similar_keys(values: dict[str, JsonValue], line: str) -> None:
    assert f"bulwark:{line}" in get_settings_error(values)


def test_all_errors_are_shown_at_once_and_each_once() -> None:
    error_text = get_settings_error(
        {
            "database": {"storageGb": 3, "replicas": 16},
            "encryption": "x",
            "serviceDefaults": {"port": 0},
            "services": {"a": {}, "b": {"port": -1}},
        }
    )
    assert [line.split(",")[0] for line in error_text.split("\n")] == [
        "bulwark:encryption is 'x'",
        "bulwark:database.storageGb is 3",
        "bulwark:database.replicas is 16",
        "bulwark:serviceDefaults.port is 0",
        "bulwark:services.b.port is -1",
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"services": {"web": {"environment": {"TOKEN": ["hunter2"]}}}},
        {"services": {"web": {"environment": "hunter2"}}},
        {"services": {"web": {"secrets": {"TOKEN": 3, "hunter2": 4}, "cpu": "x"}}},
        {"services": {"web": "hunter2"}},
        {"alarms": {"subscriptions": ["hunter2"]}},
        {"alarms": {"subscriptions": {"endpoint": "hunter2"}}},
        {"alarms": {"subscriptions": [{**BESIDE["subscriptions"], "endpoint": ["hunter2"]}]}},
        {"alarms": "hunter2"},
    ],
)
def test_a_value_that_may_be_a_token_is_not_repeated(values: dict[str, JsonValue]) -> None:
    error_text = get_settings_error(values)
    keys = re.sub(r"secrets\.hunter2", "", error_text)  # the name of a variable is none
    assert "hunter2" not in keys


def test_a_secret_config_value_is_not_repeated() -> None:
    error_text = get_settings_error(
        {"database": {"adminName": "1hunter"}}, secret_keys=frozenset({"bulwark:database"})
    )
    assert error_text.startswith("bulwark:database.adminName is not shown, must ")
    with pytest.raises(SettingsError, match="profile is not shown, must be 'dev' or 'prod'"):
        parse_settings(
            "bulwark",
            stack="test",
            region="eu-north-1",
            config={"bulwark:profile": "hunter2"},
            secret_keys=frozenset({"bulwark:profile"}),
        )


def test_every_quiet_key_is_a_setting() -> None:
    assert {path[-1] for path in PATHS} >= HIDDEN_VALUE_KEYS


@pytest.mark.parametrize("unset", ["", "null", "profile"])
@pytest.mark.parametrize("key", ["protect", "encryption", "compute"])
def test_a_null_in_pulumi_yaml_takes_the_profiles_value(key: str, unset: str) -> None:
    settings_without_key = parse_settings(
        "bulwark", stack="test", region="eu-north-1", config=config({"profile": "dev", key: unset})
    )
    plain = parse_settings(
        "bulwark", stack="test", region="eu-north-1", config=config({"profile": "dev"})
    )
    assert settings_without_key == plain


def test_yaml_numbers_and_truth_values_are_taken_as_they_are_meant() -> None:
    settings = parse_settings(
        "bulwark",
        stack="test",
        region="eu-north-1",
        config=config({"costCenter": "1234", "protect": "false", "database": {"storageGb": "50"}}),
    )
    assert (settings.cost_center, settings.protect, settings.database.storage_gb) == (
        "1234",
        False,
        50,
    )


def test_each_service_inherits_the_service_defaults() -> None:
    settings = build_settings(
        {
            "serviceDefaults": {"max": 4, "environment": {"A": "1"}},
            "services": {
                "api": {"paths": ["/api/*"], "environment": {"B": "2"}},
                "web": {"max": 6},
            },
        }
    )
    assert {name: service.max for name, service in settings.services.items()} == {
        "api": 4,
        "web": 6,
    }
    assert settings.services["api"].environment == {"A": "1", "B": "2"}


def test_config_keys_of_other_projects_are_ignored() -> None:
    assert parse_settings(
        "bulwark",
        stack="test",
        region="eu-north-1",
        config=config({}) | {"aws:region": "x", "other:y": "z"},
    )


def test_the_program_ends_with_the_refusal_alone() -> None:
    before = runtime_config.CONFIG.get()
    try:
        key = f"{pulumi.get_project()}:profile"
        pulumi.runtime.set_all_config({"aws:region": "eu-north-1", key: "x"})
        with pytest.raises(pulumi.RunError, match=":profile is 'x', must be 'dev' or 'prod'"):
            load_settings()
    finally:
        pulumi.runtime.set_all_config(before)
