"""`ops baseline` as a user types it: kept, listed, compared; each change and each gap is told."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest

from ops.baseline import store as keeping
from tests.ops.command_line import OpsConsole
from tests.ops.procedures import alarms
from tests.ops.procedures.baseline import (
    BASELINE_NAME,
    plan_capture,
    put_stack_and_bucket,
    put_whole_stack,
)
from tests.ops.prod.deployed import count_calls
from tests.ops.service_stage import BACKEND_IMAGE, patch_command_line
from tests.ops.stage import STACK_PREFIX, KillFuse, Stage, open_stage

STACK_DATABASE: Final = f"{STACK_PREFIX}-database"
P1_ALARM: Final = f"{STACK_PREFIX}-{alarms.ALARM_NAMES['P1'][0]}"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    yield from open_stack_console(capsys, tmp_path)


def open_stack_console(
    capture: pytest.CaptureFixture[str] | None, folder: Path
) -> Iterator[OpsConsole]:
    """A whole stack on a stage, seen from the command line."""
    with open_stage() as stage:
        put_whole_stack(stage)
        stage.client("rds").modify_db_instance(
            DBInstanceIdentifier=STACK_DATABASE, BackupRetentionPeriod=7, ApplyImmediately=True
        )
        stage.clock.sleep(3600)
        with (
            patch_command_line(stage, folder) as file,
            patch("ops.core.clock.now", stage.clock.held_clock.now),
        ):
            yield OpsConsole(stage, file, capture)


def list_printed_differences(
    ops: OpsConsole, line: str = "baseline compare"
) -> list[tuple[Any, ...]]:
    """The differences that a line finds."""
    names = ("kind", "area", "subject", "what", "before", "now")
    return [
        tuple(item[name] for name in names)
        for item in ops.run_for_json(line, expected_code=3)["items"]
    ]


def test_a_new_baseline_has_no_differences_and_the_newest_is_the_default(ops: OpsConsole) -> None:
    _, err = ops("baseline compare", expected_code=2)
    assert err.splitlines() == ["ops: there is no baseline yet", "  ops baseline capture"]
    first = ops.run_for_json("baseline capture --yes")
    ops.stage.clock.sleep(60)
    second = ops.run_for_json("baseline capture --name by-hand --yes --reason release")
    rows = ops.run_for_json("baseline list")["items"]
    assert [row["name"] for row in rows] == ["by-hand", first["baseline"]]
    assert rows[0]["size"] > 1000
    assert rows[0]["written"] >= rows[1]["written"]
    assert second["run"] in {row["run"] for row in ops.run_for_json("runs list")["items"]}
    line = "baseline compare --only database,services,fleet,parameters"
    assert ops(line)[0] == f"all is as it was at {second['taken']} (by-hand)\n"
    found = ops.run_for_json(f"{line} {first['baseline']}")
    assert (found["schema"], found["kind"]) == (1, "baseline-differences")
    assert (found["before"], found["items"]) == (first["taken"], [])


def test_capturing_to_a_file_changes_no_aws_and_never_overwrites(
    ops: OpsConsole, tmp_path: Path
) -> None:
    to = tmp_path / "kept.json"
    with count_calls() as made:
        ops(f"baseline capture --to {to}")
    assert not [name for name in made if name.startswith(("Put", "Delete", "Create"))]
    body = json.loads(to.read_text("utf-8"))
    assert body["database"]["bulwark-test-database"]["instance_class"] == "db.t4g.small"
    assert body["parameters"] == {"work_mem": "4096"}
    assert body["services"]["backend"]["scaling"] == {"min": 1, "max": 6}
    assert body["fleet"]["bulwark-test-fleet"]["template_version"] == 1
    assert body["fleet"]["bulwark-test-fleet"]["machine_image"] == "ami-12c6146b"
    assert len(body["alarms"]) == 5
    ops(f"baseline compare {to} --only database,services,fleet,parameters")
    with count_calls() as made:
        _, err = ops(f"baseline capture --to {to}", expected_code=2)
    assert "is there already" in err
    assert not made
    assert json.loads(to.read_text("utf-8")) == body
    for option in ("--name other", "--dry-run", "--expect 0123456789abcdef"):
        _, err = ops(f"baseline capture --to {tmp_path / 'new.json'} {option}", expected_code=2)
        assert err.startswith(f"ops: {option.split()[0]} is set, and --to too")
    assert [path.name for path in tmp_path.iterdir() if "json" not in path.name] == []


def test_the_hash_of_a_capture_depends_on_neither_time_nor_state(ops: OpsConsole) -> None:
    for name in ("", "--name before"):
        plan = ops.run_for_json(f"baseline capture {name} --dry-run")
        ops.stage.clock.sleep(7200)
        ops(f"service scale {3 if name else 4} --service backend --yes")
        ops(f"baseline capture {name} --yes --expect {plan['hash']}")
    _, err = ops(f"baseline capture --name other --yes --expect {plan['hash']}", expected_code=2)
    assert "look at it again" in err


def scale_service(ops: OpsConsole) -> None:
    ops("service scale 4 --service backend --yes")


def deploy_image(ops: OpsConsole) -> None:
    ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes")


def change_limits(ops: OpsConsole) -> None:
    ops("service autoscaling --service backend --max 9 --yes")
    ops("fleet limits --max 7 --yes")


def change_parameters(ops: OpsConsole) -> None:
    ops("db parameters --set work_mem=8192 --set max_connections=200 --yes")


def add_reports_replica(ops: OpsConsole) -> None:
    ops("db replica add reports --class db.t4g.small --yes")


def change_alarms(ops: OpsConsole) -> None:
    cloudwatch = ops.stage.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=P1_ALARM, StateValue="ALARM", StateReason="it burns")
    cloudwatch.disable_alarm_actions(AlarmNames=[P1_ALARM])
    cloudwatch.delete_alarms(AlarmNames=[f"{STACK_PREFIX}-{alarms.ALARM_NAMES['P0'][0]}"])


def delete_service(ops: OpsConsole) -> None:
    ops.stage.client("ecs").delete_service(cluster="bulwark-test", service="frontend", force=True)


STACK_CHANGES: Final[
    tuple[tuple[Callable[[OpsConsole], None], str, list[tuple[Any, ...]]], ...]
] = (
    (scale_service, "services", [("changed", "services", "backend", "desired", 2, 4)]),
    (
        change_limits,
        "services,fleet",
        [
            ("changed", "services", "backend", "scaling max", 6, 9),
            ("changed", "fleet", "bulwark-test-fleet", "max size", 4, 7),
        ],
    ),
    (
        change_parameters,
        "database,parameters",
        [
            ("worse", "database", "parameters", "health", "ok", "failing"),
            ("changed", "database", STACK_DATABASE, "parameters", "in-sync", "pending-reboot"),
            ("changed", "parameters", "work_mem", "value", "4096", "8192"),
            ("new", "parameters", "max_connections", "", None, "there"),
        ],
    ),
    (
        add_reports_replica,
        "database",
        [
            ("new", "database", f"{STACK_DATABASE}-reports", "", None, "there"),
        ],
    ),
    (
        change_alarms,
        "alarms",
        [
            ("worse", "alarms", P1_ALARM, "state", "OK", "ALARM"),
            ("gone", "alarms", f"{STACK_PREFIX}-{alarms.ALARM_NAMES['P0'][0]}", "", "there", None),
            ("changed", "alarms", P1_ALARM, "muted", False, True),
        ],
    ),
)


@pytest.mark.parametrize(
    ("change", "only", "expected"), STACK_CHANGES, ids=lambda it: getattr(it, "__name__", "")
)
def test_a_comparison_lists_exactly_the_change(
    ops: OpsConsole,
    change: Callable[[OpsConsole], None],
    only: str,
    expected: list[tuple[Any, ...]],
) -> None:
    ops("baseline capture --yes")
    change(ops)
    assert list_printed_differences(ops, f"baseline compare --only {only}") == expected
    out, err = ops(f"baseline compare --only {only}", expected_code=3)
    head, first, *_ = out.splitlines()
    assert head.split() == ["kind", "area", "subject", "what", "before", "now"]
    assert first.split()[:3] == list(expected[0][:3])
    assert err.splitlines()[0].startswith("ops: not as it was at 20")
    assert err.splitlines()[1:] == ["  ops health", "  ops runs list"]


def test_a_new_image_is_a_new_image_and_revision(ops: OpsConsole) -> None:
    ops("baseline capture --yes")
    deploy_image(ops)
    found = {t[3]: t[4:] for t in list_printed_differences(ops, "baseline compare --only services")}
    assert set(found) == {"revision", "images backend"}
    assert found["images backend"][1].startswith(f"{BACKEND_IMAGE}@sha256:")


def test_a_service_that_is_gone_is_worse(ops: OpsConsole) -> None:
    ops("baseline capture --yes")
    delete_service(ops)
    found = list_printed_differences(ops, "baseline compare --only services")
    assert ("worse", "services", "frontend", "health", "ok", "failing") in found


def build_damaged_body(body: dict[str, Any], **overrides: Any) -> str:
    return json.dumps({**body, **overrides})


def test_a_file_that_is_no_baseline_of_the_stack_is_one_line(
    ops: OpsConsole, tmp_path: Path
) -> None:
    to, bad = tmp_path / "kept.json", tmp_path / "bad.json"
    ops(f"baseline capture --to {to}")
    body = json.loads(to.read_text("utf-8"))
    less = {k: v for k, v in body.items() if k != "services"}
    for text, says in (
        ("", "which is no JSON"),
        (to.read_text("utf-8")[:-200], "which is no JSON"),
        ("[]", "must be a file of `ops baseline capture`"),
        ('{"schema": 1}', "must be a file of `ops baseline capture`"),
        (build_damaged_body(body, version=2), "which is of version 2, must be of 1"),
        (build_damaged_body(body, stack="other"), "which is of bulwark/other in"),
        (build_damaged_body(body, account="999999999999"), "in 999999999999"),
        (build_damaged_body(body, database={"x": {}}), "which is damaged: database.x"),
        (build_damaged_body(body, more=1), "which is damaged: more"),
        (json.dumps(less), "which is damaged: services"),
    ):
        bad.write_text(text)
        with count_calls() as made:
            _, err = ops(f"baseline compare {bad}", expected_code=2)
        assert err.startswith(f"ops: BASELINE is {str(bad)!r}, ")
        assert says in err
        assert len(err.splitlines()) == 1
        assert not made
    bad.write_bytes(b"\xff\xfe")
    assert "it is no text" in ops(f"baseline compare {bad}", expected_code=2)[1]
    bucket = ops.stage.outputs.backups.operations_bucket
    ops.stage.client("s3").put_object(Bucket=bucket, Key="baselines/bad.json", Body=b"{")
    assert "BASELINE is 'bad', which is no JSON" in ops("baseline compare", expected_code=2)[1]


def test_with_another_accounts_credentials_every_area_is_unread(
    ops: OpsConsole, tmp_path: Path
) -> None:
    other = ops.stage.outputs.stack.model_copy(update={"account": "999999999999"})
    ops.file.write_text(
        ops.stage.outputs.model_copy(update={"stack": other}).model_dump_json(by_alias=True)
    )
    for line in ("baseline capture --yes", f"baseline capture --to {tmp_path / 'x.json'}"):
        _, err = ops(line, expected_code=2)
        assert err.startswith("ops: the credentials are of account 123456789012")
    assert not (tmp_path / "x.json").exists()


def test_a_baselines_name_that_exists_is_refused(ops: OpsConsole) -> None:
    ops(f"baseline capture --name {BASELINE_NAME} --yes")
    _, err = ops(f"baseline capture --name {BASELINE_NAME} --yes", expected_code=2)
    assert err.splitlines()[0] == f"ops: --name is {BASELINE_NAME!r}, which is there already"


def test_a_denied_head_object_is_reported_as_denied(ops: OpsConsole) -> None:
    with count_calls(lambda name: "403" if name == "HeadObject" else None):
        _, err = ops(f"baseline capture --name {BASELINE_NAME} --yes", expected_code=1)
    assert err.startswith("ops: s3.head_object was denied: 403")


def test_an_undone_capture_deletes_only_its_own_baseline() -> None:
    with open_stage() as stage:
        put_stack_and_bucket(stage)
        fuse = KillFuse()
        assert stage.build_engine(fuse).start(plan_capture(stage)) == "done"
        assert [kept.name for kept in keeping.list_baselines(stage.aws, stage.outputs)] == [
            BASELINE_NAME
        ]
        assert stage.build_engine(fuse).undo() == "undone"
        assert keeping.list_baselines(stage.aws, stage.outputs) == []
    with open_stage() as stage:
        put_stack_and_bucket(stage)
        put_foreign_baseline(stage)  # between the look and the call
        assert stage.build_engine(KillFuse()).start(plan_capture(stage)) == "undone"
        assert read_baseline_object(stage) == b"theirs"


def put_foreign_baseline(stage: Stage) -> None:
    """Somebody else's baseline of that name."""
    bucket = stage.outputs.backups.operations_bucket
    stage.client("s3").put_object(
        Bucket=bucket,
        Key=keeping.get_baseline_key(BASELINE_NAME),
        Body=b"theirs",
        Metadata={"run": "theirs-1"},
    )


def read_baseline_object(stage: Stage) -> bytes:
    content: bytes = (
        stage.client("s3")
        .get_object(
            Bucket=stage.outputs.backups.operations_bucket,
            Key=keeping.get_baseline_key(BASELINE_NAME),
        )["Body"]
        .read()
    )
    return content
