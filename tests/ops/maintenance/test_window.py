"""Maintenance windows: completed, cancelled, killed, refused; and their status."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.alarms.mute import StackAlarm
from ops.core.run import WallClock
from ops.maintenance.pending import find_next_window_start
from ops.maintenance.window import list_alarms_to_mute, parse_parameters_option
from sandbox.clock import set_sandbox_clock
from sandbox.patches.rds.maintenance import announce_maintenance
from tests.ops import canned_sql
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import describe_database, fail_operations, open_database_console
from tests.ops.procedures import alarms
from tests.ops.procedures.maintenance import (
    collect_window_facts,
    put_maintainable_stack,
    receive_messages,
)
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

WINDOW_LINE = "maintenance run"
PARAMETERS_LINE = f"{WINDOW_LINE} --parameters work_mem=8192 --no-sql"
LOCKED_TABLE_LINE = f"{WINDOW_LINE} --parameters work_mem=8192 --vacuum locked --sql"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    elsewhere = {"DBInstanceIdentifier": "elsewhere"}
    with (
        open_database_console(capsys, tmp_path, **elsewhere) as console,
        patch("psycopg.connect", canned_sql.connect_canned),
        patch("ops.core.clock.now", console.stage.clock.held_clock.now),
        patch.object(WallClock, "now", lambda _: console.stage.clock.now()),
        patch.object(WallClock, "sleep", lambda _, seconds: console.stage.clock.sleep(seconds)),
    ):
        set_sandbox_clock(console.stage.clock.held_clock)
        put_maintainable_stack(console.stage)
        console.file.write_text(console.stage.outputs.model_dump_json(by_alias=True))
        yield console


def is_every_alarm_active(stage: Stage) -> bool:
    """Whether every alarm acts, and no rule mutes."""
    alarm_facts: Any = alarms.collect_alarm_facts(stage)
    alarm_states, rules = alarm_facts
    return all(enabled for _, enabled in alarm_states) and not rules


def interrupt_after_call(stage: Stage, api: str) -> Any:
    """The process is gone right after this call took effect."""
    original = type(stage.aws).call

    def call_and_interrupt(aws: Any, called_api: str, *arguments: Any) -> Any:
        answer = original(aws, called_api, *arguments)
        if called_api == api:
            raise KeyboardInterrupt
        return answer

    return patch.object(type(stage.aws), "call", call_and_interrupt)


def test_a_window_announces_its_beginning_and_its_end_once(ops: OpsConsole) -> None:
    plan, _ = ops(f"{PARAMETERS_LINE} --message moving --dry-run --details")
    assert "announce the start to the warn topic" in plan
    assert "undo. announce that maintenance was cancelled" in plan
    assert "(moving)" in plan
    found = ops.run_for_json(f"{PARAMETERS_LINE} --yes")
    assert (found["kind"], found["acts"]) == ("maintenance-run", ["parameters"])
    assert found["snapshot"] == f"{STACK_PREFIX}-database-{found['run']}"
    assert receive_messages(ops.stage) == [("ALARM", "Started,"), ("OK", "Completed")]
    assert is_every_alarm_active(ops.stage)
    left = ops.stage.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=f"{STACK_PREFIX}-maintenance"
    )
    assert left["MetricAlarms"] == []
    assert ops.run_for_json("lock show")["items"] == []


def test_the_hash_of_a_window_covers_its_length_and_not_its_start(ops: OpsConsole) -> None:
    hash_ = ops.run_for_json(f"{PARAMETERS_LINE} --dry-run")["hash"]
    ops.stage.clock.sleep(1800)
    assert ops.run_for_json(f"{PARAMETERS_LINE} --dry-run")["hash"] == hash_
    assert ops.run_for_json(f"{PARAMETERS_LINE} --message other --dry-run")["hash"] != hash_
    ops(f"{PARAMETERS_LINE} --yes --expect {hash_}")


def test_a_failed_window_is_unmuted_and_announced_as_cancelled(ops: OpsConsole) -> None:
    _, err = ops(f"{LOCKED_TABLE_LINE} --yes", 5)
    assert "ops maintenance run parameters vacuum failed and was undone" in err
    assert "no lock within 10 s" in err
    assert receive_messages(ops.stage) == [("ALARM", "Started,"), ("OK", "Cancelled")]
    assert is_every_alarm_active(ops.stage)
    assert ("work_mem", "4096") in collect_window_facts(ops.stage)[2]  # type: ignore[operator]
    assert "vacuumed" not in err


@pytest.mark.parametrize("by", ["rules", "actions"])
@pytest.mark.parametrize("way", ["undo", "resume"])
@pytest.mark.exhaustive
def test_a_window_that_is_killed_is_shown_and_ends_when_it_is_carried_on(
    ops: OpsConsole, by: str, way: str
) -> None:
    with interrupt_after_call(ops.stage, "rds.create_db_snapshot"):
        ops(f"{PARAMETERS_LINE} --by {by} --yes", 130)
    assert not is_every_alarm_active(ops.stage)
    (window, *rest) = ops.run_for_json("maintenance status")["items"]
    assert window["what"].startswith("open, by ")
    assert window["what"].endswith("last step done: mute_1")
    (muted,) = [line for line in rest if line["about"] == "muted"]
    assert muted["subject"] == window["subject"]
    assert muted["when"] == window["when"]
    assert "ops runs resume" in ops("maintenance status")[0]
    assert receive_messages(ops.stage) == [("ALARM", "Started,")]
    ops(ops.add_plan_hash(f"runs {way} {window['subject']}"))
    last = {"undo": "Cancelled", "resume": "Completed"}[way]
    assert receive_messages(ops.stage) == [("OK", last)]
    assert is_every_alarm_active(ops.stage)
    assert [i["about"] for i in ops.run_for_json("maintenance status")["items"]] == [
        "database's window"
    ]


def test_mutes_of_a_killed_window_can_be_ended_separately(ops: OpsConsole) -> None:
    with interrupt_after_call(ops.stage, "rds.create_db_snapshot"):
        ops(f"{PARAMETERS_LINE} --by actions --yes", 130)
    ops("lock break --reason gone --yes")
    (window,) = [
        i for i in ops.run_for_json("maintenance status")["items"] if i["about"] == "window"
    ]
    assert "nobody holds the lock" in window["what"]
    assert len(ops.run_for_json("alarms unmute --yes")["alarms"]) == 4
    assert is_every_alarm_active(ops.stage)
    assert ops.run_for_json("alarms unmute --yes")["alarms"] == []


def test_a_window_that_cannot_be_announced_is_not_started(ops: OpsConsole) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK_PREFIX}-page"
    ops.stage.client("sns").delete_topic(TopicArn=topic)
    _, err = ops(f"{PARAMETERS_LINE} --tell page --yes", 5)
    assert "failed and was undone" in err
    assert "notification_failed is True" in err
    left = ops.stage.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=f"{STACK_PREFIX}-maintenance"
    )
    assert left["MetricAlarms"] == []
    assert collect_window_facts(ops.stage)[6] == 0, "no snapshot was taken"
    assert is_every_alarm_active(ops.stage)


def test_a_window_whose_start_is_refused_is_not_announced_as_cancelled(ops: OpsConsole) -> None:
    with fail_operations("ValidationError", "set_alarm_state") as called:
        _, err = ops(f"{PARAMETERS_LINE} --message planned --yes", 5)
    assert "cloudwatch.set_alarm_state: ValidationError" in err
    assert "failed and was undone" in err
    assert called.count("set_alarm_state") == 1
    assert receive_messages(ops.stage) == []
    left = ops.stage.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=f"{STACK_PREFIX}-maintenance"
    )
    assert left["MetricAlarms"] == []


def test_p0_alarms_stay_active_if_no_outage_is_planned() -> None:
    of = [StackAlarm(s, s, has_enabled_actions=True, is_scaling=False) for s in ("P0", "P1")]
    scaling = StackAlarm("s", "P1", has_enabled_actions=True, is_scaling=True)
    off = StackAlarm("off", "P1", has_enabled_actions=False, is_scaling=False)
    assert list_alarms_to_mute([*of, scaling], "rules", has_outage=True) == of
    assert list_alarms_to_mute([*of, scaling], "rules", has_outage=False) == of[1:]
    assert list_alarms_to_mute([*of, off], "actions", has_outage=True) == of
    assert list_alarms_to_mute([*of, off], "rules", has_outage=True) == [*of, off]


def test_a_window_lasts_twice_the_usual_time_or_as_long_as_typed(ops: OpsConsole) -> None:
    def note(line: str) -> str:
        found = ops.run_for_json(f"{line} --dry-run")["plan"]["notes"][0]
        assert isinstance(found, str)
        return found

    assert note(PARAMETERS_LINE) == "the window lasts 15 minutes; its steps usually take 5"
    assert note(f"{WINDOW_LINE} --patch 16.11 --no-sql").startswith("the window lasts 30 minutes")
    assert note(f"{PARAMETERS_LINE} --for 90").startswith("the window lasts 90 minutes")


def test_after_a_patch_the_server_is_not_rebooted_again(ops: OpsConsole) -> None:
    line = f"{WINDOW_LINE} --patch 16.11 --parameters work_mem=8192 --reboot --no-sql"
    assert "already done: reboot" in ops(ops.add_plan_hash(line))[1]
    assert describe_database(ops.stage)["EngineVersion"] == "16.11"
    assert describe_database(ops.stage)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


def test_without_alarms_it_is_announced_all_the_same(ops: OpsConsole) -> None:
    part = ops.stage.outputs.alarms.model_copy(update={"names": {}})
    changed = ops.stage.outputs.model_copy(update={"alarms": part})
    ops.file.write_text(changed.model_dump_json(by_alias=True))
    assert "no alarm is muted" in ops(f"{PARAMETERS_LINE} --dry-run")[0]
    ops(f"{PARAMETERS_LINE} --yes")
    assert [state for state, _ in receive_messages(ops.stage)] == ["ALARM", "OK"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "one or more of --parameters, --patch, --reboot, --vacuum must be set"),
        (
            "--parameters work_mem",
            "--parameters must be NAME=VALUE, like work_mem=8192, not 'work_mem'",
        ),
        ("--parameters work_memory=1", "--parameters: there is no parameter 'work_memory'"),
        (
            "--parameters max_connections=200",
            "takes effect after a reboot, so --reboot must be set",
        ),
        ("--parameters work_mem=4096", "--parameters: work_mem is 4096 already"),
        ("--patch 17", "--patch must be 16.11, not '17'"),
        ("--patch 16.10", "--patch is '16.10', but bulwark-test-database has that version already"),
        ("--vacuum orders,", "--vacuum must be table names with commas"),
        ("--vacuum orders --no-sql", "--vacuum and --no-sql cannot both be set"),
        ("--vacuum nope --sql", "--vacuum must be public.locked, public.orders, not 'nope'"),
        ("--reboot --for 0", "--for must be 1 to 1440 minutes, not '0'"),
        ("--reboot --via nowhere", "--via must be HOST:PORT, like 127.0.0.1:15432, not 'nowhere'"),
        ("--reboot --tell nobody", "--tell must be warn or page, not 'nobody'"),
        (
            f"--reboot --message {'x' * 501}",
            "--message must be at most 500 characters long, not 501",
        ),
    ],
)
def test_an_impossible_window_is_one_line_and_not_announced(
    ops: OpsConsole, line: str, says: str
) -> None:
    _, err = ops(f"{WINDOW_LINE} {line} --yes", 2)
    assert says in err.splitlines()[0]
    assert receive_messages(ops.stage) == []


def test_values_of_parameters_may_have_commas() -> None:
    given = "shared_preload_libraries=pg_cron,pgaudit,work_mem=8192"
    assert parse_parameters_option(given) == {
        "shared_preload_libraries": "pg_cron,pgaudit",
        "work_mem": "8192",
    }


def test_a_window_begins_from_services_that_are_steady(ops: OpsConsole) -> None:
    cluster = ops.stage.outputs.services.cluster  # type: ignore[union-attr]
    ops.stage.client("ecs").update_service(cluster=cluster, service="backend", desiredCount=9)
    _, err = ops(f"{WINDOW_LINE} --reboot --no-sql --yes", 1)
    assert "not all services are steady" in err.splitlines()[0]
    assert "ops service list" in err
    assert receive_messages(ops.stage) == []


def test_status_tells_what_waits_and_when_it_comes(ops: OpsConsole) -> None:
    rds, name = ops.stage.client("rds"), ops.stage.outputs.database.identifier
    ops("db parameters --set max_connections=200 --yes")
    rds.modify_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.m7g.large",
        ApplyImmediately=False,
        PreferredMaintenanceWindow="sun:03:00-sun:04:00",
    )
    due = datetime(2027, 1, 1, tzinfo=UTC)
    action = {"Action": "system-update", "Description": "kernel", "AutoAppliedAfterDate": due}
    announce_maintenance(ACCOUNT, REGION, describe_database(ops.stage)["DBInstanceArn"], action)
    announce_maintenance(ACCOUNT, REGION, "arn:aws:rds:eu-north-1:1:db:other", action)
    lines = {line["about"]: line for line in ops.run_for_json("maintenance status")["items"]}
    assert set(lines) == {"database's window", "deferred change", "parameters", "pending at AWS"}
    assert lines["deferred change"]["what"] == "DBInstanceClass=db.m7g.large"
    assert lines["deferred change"]["when"] == lines["database's window"]["when"]
    assert lines["parameters"]["command"] == "ops maintenance run --reboot"
    assert lines["pending at AWS"]["what"] == "system-update: kernel"
    assert lines["pending at AWS"]["when"] == "2027-01-01T00:00:00Z"


@pytest.mark.parametrize("api", ["describe_db_instances", "list_alarm_mute_rules"])
def test_a_denied_read_of_status_is_an_error(ops: OpsConsole, api: str) -> None:
    with fail_operations("AccessDenied", api):
        out, err = ops("maintenance status", 1)
    assert out == ""
    assert "was denied" in err


SATURDAY_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("window", "begins"),
    [
        ("sun:03:00-sun:04:00", SATURDAY_NOON + timedelta(hours=15)),
        ("sat:11:30-sat:12:30", SATURDAY_NOON),
        ("sat:11:00-sat:12:00", SATURDAY_NOON + timedelta(days=7, hours=-1)),
        ("fri:23:00-sat:13:00", SATURDAY_NOON),
        ("sun:23:30-mon:00:30", SATURDAY_NOON + timedelta(days=1, hours=11, minutes=30)),
        ("whenever", None),
        ("xyz:11:30-sat:12:30", None),
    ],
)
def test_the_next_start_of_a_weekly_window_is_computed(
    window: str, begins: datetime | None
) -> None:
    assert find_next_window_start(window, SATURDAY_NOON) == begins
