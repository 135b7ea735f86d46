"""Which instance services are sent to, as a label of the stack's secret says.

The label is on the secret's current version, and names the instance whose address that has.

A promotion by secret attaches it in the call that writes the address, so that it is neither older
nor newer than that, and whoever may not read the secret can see it. A version that somebody else
wrote has no label. Pulumi does not know the version, so `pulumi up` leaves it as it is.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ops.core.plan_kind import PlanKind

if TYPE_CHECKING:
    from ops.core.aws import Aws
    from ops.outputs import Outputs

VERSION_LABELS_API: Final = "secretsmanager.describe_secret"
LABEL_PREFIX: Final = "instance:"
# "Staging labels attached across all versions of a secret: 20": Secrets Manager User Guide, quotas.
# So labels of versions that an undo of the last promotion does not go back to are taken off.
STAGES_IN_USE: Final = frozenset({"AWSCURRENT", "AWSPENDING"})

# Plans that change or save the primary, and mean the database that services use.
PRIMARY_KINDS: Final[frozenset[PlanKind]] = frozenset(
    {
        "db failover",
        "db maintenance apply",
        "db parameters",
        "db reboot",
        "db replica add",
        "db resize",
        "db snapshot create",
        "db storage",
        "db upgrade",
    }
)


def build_instance_label(identifier: str) -> str:
    """Returns the label of a version whose host is the address of an instance."""
    return f"{LABEL_PREFIX}{identifier}"


def find_current_version(secret: Mapping[str, Any]) -> str | None:
    """Returns the id of the version that clients read, if the secret has one."""
    versions: Mapping[str, list[str]] = secret.get("VersionIdsToStages") or {}
    return next((name for name, stages in versions.items() if "AWSCURRENT" in stages), None)


def find_labelled_instance(secret: Mapping[str, Any]) -> str | None:
    """Returns the instance that the current version's label names; None without a label."""
    version = find_current_version(secret)
    if version is None:
        return None
    stages: list[str] = secret["VersionIdsToStages"][version]
    labels = [stage for stage in stages if stage.startswith(LABEL_PREFIX)]
    return labels[0].removeprefix(LABEL_PREFIX) if labels else None


def list_unused_labels(secret: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lists version and label of each version that is not current or pending."""
    versions: Mapping[str, list[str]] = secret.get("VersionIdsToStages") or {}
    return [
        (version, stage)
        for version, stages in sorted(versions.items())
        if not STAGES_IN_USE.intersection(stages)
        for stage in stages
        if stage.startswith(LABEL_PREFIX)
    ]


def is_beside_primary(outputs: "Outputs", instance: Mapping[str, Any]) -> bool:
    """True if a description is of a restored or replaced instance of the stack, not a replica."""
    return str(instance["DBInstanceIdentifier"]).startswith(
        f"{outputs.database.identifier}-"
    ) and not instance.get("ReadReplicaSourceDBInstanceIdentifier")


def is_host_of_primary(outputs: "Outputs", host: str) -> bool:
    """True if a secret's host is the primary's address, which begins with its identifier."""
    database = outputs.database
    return host == database.endpoint or host.partition(".")[0] == database.identifier


def list_in_use_notes(aws: "Aws", outputs: "Outputs") -> list[str]:
    """Lists notes for a plan that changes the primary if services are sent elsewhere, or may be."""
    from botocore.exceptions import ClientError

    from ops.core.errors import CredentialsError, OpsError

    watched, arn = outputs.database.identifier, outputs.database.secret_arn
    try:
        secret: Any = aws.call(VERSION_LABELS_API, {"SecretId": arn}, outputs.stack.region)
    except CredentialsError:
        raise
    except ClientError as error:
        details = error.response["Error"]
        return [
            f"whether services use {watched} is unknown, since its secret cannot be described: "
            f"{details['Code']}: {details.get('Message')}"
        ]
    except OpsError as error:
        return [f"whether services use {watched} is unknown: {error}"]
    labelled = find_labelled_instance(secret)
    if labelled in (None, watched):
        return []
    return [
        f"services are sent to {labelled}, not to {watched}, which this changes: "
        f"`ops recover promote {labelled} --by rename` ends that"
    ]
