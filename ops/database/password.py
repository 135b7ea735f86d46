"""Another password for the database: rotated by the stack's function, and read by whoever uses it.

Secrets Manager calls the function of the stack (docs/decisions/0003), which tells RDS the new
password and starts the services anew. A rotation has a token, so that it is one however often it
is asked for.
"""

from typing import Final

from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.core.plan import Plan, Sql, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import PENDING, STATUS, Instance
from ops.outputs import Outputs
from ops.services import deploy as deployments
from ops.services.model import Service

TYPICAL: Final = 90
ASSUMED: Final = "an assumption, AWS states none: a function of four steps, and RDS half a minute"
TOKEN: Final = 64  # characters, of 32 at least. Source: API reference, RotateSecret
WITHIN: Final = 30 * 60  # Secrets Manager tries a failed rotation again meanwhile


def settled(outputs: Outputs, secret: object, found: Instance) -> None:
    """Raises OpsError where the database cannot be given another password now.

    `secret` is the description of its secret.
    """
    database.settled(found, "to be given another password")
    described: dict[str, object] = secret if isinstance(secret, dict) else {}
    if not described.get("RotationEnabled"):
        raise OpsError(
            f"the secret {outputs.database.secret_arn} has no rotation: run `pulumi up` first"
        )
    stages = described.get("VersionIdsToStages")
    for version, stage in stages.items() if isinstance(stages, dict) else ():
        if "AWSPENDING" in stage and "AWSCURRENT" not in stage:
            raise OpsError(
                f"a rotation is on its way or has stuck: version {version} is pending; look at the "
                "log of the rotation function",
                "ops db status",
            )


def token_of(run: str) -> str:
    """The token of a new version of the secret, which is the version's id.

    The run itself, so that the plan's hash is the same for the same plan (Plan.digest).
    """
    return f"bulwark-{run:-<24}"[:TOKEN]


def described(aws: Aws, outputs: Outputs) -> object:
    """The description of the database's secret, without what is in it."""
    return aws.call("secretsmanager.describe_secret", {"SecretId": outputs.database.secret_arn})


def rotate(
    aws: Aws,
    outputs: Outputs,
    found: Instance,
    services: list[Service],
    run: str,
    *,
    check: bool = False,
) -> Plan:
    """The password is another, RDS has taken it, and every service has read it.

    With `check` the new password is tried, which takes a way to the database. There is no undo:
    the password of before may be known to somebody, which is why it was rotated.
    """
    token = token_of(run)
    stages = f'VersionIdsToStages."{token}" || `[]`'
    where = {"SecretId": outputs.database.secret_arn}
    steps = [
        Step(
            name="rotate",
            says=f"rotate the password of {found.identifier}",
            do=database.where(
                outputs, "secretsmanager.rotate_secret", {**where, "ClientRequestToken": token}
            ),
            goal=Wait(
                read=database.where(outputs, "secretsmanager.describe_secret", {**where}),
                met={f"contains({stages}, 'AWSCURRENT')": True},
                begun={f"contains({stages}, 'AWSPENDING')": True},
                within=WITHIN,
                typical=TYPICAL,
                source=ASSUMED,
            ),
        ),
        Step(
            name="taken",
            says=f"see that {found.identifier} has taken it",
            do=database.looking(outputs, found.identifier),
            goal=Wait(
                read=database.looking(outputs, found.identifier),
                met={STATUS: "available", f"{PENDING}.MasterUserPassword": None},
                failed={STATUS: list(database.BROKEN)},
                every=10,
                within=900,
            ),
        ),
        *(
            deployments.anew(aws, service, f"restart_{number}")
            for number, service in enumerate(services, 1)
        ),
    ]
    if check:
        ask = Sql(statement="SELECT 1 AS answers")
        says = "see that the database takes the new password"
        goal = Wait(read=ask, met={"rows[0].answers": 1}, every=5, within=300)
        steps.append(Step(name="answers", says=says, do=ask, goal=goal))
    notes = (
        "from the change at RDS until a task is started anew, its new connections are refused; "
        "those that it has go on",
        "a new password closes no session: end those of the old one with `ops db kill-idle`",
        *(
            ["the function refreshes the fleet too: look with `ops fleet refresh status`"]
            if outputs.fleet
            else []
        ),
        "there is no undo",
    )
    return build_stack_plan(outputs, run, "db rotate-password", *steps, notes=notes)
