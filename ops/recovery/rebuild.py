"""A stack that is lost, made again by its own program from the newest backup that is left.

Pulumi does it: what it is told, that it has been told, and what has come of it are steps of a plan.
Killed on its way it leaves its lock behind, which `pulumi cancel` takes away. The settings go on
naming the backup where the deployment fails: without it, the next deployment by anybody would make
an empty database under the name of the lost one.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.bootstrap.names import get_max_stack_name_length
from ops.core import ourselves
from ops.core.actions import Actions
from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Call, JsonObject, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database.instance import DATABASE_STATUS_PATH, DB_INSTANCE_NOT_FOUND
from ops.outputs import Outputs
from ops.recovery.restore import FILLED, FILLED_SOURCE, FILLING, FIRST, LONGER, TYPICAL
from ops.recovery.sources import Kind, Source
from ops.stack import pulumi as pulumi_steps
from ops.state import backup as states

DEPLOY: Final = 15 * 60
ASSUMED: Final = f"{LONGER}; and 15 min for all else, an assumption as well"
SETTING: Final = "bulwark:database.restoreFrom"
# The key below it that names a backup of each kind (components/settings/database.py). Those that a
# deleted instance has left are named by its resource id: RDS User Guide, "Retaining automated
# backups".
KEYS: Final[dict[Kind, str]] = {
    "snapshot": "snapshot",
    "retained backup": "resourceId",
    "automated backup": "automatedBackupArn",
}
WITHIN: Final = 6 * 3600
KEPT: Final = (
    f"{SETTING} goes on naming the backup, also where the deployment fails: mend what it says, and "
    "begin again; afterwards it may be removed, it counts at birth only"
)
NAME: Final = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
BALANCER: Final = "bulwark:loadBalancer"
CERTIFICATE: Final = "acm.describe_certificate"


@dataclass(frozen=True)
class Looks:
    """How far a stack that is made again is looked at: a URL of it, a query, and as whom."""

    url: str | None = None
    sql: bool = False
    profile: str | None = None


def program(folder: Path) -> Path:
    """The folder of the stack's program. Raises UsageError where it is none, or Pulumi is not."""
    if not (folder / "Pulumi.yaml").is_file():
        raise UsageError(
            f"--program is {str(folder)!r}, may be the folder of the stack's program, with its "
            "Pulumi.yaml"
        )
    if shutil.which("pulumi") is None:
        raise UsageError("there is no `pulumi` on the PATH, which makes the stack again")
    return folder.absolute()


def state_of(path: Path) -> dict[str, Any]:
    """An export of Pulumi's state. Raises UsageError where a file is none."""
    from ops.recovery import reconcile as reconciling

    found = reconciling.read("--state", path)
    if not states.list_resource_ids(found):
        raise UsageError(f"--state is {str(path)!r}, may be a file of `pulumi stack export`")
    return found


def known_again(outputs: Outputs, folder: Path, said: bool, given: bool) -> None:
    """Raises UsageError where Pulumi's state and what is said of it do not go together.

    What Pulumi knows is not thrown away for a saved state that is given; and where it knows
    nothing, and nothing is said, it would try to make what is still there.
    """
    stack = outputs.stack.stack
    known = pulumi_steps.count_stack_resources(folder, stack)
    if known and given:
        raise UsageError(
            f"--state is set, and Pulumi knows {known} resources of {stack} already, which would "
            "be forgotten: leave it out",
            f"ops state restore --program {folder}",
        )
    if not known and not said:
        what = "no stack" if known is None else "nothing of the stack"
        raise UsageError(
            f"--state is not set, and Pulumi knows {what} {stack}: may be newest (of `ops state "
            "list`), a file of `pulumi stack export`, or none, where nothing of it is left",
            "ops state list",
        )


