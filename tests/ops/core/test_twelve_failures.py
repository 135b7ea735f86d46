"""Twelve ways in which other tools have failed their users, each tried on ours.

A test's name is the tool and the number of its issue.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.core.actions import Actions
from ops.core.engine import Engine, StillRunningError
from ops.core.errors import DeniedError
from ops.core.journal import FolderJournalStore, Journal
from ops.core.plan import Call, Plan
from ops.services import deploy as deployments
from ops.services import images
from ops.services import model as services
from sandbox import faults
from sandbox.faults import DeniedFault, LostAnswerFault, ReadLagFault, ThrottlingFault
from tests.ops import db_stage, service_stage
from tests.ops.call_recorder import record_calls
from tests.ops.procedures.db_size import plan_resize
from tests.ops.procedures.db_snapshot import (
    list_manual_snapshots,
    plan_snapshot_create,
    put_database_snapshots,
)
from tests.ops.procedures.service_revisions import (
    plan_service_deploy,
    plan_service_rollback,
    put_second_deployment,
)
from tests.ops.service_stage import BACKEND_IMAGE, list_revision_images
from tests.ops.stage import KilledError, KillFuse, Stage, open_stage

PRIMARY_IDENTIFIER = "bulwark-test-database"


def test_ecs_deploy_185_and_ecspresso_732_rolled_back_by_ecs_is_no_success(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The circuit breaker rolled back, running equals desired again, and the tool exited 0."""
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        _, err = ops(f"service deploy {BACKEND_IMAGE}:v4-crash --service backend --yes", 5)
        found = service_stage.describe_service(ops.stage)
        assert found["runningCount"] == found["desiredCount"]
        assert "failed and was undone" in err
        assert "ROLLBACK_SUCCESSFUL" in err or "rolled back" in err
        assert [r["state"] for r in ops.run_for_json("runs list")["items"]] == ["undone"]


def test_ecspresso_673_a_rollback_deregisters_nothing_and_waits_for_its_own_deployment() -> None:
    """The rollback deregistered the revision in use, and missed the deployment to wait for."""
    with open_stage() as stage:
        put_second_deployment(stage)
        plan, began = plan_service_rollback(stage), stage.clock.now()
        with record_calls() as calls:
            assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert not [c.api for c in calls if "deregister" in c.api]
        assert len(list_revision_images(stage)) == 2
        assert stage.clock.now() - began >= 90  # new tasks take that long
        (primary,) = service_stage.describe_service(stage)["deployments"]
        assert (primary["rolloutState"], primary["taskDefinition"][-2:]) == ("COMPLETED", ":1")


def test_ansible_19751_and_aws_sdk_19_available_right_after_a_change_is_not_the_change() -> None:
    """A wait right after the call read "available", still that of before, and returned at once."""
    with open_stage() as stage:
        db_stage.put_database(stage)
        plan = plan_resize(stage)
        with faults.inject_faults(ReadLagFault(50)):
            assert stage.build_engine(KillFuse()).start(plan) == "done"
        found = db_stage.describe_database(stage)
        assert (found["DBInstanceClass"], found["DBInstanceStatus"]) == (
            "db.m7g.large",
            "available",
        )


def test_terraform_provider_aws_38437_available_with_values_pending_is_not_done() -> None:
    """The instance was available, the new values still pending; it was called done."""
    with open_stage() as stage:
        db_stage.put_database(stage)
        plan = plan_resize(stage)
        step = plan.steps[1]
        assert isinstance(step.action, Call)
        later = step.action.model_copy(
            update={"params": {**step.action.params, "ApplyImmediately": False}}
        )
        changed = (plan.steps[0], step.model_copy(update={"action": later}))
        with pytest.raises(StillRunningError, match=r"PendingModifiedValues.* is \{'DBInstanceCl"):
            stage.build_engine(KillFuse()).start(plan.model_copy(update={"steps": changed}))
        assert db_stage.describe_database(stage)["DBInstanceStatus"] == "available"


