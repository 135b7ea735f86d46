"""A plan as a person reads it: what changes, what is at stake, and how it is undone."""

import re
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.cli.plan_view import (
    describe_stakes,
    describe_undo,
    list_changes,
    list_lasting_deletions,
    list_plan_lines,
)
from ops.core.plan import Call, Plan, Step, Wait
from sandbox.program import PROJECT_ROOT
from tests.ops import service_stage
from tests.ops.cli.terminal import open_terminal
from tests.ops.command_line import OpsConsole
from tests.ops.core.test_run import FakeTerminal
from tests.ops.db_stage import open_database_console
from tests.ops.procedures.recover import put_primary_secret


def build_step(name: str, *undo: Step, looks: bool = False) -> Step:
    read = Call(api="rds.describe_db_instances")
    action = read if looks else Call(api="rds.modify_db_instance")
    goal = Wait(read=read, met={"answer": 1})
    return Step(name=name, description=name, action=action, goal=goal, undo=undo)


def put_secret(ops: OpsConsole) -> None:
    """The stack's secret, whose label says which instance is in use; a stack always has one."""
    put_primary_secret(ops.stage)
    ops.file.write_text(ops.stage.outputs.model_dump_json(by_alias=True))


def test_a_resize_is_a_page_of_twelve_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path) as ops, open_terminal(80):
        put_secret(ops)
        out, _ = ops("db resize db.m7g.large --dry-run")
    lines = out.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 80
    text = re.sub(r"\s+", " ", out)
    parts = [
        "ops db resize db.m7g.large, on test",
        "changes class: db.t4g.small -> db.m7g.large",
        "1. take the snapshot bulwark-test-database-resize-",
        "2. change bulwark-test-database to db.m7g.large",
        "downtime about 2 min; takes about 15 min; nothing is deleted",
        "cost about",
        "undo step 2 on failure, or with `ops runs undo`; step 1 stays",
        "note connections drop",
        "hash ",
    ]
    positions = [text.find(part) for part in parts]
    assert -1 not in positions, dict(zip(parts, positions, strict=True))
    assert positions == sorted(positions)
    assert "rds." not in out


