"""Resume and undo are changes like any other: shown, agreed to, and only of what is ours."""

import json
from unittest.mock import patch

import pytest

from ops.core.continuation import build_continuation
from ops.core.engine import SilentListener
from ops.core.lock import LOCK_KEY, BucketLockStore, Lock, LockRecord, is_process_alive
from ops.core.plan import Call, step_and_undos
from ops.core.run_context import StackContext
from tests.ops import db_stage
from tests.ops.matrices import open_kill_world
from tests.ops.procedures import list_procedures
from tests.ops.procedures.recover import (
    PRIMARY_IDENTIFIER,
    RESTORED_IDENTIFIER,
    put_recoverable_database,
    put_restored_instance,
)
from tests.ops.runs.scene import SNAPSHOT_LINE, Scene, open_scene
from tests.ops.stage import Stage


def test_a_malformed_journal_is_named_and_blocks_no_command(scene: Scene) -> None:
    run = scene.run_for_json(SNAPSHOT_LINE)["run"]
    scene.put_object("runs/broken-1/000000.json", '{"x": 1}')
    scene.put_object("runs/broken-2/000000.json", "\x1b[2Jno json")
    rows = {row["run"]: row for row in scene.run_for_json("runs list")["items"]}
    assert rows[run]["state"] == "done"
    assert rows["broken-1"]["state"].startswith("unreadable: line 0 is no record of ops")
    assert rows["broken-2"]["state"].startswith("unreadable: line 0 is no record of ops")
    assert "line 0 is no record of ops" in scene.run("runs resume broken-1 --yes", 1)
    scene.run("maintenance status")
    assert scene.run_for_json(SNAPSHOT_LINE)["run"] != run


def test_a_line_that_was_changed_later_is_noticed(scene: Scene) -> None:
    run = scene.run_for_json(SNAPSHOT_LINE)["run"]
    key = f"runs/{run}/000000.json"
    body = scene.stage.client("s3").get_object(Bucket=scene.bucket, Key=key)["Body"].read()
    scene.put_object(key, body.decode().replace("db snapshot create", "db snapshot prune"))
    (row,) = scene.run_for_json("runs list")["items"]
    assert row["state"] == "unreadable: line 0 was changed after line 1 was written"
    for line in (f"runs show {run}", f"runs undo {run} --yes", f"runs report {run}"):
        assert "line 0 was changed after line 1 was written" in scene.run(line, 1)


def test_a_lock_that_cannot_be_read_holds_and_can_be_broken(scene: Scene) -> None:
    scene.put_object(LOCK_KEY, '{"x": 1}')
    assert "the lock object cannot be read" in scene.run(SNAPSHOT_LINE, 6)
    assert "the lock object cannot be read" in scene.run("lock show")
    scene.run("lock break --reason malformed --yes")
    scene.run(SNAPSHOT_LINE)


def test_resuming_and_undoing_need_confirmation(scene: Scene) -> None:
    run = scene.stop_snapshot_run()
    for verb in ("resume", "undo"):
        assert "--yes is not set, and there is no terminal" in scene.run(f"runs {verb} {run}", 2)
    assert scene.run_for_json("runs list")["items"][0]["state"] == "unfinished"


def test_a_dry_run_shows_what_is_left_and_its_hash_is_expected(scene: Scene) -> None:
    run = scene.stop_snapshot_run()
    shown = scene.run_for_json(f"runs resume {run} --dry-run")
    assert shown["direction"] == "forward"
    assert shown["startedBy"] == scene.run_for_json("runs list")["items"][0]["by"]
    assert [step["name"] for step in shown["steps"]] == ["save"]
    undo = scene.run_for_json(f"runs undo {run} --dry-run")
    assert undo["hash"] != shown["hash"]
    assert undo["stays"]
    wrong = scene.run(f"runs resume {run} --yes --expect {undo['hash']}", 2)
    assert f"--expect must be {shown['hash']}" in wrong
    scene.run(f"runs resume {run} --yes --expect {shown['hash']}")
    assert scene.run_for_json("runs list")["items"][0]["state"] == "done"


def test_a_run_of_another_operator_needs_more_than_yes_to_resume(scene: Scene) -> None:
    run = scene.stop_snapshot_run()
    with patch("ops.cli.execution.get_person", lambda: "bob@laptop"):
        said = scene.run(f"runs resume {run} --yes", 2)
        assert "the run was started by" in said
        shown = scene.run_for_json(f"runs resume {run} --dry-run")
        scene.run(f"runs resume {run} --yes --expect {shown['hash']}")


def test_a_snapshot_that_stays_is_not_called_undone(scene: Scene) -> None:
    run = scene.stop_snapshot_run()
    result = scene.run_for_json(f"runs undo {run} --yes")
    assert result["state"] == "stopped, nothing was undone"
    assert "snapshot" in result["stays"][0]
    said = scene.run(f"runs resume {run} --yes", 2)
    assert "was undone: there is nothing to resume" in said
    assert "ops db snapshot create" in said


