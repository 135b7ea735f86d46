"""Checklists: which items each holds, and as typed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.checks.model import ChecklistFacts, run_checklist_items
from ops.checks.table import CHECKLIST_ITEMS, CHECKLISTS, evaluate_checklist, list_checklist_items
from ops.core.checks import ReadAnswer, ReadRequest, UnknownAnswerError
from ops.core.lock import LockRecord
from ops.health.registry import HEALTH_CHECKS
from sandbox import clock as sandbox_clock
from tests.ops.checks.upkeep_cases import DRILL_RECORD, DRILL_RECORD_KEY
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations, open_database_console
from tests.ops.procedures.maintenance import put_maintainable_stack
from tests.ops.single_check import NOW
from tests.ops.stage import build_stack_outputs


def test_longer_checklists_contain_the_shorter_and_all_check_the_account() -> None:
    names = {name: [item.name for item in list_checklist_items(name)] for name in CHECKLISTS}
    assert set(names["daily"]) < set(names["weekly"]) < set(names["monthly"])
    assert all("account" in listed for listed in names.values())
    assert len({item.name for item in CHECKLIST_ITEMS}) == len(CHECKLIST_ITEMS)
    assert all(item.meaning and item.checklists for item in CHECKLIST_ITEMS)


def test_the_monthly_checklist_has_every_health_check() -> None:
    assert set(HEALTH_CHECKS) <= {
        check for item in list_checklist_items("monthly") for check in item.checks
    }


def test_checks_that_do_not_apply_are_not_shown() -> None:
    outputs = build_stack_outputs().model_copy(
        update={"services": None, "fleet": None, "access": None}
    )
    shown = {
        item.name
        for item in list_checklist_items("monthly")
        if any(c.is_applicable(outputs) for c in item.checks)
    }
    results = run_checklist_items(
        list_checklist_items("monthly"),
        ChecklistFacts(outputs, NOW),
        lambda _: UnknownAnswerError("no answer"),
    )
    assert {result.item for result in results} == shown
    assert not {"services", "fleet", "cache", "roles"} & shown


def test_with_another_accounts_credentials_every_item_is_unknown() -> None:
    def answer_read(read: ReadRequest) -> ReadAnswer:
        return [{"Account": "999999999999"}] if read.api.startswith("sts.") else []

    results = run_checklist_items(
        list_checklist_items("pre-deploy"), ChecklistFacts(build_stack_outputs(), NOW), answer_read
    )
    states = {result.item: result.state for result in results}
    assert states.pop("account") == "failing"
    assert set(states.values()) == {"unknown"}


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    overrides = {"DBInstanceIdentifier": "elsewhere"}
    with (
        open_database_console(capsys, tmp_path, **overrides) as console,
        patch("ops.core.clock.now") as now,
    ):
        now.side_effect = console.stage.clock.held_clock.now
        sandbox_clock.set_sandbox_clock(console.stage.clock.held_clock)
        put_maintainable_stack(console.stage)
        part = console.stage.outputs
        part = part.model_copy(update={"fleet": None, "load_balancer": None})
        part = part.model_copy(update={"backups": part.backups.model_copy(update={"vault": None})})
        console.stage.outputs = part
        console.file.write_text(part.model_dump_json(by_alias=True))
        yield console


def test_a_list_is_printed_for_a_person_and_for_a_program(ops: OpsConsole) -> None:
    out, err = ops("check pre-deploy", 3)
    assert out.splitlines()[0].split() == ["state", "item", "evidence", "command", "to", "do"]
    assert "nothing was changed: 1 of 8 items is left to a person" in out.splitlines()
    assert "failing, 0 unknown" in err
    report = ops.run_for_json("check pre-deploy", 3)
    assert (report["schema"], report["kind"], report["list"]) == (1, "check", "pre-deploy")
    assert report["state"] == "failing"
    assert [item["state"] for item in report["items"]] == sorted(
        (item["state"] for item in report["items"]), key=["failing", "unknown", "ok"].index
    )
    states = {item["item"]: item["state"] for item in report["items"]}
    assert states == {
        "account": "ok",
        "deployment quotas": "ok",
        "unfinished runs": "ok",
        "lock": "ok",
        "no deployment": "ok",
        "grave alarms": "ok",
        "restorable": "ok",
        "capacity": "failing",
    }
    capacity = report["items"][0]
    assert "automatic scaling is missing" in capacity["evidence"]
    assert capacity["means"].startswith("No service")
    assert {finding["area"] for finding in capacity["findings"]} == {"services"}


def test_the_pre_deploy_checklist_shows_who_holds_the_lock(ops: OpsConsole) -> None:
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    now = ops.stage.clock.held_clock.now()
    lock_record = LockRecord(
        holder="a@b",
        run="r-1",
        reason="x",
        since=now.timestamp(),
        until=(now + timedelta(hours=1)).timestamp(),
    )
    s3.put_object(Bucket=bucket, Key="lock.json", Body=lock_record.model_dump_json().encode())
    (lock,) = [i for i in ops.run_for_json("check pre-deploy", 3)["items"] if i["item"] == "lock"]
    assert lock["state"] == "failing"
    assert "held by a@b for r-1: x" in lock["evidence"]


@pytest.mark.parametrize(
    ("api", "name"), [("get_object", "lock"), ("describe_alarms", "grave alarms")]
)
def test_a_denied_item_is_unknown_and_never_ok(ops: OpsConsole, api: str, name: str) -> None:
    with fail_operations("AccessDenied", api):
        report = ops.run_for_json("check pre-deploy", 3)
    (item,) = [i for i in report["items"] if i["item"] == name]
    assert item["state"] == "unknown"
    assert "was denied" in item["evidence"]
    assert item["command"] == "ops permissions"


def test_a_record_in_the_bucket_is_read(ops: OpsConsole) -> None:
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    taken = ops.stage.clock.held_clock.now().isoformat()
    body = json.dumps({**DRILL_RECORD, "taken": taken}).encode()
    s3.put_object(Bucket=bucket, Key=DRILL_RECORD_KEY, Body=body)
    (drill,) = [i for i in ops.run_for_json("check monthly", 3)["items"] if i["item"] == "drill"]
    assert drill["state"] == "ok"
    assert "back after 25 min of 60 min, lost 2 min of 5 min" in drill["evidence"]


def test_the_post_deploy_checklist_covers_the_requested_minutes(ops: OpsConsole) -> None:
    name = ops.stage.outputs.alarms.names["P1"][0]
    ops.stage.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="test"
    )
    now = ops.stage.clock.held_clock.now()

    def state(minutes: float) -> str:
        results = evaluate_checklist(
            "post-deploy", ops.stage.outputs, ops.stage.aws, now, minutes * 60
        )
        (result,) = [r for r in results if r.item == "new alarms"]
        return result.state

    assert state(24 * 60) == "failing"
    ops.stage.clock.sleep(3600)
    now = ops.stage.clock.held_clock.now()
    assert state(15) == "ok"
    _, err = ops("check post-deploy --since 0", 2)
    assert "--since" in err
