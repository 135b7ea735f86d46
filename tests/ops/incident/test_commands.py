"""`ops incident` as a user types it, from the opening to the post-mortem."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pytest

from ops.core.lock import BucketLockStore, Lock, LockRecord
from ops.core.plan import Call
from ops.incident import object_keys
from ops.incident.plans import build_open_plan
from ops.outputs import ContactEntry, Outputs
from tests.ops.command_line import OpsConsole
from tests.ops.procedures import alarms
from tests.ops.procedures.incident import OPENING, list_messages, put_stack_and_topics
from tests.ops.service_stage import patch_command_line
from tests.ops.stage import STACK_PREFIX, build_stack_outputs, open_stage

P1_ALARM: Final = f"{STACK_PREFIX}-{alarms.ALARM_NAMES['P1'][0]}"
OPEN_LINE: Final = "incident open Slow --severity P1 --commander ann --yes"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_stage() as stage:
        put_stack_and_topics(stage)
        stage.client("s3").delete_bucket(Bucket=stage.outputs.backups.operations_bucket)
        with (
            patch_command_line(stage, tmp_path) as file,
            patch("ops.core.clock.now", stage.clock.held_clock.now),
        ):
            yield OpsConsole(stage, file, capsys)


def put_object(ops: OpsConsole, key: str, body: str) -> None:
    bucket = ops.stage.outputs.backups.operations_bucket
    ops.stage.client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())


def test_an_incident_from_its_opening_to_its_post_mortem(ops: OpsConsole, tmp_path: Path) -> None:
    ops.stage.client("cloudwatch").set_alarm_state(
        AlarmName=P1_ALARM, StateValue="ALARM", StateReason="it burns"
    )
    ops.stage.clock.sleep(600)
    opened = ops.run_for_json(f"{OPEN_LINE} --alarm {P1_ALARM} --since 15m --known errors")
    name = opened["incident"]
    ops.stage.clock.sleep(300)
    ops("incident note restarted --yes")
    ops("service scale 4 --service backend --yes --reason load")
    ops("incident note worse --severity P0 --commander bob --yes")
    (status,) = ops.run_for_json("incident status")["incidents"]
    assert (status["state"], status["severity"], status["commander"]) == ("open", "P0", "bob")
    assert round(status["detectionSeconds"], -1) == 300
    assert round(status["responseSeconds"], -1) == 600
    assert status["responseInTime"] is True
    ops.stage.clock.sleep(1500)
    closed = ops.run_for_json("incident close --cause lock --helped kill --action index --yes")
    assert closed["incident"] == name
    (report,) = ops.run_for_json("incident report")["incidents"]
    assert report["state"] == "closed"
    assert report["repairSeconds"] >= 1800
    assert round(report["totalSeconds"] - report["repairSeconds"], -1) == 900
    assert (report["cause"], report["helped"], report["actions"]) == ("lock", "kill", ["index"])
    told = [item["what"] for item in report["items"]]
    assert "note: restarted" in told
    assert "severity P0; commander bob; note: worse" in told
    assert [what for what in told if what.startswith("ops service scale 4")]
    assert [what for what in told if P1_ALARM in what and "raised" in what]
    assert not [what for what in told if "ops incident" in what]
    times = [item["time"] for item in report["items"]]
    assert times == sorted(times)
    assert "no incident is open" in ops("incident status")[0]
    (row,) = ops.run_for_json("incident list")["items"]
    assert (row["incident"], row["state"], row["severity"]) == (name, "closed", "P0")
    for suffix in ("md", "html"):
        file = tmp_path / f"report.{suffix}"
        ops(f"incident report --to {file}")
        assert "note: restarted" in file.read_text("utf-8")


def test_a_closed_incident_keeps_what_its_sources_forget(ops: OpsConsole) -> None:
    ops(OPEN_LINE)
    ops("service scale 4 --service backend --yes")
    ops("incident close --cause lock --yes")
    before = ops.run_for_json("incident report")["incidents"][0]
    bucket, s3 = ops.stage.outputs.backups.operations_bucket, ops.stage.client("s3")
    for item in s3.list_objects_v2(Bucket=bucket, Prefix="runs/")["Contents"]:
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    ops.stage.clock.sleep(100 * 86400)
    assert ops.run_for_json("incident report")["incidents"][0] == before


def test_each_is_announced_readably_and_pages_only_if_it_must(ops: OpsConsole) -> None:
    name = ops.run_for_json(OPEN_LINE)["incident"]
    ops("incident note seen --yes")
    ops("incident note seen --announce --yes")
    ops("incident note less --severity P2 --yes")
    ops.stage.clock.sleep(1)
    ops("incident note more --severity P0 --yes")
    ops("incident close --cause lock --yes")
    assert [(level, subject) for level, subject, _ in list_messages(ops.stage)] == [
        ("page", "P1 incident opened: Slow"),
        ("page", "P0 incident: Slow"),
        ("warn", "P1 incident: Slow"),
        ("warn", "P2 incident: Slow"),
        ("warn", "P0 incident closed: Slow"),
    ]
    message = list_messages(ops.stage)[0][2]
    assert "Commander: ann\nAnswer: within 30 minutes" in message["default"]
    chat = json.loads(message["https"])
    assert (chat["version"], chat["source"]) == ("1.0", "custom")
    assert chat["content"]["textType"] == "client-markdown"
    assert "*Commander:* ann" in chat["content"]["description"]
    assert chat["content"]["nextSteps"][0] == f"ops incident status {name}"
    assert chat["metadata"]["threadId"] == name


def test_texts_of_people_are_only_text(ops: OpsConsole, tmp_path: Path) -> None:
    text = "<!channel><script>alert(1)</script>|[x](http://e.vil)&${AT}${TIMELINE}"
    ops(f"incident open {text} --severity P2 --yes")
    ops(f"incident note {text} --announce --yes")
    ops(f"incident close --cause {text} --action {text} --yes")
    (report,) = ops.run_for_json("incident report")["incidents"]
    assert (report["title"], report["cause"], report["actions"]) == (text, text, [text])
    assert f"note: {text}" in [item["what"] for item in report["items"]]
    for level, subject, message in list_messages(ops.stage):
        assert level == "warn"
        assert "${AT}" not in subject
        assert text in message["default"]
        chat = message["https"]
        assert "<" not in chat
        assert "](" not in chat
        assert "&lt;!channel&gt;" in chat
    html, markdown = tmp_path / "r.html", tmp_path / "r.md"
    ops(f"incident report --to {html}")
    ops(f"incident report --to {markdown}")
    assert "<script>" not in html.read_text("utf-8")
    assert "&lt;script&gt;" in html.read_text("utf-8")
    assert not {"<", "@"} & set(markdown.read_text("utf-8"))


def test_an_incident_is_written_while_another_run_holds_the_lock(ops: OpsConsole) -> None:
    now = ops.stage.clock.now()
    place = BucketLockStore(ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket)
    lock_record = LockRecord(holder="a@b", run="r-1", reason="x", since=now, until=now + 60)
    Lock(place).acquire(lock_record)
    ops(OPEN_LINE)
    ops("incident note seen --yes")
    ops("incident status --public Slow --yes")
    ops("incident close --cause lock --yes")
    assert Lock(place).find_record() == lock_record
    ops("service scale 4 --service backend --yes", expected_code=6)


def test_only_one_of_two_closes_an_incident(ops: OpsConsole) -> None:
    name = ops.run_for_json(OPEN_LINE)["incident"]

    def close_first(*_: object, **__: object) -> bool:
        put_object(ops, object_keys.get_closing_key(name), "{}")
        return True

    with patch("ops.cli.execution.confirm_plan", close_first):
        _, err = ops("incident close --cause lock --yes", expected_code=5)
    assert "PreconditionFailed" in err


def test_malformed_records_are_named_and_stop_nobody(ops: OpsConsole) -> None:
    name = ops.run_for_json(OPEN_LINE)["incident"]
    broken = object_keys.get_entry_key(name, "x")
    put_object(ops, broken, "nonsense")
    put_object(ops, object_keys.get_opening_key("incident-20200101-000000-0000"), "nonsense")
    _, err = ops("incident list")
    assert f"{broken} cannot be read" in err
    ops(f"incident note seen --incident {name} --yes")
    ops(f"incident close {name} --cause lock --yes")
    ops("incident close incident-20200101-000000-0000 --cause nobody --yes")
    out, _ = ops(f"incident report {name}")
    assert f"{broken} cannot be read" in out
    assert ops.run_for_json("incident status")["incidents"] == []


def test_two_open_incidents_must_be_named(ops: OpsConsole) -> None:
    first = ops.run_for_json(OPEN_LINE)["incident"]
    ops.stage.clock.sleep(1)
    _, err = ops(OPEN_LINE)
    assert f"{first} is open already" in err
    _, err = ops("incident note seen --yes", expected_code=2)
    assert "INCIDENT must be set: 2 are open" in err
    assert len(ops.run_for_json("incident status")["incidents"]) == 2


def test_a_hash_agrees_to_the_words(ops: OpsConsole) -> None:
    line = "incident open Slow --severity P1 --commander ann --since 15m"
    plan = ops.run_for_json(f"{line} --dry-run")
    ops.stage.clock.sleep(60)
    other = "incident open Fast --severity P1 --commander ann --since 15m"
    _, err = ops(f"{other} --yes --expect {plan['hash']}", expected_code=2)
    assert "look at it again" in err
    ops(f"{line} --yes --expect {plan['hash']}")
    assert list_messages(ops.stage)[0][1] == "P1 incident opened: Slow"


def test_what_cannot_be_read_is_named_and_the_report_is_not_called_whole(ops: OpsConsole) -> None:
    ops(OPEN_LINE)
    with patch(
        "ops.incident.timeline.read_timeline",
        side_effect=_deny_alarms,
    ):
        out, err = ops("incident report", expected_code=3)
        assert "alarms: could not be read: denied" in out
        assert "1 sources could not be read" in err or "alarms" in err
        _, err = ops("incident close --cause lock --yes")
        assert "not in the timeline: alarms" in err
    (report,) = ops.run_for_json("incident report")["incidents"]
    assert report["notRead"] == ["alarms: could not be read: denied"]


def _deny_alarms(context: object, span: object, now: object, *, names: object) -> object:
    from ops.changes.model import SourceGap, Timeline

    gap = SourceGap("alarms", "could not be read: denied")
    return Timeline(span, ("alarms",), (), (gap,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("incident note seen --yes", "no incident is open"),
        ("incident close --cause x --yes", "no incident is open"),
        ("incident report", "no incident is open"),
        ("incident report incident-20200101-000000-0000", "was never opened"),
        ("incident close", "--cause must be a text"),
        ("incident status --state resolved", "--public must be set"),
        ("incident status --expect 0123456789abcdef", "--public must be set"),
        ("incident status --to status.txt", "and end with .html or .json"),
        ("incident report --to report.pdf", "and end with .html or .md"),
        ("incident open Slow --severity P1 --alarm nonsense", "--alarm must be an alarm"),
        ("incident open Slow --severity P1 --since soon", "--since must be"),
    ],
)
def test_bad_input_is_one_clear_error(ops: OpsConsole, line: str, message: str) -> None:
    _, err = ops(line, expected_code=2)
    assert message in err


def test_actions_become_issues_once(ops: OpsConsole) -> None:
    name = ops.run_for_json(OPEN_LINE)["incident"]
    _, err = ops("incident issues", expected_code=2)
    assert "which is open" in err
    ops("incident close --cause lock --action index --action alarm --yes")
    with patch("ops.github.comments.update_issue") as update:
        update.return_value.action, update.return_value.number = "created", 7
        update.return_value.url = "https://example.com/7"
        rows = ops.run_for_json("incident issues")["items"]
    assert [(row["action"], row["did"], row["issue"]) for row in rows] == [
        ("index", "created", 7),
        ("alarm", "created", 7),
    ]
    subjects = [call.args[0] for call in update.call_args_list]
    assert subjects == [f"test: {name} action 1", f"test: {name} action 2"]


def add_contacts(outputs: Outputs) -> Outputs:
    """The outputs of a stack whose settings say whom to call."""
    contacts = (
        ContactEntry(name="lead", reach="+46 8 2", after_minutes=15),
        ContactEntry(name="on call", reach="+46 8 1", after_minutes=0),
    )
    alarms_part = outputs.alarms.model_copy(update={"contacts": contacts})
    return outputs.model_copy(update={"alarms": alarms_part})


def test_an_opening_says_whom_to_call_and_whom_else() -> None:
    plan = build_open_plan(add_contacts(build_stack_outputs()), OPENING, "incident-1")
    action = plan.fill().steps[-1].action
    assert isinstance(action, Call)
    message = json.loads(str(action.params["Message"]))["default"]
    assert "Call: on call, +46 8 1\nAfter 15 minutes: lead, +46 8 2" in message


def test_status_and_report_say_whom_to_call_until_it_is_closed(
    ops: OpsConsole, tmp_path: Path
) -> None:
    ops.file.write_text(add_contacts(ops.stage.outputs).model_dump_json(by_alias=True))
    ops(OPEN_LINE)
    for command, code in (("status", 0), ("report", 3)):  # 3: the stage has no secret to read
        out, _ = ops(f"incident {command}", code)
        lines = out.splitlines()
        first = lines.index("call: on call, +46 8 1")
        assert lines[first + 1] == "after 15 minutes: lead, +46 8 2"
        (shown,) = ops.run_for_json(f"incident {command}", code)["incidents"]
        assert shown["contacts"][0] == {"name": "on call", "reach": "+46 8 1", "afterMinutes": 0}
    for suffix in ("md", "html"):
        file = tmp_path / f"report.{suffix}"
        ops(f"incident report --to {file}", 3)
        assert "on call" in file.read_text(encoding="utf-8")
    page = tmp_path / "status.html"
    ops(f"incident status --to {page}")
    assert "+46" not in page.read_text(encoding="utf-8")
    ops("incident close --cause lock --yes")
    (report,) = ops.run_for_json("incident report")["incidents"]
    assert report["contacts"] == []
    assert "+46" not in ops("incident report")[0]


def list_open_findings(ops: OpsConsole, expected_code: int) -> list[dict[str, str]]:
    """What `ops health` says of the incidents."""
    items = ops.run_for_json("health --only incidents", expected_code)["items"]
    return [item for item in items if item["area"] == "incidents"]


def test_health_fails_while_an_incident_is_open(
    ops: OpsConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.cli.execution.get_clock_rate", lambda: ops.stage.clock)  # of names
    (item,) = list_open_findings(ops, 0)
    assert (item["state"], item["evidence"]) == ("ok", "no incident is open")
    names = [ops.run_for_json(OPEN_LINE)["incident"]]
    ops.stage.clock.sleep(3600)
    names.append(ops.run_for_json(OPEN_LINE)["incident"])
    ops(f"incident note TEXT --incident {names[0]} --yes")
    items = list_open_findings(ops, 3)
    assert [item["subject"] for item in items] == names
    assert {item["state"] for item in items} == {"failing"}
    assert [item["command"] for item in items] == [f"ops incident status {name}" for name in names]
    assert "for 60 min" in items[0]["evidence"]
    ops(f"incident close {names[0]} --cause lock --yes")
    (item,) = list_open_findings(ops, 3)
    assert item["subject"] == names[1]
    ops(f"incident close {names[1]} --cause lock --yes")
    assert [item["state"] for item in list_open_findings(ops, 0)] == ["ok"]