@pytest.mark.parametrize("point", range(4, 9))
def test_pulumi_11599_and_5377_an_effect_whose_record_is_lost_is_not_made_twice(point: int) -> None:
    """The resource was made, the record of it lost; the next run made another, or stuck."""
    with open_stage() as stage:
        db_stage.put_database(stage)
        plan, fuse = plan_snapshot_create(stage), KillFuse(point)
        with suppress(KilledError):
            stage.build_engine(fuse).start(plan)
        fuse.touches_left = 10**9
        assert stage.build_engine(fuse).resume() == "done"
        assert list_manual_snapshots(stage) == [(f"{PRIMARY_IDENTIFIER}-run-1", "available")]


def test_pulumi_11599_and_5377_an_effect_whose_answer_is_lost_is_not_made_twice() -> None:
    with open_stage() as stage:
        db_stage.put_database(stage)
        plan = plan_snapshot_create(stage)
        with (
            faults.inject_faults(LostAnswerFault(("rds.create_db_snapshot",))),
            record_calls() as calls,
        ):
            assert stage.build_engine(KillFuse()).start(plan) == "done"
        assert [c.api for c in calls].count("rds.create_db_snapshot") == 1
        assert list_manual_snapshots(stage) == [(f"{PRIMARY_IDENTIFIER}-run-1", "available")]


def test_terraform_13851_a_write_that_is_torn_leaves_every_line_whole(tmp_path: Path) -> None:
    """Ctrl-C during a wait tore the write of the state, which was nearly empty then."""
    with open_stage() as stage:
        db_stage.put_database(stage)
        plan, lines = plan_snapshot_create(stage), FolderJournalStore(tmp_path / "run-1")

        def engine() -> Engine:
            return Engine(Actions(stage.aws), Journal(lines), stage.clock)

        with (
            patch.object(type(stage.clock), "sleep", build_interrupting_sleep()),
            pytest.raises(KeyboardInterrupt),
        ):
            engine().start(plan)
        with patch("os.link", side_effect=KilledError), pytest.raises(KilledError):
            engine().resume()
        (tmp_path / "run-1" / ".torn").write_text('{"event": "do')
        assert [r.event for r in Journal(lines).records] == ["plan", "intent", "sent"]
        assert engine().resume() == "done"


def build_interrupting_sleep() -> object:
    """A clock's sleep that is interrupted as soon as it lasts."""

    def sleep(_: object, seconds: float) -> None:
        if seconds:
            raise KeyboardInterrupt

    return sleep


