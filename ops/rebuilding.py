"""A stack that is lost, made again by its own program from the newest backup that is left.

Pulumi does it: what it is told, that it has been told, and what has come of it are steps of a plan.
`pulumi up` twice is as good as once, and its own lock keeps a second one out; killed on its way it
leaves that lock behind, which `pulumi cancel` takes away.
"""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ops import database, reconciling, states
from ops.aws import Aws
from ops.database import ABSENT, STATUS
from ops.errors import OpsError, UsageError
from ops.outputs import Outputs
from ops.plan import Call, Plan, Shell, State, Step, Wait
from ops.restoring import FILLED, FILLED_SOURCE, FILLING, LONGER, QUOTA, TYPICAL

Kind = Literal["snapshot", "automated backup"]
DEPLOY: Final = 15 * 60
ASSUMED: Final = f"{LONGER}; and 15 min for all else, an assumption as well"
SETTING: Final = "bulwark:database.restoreFrom"
# Statuses in which automated backups can be restored: API reference, DBInstanceAutomatedBackup.
USABLE: Final = ("active", "retained", "replicating")
WITHIN: Final = 6 * 3600
NAME: Final = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
LONGEST: Final = 24  # characters of project and stack together (components/settings/stack.py)


@dataclass(frozen=True)
class Source:
    """A backup that a database can be made from. `at` is until when it reaches, ISO 8601."""

    kind: Kind
    name: str
    at: str
    storage: int

    @property
    def setting(self) -> str:
        """The key below `restoreFrom` that names it (components/settings/database.py)."""
        return "snapshot" if self.kind == "snapshot" else "automatedBackupArn"


def sources(aws: Aws, outputs: Outputs, region: str) -> list[Source]:
    """Whatever backups of the primary are whole in a region, the newest first."""
    own: State = {"DBInstanceIdentifier": outputs.database.identifier}
    api = "rds.describe_db_snapshots"
    found = [
        Source("snapshot", str(one["DBSnapshotIdentifier"]), str(one["SnapshotCreateTime"]),
               int(one.get("AllocatedStorage") or 0))
        for one in database.found(aws, api, "DBSnapshots", own, region)
        if one.get("Status") == "available"
    ]  # fmt: skip
    api = "rds.describe_db_instance_automated_backups"
    for one in database.found(aws, api, "DBInstanceAutomatedBackups", own, region):
        until = (one.get("RestoreWindow") or {}).get("LatestTime")
        if until and str(one.get("Status", "")).lower() in USABLE:
            arn, size = str(one["DBInstanceAutomatedBackupsArn"]), one.get("AllocatedStorage")
            found.append(Source("automated backup", arn, str(until), int(size or 0)))
    return sorted(found, key=lambda one: one.at, reverse=True)


def chosen(found: Sequence[Source], name: str | None, region: str) -> Source:
    """The one that --from names, else the newest. Raises UsageError or OpsError."""
    if name is not None:
        named = next((one for one in found if one.name == name), None)
        if named is None:
            may = ", ".join(one.name for one in found[:5]) or "none: there is no whole backup"
            raise UsageError(f"--from is {name!r}, may be {may}")
        return named
    if not found:
        raise OpsError(
            f"there is no whole backup of the database in {region}: nothing to make it from",
            "ops recover ready",
        )
    return found[0]


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


def room(aws: Aws, region: str) -> None:
    """Raises OpsError where a region has no room for one more DB instance."""
    answer: Any = aws.call("rds.describe_account_attributes", {}, region)
    for quota in answer.get("AccountQuotas") or ():
        if quota["AccountQuotaName"] == QUOTA and quota["Used"] >= quota["Max"]:
            raise OpsError(
                f"the account has {quota['Used']} DB instances in {region}, which is all that its "
                "quota allows: delete one, or ask Service Quotas for more"
            )


def digested(path: Path) -> str:
    """What an export of Pulumi's state is known by again. Raises UsageError."""
    found = reconciling.read("--state", path)
    if not states.resources(found):
        raise UsageError(f"--state is {str(path)!r}, may be a file of `pulumi stack export`")
    return states.digest(found)