def balancer(
    aws: Aws, outputs: Outputs, folder: Path, domain: str | None, certificate: str | None
) -> list[tuple[str, str]]:
    """The settings of the load balancer that must be others in the recovery region.

    Raises UsageError where a certificate is wanted, or that which is given cannot be used there.
    """
    stack, there = outputs.stack, outputs.stack.recovery_region
    may = f"may be the ARN of a certificate in {there}"
    if certificate is None:
        own = pulumi_steps.find_stack_setting(folder, stack.stack, f"{BALANCER}.certificateArn")
        if own is not None:
            raise UsageError(f"--certificate is not set, {may}: that of {stack.stack} is {own}")
    elif (state := _certified(aws, certificate, there)) != "ISSUED":
        raise UsageError(f"--certificate is {certificate!r}, {may}: it is {state}")
    given = {"domain": domain, "certificateArn": certificate}
    return [(f"{BALANCER}.{key}", value) for key, value in given.items() if value is not None]


def certificate_of(region: str, arn: str | None) -> None:
    """Raises UsageError where --certificate is none of a region."""
    form = rf"arn:[\w-]+:acm:{region}:\d{{12}}:certificate/.+"
    if arn is not None and not re.fullmatch(form, arn):
        raise UsageError(f"--certificate is {arn!r}, may be the ARN of a certificate in {region}")


def _certified(aws: Aws, arn: str, region: str | None) -> str:
    try:
        answer: Any = aws.call(CERTIFICATE, {"CertificateArn": arn}, region)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return str(answer["Certificate"]["Status"])


def vacant(aws: Aws, identifier: str, stack: str, region: str) -> None:
    """Raises UsageError where a database of the new stack's is there already."""
    params: JsonObject = {"DBInstanceIdentifier": identifier}
    api = "rds.describe_db_instances"
    look = Call(api=api, params=params, expected_errors=(DB_INSTANCE_NOT_FOUND,), region=region)
    seen: Any = Actions(aws)(look, {})
    if seen.get("DBInstances"):
        raise UsageError(
            f"{identifier} is in {region} already, made by an earlier run: a deployment brings "
            "about what is missing, and another --as another stack",
            f"pulumi up --stack {stack}",
        )


def new_stack(outputs: Outputs, given: str | None) -> str:
    """The name of the stack in the recovery region: another than the lost one's."""
    own, there = outputs.stack.stack, outputs.stack.recovery_region
    name = given or f"{own}-{there}"
    longest = get_max_stack_name_length(outputs.stack.project)
    if name == own or len(name) > longest or not NAME.fullmatch(name):
        raise UsageError(
            f"--as is {name!r}, may be another name than {own!r}, of at most {longest} small "
            "letters, digits and hyphens"
        )
    return name


def rebuild(
    outputs: Outputs,
    folder: Path,
    source: Source,
    run: str,
    state: tuple[Path, str] | None,
    looks: Looks,
    doubt: str = "",
) -> Plan:
    """The same stack again, where it was. `state` is an export to begin with, and its digest."""
    stack = outputs.stack
    steps = [pulumi_steps.build_stack_select_step(folder, stack.stack)]
    if state is not None:
        steps.append(states.build_state_import_step(stack.stack, folder, "import", *state))
    steps += _told(folder, stack.stack, source)
    steps += _deployed(
        outputs, folder, stack.stack, stack.region, outputs.database.identifier, source, run, looks
    )
    notes = (
        f"what of the stack is still there stays; the database is made from the {source.kind} "
        f"{source.name}, which reaches until {source.at}: what was written later is lost",
        "it gets a new password, in the stack's secret; services read it when they start",
        KEPT,
        *filter(None, [doubt]),
    )
    return build_stack_plan(outputs, run, "recover rebuild", *steps, notes=notes)


