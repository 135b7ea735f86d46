"""A stage for `ops audit used`: roles of the stack, old and young, and what they used."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from moto.iam.models import iam_backends

from ops.core import clock
from sandbox.patches.iam_last_access import LastAccesses, get_last_accesses
from tests.ops.stage import ACCOUNT, STACK_PREFIX, Stage
from tests.ops.typed_line import TypedLine

TASK_ROLE: Final = f"{STACK_PREFIX}-backend-task"


def get_record() -> LastAccesses:
    """What was used of the account, which tests change."""
    return get_last_accesses(ACCOUNT)


def put_role(stage: Stage, name: str, *statements: Mapping[str, Any], age_days: int = 200) -> str:
    """A role with one inline policy, made some days ago; returns its ARN."""
    iam = stage.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    arn: str = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Statement": trust | {"Action": "sts:AssumeRole"}}),
    )["Role"]["Arn"]
    if statements:
        iam.put_role_policy(
            RoleName=name,
            PolicyName="main",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )
    set_age(name, age_days)
    return arn


def set_age(name: str, days: int) -> None:
    """Makes a role so many days old."""
    roles = iam_backends[ACCOUNT]["aws"].roles.values()
    (role,) = [role for role in roles if role.name == name]
    role.create_date = (clock.now() - timedelta(days=days)).replace(tzinfo=None)


def put_use(name: str, service: str, action: str, days_ago: float = 1) -> None:
    """Has a role have tried an action so many days ago."""
    moment: datetime = clock.now() - timedelta(days=days_ago)
    get_record().times[name, service, action] = moment


def put_used_stage(stage: Stage) -> None:
    """The task role of the backend, of which half is used."""
    put_role(
        stage,
        TASK_ROLE,
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "sns:Publish"], "Resource": "*"},
    )
    put_use(TASK_ROLE, "sqs", "SendMessage")


USED_LINES: Final[Mapping[str, tuple[TypedLine, ...]]] = {
    "audit used": (
        TypedLine("audit used", put_used_stage),
        TypedLine("audit used backend --policy", put_used_stage),
    )
}