def new_stack(outputs: Outputs, given: str | None) -> str:
    """The name of the stack in the recovery region: another than the lost one's."""
    own, there = outputs.stack.stack, outputs.stack.recovery_region
    name = given or f"{own}-{there}"
    most = LONGEST - len(outputs.stack.project) - 1
    if name == own or len(name) > most or not NAME.fullmatch(name):
        raise UsageError(
            f"--as is {name!r}, may be another name than {own!r}, of at most {most} small letters, "
            "digits and hyphens"
        )
    return name


def rebuild(
    outputs: Outputs, folder: Path, source: Source, run: str,
    state: tuple[Path, str] | None, url: str | None,
) -> Plan:  # fmt: skip
    """The same stack again, where it was. `state` is an export to begin with, and its digest."""
    stack = outputs.stack
    steps = [_selected(folder, stack.stack, "select")]
    if state is not None:
        file, digest = state
        steps.append(states.importing(stack.stack, folder, "import", file.absolute(), digest))
    steps += _told(folder, stack.stack, source)
    steps += _up(folder, stack.stack, stack.region, outputs.database.identifier, source, url)
    notes = (
        f"what of the stack is still there stays; the database is made from the {source.kind} "
        f"{source.name}, which reaches until {source.at}: what was written later is lost",
        "it gets a new password, in the stack's secret; services read it when they start",
        f"afterwards {SETTING} may be removed again: it counts at birth only",
    )
    return _plan(outputs, run, "ops recover rebuild", stack.region, steps, notes)


def region(
    outputs: Outputs, folder: Path, source: Source, name: str, domain: str | None, run: str,
    url: str | None,
) -> Plan:  # fmt: skip
    """A stack of another name in the recovery region, with the settings of the lost one."""
    stack, there = outputs.stack, str(outputs.stack.recovery_region)
    identifier = f"{stack.project}-{name}-database"
    settings = [("aws:region", there)]
    if domain is not None:
        settings.append(("bulwark:loadBalancer.domain", domain))
    steps = [
        _selected(folder, name, "select"),
        Step(
            name="settings",
            says=f"copy the settings of {stack.stack} to {name}",
            do=_pulumi(folder, "config", "cp", "--stack", stack.stack, "--dest", name),
            goal=Wait(
                read=_pulumi(folder, "config", "get", "bulwark:profile", "--json", "--stack", name),
                met={"output.value": stack.profile}, every=2, within=120,
            ),
        ),
        *(_set(folder, name, key, value, n) for n, (key, value) in enumerate(settings, 1)),
        Step(
            name="alone",
            says="let it have no recovery region: that would be the lost one",
            do=_pulumi(folder, "config", "rm", "bulwark:recoveryRegion", "--stack", name),
            goal=Wait(
                read=_pulumi(folder, "config", "get", "bulwark:recoveryRegion", "--json",
                             "--stack", name),
                met={"exit != `0`": True}, every=2, within=120,
            ),
        ),
        *_told(folder, name, source),
        *_up(folder, name, there, identifier, source, url),
    ]  # fmt: skip
    notes = (
        f"the stack {stack.stack} and its state are not touched; {name} is another stack, whose "
        f"database is made from the {source.kind} {source.name}, which reaches until {source.at}",
        "users come to it when the record of their domain leads to its load balancer",
        "its images are to be in its own registry: push them, and `ops service deploy`",
        f"then operate it with --stack {name}; set its recoveryRegion when there is one again",
    )
    return _plan(outputs, run, "ops recover region", there, steps, notes)


def _pulumi(folder: Path, *words: str, strict: bool = False) -> Shell:
    """A command of Pulumi that is as good twice as once."""
    return Shell(argv=("pulumi", *words), folder=str(folder), strict=strict, repeatable=True)


def _selected(folder: Path, stack: str, name: str) -> Step:
    return Step(
        name=name,
        says=f"see that Pulumi knows the stack {stack}, or make it",
        do=_pulumi(folder, "stack", "select", "--create", stack, strict=True),
        goal=Wait(
            read=_pulumi(folder, "stack", "ls", "--json"),
            # Where the backend is Pulumi's own, an organisation may stand before it.
            met={f"length(output[?name=='{stack}' || ends_with(name, '/{stack}')]) > `0`": True},
            every=2, within=120,
        ),
    )  # fmt: skip


