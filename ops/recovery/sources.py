"""What a lost database can be made from: its backups in a region, and whether they can be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from ops.core.aws import Aws
from ops.core.errors import DeniedError, OpsError, ThrottledError, UsageError
from ops.core.kms import list_key_recovery_commands
from ops.core.plan import JsonObject
from ops.database import instance as database
from ops.outputs import Outputs
from ops.recovery.restore import QUOTA

Kind = Literal["snapshot", "retained backup", "automated backup"]
# Statuses in which automated backups can be restored: API reference, DBInstanceAutomatedBackup.
USABLE: Final = ("active", "retained", "replicating")
KEY: Final = "kms.describe_key"


@dataclass(frozen=True)
class Source:
    """A backup that a database can be made from. `at` is until when it reaches, ISO 8601.

    `key` is the ARN of the key that it is encrypted with; None where it is not.
    """

    kind: Kind
    name: str
    at: str
    storage: int
    key: str | None = None


def whole(aws: Aws, outputs: Outputs, region: str) -> list[Source]:
    """Whatever backups of the primary are whole in a region, the newest first."""
    own: JsonObject = {"DBInstanceIdentifier": outputs.database.identifier}
    api = "rds.describe_db_snapshots"
    found = [
        Source(
            "snapshot",
            str(one["DBSnapshotIdentifier"]),
            str(one["SnapshotCreateTime"]),
            int(one.get("AllocatedStorage") or 0),
            one.get("KmsKeyId"),
        )
        for one in database.list_in_region(aws, api, "DBSnapshots", own, region)
        if one.get("Status") == "available"
    ]
    api = "rds.describe_db_instance_automated_backups"
    for one in database.list_in_region(aws, api, "DBInstanceAutomatedBackups", own, region):
        until = (one.get("RestoreWindow") or {}).get("LatestTime")
        status = str(one.get("Status", "")).lower()
        if until and status in USABLE:
            retained = status == "retained" and one.get("Region") == region
            kind: Kind = "retained backup" if retained else "automated backup"
            name = one["DbiResourceId" if retained else "DBInstanceAutomatedBackupsArn"]
            size = int(one.get("AllocatedStorage") or 0)
            found.append(Source(kind, str(name), str(until), size, one.get("KmsKeyId")))
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


def room(aws: Aws, region: str) -> None:
    """Raises OpsError where a region has no room for one more DB instance."""
    answer: Any = aws.call("rds.describe_account_attributes", {}, region)
    for quota in answer.get("AccountQuotas") or ():
        if quota["AccountQuotaName"] == QUOTA and quota["Used"] >= quota["Max"]:
            raise OpsError(
                f"the account has {quota['Used']} DB instances in {region}, which is all that its "
                "quota allows: delete one, or ask Service Quotas for more"
            )


def locked(aws: Aws, source: Source, region: str) -> str:
    """Why nobody knows whether a backup's key can be used; empty where it can.

    Raises OpsError where it cannot: RDS would restore nothing.
    """
    if source.key is None:
        return ""
    try:
        answer: Any = aws.call(KEY, {"KeyId": source.key}, region)
        state = str(answer["KeyMetadata"]["KeyState"])
    except ClientError as error:
        state = error.response["Error"]["Code"]
    except (DeniedError, ThrottledError) as error:
        return f"nobody knows whether the key of {source.name} can be used: {error}"
    if state != "Enabled":
        raise OpsError(
            f"{source.name} is encrypted with {source.key}, which is {state}: it cannot be "
            "restored, another may be named with --from",
            *list_key_recovery_commands(source.key, state, region),
        )
    return ""