def test_the_list_says_who_why_and_how_long(scene: Scene) -> None:
    scene.run(f"{SNAPSHOT_LINE} --reason 'release'".replace("'", ""))
    (row,) = scene.run_for_json("runs list")["items"]
    assert row["reason"] == "release"
    assert "@" in row["by"]
    assert row["ended"] > row["began"]
    assert row["took"]


def test_a_lock_names_the_run_to_resume_first_and_whether_its_process_lives(scene: Scene) -> None:
    run = scene.stop_snapshot_run()
    said = scene.run("baseline capture --name before --yes", 6)
    assert said.index(f"ops runs resume {run}") < said.index("ops lock break")
    assert "its process is at work" in said, "this very process holds it"


def test_whether_a_process_lives_is_known_on_its_own_machine_alone() -> None:
    def build_record(holder: str, process: int | None) -> LockRecord:
        return LockRecord(holder=holder, run="r", reason="", since=0, until=1, process=process)

    with patch("socket.gethostname", lambda: "here"):
        assert is_process_alive(build_record("a@here", 2**22 + 1)) is False
        assert is_process_alive(build_record("a@there", 1)) is None
        assert is_process_alive(build_record("a@here", None)) is None


def put_host(stage: Stage, identifier: str) -> None:
    """Services read their database's address from the secret: now it is this instance's."""
    secrets, arn = stage.client("secretsmanager"), stage.outputs.database.secret_arn
    secret = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    address = db_stage.describe_database(stage, identifier)["Endpoint"]["Address"]
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({**secret, "host": address}))


def test_undoing_a_restore_never_deletes_the_database_that_services_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_scene(put_recoverable_database, capsys) as scene:
        put_host(scene.stage, PRIMARY_IDENTIFIER)
        restored = scene.run_for_json("recover point-in-time --to latest --no-sql --yes")
        put_host(scene.stage, restored["instance"])
        for line in (
            f"runs undo {restored['run']} --yes",
            f"recover discard {restored['instance']} --dry-run",
            f"recover discard {restored['instance']} --yes",
        ):
            said = scene.run(line, 2)
            assert f"would delete {restored['instance']}: services use it now" in said
        (row,) = scene.run_for_json("recover list")["items"]
        assert (row["instance"], row["serves"]) == (restored["instance"], "yes")
        put_host(scene.stage, PRIMARY_IDENTIFIER)
        (row,) = scene.run_for_json("recover list")["items"]
        assert row["serves"] == "no"
        shown = scene.run_for_json(f"runs undo {restored['run']} --dry-run")
        assert shown["deletes"] == [f"delete {restored['instance']}"]
        scene.run(f"runs undo {restored['run']} --yes --expect {shown['hash']}")
        assert scene.list_database_ids() == {PRIMARY_IDENTIFIER}


def test_unknown_is_not_safe_to_delete(capsys: pytest.CaptureFixture[str]) -> None:
    with open_scene(put_restored_instance, capsys) as scene:
        arn = scene.stage.outputs.database.secret_arn
        scene.stage.client("secretsmanager").delete_secret(SecretId=arn)
        said = scene.run(f"recover discard {RESTORED_IDENTIFIER} --dry-run", 2)
        assert "whether services use it is unknown" in said
        rows = scene.run_for_json("recover list")["items"]
        assert {row["serves"] for row in rows} == {"unknown"}


def test_a_run_that_moved_on_since_the_question_is_not_resumed(scene: Scene) -> None:
    """Somebody else carries the run on between the question and the answer."""
    from ops.core.actions import Actions
    from ops.core.errors import UsageError
    from ops.core.run import Runner

    run = scene.stop_snapshot_run()
    context = StackContext(scene.stage.outputs, scene.stage.aws)
    runner = Runner(context, scene.stage.clock, SilentListener(), Actions(scene.stage.aws))
    agreed = build_continuation(runner.get_engine(run), undo=False)
    assert runner.resume(run) == "done"
    assert [s.name for s in agreed.steps] == ["save"]
    with pytest.raises(UsageError, match="has gone on since it was shown"):
        runner.resume(run, agreed)
    assert Lock(BucketLockStore(scene.stage.client("s3"), scene.bucket)).find_record() is None


def test_the_deletions_of_every_undo_are_named() -> None:
    """A step that deletes is one whose description a person reads before agreeing."""
    for procedure in list_procedures():
        if procedure.command != "recover snapshot":
            continue
        with open_kill_world(procedure) as world:
            deleting = [
                part
                for step in world.plan.steps
                for part in step_and_undos(step)
                if isinstance(part.action, Call) and part.action.api == "rds.delete_db_instance"
            ]
        assert deleting
        assert all("delete" in part.description for part in deleting)
