"""Every command of ops run as a user types it, and the calls to AWS that it makes.

Each changing command is run once for each of its procedures, and by lines of LINES; each reading
one by a line of LINES. What a plan may call on the way back counts as well.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from ops.checks import table as checklists
from ops.cli.app import main
from ops.cli.selection import Selection
from ops.core.lock import BucketLockStore, Lock, LockRecord
from ops.core.plan import Call, Plan
from ops.core.run import WallClock
from ops.health.registry import CHECKS
from ops.outputs import RegistryPart
from ops.permissions.call_sets import CHANGE
from ops.permissions.declared import DECLARATIONS, OUTPUTS_CALLS
from tests.ops import canned_sql, db_stage, fleet_stage, service_stage
from tests.ops import fake_pulumi as pretended_pulumi
from tests.ops.call_recorder import Recorded, recorded
from tests.ops.procedures import (
    alarms,
    baseline,
    db_parameters,
    db_password,
    db_replica,
    maintenance,
    procedures,
    recover,
    recover_rebuild,
    state,
)
from tests.ops.stage import PREFIX, RECOVERY, REGION, Stage, stage


@dataclass(frozen=True)
class Line:
    """A line that is typed, for calls that no procedure makes.

    `before` is typed first, and not recorded; `code` is how the line ends.
    """

    line: str
    build: Callable[[Stage], object] = lambda _: None
    code: int = 0
    before: tuple[str, ...] = ()


def put_bucket(on: Stage) -> None:
    """The operations bucket, where it is not there yet."""
    name, s3 = on.outputs.backups.operations_bucket, on.client("s3")
    if name not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def held(on: Stage) -> None:
    """Somebody's lock."""
    put_bucket(on)
    now = on.clock.now()
    place = BucketLockStore(on.client("s3"), on.outputs.backups.operations_bucket)
    Lock(place).acquire(LockRecord(holder="a@b", run="r-1", reason="x", since=now, until=now + 60))


def asked(on: Stage) -> None:
    """A primary with a replica, and their secret."""
    db_stage.put(on)
    primary, replica = on.outputs.database.identifier, f"{PREFIX}-database-replica-1"
    on.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=replica, SourceDBInstanceIdentifier=primary
    )
    word = '{"dbname": "app", "username": "bulwark_admin", "password": "x"}'
    secret = on.client("secretsmanager").create_secret(
        Name=f"{PREFIX}-database-1", SecretString=word
    )
    part = on.outputs.database.model_copy(
        update={"secret_arn": secret["ARN"], "replicas": (replica,)}
    )
    on.outputs = on.outputs.model_copy(update={"database": part})


def connected(on: Stage) -> None:
    """A database with a replica, and a service whose tasks take sessions."""
    asked(on)
    service_stage.put_exec(on)
    part = on.outputs.services
    assert part is not None
    alone = part.model_copy(update={"services": {"backend": part.services["backend"]}})
    on.outputs = on.outputs.model_copy(update={"services": alone})


def fleet_alone(on: Stage) -> None:
    """A stack whose only compute is a fleet of one instance."""
    autoscaling = on.client("autoscaling")
    autoscaling.create_launch_configuration(
        LaunchConfigurationName="l", ImageId="ami-12345678", InstanceType="t3.micro"
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=f"{PREFIX}-fleet",
        LaunchConfigurationName="l",
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=[f"{REGION}a"],
    )
    on.clock.sleep(3600)
    on.outputs = on.outputs.model_copy(update={"services": None})


