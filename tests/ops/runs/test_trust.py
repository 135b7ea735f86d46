"""Resume and undo are changes like any other: shown, agreed to, and only of what is ours."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest

from ops.core import journal as journals
from ops.core.continuation import build_continuation
from ops.core.engine import SilentListener
from ops.core.lock import LOCK_KEY, BucketLockStore, Lock, LockRecord
from ops.core.plan import Call, OpsCommand, Plan, ProgramCommand, step_and_undos
from ops.core.run import WallClock, is_process_alive
from ops.core.run_context import StackContext
from ops.database.instance import find_instance
from ops.database.resize import build_database_resize_plan
from ops.runs import verification
from tests.ops import db_stage
from tests.ops.every_command import open_command_line
from tests.ops.matrices import open_kill_world
from tests.ops.procedures import Procedure, list_procedures
from tests.ops.procedures.recover import (
    PRIMARY_IDENTIFIER,
    RESTORED_IDENTIFIER,
    put_recoverable_database,
    put_restored_instance,
)
from tests.ops.stage import ACCOUNT, Stage

SNAPSHOT_LINE = "db snapshot create --yes"
PROCEDURES = list_procedures()


@dataclass
class Scene:
    """A stack's command line; every line's text is kept."""

    stage: Stage
    run_line: Callable[[str], int]
    capture: pytest.CaptureFixture[str]

    def run(self, line: str, expected_code: int = 0) -> str:
        """What a line says on both streams."""
        self.capture.readouterr()
        code = self.run_line(line)
        captured = self.capture.readouterr()
        assert code == expected_code, captured.err
        return captured.out + captured.err

    def run_for_json(self, line: str) -> Any:
        self.capture.readouterr()
        assert self.run_line(f"{line} --output json") == 0
        return json.loads(self.capture.readouterr().out)

    @property
    def bucket(self) -> str:
        return self.stage.outputs.backups.operations_bucket

    def put_object(self, key: str, body: str) -> None:
        self.stage.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body.encode())

    def list_database_ids(self) -> set[str]:
        instances = self.stage.client("rds").describe_db_instances()["DBInstances"]
        return {instance["DBInstanceIdentifier"] for instance in instances}

    def stop_snapshot_run(self) -> str:
        """A run that is interrupted while RDS takes a snapshot."""

        def interrupt(_clock: object, seconds: float) -> None:
            if seconds:
                raise KeyboardInterrupt

        with patch.object(WallClock, "sleep", interrupt):
            self.run(SNAPSHOT_LINE, 130)
        return str(self.run_for_json("runs list")["items"][0]["run"])


@contextmanager
def open_scene(
    set_up: Callable[[Stage], object], capture: pytest.CaptureFixture[str]
) -> Iterator[Scene]:
    with open_command_line(set_up) as (stage, run_line):
        yield Scene(stage, run_line, capture)


@pytest.fixture
def scene(capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    with open_scene(db_stage.put_database, capsys) as opened:
        yield opened


def build_own_plan(scene: Scene) -> Plan:
    """A plan that a writer of the bucket might put there."""
    instance = find_instance(scene.stage.aws, scene.stage.outputs, PRIMARY_IDENTIFIER)
    assert instance is not None
    run = "resize-20261130-020000-beef"
    plan = build_database_resize_plan(scene.stage.outputs, instance, "db.m7g.large", run)
    return plan.model_copy(update={"account": ACCOUNT})


def put_forged_run(scene: Scene, plan: Plan) -> str:
    record = journals.Record(
        event="plan",
        step=plan.run,
        timestamp=plan.started,
        writer="eve",
        data=plan.model_dump(mode="json"),
    )
    scene.put_object(f"runs/{plan.run}/000000.json", record.model_dump_json())
    return plan.run


def replace_first_action(plan: Plan, action: Any) -> Plan:
    first, *others = plan.steps
    return plan.model_copy(update={"steps": (first.model_copy(update={"action": action}), *others)})


FORGERIES: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "another account": (
        lambda plan: plan.model_copy(update={"account": "999999999999"}),
        "its plan is for account '999999999999'",
    ),
    "another stack": (
        lambda plan: plan.model_copy(update={"stack": "prod"}),
        "its plan is for the stack 'prod'",
    ),
    "another region": (
        lambda plan: plan.model_copy(update={"region": "us-west-1"}),
        "its plan is for 'us-west-1'",
    ),
    "a call of another service": (
        lambda plan: replace_first_action(
            plan, Call(api="iam.create_user", params={"UserName": "eve"})
        ),
        "`ops db resize` never calls iam.create_user",
    ),
    "a call elsewhere": (
        lambda plan: replace_first_action(
            plan, Call(api="rds.modify_db_instance", region="us-west-1")
        ),
        "where this stack is not",
    ),
    "somebody else's secret": (
        lambda plan: replace_first_action(
            plan,
            Call(
                api="rds.modify_db_instance",
                secrets={"MasterUserPassword": "arn:aws:secretsmanager:eu-north-1:1:secret:x"},
            ),
        ),
        "takes a secret that is not the stack's",
    ),
    "a local file": (
        lambda plan: replace_first_action(
            plan, Call(api="rds.modify_db_instance", files={"Tags": "/etc/passwd"})
        ),
        "reads the file '/etc/passwd'",
    ),
    "a command": (
        lambda plan: replace_first_action(
            plan, ProgramCommand(tool="git", arguments=("-c", "alias.x=!sh", "x"))
        ),
        "`ops db resize` runs no commands on this machine",
    ),
    "a command of ops": (
        lambda plan: replace_first_action(
            plan.model_copy(update={"kind": "deploy"}),
            OpsCommand(arguments=("recover", "discard", "x", "--yes")),
        ),
        "`recover discard x --yes` is no command of ours",
    ),
    "what runs a program": (
        lambda plan: replace_first_action(
            plan.model_copy(update={"kind": "deploy"}),
            ProgramCommand(tool="pulumi", arguments=("up", "--yes", "--policy-pack", "/tmp/x")),
        ),
        "is no command of ours",
    ),
}


@pytest.mark.parametrize(("forge", "message"), FORGERIES.values(), ids=FORGERIES)
def test_a_plan_that_is_not_the_stacks_or_its_commands_is_refused(
    scene: Scene, forge: Callable[[Plan], Plan], message: str
) -> None:
    run = put_forged_run(scene, forge(build_own_plan(scene)))
    for verb in ("resume", "undo"):
        said = scene.run(f"runs {verb} {run} --yes", 2)
        assert message in said
        assert "nothing was done" in said
    assert f"ops runs show {run}" in said


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda p: p.id)
def test_every_plan_of_ours_is_trusted(procedure: Procedure) -> None:
    if procedure.command in verification.ACCOUNT_KINDS:
        pytest.skip("recorded on the machine that carries it out")
    with open_kill_world(procedure) as world:
        context = StackContext(world.stage.outputs, world.stage.aws)
        verification.require_trusted_plan(world.plan.fill(), context)


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--cwd", "/tmp"),
        ("up", "--policy-pack", "/tmp/pack"),
        ("stack", "export", "--file", "/home/a/.ssh/authorized_keys"),
        ("stack", "export", "--file", "${FILES}/../../.bashrc"),
        ("plugin", "run", "x"),
        ("config", "env", "init"),
        ("destroy", "--yes"),
    ],
)
def test_other_commands_of_pulumi_are_none_of_ours(arguments: tuple[str, ...]) -> None:
    command = ProgramCommand(tool="pulumi", arguments=arguments)
    assert not verification.is_program_command(command)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "core.sshCommand=sh", "fetch"),
        ("worktree", "add", "--force", "--detach", "/tmp/x", "abc"),
        ("-C", "${CHECKOUT}", "diff", "--quiet", "--ext-diff"),
        ("push",),
    ],
)
def test_other_commands_of_git_are_none_of_ours(arguments: tuple[str, ...]) -> None:
    command = ProgramCommand(tool="git", arguments=arguments, checkout="prod-1")
    assert not verification.is_program_command(command)


def test_a_malformed_journal_is_named_and_stops_nobody(scene: Scene) -> None:
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


def test_nothing_is_carried_on_unasked(scene: Scene) -> None:
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


def test_what_somebody_else_started_is_not_carried_on_by_yes_alone(scene: Scene) -> None:
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


def test_what_is_agreed_to_is_what_is_carried_out(scene: Scene) -> None:
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
    for procedure in PROCEDURES:
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
