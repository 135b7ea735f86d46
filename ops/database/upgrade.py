"""Another version of PostgreSQL for the database, a snapshot first.

There is no way back from an upgrade but that snapshot. A minor version takes replicas before the
primary, as RDS wants it; at a major one RDS takes them along. A major version needs a parameter
group of its own family: one with the same settings is made, until the stack's own is deployed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.plan import Plan, State, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.database import instance as database
from ops.database import parameters
from ops.database.instance import PENDING, STATUS, Instance
from ops.database.parameters import Parameter
from ops.database.snapshots import TAG, saving
from ops.outputs import Outputs

VERSION: Final = "DBInstances[0].EngineVersion"
ENGINE: Final = "postgres"
# "The outage lasts until the upgrade is complete": RDS User Guide, "Upgrades of the RDS for
# PostgreSQL DB engine". It gives no figures.
MINOR, MAJOR = 10 * 60, 30 * 60
ASSUMED: Final = "an assumption, AWS states none; a major one grows with the number of objects"


@dataclass(frozen=True)
class Target:
    """A version that an instance can be upgraded to."""

    version: str
    major: bool

    def row(self) -> dict[str, object]:
        """What a person sees of it."""
        return {"version": self.version, "kind": "major" if self.major else "minor"}


COLUMNS: Final = ("version", "kind")


def targets(aws: Aws, outputs: Outputs, found: Instance) -> list[Target]:
    """What RDS lets an instance be upgraded to, the nearest first."""
    params: State = {"Engine": ENGINE, "EngineVersion": found.version}
    api = "rds.describe_db_engine_versions"
    listed = list(database.pages(aws, outputs, api, "DBEngineVersions", params))
    known = [
        Target(one["EngineVersion"], bool(one.get("IsMajorVersionUpgrade")))
        for version in listed
        for one in version.get("ValidUpgradeTarget") or ()
    ]
    return sorted(known, key=lambda one: [int(part) for part in re.findall(r"\d+", one.version)])


def chosen(
    found: Instance, known: Sequence[Target], version: str, option: str = "VERSION"
) -> Target:
    """The version that is meant; of a major alone the newest. Raises UsageError."""
    if version == found.version:
        raise UsageError(f"{option} is {version!r}, which {found.identifier} has already")
    named = [one for one in known if version in (one.version, one.version.partition(".")[0])]
    if not named:
        may = ", ".join(one.version for one in known) or "none: it is the newest"
        raise UsageError(f"{option} is {version!r}, may be {may}", "ops db upgrade")
    return named[-1]


def upgrade(
    outputs: Outputs,
    found: Instance,
    replicas: Sequence[Instance],
    to: Target,
    own: Sequence[Parameter],
    run: str,
) -> Plan:
    """A snapshot, then the version. `own` are the settings of the primary's parameter group."""
    for instance in (found, *replicas):
        database.settled(instance, "to be upgraded")
        database.unburdened(instance)
    steps = [saving(outputs, found, run)]
    group = f"{found.identifier}-{to.version.partition('.')[0]}-{run}"
    if to.major:
        steps += _group(outputs, found, group, to, own, run)
        steps.append(_upgrade(outputs, found, "upgrade", to, group=group))
        steps += [_followed(outputs, one, n, to) for n, one in enumerate(replicas, 1)]
    else:
        behind = [one for one in replicas if one.version != to.version]
        steps += [_upgrade(outputs, one, f"replica_{n}", to) for n, one in enumerate(behind, 1)]
        steps.append(_upgrade(outputs, found, "upgrade", to))
    notes = (
        "connections drop, and nobody is answered until it is over; there is no undo: the way back "
        f"is the snapshot, {found.identifier}-{run}",
        *(
            [
                "statistics are not carried over: ANALYZE by psql (`ops db connect`) at once "
                "afterwards",
                f"settings of {group} that are pending then take effect at `ops db reboot`",
                f"a parameter group with the settings of {found.group} is made for now, and stays, "
                "also where the upgrade fails; the next `pulumi up`, with the new engineVersion, "
                "brings the stack's own and wants a reboot",
            ]
            if to.major
            else []
        ),
        f"set database.engineVersion to {to.version.partition('.')[0]} or {to.version} in the "
        "settings of the stack as well",
    )
    return build_stack_plan(outputs, run, "db upgrade", *steps, notes=notes)


def _group(
    outputs: Outputs, found: Instance, group: str, to: Target, own: Sequence[Parameter], run: str
) -> list[Step]:
    """A parameter group of the new family with the same settings."""
    family = f"{ENGINE}{to.version.partition('.')[0]}"
    if len(own) > parameters.MOST:
        raise OpsError(
            f"{found.group} sets {len(own)} parameters, at most {parameters.MOST} can be taken "
            "along: make a group of the new version by the settings of the stack first"
        )
    where = {"DBParameterGroupName": group}
    read = database.where(
        outputs, "rds.describe_db_parameter_groups", {**where}, "DBParameterGroupNotFound"
    )
    tags: Mapping[str, str] = {**found.tags, TAG: run}
    make = Step(
        name="group",
        says=f"make the parameter group {group} of {family}",
        do=database.where(
            outputs,
            "rds.create_db_parameter_group",
            {
                **where,
                "DBParameterGroupFamily": family,
                "Description": f"{found.group} for {family}",
                "Tags": database.tag_list({k: v for k, v in tags.items() if k[:4] != "aws:"}),
            },
            "DBParameterGroupAlreadyExists",
        ),
        goal=Wait(
            read=read,
            met={"DBParameterGroups[0].DBParameterGroupFamily": family},
            every=10,
            within=600,
        ),
    )
    if not own:
        return [make]
    wanted = [(one, str(one.value)) for one in own]
    return [make, parameters.setting(outputs, group, "settings", wanted)]


def _followed(outputs: Outputs, replica: Instance, number: int, to: Target) -> Step:
    """RDS upgrades the replicas of a region along with the primary, the primary first (RDS User
    Guide, "Upgrades of the RDS for PostgreSQL DB engine"): seen, not called."""
    looking = database.looking(outputs, replica.identifier)
    return Step(
        name=f"replica_{number}",
        says=f"see {replica.identifier} upgraded along, from {replica.version} to {to.version}",
        do=looking,
        goal=Wait(
            read=looking,
            met={VERSION: to.version, STATUS: "available", PENDING: {}},
            failed={STATUS: list(database.BROKEN)},
            every=60,
            within=4 * 3600,
        ),
    )


def _upgrade(
    outputs: Outputs, found: Instance, name: str, to: Target, *, group: str | None = None
) -> Step:
    major: dict[str, Any] = (
        {"AllowMajorVersionUpgrade": True, "DBParameterGroupName": group} if to.major else {}
    )
    takes = MAJOR if to.major else MINOR
    return Step(
        name=name,
        says=f"upgrade {found.identifier} from {found.version} to {to.version}",
        do=database.where(
            outputs,
            "rds.modify_db_instance",
            {
                "DBInstanceIdentifier": found.identifier,
                "EngineVersion": to.version,
                "ApplyImmediately": True,
                **major,
            },
        ),
        ready=database.calm(outputs, found.identifier),
        goal=Wait(
            read=database.looking(outputs, found.identifier),
            met={VERSION: to.version, STATUS: "available", PENDING: {}},
            begun={f"{PENDING}.EngineVersion": to.version, VERSION: to.version},
            failed={STATUS: list(database.BROKEN)},
            every=60,
            within=4 * 3600,
            typical=takes,
            source=ASSUMED,
        ),
        downtime=takes,
    )