def prepared(on: Stage) -> None:
    """A database whose backups are replicated, and what else a recovery region has."""
    recover.put(on)
    key = on.client("kms", RECOVERY).create_key()["KeyMetadata"]["Arn"]
    there = on.client("rds", RECOVERY)
    made = there.start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=db_stage.seen(on)["DBInstanceArn"], KmsKeyId=key
    )["DBInstanceAutomatedBackup"]
    vault = on.client("backup", RECOVERY).create_backup_vault(BackupVaultName=f"{PREFIX}-backups")[
        "BackupVaultArn"
    ]
    own = on.outputs
    parts = {
        "stack": own.stack.model_copy(update={"recovery_key_arn": key}),
        "database": own.database.model_copy(
            update={"replicated_backup_arn": made["DBInstanceAutomatedBackupsArn"]}
        ),
        "backups": own.backups.model_copy(update={"recovery_vault_arn": vault}),
        "registry": RegistryPart(repositories={"backend": "x"}),
    }
    on.outputs = own.model_copy(update=parts)


def wholly_prepared(on: Stage) -> None:
    """And whatever else is looked at: a certificate of its own here, a copy of the bucket there."""
    prepared(on)
    own = on.outputs
    balancer = own.load_balancer
    assert balancer is not None
    made = on.client("acm").request_certificate(DomainName="app.example.com")
    named = {"certificate_arn": made["CertificateArn"], "zone_id": None}
    parts = {
        "backups": own.backups.model_copy(update={"recovery_bucket": f"{PREFIX}-copy"}),
        "load_balancer": balancer.model_copy(update=named),
    }
    on.outputs = own.model_copy(update=parts)
    on.client("s3", RECOVERY).create_bucket(
        Bucket=f"{PREFIX}-copy", CreateBucketConfiguration={"LocationConstraint": RECOVERY}
    )


def drilled(on: Stage) -> None:
    """A stack that runs, and the record of a drill."""
    maintenance.put(on)
    put_bucket(on)
    on.client("s3").put_object(
        Bucket=on.outputs.backups.operations_bucket, Key="drills/20261101-120000-d.json", Body=b"{}"
    )


def fetchable(on: Stage) -> None:
    """A saved state, and no file yet where it is to go."""
    state.put_saved(on)
    (recover_rebuild.FOLDER / "fetched.json").unlink(missing_ok=True)


def everything(on: Stage) -> None:
    """All services of the outputs, one of them scaled by itself."""
    service_stage.put(on, ("backend", "frontend"))
    service_stage.put_scaling(on)