def test_the_readme_shows_the_view_of_a_resize(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("$ ops db resize db.m7g.large --dry-run\n")[1].split("```")[0]
    with open_database_console(capsys, tmp_path) as ops, open_terminal(80):
        put_secret(ops)
        out, _ = ops("db resize db.m7g.large --dry-run")
    assert hide_names(out) == hide_names(shown)


def hide_names(text: str) -> str:
    """A view without what differs between stacks and runs."""
    text = re.sub(r"-resize-\d{8}-\d{6}-[0-9a-f]{4}", "-RUN", text)
    text = re.sub(r"hash      [0-9a-f]{16}", "hash      HASH", text)
    return re.sub(r"eu-north-1(?=\))|us-east-1(?=\))", "REGION", text.replace("test", "prod"))


def test_details_are_the_calls_and_conditions(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path) as ops:
        line = "db resize db.m7g.large --dry-run"
        out, _ = ops(f"{line} --details")
        plan = ops.run_for_json(line)
    assert 'rds.modify_db_instance in eu-north-1 {"DBInstanceIdentifier": "bulwark' in out
    assert 'until DBInstances[0].DBInstanceClass = "db.m7g.large"' in out
    assert "undo. change bulwark-test-database to db.t4g.small" in out
    assert plan["hash"] in out
    assert plan["changes"] == ["class: db.t4g.small -> db.m7g.large"]
    assert len(plan["plan"]["steps"]) == 2


def test_an_undo_is_shown_like_a_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with open_database_console(capsys, tmp_path) as ops:
        run = ops.run_for_json("db resize db.m7g.large --yes")["run"]
        line = f"runs undo {run} --dry-run"
        out, _ = ops(line)
        detailed, _ = ops(f"{line} --details")
    assert f"undo {run}: ops db resize db.m7g.large, on test" in out
    assert "  1. change bulwark-test-database to db.t4g.small\n" in out
    assert "downtime  about 2 min; takes about 10 min; nothing is deleted\n" in out
    assert f"stays     as it is: take the snapshot bulwark-test-database-{run}\n" in out
    assert "rds." not in out
    assert "rds.modify_db_instance" in detailed


@pytest.mark.parametrize(
    ("line", "question"),
    [
        (
            "db resize db.m7g.large",
            "test: downtime about 2 min; it can be undone; continue? [y/N]",
        ),
        (
            "db failover",
            "test: downtime about 2 min; it cannot be undone; continue? [y/N]",
        ),
    ],
)
def test_the_question_says_what_is_at_stake(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, question: str
) -> None:
    with (
        open_database_console(capsys, tmp_path) as ops,
        patch("sys.stdin", FakeTerminal("n\n")),
    ):
        _, err = ops(line, 130)
    assert question in err


def test_a_deletion_asks_for_the_name_of_the_stack(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_database_console(capsys, tmp_path) as ops:
        ops("db replica add reports --yes")
        with patch("sys.stdin", FakeTerminal("other\n")):
            out, err = ops("db replica remove reports", 2)
    assert "deletes   bulwark-test-database-reports\n" in out
    assert "nothing is deleted" not in out
    assert "for good: delete bulwark-test-database-reports" in err
    assert "type the stack's name, test, to continue" in err


def test_what_changes_comes_first_and_its_price_is_of_the_tasks_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        out, _ = ops("service scale 5 --service backend --dry-run")
    lines = out.splitlines()
    assert lines[1] == "changes   tasks: 2 -> 5"
    assert out.count("2 -> 5") == 1
    assert re.search(r"^cost      about \d+ \$ a month more \(us-east-1's list price", out, re.M)


def test_deleting_what_the_plan_created_is_no_loss() -> None:
    def delete(name: str, *undo: Step) -> Step:
        call = Call(api="rds.delete_db_instance", params={"DBInstanceIdentifier": name})
        return build_step(name, *undo).model_copy(update={"action": call})

    steps = [build_step("restore", delete("copy")), delete("copy"), delete("primary")]
    assert list_lasting_deletions(steps) == ["primary"]
    assert describe_stakes(steps, "none").startswith("downtime none; for good: primary;")
    mute = build_step("unmute").model_copy(
        update={"action": Call(api="cloudwatch.delete_alarm_mute_rule")}
    )
    assert list_lasting_deletions([mute]) == []


@pytest.mark.parametrize(
    ("line", "downtime"),
    [
        ("service scale 0 --service backend", "until it is scaled up again"),
        ("service scale 3 --service backend", "none expected"),
        ("service maintenance on", "until the page is turned off"),
    ],
)
def test_an_outage_of_unknown_length_is_not_shown_as_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, downtime: str
) -> None:
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        out, _ = ops(f"{line} --dry-run")
    assert f"\ndowntime  {downtime};" in out


@pytest.mark.parametrize("api", ["ssm.send_command", "autoscaling.set_desired_capacity"])
def test_a_call_of_unknown_effect_is_not_shown_as_harmless(api: str) -> None:
    step = build_step("a").model_copy(update={"action": Call(api=api)})
    plan = Plan(run="run-1", kind="fleet scale", stack="s", account="1", region="r", steps=(step,))
    texts = [line.text for line in list_plan_lines(plan, "hash", details=False)]
    assert any(text.startswith("not known;") for text in texts) == (api == "ssm.send_command")
    assert not [text for text in texts if "nothing is deleted" in text]


def test_a_change_is_distinguished_from_its_undo() -> None:
    def call(value: object) -> Call:
        return Call(api="rds.modify_db_instance", params={"DBInstanceClass": value})

    before = build_step("back").model_copy(update={"action": call("db.t4g.small")})
    step = build_step("resize", before).model_copy(update={"action": call("db.m7g.large")})
    assert list_changes([step]) == ["class: db.t4g.small -> db.m7g.large"]
    same = build_step("resize", before).model_copy(update={"action": call("db.t4g.small")})
    assert list_changes([same, build_step("other")]) == []


def test_the_view_says_which_steps_can_be_undone() -> None:
    undone, kept = build_step("a", build_step("u")), build_step("b")
    look = build_step("c", looks=True)
    how = "on failure, or with `ops runs undo`"
    added = build_step("d").model_copy(update={"action": Call(api="rds.create_db_snapshot")})
    assert describe_undo([look]) == "not needed, nothing is changed"
    assert describe_undo([kept, look]) == "none: this cannot be undone"
    assert describe_undo([added, look]) == "none: what it adds stays"
    assert describe_undo([undone, look]) == f"everything {how}"
    assert describe_undo([undone, kept, undone, undone, look, undone]) == (
        f"steps 1, 3-4, 6 {how}; step 2 cannot be undone"
    )
    assert describe_undo([added, undone, added]) == f"step 2 {how}; steps 1, 3 stay"
    assert describe_stakes([added, undone], "none") == "downtime none; it can be undone"
    part = "downtime none; part of it cannot be undone"
    assert describe_stakes([kept, undone], "none") == part
