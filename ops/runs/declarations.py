"""What the commands of `ops runs` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE, RECORD, WHY_STOPPED

SERVING_CHECKS: Final = dict.fromkeys(
    ("rds.describe_db_instances", "secretsmanager.get_secret_value"),
    "only if a database is to be deleted: tests/ops/runs/test_trust.py",
)
TASK_CHECKS: Final = dict.fromkeys(
    (*WHY_STOPPED, "ecs.describe_services"),
    "only if a change of a service failed: tests/ops/services/test_events.py",
)
DECLARATIONS: Final = (
    Declaration(
        "runs list",
        role="reader",
        calls=(*RECORD,),
    ),
    Declaration(
        "runs note",
        role="operator",
        plans=False,
        calls=(
            *RECORD,
            "s3.put_object",
            "sts.get_caller_identity",
        ),
        needs={"RUN": "{run}", "TEXT": "seen"},
        never_bad={"TEXT": "a person's words"},
    ),
    Declaration(
        "runs report",
        role="reader",
        calls=(*RECORD,),
        needs={"RUN": "{run}"},
        bad={"--to": ("/no/such/folder/report.html",)},
        judged_by_aws={"--to": "the run is read first"},
    ),
    # Plus the calls of the run's own command: a role can resume what it may start.
    Declaration(
        "runs resume",
        role="operator",
        plans=False,
        calls=(
            *CHANGE,
            *WHY_STOPPED,
            "ecs.describe_services",
            "rds.describe_db_instances",
            "secretsmanager.get_secret_value",
        ),
        unseen=SERVING_CHECKS | TASK_CHECKS,
        needs={"RUN": "{run}"},
    ),
    Declaration(
        "runs show",
        role="reader",
        calls=(*RECORD,),
        needs={"RUN": "{run}"},
    ),
    Declaration(
        "runs undo",
        role="operator",
        plans=False,
        calls=(*CHANGE, "rds.describe_db_instances", "secretsmanager.get_secret_value"),
        unseen=SERVING_CHECKS,
        needs={"RUN": "{run}"},
    ),
)