KEEP: Final = "baseline capture --yes --name"
# Calls of the checklists that are judged by their parameters, so that they must be typed.
TYPED: Final = ("s3.get_object", "secretsmanager.describe_secret")
MUTE: Final = "alarms mute --for 60 --reason test --yes"
CREATE: Final = "db snapshot create --yes"
DEPLOY: Final = f"service deploy {service_stage.IMAGE}:{{}} --service backend --yes"
DEPLOYED: Final = (DEPLOY.format("v2"), DEPLOY.format("v3"))
REPLICA: Final = f"--replica {PREFIX}-database-replica-1"
LINES: dict[str, tuple[Line, ...]] = {
    **{
        f"db {verb}": (Line(f"db {verb} {REPLICA}", asked),)
        for verb in ("activity", "bloat", "indexes", "locks", "size", "slow")
    },
    "baseline capture": (Line("baseline capture --yes", baseline.put),),
    "baseline capture --to": (Line("baseline capture --to {folder}/kept.json", baseline.put),),
    "baseline compare": (Line("baseline compare", baseline.put, 3, (f"{KEEP} now",)),),
    "baseline list": (Line("baseline list"),),
    "db kill": (Line(f"db kill 42 --yes {REPLICA}", asked),),
    "db kill-idle": (Line(f"db kill-idle --yes {REPLICA}", asked),),
    "db connect": (
        Line(f"db connect {REPLICA}", connected),
        Line("db connect", fleet_alone),
    ),
    "db parameters": (Line("db parameters", db_parameters.put),),
    "db replica add": (Line("db replica add reports --class db.m7g.large --yes", db_replica.put),),
    "db rotate-password": (Line("db rotate-password --check --yes", db_password.put),),
    "db vacuum": (Line("db vacuum orders --yes", asked),),
    "alarms list": (
        Line(
            "alarms list",
            alarms.put,
            before=(f"{MUTE} --severity P2 --by rules", f"{MUTE} --severity P1 --by actions"),
        ),
    ),
    "check monthly": (Line("check monthly", drilled, code=3),),
    "check pre-deploy": (Line("check pre-deploy", maintenance.put, code=3),),
    "db snapshot list": (Line("db snapshot list", db_stage.put),),
    "db status": (Line("db status", db_stage.put),),
    "fleet activities": (Line("fleet activities", fleet_stage.put),),
    "fleet instances": (Line("fleet instances", fleet_stage.put),),
    "fleet limits": (Line("fleet limits", fleet_stage.put),),
    "fleet refresh status": (Line("fleet refresh status", fleet_stage.put),),
    "lock break": (Line("lock break --reason test --yes", held),),
    "lock show": (Line("lock show", held),),
    "maintenance status": (
        Line(
            "maintenance status",
            maintenance.put,
            before=(f"{MUTE} --severity P2 --by rules", f"{MUTE} --severity P1 --by actions"),
        ),
    ),
    "outputs show": (Line("outputs show"),),
    "permissions": (Line("permissions db"),),
    "recover compare": (
        Line(f"recover compare {PREFIX}-database {PREFIX}-database --no-sql", asked),
        Line(f"recover compare {PREFIX}-database {PREFIX}-database --sql", asked),
    ),
    "recover drills": (
        Line(
            "recover drills",
            recover.put_alarm_that_pages,
            before=("recover drill --no-sql --rto 60 --rpo 60 --yes",),
        ),
    ),
    "recover ready": (
        Line(
            "recover ready",
            wholly_prepared,
            code=3,
            before=("recover drill --no-sql --rto 60 --rpo 60 --yes",),
        ),
    ),
    "recover list": (Line("recover list", db_stage.put),),
    "recover failover": (Line("recover failover --yes", db_stage.put),),
    "recover reconcile": (Line("recover reconcile", db_stage.put),),
    "runs list": (Line("runs list", db_stage.put, before=(CREATE,)),),
    "runs note": (Line("runs note {run} seen", db_stage.put),),
    "runs report": (Line("runs report {run}", db_stage.put),),
    "runs resume": (Line("runs resume {stopped}", db_stage.put),),
    "runs show": (Line("runs show {run}", db_stage.put),),
    "runs undo": (Line("runs undo {stopped}", db_stage.put),),
    "service deploy": (
        Line(DEPLOY.format("v3"), service_stage.put, before=(f"{DEPLOY.format('v2')} --no-wait",)),
    ),
    "service events": (Line("service events", everything),),
    "service exec": (Line("service exec --service backend", service_stage.put_exec),),
    "service limits": (Line("service limits", everything),),
    "service list": (Line("service list", everything),),
    "service revisions": (
        Line("service revisions --service backend", service_stage.put, before=DEPLOYED),
    ),
    "service rollback": (
        Line("service rollback --service backend --yes", service_stage.put, before=DEPLOYED),
    ),
    "service tasks": (Line("service tasks --service backend", service_stage.put),),
    "state drift": (Line(f"state drift {recover_rebuild.LINE}", state.put),),
    "state fetch": (Line(f"state fetch --to {recover_rebuild.FOLDER}/fetched.json", fetchable),),
    "state list": (Line("state list", state.put_saved),),
    "usage": (Line("usage", db_stage.put),),
}