def test_terraform_28693_a_plan_that_is_refused_leaves_no_lock(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A stale plan was refused, and the lock stayed."""
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        line = "service scale 4 --service backend"
        stale = ops.run_for_json(f"{line} --dry-run")["hash"]
        ops("service scale 3 --service backend --yes")
        _, err = ops(f"{line} --yes --expect {stale}", 2)
        assert f"--expect is {stale}, the plan is now" in err
        assert ops("lock show")[0] == "no lock is held\n"
        assert len(ops.run_for_json("runs list")["items"]) == 1
        ops(f"{line} --yes")


def test_cloud_custodian_2204_a_list_that_is_throttled_is_not_an_empty_one() -> None:
    """A throttled list counted as "nothing found", and what should have stayed was deleted."""
    with open_stage() as stage:
        put_database_snapshots(stage, "run-1", "run-2")
        throttled = ThrottlingFault(apis=("rds.describe_db_snapshots",))
        with (
            simulate_botocore_pauses(stage),
            faults.inject_faults(throttled),
            pytest.raises(Exception, match="no answer"),
        ):
            stage.build_engine(KillFuse()).start(plan := build_plan_of_run(stage, "run-3"))
        assert len(list_manual_snapshots(stage)) == 2  # "absent" would have meant: take one
        assert stage.build_engine(KillFuse()).start(plan) == "done"


def build_plan_of_run(stage: Stage, run: str) -> Plan:
    return Plan.model_validate_json(
        plan_snapshot_create(stage).model_dump_json().replace("run-1", run)
    )


@contextmanager
def simulate_botocore_pauses(stage: Stage) -> Iterator[None]:
    """botocore's pauses pass on the stage's clock."""
    with patch("botocore.endpoint.time.sleep", stage.clock.sleep):
        yield


def test_wal_g_1126_not_there_and_could_not_ask_are_told_apart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Both had one exit code, so a recovery ended early and was promoted with data missing."""
    with db_stage.open_database_console(capsys, tmp_path) as ops:
        _, err = ops("db snapshot copy no-such --yes", 2)
        assert "SNAPSHOT must be a name from `ops db snapshot list`, not 'no-such'" in err
        with faults.inject_faults(DeniedFault(("rds.describe_db_snapshots",))):
            _, err = ops("db snapshot copy no-such --yes", 1)
        assert "rds.describe_db_snapshots was denied" in err
        plan, fuse = plan_snapshot_create(ops.stage), KillFuse()
        with (
            faults.inject_faults(DeniedFault(("rds.describe_db_snapshots",))),
            pytest.raises(DeniedError),
        ):
            ops.stage.build_engine(fuse).start(plan)
        assert [r.event for r in Journal(fuse).records] == ["plan"]
        assert list_manual_snapshots(ops.stage) == []


def test_sdk_java_305_an_undo_that_is_interrupted_goes_on_as_an_undo() -> None:
    """Cancelled, and with it the compensations: what was half done stayed so."""
    with open_stage() as stage:
        put_second_deployment(stage)
        plan, fuse = plan_service_rollback(stage), KillFuse(12)
        with suppress(KilledError):
            stage.build_engine(fuse).start(plan)
        fuse.touches_left = 10**9
        engine, sleeps = stage.build_engine(fuse), iter([0, 0, 1])
        passing = stage.clock.sleep

        def sleep(_: object, seconds: float) -> None:
            passing(seconds)
            if seconds and next(sleeps, 0):
                raise KeyboardInterrupt

        with patch.object(type(stage.clock), "sleep", sleep), pytest.raises(KeyboardInterrupt):
            engine.undo()
        assert Journal(fuse).is_undoing
        assert stage.build_engine(fuse).resume() == "undone"
        assert service_stage.describe_service(stage)["taskDefinition"].endswith(":2")


def test_terraform_provider_aws_34189_what_was_there_is_written_down_before_it_is_changed() -> None:
    """The way back led to the new version, because the old one had been overwritten first.

    #16821 is the same of a restore, which forgot the network of its source.
    """
    with open_stage() as stage:
        service_stage.put_services(stage)
        plan, fuse = plan_service_deploy(stage), KillFuse()
        assert stage.build_engine(fuse).start(plan) == "done"
        assert service_stage.describe_service(stage)["taskDefinition"].endswith(":2")
        again = stage.build_engine(fuse)  # another process, long after: it knows the journal only
        assert again.undo() == "undone"
        assert service_stage.describe_service(stage)["taskDefinition"].endswith(":1")


def test_barman_926_what_does_not_answer_is_not_called_done() -> None:
    """Every step had gone well, "restored" was said, and the server did not start."""
    with open_stage() as stage, serve_errors() as url:
        service_stage.put_services(stage)
        service = services.get_service(stage.aws, stage.outputs, "backend")
        image = images.resolve_image(stage.aws, f"{BACKEND_IMAGE}:v2")
        plan = deployments.build_service_deploy_plan(
            stage.aws, stage.outputs, service, image, "run-1", url=url
        )
        engine = stage.build_engine(KillFuse())
        assert engine.start(plan) == "undone"
        assert "status is 500" in engine.reason
        assert service_stage.describe_service(stage)["taskDefinition"].endswith(":1")


@contextmanager
def serve_errors() -> Iterator[str]:
    """A server that answers, with an error."""

    class ErrorHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), ErrorHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
