"""`ops deploy`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import snapshots
from ops.deploy import commits
from ops.deploy import deployment as deploying
from ops.deploy.deployment import StackDeployment
from ops.fleet.template_steps import build_template_steps
from ops.preview import changes as preview
from ops.state import backup as states
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.fake_pulumi import FakeStack
from tests.ops.fleet_stage import (
    describe_group,
    list_group_instances,
    list_instance_refreshes,
    put_fleet,
)
from tests.ops.preview_files import PREVIEW_FOLDER
from tests.ops.procedures import Procedure
from tests.ops.procedures.recover import PRIMARY_IDENTIFIER, put_recoverable_database
from tests.ops.procedures.recover_rebuild import PROGRAM_FOLDER, put_program_folder
from tests.ops.procedures.state import new_workstation
from tests.ops.service_stage import put_services
from tests.ops.stage import REGION, Stage

OLD_COMMIT, NEW_COMMIT = "a" * 40, "b" * 40


def load_preview_steps() -> list[JsonValue]:
    """What is to be changed, as the engine writes it of the stack `test`: nothing of data."""
    recorded_steps = json.loads((PREVIEW_FOLDER / "change.json").read_text(encoding="utf-8"))[
        "steps"
    ]
    text = json.dumps([step for step in recorded_steps if step["op"] in ("create", "update")])
    stack = recorded_steps[0]["urn"].split(":")[2]
    preview_steps: list[JsonValue] = json.loads(
        text.replace(f"urn:pulumi:{stack}::", "urn:pulumi:test::")
    )
    assert preview_steps
    return preview_steps


def put_deployed_stack(stage: Stage) -> None:
    """A stack that the commit of before has deployed, with a change that waits.

    There is nothing that would answer HTTP: it has no load balancer.
    """
    stage.outputs = stage.outputs.model_copy(update={"load_balancer": None})
    put_program_folder()
    put_recoverable_database(stage)
    stage.client("s3").create_bucket(
        Bucket=stage.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    pulumi = pretended_pulumi.get_fake_pulumi(stage)
    pulumi.preview_steps["test"] = load_preview_steps()
    fake_stack = pulumi.stacks["test"]
    fake_stack.resources, fake_stack.outputs = 300, {"stack": {"stack": "test"}}
    fake_stack.history.append(
        {
            "kind": "update",
            "result": "succeeded",
            "message": "before",
            "environment": {"git.head": OLD_COMMIT, "git.dirty": "false"},
        }
    )


def put_earlier_stack(stage: Stage) -> None:
    """The same, and the stack `staging`, which has run the new commit: it has services too."""
    put_services(stage, ("backend", "frontend"))
    put_deployed_fleet(stage)
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    update: dict[str, JsonValue] = {
        "kind": "update",
        "result": "succeeded",
        "message": f"deploy-1 of {NEW_COMMIT}",
        "startTime": f"{now - timedelta(hours=6):%Y-%m-%dT%H:%M:%S}.000Z",
        "endTime": f"{now - timedelta(hours=5):%Y-%m-%dT%H:%M:%S}.000Z",
    }
    outputs = json.loads(stage.outputs.model_dump_json(by_alias=True))
    pulumi = pretended_pulumi.get_fake_pulumi(stage)
    pulumi.stacks["staging"] = FakeStack({}, 300, {}, [update], outputs)


def put_deployed_fleet(stage: Stage) -> None:
    """A stack with a fleet, of whose launch template version 2 waits."""
    put_fleet(stage)
    put_deployed_stack(stage)


def put_broken_commit(stage: Stage) -> None:
    put_deployed_stack(stage)
    pretended_pulumi.get_fake_pulumi(stage).broken_commits.add(NEW_COMMIT)


def put_unhealthy_commit(stage: Stage) -> None:
    put_deployed_stack(stage)
    pretended_pulumi.get_fake_pulumi(stage).unhealthy_commits.add(NEW_COMMIT)


def plan_deploy(stage: Stage) -> Plan:
    stack = stage.outputs.stack
    pulumi = pretended_pulumi.get_fake_pulumi(stage)
    preview_result = preview.parse_live({"steps": pulumi.preview_steps["test"]}, "test")
    root = Path(__file__).parents[3]
    deployment = StackDeployment(
        stack=stack.stack,
        project=stack.project,
        account=stack.account,
        region=stack.region,
        program=commits.Checkout(PROGRAM_FOLDER, root, NEW_COMMIT),
        assessment=deploying.assess_preview(preview_result),
        outputs=stage.outputs,
        instance=database.find_instance(stage.aws, stage.outputs, PRIMARY_IDENTIFIER),
        previous_commit=OLD_COMMIT,
        fleet_steps=tuple(build_template_steps(stage.aws, stage.outputs, is_changed=False)),
    )
    return deploying.build_stack_deploy_plan(deployment, "deploy-1")


def collect_deploy_facts(stage: Stage) -> tuple[object, ...]:
    """What was deployed last, what was saved, and how often each was deployed to the end."""
    pulumi, (bucket, identifier) = (
        pretended_pulumi.get_fake_pulumi(stage),
        (stage.outputs.backups.operations_bucket, PRIMARY_IDENTIFIER),
    )
    s3 = stage.client("s3")
    object_keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    snapshot_ids = [
        item["DBSnapshotIdentifier"]
        for item in stage.client("rds").describe_db_snapshots()["DBSnapshots"]
    ]
    assert (
        snapshots.get_snapshot_name(identifier, "deploy-1") in snapshot_ids
        or pulumi.last_deployed_commit == OLD_COMMIT
    )
    state_keys = sorted(key for key in object_keys if key.startswith(states.STATES_PREFIX))
    return pulumi.last_deployed_commit, sorted(snapshot_ids), state_keys


def collect_fleet_deploy_facts(stage: Stage) -> tuple[object, ...]:
    """The same, and the versions of the template that the fleet launches and runs."""
    template = describe_group(stage)["MixedInstancesPolicy"]["LaunchTemplate"]
    return (
        collect_deploy_facts(stage),
        template["LaunchTemplateSpecification"]["Version"],
        sorted(item["LaunchTemplate"]["Version"] for item in list_group_instances(stage)),
        [refresh["Status"] for refresh in list_instance_refreshes(stage)],
    )


def get_last_commit(stage: Stage) -> object:
    """What an undo leaves."""
    return pretended_pulumi.get_fake_pulumi(stage).last_deployed_commit


DEPLOY_ARGUMENTS: Final = f"test --despite tested --program {PROGRAM_FOLDER}"
# The database is as it was; and what was looked at before it is changed is as it was agreed to.
OBSERVED_STEPS: Final = frozenset({"checkout", "packages", "database"})
PROCEDURES: Final = (
    Procedure(
        "deploy",
        DEPLOY_ARGUMENTS,
        put_deployed_stack,
        plan_deploy,
        collect_deploy_facts,
        collect_undone_facts=get_last_commit,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=new_workstation,
        steps_maybe_done=OBSERVED_STEPS,
        is_long=True,
    ),
    Procedure(
        "deploy",
        f"{DEPLOY_ARGUMENTS} --reason fleet",
        put_deployed_fleet,
        plan_deploy,
        collect_fleet_deploy_facts,
        collect_undone_facts=get_last_commit,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=new_workstation,
        # What it would stop has come to its end.
        steps_maybe_done=OBSERVED_STEPS | {"fleet_stop"},
        is_long=True,
    ),
    Procedure(
        "deploy",
        f"{DEPLOY_ARGUMENTS} --reason broken",
        put_broken_commit,
        plan_deploy,
        collect_deploy_facts,
        outcome="undone",
        collect_undone_facts=get_last_commit,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=new_workstation,
        steps_maybe_done=OBSERVED_STEPS,
    ),
    Procedure(
        "deploy",
        f"{DEPLOY_ARGUMENTS} --reason sick",
        put_unhealthy_commit,
        plan_deploy,
        collect_deploy_facts,
        outcome="undone",
        collect_undone_facts=get_last_commit,
        build_shell_runner=pretended_pulumi.get_fake_pulumi,
        build_workstation=new_workstation,
        steps_maybe_done=OBSERVED_STEPS,
        is_long=True,
    ),
)