def region(
    outputs: Outputs,
    folder: Path,
    source: Source,
    name: str,
    balancer: Sequence[tuple[str, str]],
    run: str,
    looks: Looks,
    doubt: str = "",
) -> Plan:
    """A stack of another name in the recovery region, with the settings of the lost one.

    `balancer` are the settings of its load balancer that must be others there.
    """
    stack, there = outputs.stack, str(outputs.stack.recovery_region)
    identifier = f"{stack.project}-{name}-database"
    settings = [("aws:region", there), *balancer]
    steps = [
        pulumi_steps.build_stack_select_step(folder, name),
        pulumi_steps.build_settings_copy_step(
            folder, stack.stack, name, "bulwark:profile", stack.profile
        ),
        *(
            pulumi_steps.build_setting_change_step(folder, name, key, value, f"set_{n}")
            for n, (key, value) in enumerate(settings, 1)
        ),
        pulumi_steps.build_setting_removal_step(
            folder,
            name,
            "bulwark:recoveryRegion",
            "alone",
            "let it have no recovery region: that would be the lost one",
        ),
        *_told(folder, name, source),
        *_deployed(outputs, folder, name, there, identifier, source, run, looks),
    ]
    notes = (
        f"the stack {stack.stack} and its state are not touched; {name} is another stack, whose "
        f"database is made from the {source.kind} {source.name}, which reaches until {source.at}",
        "users come to it when the record of their domain leads to its load balancer",
        "its images are to be in its own registry: push them, and `ops service deploy`",
        f"then operate it with --stack {name}; set its recoveryRegion when there is one again",
        KEPT,
        *filter(None, [doubt]),
    )
    return build_stack_plan(outputs, run, "recover region", *steps, notes=notes, region=there)


def _told(folder: Path, stack: str, source: Source) -> list[Step]:
    """The settings that make the database from the backup; anything said before is gone."""
    says = f"let {stack} name no other backup"
    clear = pulumi_steps.build_setting_removal_step(folder, stack, SETTING, "clear", says)
    key = f"{SETTING}.{KEYS[source.kind]}"
    return [
        clear,
        pulumi_steps.build_setting_change_step(folder, stack, key, source.name, "origin"),
    ]


def _deployed(
    outputs: Outputs,
    folder: Path,
    stack: str,
    where: str,
    identifier: str,
    source: Source,
    run: str,
    looks: Looks,
) -> list[Step]:
    """The deployment, as Pulumi's history has it, and then as AWS has the database."""
    read = Call(
        api="rds.describe_db_instances",
        params={"DBInstanceIdentifier": identifier},
        expected_errors=(DB_INSTANCE_NOT_FOUND,),
        region=where,
    )
    broken = {DATABASE_STATUS_PATH: list(database.FAILED_STATUSES)}
    encrypted = {"DBInstances[0].StorageEncrypted": True} if source.key else {}
    steps = [
        pulumi_steps.build_up_step(
            folder,
            stack,
            run,
            f"deploy {stack}, its database from the {source.kind} {source.name}",
            TYPICAL + DEPLOY,
            ASSUMED,
            WITHIN,
        ),
        pulumi_steps.build_outputs_step(
            folder, stack, [("database.identifier", identifier), ("stack.region", where)]
        ),
        Step(
            name="database",
            description=f"see the database {identifier} available",
            action=read,
            goal=Wait(
                read=read,
                met={DATABASE_STATUS_PATH: "available", **encrypted},
                failed=broken,
                every=15,
                within=3600,
            ),
        ),
        Step(
            name="warm",
            description=f"see the volume of {identifier} filled from its backup",
            action=read,
            goal=Wait(
                read=read,
                met={DATABASE_STATUS_PATH: "available", FILLING: None},
                failed=broken,
                every=20,
                within=24 * 3600,
                typical=source.storage * 1024 / FILLED or None,
                source=FILLED_SOURCE,
            ),
        ),
    ]
    if looks.url is not None:
        from ops.services.deploy import build_url_answers_step

        steps.insert(3, build_url_answers_step(looks.url))
    if looks.sql:
        steps.insert(3, _queried(outputs.stack.project, stack, where, looks.profile))
    return steps


def _queried(project: str, stack: str, region: str, profile: str | None) -> Step:
    """The new stack is read by its own outputs, which nobody knows when this is planned."""
    read = ourselves.build_stack_ops_command(
        "db", "size", project=project, stack=stack, region=region, profile=profile
    )
    return Step(
        name="query",
        description=f"see the database of {stack} answer a query, with the password of its secret",
        action=read,
        goal=Wait(read=read, met={"exit": 0}, every=15, within=1800, typical=FIRST),
    )


def said(state: Mapping[str, Any]) -> str:
    """The name of the stack that an export is of; empty where it does not say."""
    for urn in states.list_resource_ids(state):
        stack, _, rest = urn.removeprefix("urn:pulumi:").partition("::")
        if "::pulumi:pulumi:Stack::" in f"::{rest}":
            return stack
    return ""
