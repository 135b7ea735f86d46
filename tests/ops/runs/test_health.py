"""A run that stopped on its way is named by `ops health` and `ops check`, with who and when."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.core.engine import get_person
from ops.core.lock import LOCK_KEY
from tests.ops.command_line import OpsConsole
from tests.ops.service_stage import BACKEND_IMAGE, open_service_console

DEPLOY_LINE = f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes"


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_service_console(capsys, tmp_path) as console:
        yield console


def get_ended_process() -> int:
    """The id of a process of this machine that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def stop_deployment(ops: OpsConsole) -> str:
    """A deployment that is not over, and holds the lock; its run."""
    ops(f"{DEPLOY_LINE} --timeout 1", 4)
    (run,) = ops.run_for_json("runs list")["items"]
    return str(run["run"])


def put_lock(ops: OpsConsole, **changes: Any) -> dict[str, Any]:
    """The lock with other values: what another process would have written."""
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    lock: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=LOCK_KEY)["Body"].read())
    lock |= changes
    s3.put_object(Bucket=bucket, Key=LOCK_KEY, Body=json.dumps(lock).encode())
    return lock


def find_run(ops: OpsConsole, expected_code: int = 3) -> list[dict[str, Any]]:
    """What `ops health` says of the runs."""
    items = ops.run_for_json("health --only runs", expected_code)["items"]
    return [item for item in items if item["area"] == "runs"]