@contextmanager
def typing(build: Callable[[Stage], object]) -> Iterator[tuple[Stage, Callable[[str], int]]]:
    """A stage with its bucket, unprotected so that nothing must be typed, and its command line."""
    with stage() as on, TemporaryDirectory() as folder:
        build(on)
        put_bucket(on)
        file = Path(folder) / "outputs.json"
        open_stack = on.outputs.stack.model_copy(update={"protect": False})
        outputs = on.outputs.model_copy(update={"stack": open_stack})
        file.write_text(outputs.model_dump_json(by_alias=True))
        with (
            patch.object(WallClock, "now", lambda _: on.clock.now()),
            patch.object(WallClock, "sleep", lambda _, seconds: on.clock.sleep(seconds)),
            patch.object(Selection, "aws", lambda *_: on.aws),
            patch("ops.core.clock.now", on.clock.held.now),
            patch("psycopg.connect", canned_sql.connect),
            patch("ops.core.actions.command", lambda shell: pretended_pulumi.of(on)(shell)),
            patch("shutil.which", lambda name: f"/usr/bin/{name}"),
        ):
            yield on, lambda line: main([*line.split(), "--outputs", str(file)])


def of_plan(plan: Plan) -> list[Recorded]:
    """What a plan may call, there and back, as far as the parameters are known beforehand."""
    calls = [action for action in plan.actions() if isinstance(action, Call)]
    secrets = [
        Recorded("secretsmanager.get_secret_value", {"SecretId": arn.partition("#")[0]}, REGION)
        for call in calls
        for arn in (*call.secrets.values(), *(one.secret for one in call.rewrites.values()))
    ]
    return [*(Recorded(c.api, c.params, c.region or REGION) for c in calls), *secrets]


def run(line: Line) -> list[Recorded]:
    """What a line calls."""
    with typing(line.build) as (on, typed), TemporaryDirectory() as folder:
        words = line.line.replace("{folder}", folder)
        for before in line.before:
            assert typed(before) == 0, before
        if "{run}" in words:
            assert typed(CREATE) == 0
            words = words.format(run=_runs(on)[0])
        if "{stopped}" in words:
            with patch.object(WallClock, "sleep", _stop):
                assert typed(CREATE) == 130
            words = words.format(stopped=_runs(on)[0])
        with recorded() as calls:
            assert typed(words) == line.code, words
    return calls


def _stop(_: object, __: float) -> None:
    raise KeyboardInterrupt


def _runs(on: Stage) -> list[str]:
    listed = on.client("s3").list_objects_v2(Bucket=on.outputs.backups.operations_bucket)
    return sorted({item["Key"].split("/")[1] for item in listed["Contents"] if "/" in item["Key"]})


@cache
def made(command: str) -> tuple[Recorded, ...] | None:
    """What a command calls, by all its procedures and lines; None where there are none."""
    found = [run(line) for line in LINES.get(command, ())]
    name, _, option = command.partition(" --")
    ways = [one for one in procedures() if one.command == name and option in one.rest]
    if not option:  # those of an option that has a line of its own are not this line's
        others = [
            key.removeprefix(f"{name} ") for key in DECLARATIONS if key.startswith(f"{name} --")
        ]
        ways = [one for one in ways if not any(other in one.rest for other in others)]
    for one in ways:
        code = {"done": 0, "undone": 5}[one.outcome]
        with typing(one.build) as (on, typed):
            found.append(of_plan(one.plan(on)))
            with recorded() as calls:
                line = f"{one.command} {one.rest} --yes"
                assert typed(line) == code, line
        found.append(calls)
    if command.startswith("check "):
        apis = checklists.apis(command.removeprefix("check "))
        found.append([Recorded(api, {}, REGION) for api in apis if api not in TYPED])
    # The checks hold themselves to what they declare; a baseline has all that they see.
    if command == "health" or command.startswith("baseline c"):
        found.append([Recorded(api, {}, REGION) for check in CHECKS for api in check.apis])
    whole = [call for calls in found for call in calls if call.api not in OUTPUTS_CALLS]
    if command in ("runs resume", "runs undo"):  # and what the run's own command may call
        own = set(DECLARATIONS["db snapshot create"].calls) - set(CHANGE)
        assert command == "runs undo" or own & {call.api for call in whole}
        whole = [call for call in whole if call.api not in own]
    return tuple(whole) if found else None
