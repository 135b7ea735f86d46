"""Deployments: planned, killed at every touch, rolled back by ECS, and made by a user's line."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from ops.core.errors import DeniedError, ThrottledError, UsageError
from ops.core.goal_evaluation import describe_conditions, evaluate
from ops.services import deploy as deployments
from ops.services import release_history
from ops.services.images import resolve_image
from ops.services.model import get_arn_name, get_service, get_task_definition
from tests.ops.command_line import OpsConsole
from tests.ops.db_stage import fail_operations
from tests.ops.procedures.service_revisions import (
    plan_service_deploy,
    plan_service_rollback,
    put_second_deployment,
)
from tests.ops.service_stage import (
    BACKEND_IMAGE,
    FIRST_IMAGE,
    build_backend_only_outputs,
    describe_service,
    get_backend_digest_reference,
    list_revision_images,
    open_service_console,
    put_services,
)
from tests.ops.stage import KillFuse, open_stage


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with open_service_console(capsys, tmp_path) as console:
        yield console


def test_a_deployment_runs_the_image_and_changes_nothing_else() -> None:
    with open_stage() as stage:
        put_services(stage)
        assert stage.build_engine(KillFuse()).start(plan_service_deploy(stage)) == "done"
        assert list_revision_images(stage) == [
            [FIRST_IMAGE, "public.ecr.aws/sidecar:1"],
            [get_backend_digest_reference(stage, "v2"), "public.ecr.aws/sidecar:1"],
        ]
        first, second = (
            get_task_definition(stage.aws, f"bulwark-test-backend:{number}") for number in (1, 2)
        )
        assert deployments._list_differences(first[0], second[0], "backend") == []
        assert {t["key"]: t["value"] for t in second[1]} == {
            "owner": "platform",
            "bulwark:run": "run-1",
            "bulwark:image": f"{BACKEND_IMAGE}:v2",
        }
        assert describe_service(stage)["taskDefinition"].endswith("bulwark-test-backend:2")


# kayac/ecspresso#732 and fabfuel/ecs-deploy#185: rolled back, and called a success.
def test_a_rollback_by_the_circuit_breaker_is_no_success_even_when_seen_much_later() -> None:
    with open_stage() as stage:
        put_services(stage)
        plan, fuse = plan_service_deploy(stage, "v4-crash"), KillFuse(12)
        try:
            stage.build_engine(fuse).start(plan)
        except BaseException:  # killed: whoever resumes finds counts that are right again
            stage.clock.sleep(7200)
        fuse.touches_left = 10**9
        assert describe_service(stage)["runningCount"] == 2
        engine = stage.build_engine(fuse)
        assert engine.resume() == "undone"
        assert "ROLLBACK_SUCCESSFUL" in engine.reason
        assert describe_service(stage)["taskDefinition"].endswith(":1")


def test_without_a_breaker_the_undo_puts_the_service_back() -> None:
    with open_stage() as stage:
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
        put_services(stage, deploymentConfiguration=breaker)
        plan = plan_service_deploy(stage, "v4-crash")
        assert "no circuit breaker with rollback" in " ".join(plan.notes)
        assert stage.build_engine(KillFuse()).start(plan) == "undone"
        assert describe_service(stage)["taskDefinition"].endswith(":1")
        assert describe_service(stage)["deployments"][0]["rolloutState"] == "COMPLETED"


def test_somebody_elses_deployment_in_between_is_not_taken_for_ours() -> None:
    with open_stage() as stage:
        put_services(stage)
        plan = plan_service_deploy(stage)
        (confirm,) = [s for s in plan.steps if s.name == "confirm"]
        assert confirm.goal.same_as
        register, update, _ = plan.steps
        assert stage.build_engine(KillFuse()).start(
            plan.model_copy(update={"steps": (register, update)})
        )
        stage.client("ecs").update_service(
            cluster="bulwark-test", service="backend", taskDefinition="bulwark-test-backend:1"
        )
        stage.clock.sleep(600)
        now = stage.aws.call("ecs.describe_services", dict(confirm.action.params))  # type: ignore[union-attr]
        registered: JsonValue = {"taskDefinition": {"taskDefinitionArn": "arn:ours"}}
        ours = {"register": registered}
        assert evaluate(confirm.goal, now, ours) == "absent"
        assert "must be 'arn:ours'" in describe_conditions(confirm.goal, now, ours)


def test_a_rollback_skips_what_failed_and_what_cannot_run() -> None:
    with open_stage() as stage:
        put_second_deployment(stage)
        stage.build_engine(KillFuse()).start(plan_service_deploy(stage, "v4-crash", "run-5"))
        stage.clock.sleep(3600)
        stage.build_engine(KillFuse()).start(plan_service_deploy(stage, "v3", "run-6"))
        stage.clock.sleep(3600)
        assert describe_service(stage)["taskDefinition"].endswith(":4")
        assert plan_service_rollback(stage).steps[0].action.params["taskDefinition"].endswith(":2")  # type: ignore
        stage.client("ecr").batch_delete_image(
            repositoryName="bulwark/test/backend", imageIds=[{"imageTag": "v2"}]
        )
        assert plan_service_rollback(stage).steps[0].action.params["taskDefinition"].endswith(":1")  # type: ignore
        stage.client("ecs").deregister_task_definition(taskDefinition="bulwark-test-backend:1")
        with pytest.raises(UsageError, match="no other proven release of backend"):
            plan_service_rollback(stage)


def test_an_undo_asked_for_while_a_bad_deployment_runs_leads_to_the_last_proven_one() -> None:
    with open_stage() as stage:
        put_services(stage, deploymentConfiguration={})
        image = resolve_image(stage.aws, f"{BACKEND_IMAGE}:v4-crash")
        service = get_service(stage.aws, stage.outputs, "backend")
        plan = deployments.build_service_deploy_plan(
            stage.aws, stage.outputs, service, image, "run-1", wait=False
        )
        assert stage.build_engine(KillFuse()).start(plan) == "done"
        bad = get_service(stage.aws, stage.outputs, "backend")
        assert (bad.is_rollout_completed, get_arn_name(bad.revision)) == (
            False,
            "bulwark-test-backend:2",
        )
        assert release_history.get_undo_revision(stage.aws, bad).endswith(":1")
        assert plan_service_rollback(stage).steps[0].action.params["taskDefinition"].endswith(":1")  # type: ignore


@pytest.mark.parametrize(
    ("code", "kind"), [("ThrottlingException", ThrottledError), ("AccessDenied", DeniedError)]
)
@pytest.mark.parametrize(
    "operation",
    [
        "describe_services",
        "list_service_deployments",
        "describe_task_definition",
        "describe_images",
    ],
)
def test_a_throttle_or_denial_is_not_taken_for_absence(
    code: str, kind: type[Exception], operation: str
) -> None:
    with open_stage() as stage:
        put_services(stage)
        with fail_operations(code, operation) as called, pytest.raises(kind):
            plan_service_deploy(stage)
        assert "update_service" not in called


def test_deploy_as_a_user_types_it(ops: OpsConsole) -> None:
    out, err = ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes --reason release")
    reference = get_backend_digest_reference(ops.stage, "v2")
    assert f"image: {FIRST_IMAGE} -> {reference}" in out
    assert "already done: check that backend runs it" in err
    assert "completed: True" in out
    assert describe_service(ops.stage)["taskDefinition"].endswith(":2")
    assert describe_service(ops.stage, "frontend")["taskDefinition"].endswith("frontend:1")
    (run,) = ops.run_for_json("runs list")["items"]
    command = f"ops service deploy {BACKEND_IMAGE}:v2 --service backend"
    assert (run["state"], run["command"]) == ("done", command)
    shown = ops.run_for_json("service list")
    assert shown["kind"] == "services"
    assert [(row["service"], row["image"]) for row in shown["items"]] == [
        ("backend", reference),
        ("frontend", FIRST_IMAGE),
    ]


@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ("v4-crash", "3 x Essential container in task exited; backend exited with 1"),
        ("v5-unhealthy", "3 x Task failed container health checks"),
    ],
)
def test_a_bad_image_exits_5_and_says_why_its_tasks_stopped(
    ops: OpsConsole, tag: str, says: str
) -> None:
    _, err = ops(f"service deploy {BACKEND_IMAGE}:{tag} --service backend --yes", 5)
    assert "failed and was undone" in err
    assert says in err
    assert "ops service tasks --service backend --stopped" in err
    assert describe_service(ops.stage)["taskDefinition"].endswith(":1")
    assert ops("lock show")[0].strip() == "no lock is held"
    stopped = ops.run_for_json("service tasks --service backend --stopped")["items"]
    assert {row["state"] for row in stopped} == {"STOPPED"}
    events = ops("service events --service backend")[0]
    assert "rolling back to deployment" in events


def test_reasons_that_cannot_be_read_do_not_hide_the_failure(ops: OpsConsole) -> None:
    with fail_operations("ThrottlingException", "list_tasks"):
        _, err = ops(f"service deploy {BACKEND_IMAGE}:v4-crash --service backend --yes", 5)
    assert "stopped: unknown, ecs.list_tasks got no answer" in err


def test_a_dry_run_changes_nothing_and_its_hash_is_expected(ops: OpsConsole) -> None:
    line = f"service deploy {BACKEND_IMAGE}:v2 --service backend"
    planned = ops.run_for_json(f"{line} --dry-run")
    assert ops.run_for_json(f"{line} --dry-run")["hash"] == planned["hash"]
    assert len(list_revision_images(ops.stage)) == 1
    text, _ = ops(f"{line} --dry-run --details")
    assert re.search(rf"\nhash +{planned['hash']}\n", text)
    assert "<register.taskDefinition.taskDefinitionArn>" in text
    _, err = ops(f"{line} --yes --expect 0123456789abcdef", 2)
    assert re.search("--expect is 0123456789abcdef, the plan is now", err)
    assert len(list_revision_images(ops.stage)) == 1
    result = ops.run_for_json(f"{line} --yes --expect {planned['hash']}")
    assert (result["kind"], result["completed"]) == ("service-deployment", True)


def test_without_waiting_it_is_begun_and_not_called_completed(ops: OpsConsole) -> None:
    out, _ = ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes --no-wait")
    assert "completed: False" in out
    assert describe_service(ops.stage)["deployments"][0]["rolloutState"] == "IN_PROGRESS"


def test_a_time_out_exits_4_and_a_resume_finishes_it(ops: OpsConsole) -> None:
    _, err = ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes --timeout 1", 4)
    run = re.search(r"ops runs resume (\S+)", err)
    assert run
    ops("service restart --service backend --yes", 6)  # what is under way holds the lock
    ops(f"runs resume {run[1]} --yes", 4)  # its time is over: it looks once
    ops(f"runs resume {run[1]} --timeout 20 --yes")
    assert describe_service(ops.stage)["taskDefinition"].endswith(":2")


def test_rollback_and_restart_as_a_user_types_them(ops: OpsConsole) -> None:
    ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes")
    tasks = {row["task"] for row in ops.run_for_json("service tasks --service backend")["items"]}
    ops("service restart --service backend --yes")
    assert not tasks & {
        r["task"] for r in ops.run_for_json("service tasks --service backend")["items"]
    }
    assert describe_service(ops.stage)["taskDefinition"].endswith(":2")
    out, _ = ops("service rollback --service backend --yes")
    assert f"-> {FIRST_IMAGE}" in out
    assert describe_service(ops.stage)["taskDefinition"].endswith(":1")
    rows = ops.run_for_json("service revisions --service backend")["items"]
    assert [(r["revision"], r["current"], r["usable"]) for r in rows] == [
        ("bulwark-test-backend:1", "yes", "yes"),
        ("bulwark-test-backend:2", "no", "yes"),
    ]
    ops("service rollback --service backend --to 2 --yes")
    assert describe_service(ops.stage)["taskDefinition"].endswith(":2")


def test_an_image_of_another_registry_is_deployed_and_said_not_to_be_looked_at(
    ops: OpsConsole,
) -> None:
    out, _ = ops("service deploy ghcr.io/acme/app:1.2 --service backend --yes")
    assert "ghcr.io/acme/app:1.2 is not in ECR, so it was not checked" in out


def test_the_only_service_need_not_be_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_service_console(capsys, tmp_path, build_backend_only_outputs(), ("backend",)) as ops:
        ops(f"service deploy {BACKEND_IMAGE}:v3 --yes")
        assert describe_service(ops.stage)["taskDefinition"].endswith(":2")


def test_what_pulumi_has_changed_meanwhile_is_said(ops: OpsConsole) -> None:
    ecs = ops.stage.client("ecs")
    ops(f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes")
    ecs.register_task_definition(
        family="bulwark-test-backend",
        cpu="256",
        memory="512",
        runtimePlatform={"cpuArchitecture": "ARM64"},
        containerDefinitions=[{"name": "backend", "image": FIRST_IMAGE, "memory": 512}],
    )
    part = ops.stage.outputs.services.services["backend"]  # type: ignore[union-attr]
    newer = re.sub(r":\d+$", ":3", part.task_definition_arn)
    text = ops.file.read_text().replace(part.task_definition_arn, newer)
    ops.file.write_text(text)
    out, _ = ops(f"service deploy {BACKEND_IMAGE}:v3 --service backend --dry-run")
    assert (
        "also different from the running revision: backend.environment, backend.healthCheck, "
        "backend.memory, sidecar" in out
    )