def test_a_run_whose_journal_is_in_a_folder_is_named_too(
    ops: OpsConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "journal"
    monkeypatch.setenv("BULWARK_JOURNAL", str(folder))
    run = stop_deployment(ops)
    lock = json.loads((folder / LOCK_KEY).read_text())
    (folder / LOCK_KEY).write_text(json.dumps(lock | {"process": get_ended_process()}))
    (item,) = find_run(ops)
    assert (item["state"], item["subject"]) == ("failing", f"run {run}")
    assert item["command"] == f"ops runs resume {run}"
    assert get_person() in item["evidence"]
    # Also with the bucket gone, which is why a folder is used.
    ops.stage.client("s3").delete_bucket(Bucket=ops.stage.outputs.backups.operations_bucket)
    items = find_run(ops)
    assert [(item["state"], item["subject"]) for item in items] == [
        ("failing", f"run {run}"),
        ("unknown", "unfinished runs"),
    ]
    ops(f"runs resume {run} --yes --timeout 30")
    ops(f"runs note {run} over")
    assert [item["state"] for item in find_run(ops)] == ["unknown"]


def test_a_folder_whose_journal_cannot_be_read_is_unknown(
    ops: OpsConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULWARK_JOURNAL", str(tmp_path / "journal"))
    run = stop_deployment(ops)
    path = tmp_path / "journal" / "runs" / run / "000000.json"
    path.write_bytes(b"\xff\xfe")
    (item,) = [item for item in find_run(ops) if item["subject"] == f"run {run}"]
    assert item["state"] == "unknown"


def test_a_killed_run_is_named_with_who_when_and_the_command(ops: OpsConsole) -> None:
    run = stop_deployment(ops)
    process = get_ended_process()
    put_lock(ops, process=process)
    (item,) = find_run(ops)
    assert (item["state"], item["subject"]) == ("failing", f"run {run}")
    assert item["command"] == f"ops runs resume {run}"
    assert f"ops service deploy {BACKEND_IMAGE}:v2 --service backend" in item["evidence"]
    assert f"begun by {get_person()} at 20" in item["evidence"]
    assert f"its process {process} has ended, and it still holds the lock" in item["evidence"]
    for checklist in ("daily", "pre-deploy"):
        out, err = ops(f"check {checklist}", 3)
        assert f"ops runs resume {run}" in out + err


@pytest.mark.parametrize("is_local", [False, True])
def test_a_note_says_nothing_of_how_far_a_run_has_come(
    ops: OpsConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_local: bool
) -> None:
    if is_local:
        monkeypatch.setenv("BULWARK_JOURNAL", str(tmp_path / "journal"))
    ops(DEPLOY_LINE)
    (item,) = ops.run_for_json("runs list")["items"]
    for text in ("users-saw-nothing", "and-the-cause-is-known"):
        ops(f"runs note {item['run']} {text}")
    assert [finding["state"] for finding in find_run(ops, 0)] == ["ok"]


def test_a_run_at_work_on_this_machine_is_ok(ops: OpsConsole) -> None:
    stop_deployment(ops)  # its process is this one
    (item,) = find_run(ops, 0)
    assert (item["state"], item["command"]) == ("ok", "")
    assert "is at work" in item["evidence"]


def test_whether_a_run_of_another_machine_works_is_unknown_until_its_lock_is_over(
    ops: OpsConsole,
) -> None:
    run = stop_deployment(ops)
    put_lock(ops, holder="runner@elsewhere")
    (item,) = find_run(ops)
    assert (item["state"], item["command"]) == ("unknown", f"ops runs resume {run}")
    assert "only elsewhere knows whether its process runs" in item["evidence"]
    put_lock(ops, until=0)
    (item,) = find_run(ops)
    assert item["state"] == "failing"
    assert "its lock was over at" in item["evidence"]


def test_a_run_whose_lock_is_gone_has_stopped(ops: OpsConsole) -> None:
    run = stop_deployment(ops)
    ops("lock break --reason test --yes")
    (item,) = find_run(ops)
    assert (item["state"], item["command"]) == ("failing", f"ops runs resume {run}")
    assert "it does not hold the lock, so it has stopped" in item["evidence"]
    ops.stage.clock.sleep(600)
    ops(f"runs resume {run} --yes")
    assert find_run(ops, 0)[0]["state"] == "ok"


@pytest.mark.parametrize("count", [1, 6])
def test_notes_leave_a_run_as_it_is(ops: OpsConsole, count: int) -> None:
    run = stop_deployment(ops)
    ops("lock break --reason test --yes")
    evidence = find_run(ops)[0]["evidence"].partition("; its last event")[2]
    for number in range(count):
        ops(f"runs note {run} note-{number}")
    (item,) = find_run(ops)
    assert item["state"] == "failing"
    assert item["evidence"].partition("; its last event")[2] == evidence
    ops.stage.clock.sleep(600)
    ops(f"runs resume {run} --yes")
    for number in range(count):
        ops(f"runs note {run} later-{number}")
    (item,) = find_run(ops, 0)
    assert item["state"] == "ok"
    assert "ended, and the lock is free" in item["evidence"]


def test_a_lock_that_no_unfinished_run_has_is_left_behind(ops: OpsConsole) -> None:
    run = stop_deployment(ops)
    lock = put_lock(ops, process=get_ended_process())
    ops.stage.clock.sleep(600)
    ops(f"runs resume {run} --yes")
    s3, bucket = ops.stage.client("s3"), ops.stage.outputs.backups.operations_bucket
    s3.put_object(Bucket=bucket, Key=LOCK_KEY, Body=json.dumps(lock).encode())
    (item,) = find_run(ops)
    assert (item["state"], item["subject"]) == ("failing", "lock")
    assert item["command"] == "ops lock break --reason REASON"


@pytest.mark.parametrize(
    ("key", "body", "subject", "evidence"),
    [
        ("runs/resize-20261130-020000-beef/000000.json", '{"x": 1}', "resize-", "cannot be read"),
        ("runs/Not\x1b[2K a run/000000.json", "{}", r"'Not\x1b[2K a run'", "no id of a run"),
        (LOCK_KEY, "{}", "lock", "the lock object cannot be read"),
    ],
)
def test_an_object_that_is_no_journal_and_no_lock_is_named_and_unknown(
    ops: OpsConsole, key: str, body: str, subject: str, evidence: str
) -> None:
    bucket = ops.stage.outputs.backups.operations_bucket
    ops.stage.client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())
    (item,) = find_run(ops)
    assert item["state"] == "unknown"
    assert subject in item["subject"]
    assert evidence in item["evidence"]


def test_without_any_run_it_is_ok_and_without_the_bucket_unknown(ops: OpsConsole) -> None:
    (item,) = find_run(ops, 0)
    assert item["evidence"] == ("there are no runs yet, and the lock is free")
    ops.stage.client("s3").delete_bucket(Bucket=ops.stage.outputs.backups.operations_bucket)
    (item,) = find_run(ops)
    assert item["state"] == "unknown"
