"""`ops keys rotate`."""

from typing import Final

from ops.core.plan import Plan
from ops.keys.rotation import build_key_rotation_plan
from ops.keys.users import find_key_secret, get_rotatable_key
from tests.ops.key_stage import SECRET_NAME, USER, collect_key_facts, put_user_with_secret
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage


def plan_rotation(stage: Stage) -> Plan:
    return build_key_rotation_plan(
        stage.outputs,
        USER,
        get_rotatable_key(stage.aws, USER),
        find_key_secret(stage.aws, SECRET_NAME),
        "keys-rotate-1",
        quiet_hours=2,
        grace_hours=1,
    )


# Once the old key is deleted there is nothing to undo: the new one is then the only one.
NOTHING_TO_UNDO: Final = frozenset({"reactivate", "restore_secret", "delete_new"})
PROCEDURES: Final = (
    Procedure(
        "keys rotate",
        f"{USER} --unused 2h --grace 1h",
        put_user_with_secret,
        plan_rotation,
        collect_key_facts,
        steps_maybe_done=NOTHING_TO_UNDO,
    ),
)
