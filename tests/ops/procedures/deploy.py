"""`ops deploy`."""

import json
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from ops.core.plan import Plan
from ops.database import instance as database
from ops.database import snapshots
from ops.deploy import commits
from ops.deploy import deployment as deploying
from ops.deploy.deployment import StackDeployment
from ops.preview import changes as preview
from ops.state import backup as states
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.preview_files import PREVIEWS
from tests.ops.procedures import Procedure
from tests.ops.procedures.recover import OWN, put
from tests.ops.procedures.recover_rebuild import FOLDER, put_program
from tests.ops.procedures.state import draft
from tests.ops.stage import REGION, Stage

OLD, NEW = "a" * 40, "b" * 40


def steps() -> list[JsonValue]:
    """What is to be changed, as the engine writes it of the stack `test`: nothing of data."""
    found = json.loads((PREVIEWS / "change.json").read_text(encoding="utf-8"))["steps"]
    text = json.dumps([one for one in found if one["op"] in ("create", "update")])
    stack = found[0]["urn"].split(":")[2]
    listed: list[JsonValue] = json.loads(text.replace(f"urn:pulumi:{stack}::", "urn:pulumi:test::"))
    assert listed
    return listed


def put_deployed(on: Stage) -> None:
    """A stack that the commit of before has deployed, with a change that waits.

    There is nothing that would answer HTTP: it has no load balancer.
    """
    on.outputs = on.outputs.model_copy(update={"load_balancer": None})
    put_program()
    put(on)
    on.client("s3").create_bucket(
        Bucket=on.outputs.backups.operations_bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    pulumi = pretended_pulumi.of(on)
    pulumi.previewed["test"] = steps()
    one = pulumi.stacks["test"]
    one.resources, one.outputs = 300, {"stack": {"stack": "test"}}
    one.history.append(
        {
            "kind": "update",
            "result": "succeeded",
            "message": "before",
            "environment": {"git.head": OLD, "git.dirty": "false"},
        }
    )


def put_broken(on: Stage) -> None:
    put_deployed(on)
    pretended_pulumi.of(on).broken.add(NEW)


def put_sick(on: Stage) -> None:
    put_deployed(on)
    pretended_pulumi.of(on).sick.add(NEW)


def deployed(on: Stage) -> Plan:
    stack = on.outputs.stack
    pulumi = pretended_pulumi.of(on)
    found = preview.parse_live({"steps": pulumi.previewed["test"]}, "test")
    top = Path(__file__).parents[3]
    of = StackDeployment(
        stack=stack.stack,
        project=stack.project,
        account=stack.account,
        region=stack.region,
        program=commits.Checkout(FOLDER, top, NEW),
        assessment=deploying.assess_preview(found),
        outputs=on.outputs,
        instance=database.find_instance(on.aws, on.outputs, OWN),
        previous_commit=OLD,
    )
    return deploying.build_stack_deploy_plan(of, "deploy-1", draft("deploy-1.json"))


def facts(on: Stage) -> tuple[object, ...]:
    """What was deployed last, what was saved, and how often each was deployed to the end."""
    pulumi, (bucket, own) = pretended_pulumi.of(on), (on.outputs.backups.operations_bucket, OWN)
    s3 = on.client("s3")
    kept = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    saved = [
        one["DBSnapshotIdentifier"]
        for one in on.client("rds").describe_db_snapshots()["DBSnapshots"]
    ]
    assert snapshots.get_snapshot_name(own, "deploy-1") in saved or pulumi.last == OLD
    states_ = sorted(key for key in kept if key.startswith(states.STATES_PREFIX))
    return pulumi.last, sorted(saved), states_


def last(on: Stage) -> object:
    """What an undo leaves."""
    return pretended_pulumi.of(on).last


LINE: Final = f"test --despite tested --program {FOLDER}"
# The database is as it was; and what was looked at before it is changed is as it was agreed to.
LOOKED: Final = frozenset({"checkout", "packages", "database"})
PROCEDURES: Final = (
    Procedure(
        "deploy",
        LINE,
        put_deployed,
        deployed,
        facts,
        undone=last,
        shell=pretended_pulumi.of,
        already=LOOKED,
        long=True,
    ),
    Procedure(
        "deploy",
        f"{LINE} --reason broken",
        put_broken,
        deployed,
        facts,
        outcome="undone",
        undone=last,
        shell=pretended_pulumi.of,
        already=LOOKED,
    ),
    Procedure(
        "deploy",
        f"{LINE} --reason sick",
        put_sick,
        deployed,
        facts,
        outcome="undone",
        undone=last,
        shell=pretended_pulumi.of,
        already=LOOKED,
        long=True,
    ),
)
