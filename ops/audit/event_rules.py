"""What in CloudTrail's event history deletes or opens something: one row for each kind of event.

Parameters are in the history as CloudTrail has them; a condition looks through them by name and
value, whatever they are nested in. Names of events: API reference of each service, and S3 User
Guide, "Amazon S3 CloudTrail events" for those that are not named as the operation.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ops.findings.model import FindingSeverity

EventRecord = Mapping[str, Any]
# "stack": only if it names a resource of the stack. "account": whatever it is done to.
EventScope = Literal["stack", "account"]
WORLD_NETWORKS: Final = frozenset(("0.0.0.0/0", "::/0"))
# CIS AWS Foundations 3.0 1.16, and the two that give themselves the rest.
_ADMIN_POLICIES: Final = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
# Values of an ACL, and the groups that they stand for (S3 User Guide, "ACL overview").
PUBLIC_ACLS: Final = frozenset(("public-read", "public-read-write", "authenticated-read"))
PUBLIC_GROUPS: Final = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")


@dataclass(frozen=True)
class EventRule:
    """One kind of event. `meaning` follows the name of who did it; `reason` is the control.

    `is_remarkable` says of a record whether it matters. Events of a global service are those of
    one region of the partition. `by_ops`: a command of this program makes such calls.
    """

    name: str
    meaning: str
    severity: FindingSeverity
    reason: str
    scope: EventScope = "stack"
    is_remarkable: Callable[[EventRecord], bool] = lambda _: True
    is_global: bool = False
    by_ops: bool = False


def list_parameters(
    value: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every value of a request, as text, with the names that lead to it, in lower case.

    A name with dots, like those of the query protocol, is as many names.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from list_parameters(item, (*path, *str(key).lower().split(".")))
    elif isinstance(value, list):
        for item in value:
            yield from list_parameters(item, path)
    elif isinstance(value, bool):
        yield path, str(value).lower()
    elif value is not None:
        yield path, str(value)


def has_parameter(record: EventRecord, name: str, *values: str) -> bool:
    """True if a parameter of that name, however deep, is one of the values, or is there at all."""
    return any(
        name in path and (not values or text.lower() in values)
        for path, text in list_parameters(record.get("requestParameters"))
    )


def _is_any(_: EventRecord) -> bool:
    return True


def _opens_to_world(record: EventRecord) -> bool:
    return any(t in WORLD_NETWORKS for _, t in list_parameters(record.get("requestParameters")))


def _shares(record: EventRecord) -> bool:
    return has_parameter(record, "valuestoadd") or has_parameter(record, "add")


def _opens_acl(record: EventRecord) -> bool:
    return any(
        text in PUBLIC_ACLS or text.endswith(PUBLIC_GROUPS)
        for _, text in list_parameters(record.get("requestParameters"))
    )


def _opens_policy(record: EventRecord) -> bool:
    """A statement that allows everybody without a condition."""
    policy = (record.get("requestParameters") or {}).get("bucketPolicy")
    statements = policy.get("Statement") if isinstance(policy, Mapping) else None
    for statement in [statements] if isinstance(statements, Mapping) else statements or ():
        principal = statement.get("Principal")
        names = principal.get("AWS") if isinstance(principal, Mapping) else principal
        is_everybody = "*" in (names if isinstance(names, list) else [names])
        if statement.get("Effect") == "Allow" and is_everybody and not statement.get("Condition"):
            return True
    return False


def _unblocks(record: EventRecord) -> bool:
    return any(text == "false" for _, text in list_parameters(record.get("requestParameters")))


def _gives_admin_policy(record: EventRecord) -> bool:
    return any(
        "policyarn" in path and text.endswith(_ADMIN_POLICIES)
        for path, text in list_parameters(record.get("requestParameters"))
    )


def _gives_everything(record: EventRecord) -> bool:
    """An inline policy with `*` as action: its document is text in the request."""
    document = "".join(
        text
        for path, text in list_parameters(record.get("requestParameters"))
        if "policydocument" in path
    )
    compact = "".join(document.split())
    return '"Action":"*"' in compact or '"Action":["*"' in compact


def _signs_in_without_mfa(record: EventRecord) -> bool:
    """Of users of IAM alone: others prove who they are elsewhere (CIS AWS Foundations 3.0 4.2)."""
    return (
        (record.get("userIdentity") or {}).get("type") == "IAMUser"
        and (record.get("responseElements") or {}).get("ConsoleLogin") == "Success"
        and (record.get("additionalEventData") or {}).get("MFAUsed") != "Yes"
    )


_CHANGED_BUCKET: Final = "CIS AWS Foundations 3.0 4.8"
_OPENED_BUCKET: Final = f"{_CHANGED_BUCKET}; FSBP S3.2"
_LOST_KEY: Final = "CIS AWS Foundations 3.0 4.7"
_LOST: Final = "Well-Architected SEC08-BP04"
_OPENED: Final = "Well-Architected SEC05-BP02"
_GUARDS: Final = "CIS AWS Foundations 3.0 4.5; Well-Architected SEC04-BP01"
_RIGHTS: Final = "CIS AWS Foundations 3.0 4.4; Well-Architected SEC03-BP02"

STACK_EVENT_RULES: Final = (
    EventRule("DeleteDBInstance", "deleted the database", "high", _LOST, by_ops=True),
    EventRule("DeleteDBSnapshot", "deleted the snapshot", "medium", _LOST, by_ops=True),
    EventRule("DeleteDBInstanceAutomatedBackup", "deleted the backups of", "high", _LOST),
    EventRule(
        "ModifyDBInstance",
        "made public, or took the deletion protection from",
        "high",
        "FSBP RDS.2, RDS.8",
        is_remarkable=lambda record: (
            has_parameter(record, "publiclyaccessible", "true")
            or has_parameter(record, "deletionprotection", "false")
        ),
        by_ops=True,
    ),
    EventRule(
        "AuthorizeSecurityGroupIngress",
        "let the internet in to",
        "high",
        "CIS AWS Foundations 3.0 4.10; FSBP EC2.19",
        is_remarkable=_opens_to_world,
    ),
    EventRule(
        "ModifySecurityGroupRules",
        "let the internet in to",
        "high",
        "CIS AWS Foundations 3.0 4.10; FSBP EC2.19",
        is_remarkable=_opens_to_world,
    ),
    EventRule("DeleteBucket", "deleted the bucket", "high", _CHANGED_BUCKET),
    EventRule(
        "PutBucketPolicy",
        "let everybody in to",
        "critical",
        _OPENED_BUCKET,
        is_remarkable=_opens_policy,
    ),
    EventRule(
        "PutBucketAcl",
        "let everybody in to",
        "critical",
        _OPENED_BUCKET,
        is_remarkable=_opens_acl,
    ),
    EventRule(
        "DeleteBucketPolicy", "deleted the policy of", "medium", "CIS AWS Foundations 3.0 4.8"
    ),
    EventRule("DeleteBucketPublicAccessBlock", "took the block from", "high", "FSBP S3.8"),
    EventRule(
        "PutBucketPublicAccessBlock",
        "took a part of the block from",
        "high",
        "FSBP S3.8",
        is_remarkable=_unblocks,
    ),
    EventRule(
        "PutBucketVersioning",
        "suspended the versions of",
        "high",
        "FSBP S3.14",
        is_remarkable=lambda record: has_parameter(record, "status", "suspended"),
    ),
    EventRule(
        "ScheduleKeyDeletion", "lets delete the key", "critical", "CIS AWS Foundations 3.0 4.7"
    ),
    EventRule("DisableKey", "disabled the key", "high", _LOST_KEY),
    EventRule("DeleteSecret", "deleted the secret", "high", _LOST),
    EventRule("DeleteReplicationGroup", "deleted the cache", "high", _LOST),
    EventRule("DeleteLoadBalancer", "deleted the load balancer", "high", _LOST),
    EventRule("DeleteLogGroup", "deleted the log group", "medium", "Well-Architected SEC04-BP01"),
    EventRule("DeleteBackupVault", "deleted the vault", "high", _LOST),
)
ACCOUNT_RULES: Final = (
    EventRule(
        "ModifyDBSnapshotAttribute",
        "shared the snapshot",
        "critical",
        "FSBP RDS.1",
        "account",
        _shares,
    ),
    EventRule(
        "ModifySnapshotAttribute", "shared the snapshot", "high", "FSBP EC2.1", "account", _shares
    ),
    EventRule("ModifyImageAttribute", "shared the image", "high", _OPENED, "account", _shares),
    EventRule("DeleteRecoveryPoint", "deleted the recovery point", "high", _LOST, "account"),
    EventRule("DeleteBackupVaultLockConfiguration", "unlocked", "critical", _LOST, "account"),
    EventRule("DeleteAccountPublicAccessBlock", "unblocked S3", "high", "FSBP S3.1", "account"),
    EventRule("DeleteFlowLogs", "deleted flow logs", "medium", _GUARDS, "account"),
    EventRule("StopLogging", "stopped the trail", "critical", _GUARDS, "account"),
    EventRule("DeleteTrail", "deleted the trail", "critical", _GUARDS, "account"),
    EventRule("DeleteDetector", "turned GuardDuty off", "high", _GUARDS, "account"),
    EventRule(
        "UpdateDetector",
        "turned GuardDuty off",
        "high",
        _GUARDS,
        "account",
        lambda record: has_parameter(record, "enable", "false"),
    ),
    EventRule("DisableSecurityHub", "turned Security Hub off", "high", _GUARDS, "account"),
    EventRule("StopConfigurationRecorder", "stopped AWS Config", "high", _GUARDS, "account"),
    EventRule("DeleteConfigurationRecorder", "turned AWS Config off", "high", _GUARDS, "account"),
    EventRule("DeleteAnalyzer", "deleted the access analyzer", "medium", _GUARDS, "account"),
)
# Name, meaning, severity, whether it matters, whether this program makes such calls.
_IDENTITY_ROWS: Final[
    tuple[tuple[str, str, FindingSeverity, Callable[[EventRecord], bool], bool], ...]
] = (
    ("CreateAccessKey", "made an access key for", "medium", _is_any, True),
    ("CreateLoginProfile", "gave a password to", "medium", _is_any, False),
    ("DeactivateMFADevice", "took the MFA device from", "high", _is_any, False),
    ("AttachUserPolicy", "gave wide rights to", "high", _gives_admin_policy, False),
    ("AttachRolePolicy", "gave wide rights to", "high", _gives_admin_policy, False),
    ("AttachGroupPolicy", "gave wide rights to", "high", _gives_admin_policy, False),
    ("PutUserPolicy", "gave every right to", "high", _gives_everything, False),
    ("PutRolePolicy", "gave every right to", "high", _gives_everything, False),
    ("PutGroupPolicy", "gave every right to", "high", _gives_everything, False),
)
IDENTITY_RULES: Final = tuple(
    EventRule(name, meaning, severity, _RIGHTS, "account", is_remarkable, True, by_ops)
    for name, meaning, severity, is_remarkable, by_ops in _IDENTITY_ROWS
)
SIGN_IN_RULE: Final = EventRule(
    "ConsoleLogin",
    "signed in without MFA",
    "high",
    "CIS AWS Foundations 3.0 4.2",
    "account",
    _signs_in_without_mfa,
)
# Looked up by who: whatever root does.
ROOT_RULE: Final = EventRule("root", "did", "high", "CIS AWS Foundations 3.0 1.7, 4.3", "account")
EVENT_RULES: Final = (*STACK_EVENT_RULES, *ACCOUNT_RULES, *IDENTITY_RULES, SIGN_IN_RULE)
EVENT_RULES_BY_NAME: Final = {rule.name: rule for rule in EVENT_RULES}
