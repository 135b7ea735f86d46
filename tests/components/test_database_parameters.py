"""PostgreSQL parameters: what is set, and when a change of it holds."""

import pytest
from pydantic import JsonValue

from components.database_parameters import (
    STATIC_PARAMETERS,
    DatabaseParameter,
    build_database_parameters,
)
from tests.world import build_settings


def list_parameter_values(database: dict[str, JsonValue] | None = None) -> dict[str, str]:
    return {
        parameter.name: parameter.value
        for parameter in build_database_parameters(
            build_settings({"database": database or {}}).database
        )
    }


def test_slow_queries_locks_and_io_timing_are_logged() -> None:
    parameter_values = list_parameter_values({"slowQueryMs": 250})
    assert parameter_values["log_min_duration_statement"] == "250"
    assert parameter_values["log_lock_waits"] == parameter_values["track_io_timing"] == "1"
    assert parameter_values["shared_preload_libraries"] == "pg_stat_statements"


def test_rds_38_tls_is_forced() -> None:
    assert list_parameter_values()["rds.force_ssl"] == "1"


def test_parameters_of_the_settings_override_and_extend_the_defaults() -> None:
    parameter_values = list_parameter_values(
        {"parameters": {"track_io_timing": "0", "work_mem": "65536"}}
    )
    assert (parameter_values["track_io_timing"], parameter_values["work_mem"]) == ("0", "65536")


def test_log_connections_is_boolean_only_before_postgresql_18() -> None:
    assert list_parameter_values({"engineVersion": "17"})["log_connections"] == "1"
    assert "log_connections" not in list_parameter_values({"engineVersion": "18"})


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("shared_preload_libraries", "pending-reboot"),
        ("max_connections", "pending-reboot"),
        ("rds.logical_replication", "pending-reboot"),
        ("rds.restrict_password_commands", "pending-reboot"),
        ("cron.database_name", "pending-reboot"),
        ("rds.force_ssl", "immediate"),
        ("work_mem", "immediate"),
    ],
)
def test_static_parameters_are_applied_at_a_reboot(name: str, method: str) -> None:
    assert DatabaseParameter(name, "x").apply_method == method


def test_parameters_are_sorted() -> None:
    names = [p.name for p in build_database_parameters(build_settings().database)]
    assert names == sorted(names)
    assert {n for n in names if n in STATIC_PARAMETERS} == {"shared_preload_libraries"}
