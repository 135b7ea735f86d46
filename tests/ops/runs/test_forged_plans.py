"""A plan in the bucket is carried on only if a command of ours could have written it."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.core.journal_record import Record
from ops.core.plan import Call, OpsCommand, Plan, ProgramCommand
from ops.core.run_context import StackContext
from ops.database.instance import find_instance
from ops.database.resize import build_database_resize_plan
from ops.runs import verification
from tests.ops.matrices import open_kill_world
from tests.ops.procedures import Procedure, list_procedures
from tests.ops.procedures.recover import (
    PRIMARY_IDENTIFIER,
)
from tests.ops.runs.scene import Scene
from tests.ops.stage import ACCOUNT

PROCEDURES = list_procedures()


def build_own_plan(scene: Scene) -> Plan:
    """A plan that a writer of the bucket might put there."""
    instance = find_instance(scene.stage.aws, scene.stage.outputs, PRIMARY_IDENTIFIER)
    assert instance is not None
    run = "resize-20261130-020000-beef"
    plan = build_database_resize_plan(scene.stage.outputs, instance, "db.m7g.large", run)
    return plan.model_copy(update={"account": ACCOUNT})


def put_forged_run(scene: Scene, plan: Plan) -> str:
    record = Record(
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
    "what needs no lock": (
        lambda plan: plan.model_copy(update={"only_records": True}),
        "changes the stack, which it must hold the lock for",
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
def test_other_pulumi_commands_are_not_trusted(arguments: tuple[str, ...]) -> None:
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
def test_other_git_commands_are_not_trusted(arguments: tuple[str, ...]) -> None:
    command = ProgramCommand(tool="git", arguments=arguments, checkout="prod-1")
    assert not verification.is_program_command(command)