def _set(folder: Path, stack: str, key: str, value: str, number: int | str) -> Step:
    path = () if "." not in key else ("--path",)
    return Step(
        name=f"set_{number}",
        says=f"set {key} of {stack} to {value}",
        do=_pulumi(folder, "config", "set", *path, key, value, "--stack", stack, strict=True),
        goal=Wait(
            read=_pulumi(folder, "config", "get", *path, key, "--json", "--stack", stack),
            met={"output.value": value}, every=2, within=120,
        ),
    )  # fmt: skip


def _told(folder: Path, stack: str, source: Source) -> list[Step]:
    """The settings that make the database from the backup; anything said before is gone."""
    get = _pulumi(folder, "config", "get", "--path", SETTING, "--json", "--stack", stack)
    other = {"snapshot": "automatedBackupArn", "automatedBackupArn": "snapshot"}[source.setting]
    gone = _pulumi(
        folder, "config", "get", "--path", f"{SETTING}.{other}", "--json", "--stack", stack
    )
    clear = Step(
        name="clear",
        says=f"let {stack} name no other backup",
        do=_pulumi(folder, "config", "rm", "--path", f"{SETTING}.{other}", "--stack", stack),
        goal=Wait(read=gone, met={"exit != `0`": True}, every=2, within=120),
    )
    back = Step(
        name="untold",
        says=f"let {stack} name no backup again",
        do=_pulumi(folder, "config", "rm", "--path", SETTING, "--stack", stack),
        goal=Wait(read=get, met={"exit != `0`": True}, every=2, within=120),
    )
    tell = _set(folder, stack, f"{SETTING}.{source.setting}", source.name, "origin")
    return [clear, tell.model_copy(update={"undo": (back,)})]


def _up(
    folder: Path, stack: str, where: str, identifier: str, source: Source, url: str | None
) -> list[Step]:
    """The deployment, seen in AWS and not in an exit code, and what is looked at afterwards."""
    read = Call(
        api="rds.describe_db_instances", params={"DBInstanceIdentifier": identifier},
        answers=(ABSENT,), region=where,
    )  # fmt: skip
    outputs = _pulumi(folder, "stack", "output", "--json", "--stack", stack)
    steps = [
        Step(
            name="up",
            says=f"deploy {stack}, its database from the {source.kind} {source.name}",
            do=_pulumi(
                folder, "up", "--yes", "--skip-preview", "--refresh", "--non-interactive",
                "--stack", stack, strict=True,
            ),
            goal=Wait(
                read=read, met={STATUS: "available"}, begun={STATUS: "creating"},
                failed={STATUS: list(database.BROKEN)},
                every=15, within=WITHIN, typical=TYPICAL + DEPLOY, source=ASSUMED,
            ),
            downtime=TYPICAL + DEPLOY,
        ),
        Step(
            name="outputs",
            says=f"see the outputs of {stack}",
            do=outputs,
            goal=Wait(
                read=outputs,
                met={"exit": 0, "output.database.identifier": identifier,
                     "output.stack.region": where},
                every=5, within=3600,
            ),
        ),
        Step(
            name="warm",
            says=f"see the volume of {identifier} filled from its backup",
            do=read,
            goal=Wait(
                read=read, met={STATUS: "available", FILLING: None},
                failed={STATUS: list(database.BROKEN)}, every=20, within=24 * 3600,
                typical=source.storage * 1024 / FILLED or None, source=FILLED_SOURCE,
            ),
        ),
    ]  # fmt: skip
    if url is not None:
        from ops.deployments import answers

        steps.insert(2, answers(url))
    return steps


def _plan(
    outputs: Outputs, run: str, command: str, where: str, steps: Sequence[Step],
    notes: tuple[str, ...],
) -> Plan:  # fmt: skip
    stack = outputs.stack
    return Plan(
        run=run, command=command, stack=stack.stack, account=stack.account, region=where,
        steps=tuple(steps), notes=notes,
    )  # fmt: skip


def said(state: Path) -> str:
    """The name of the stack that an export is of; empty where it does not say."""
    found = json.loads(state.read_text(encoding="utf-8"))
    for one in (found.get("deployment") or {}).get("resources") or ():
        if one.get("type") == "pulumi:pulumi:Stack":
            return str(one["urn"]).split("::")[0].removeprefix("urn:pulumi:")
    return ""
