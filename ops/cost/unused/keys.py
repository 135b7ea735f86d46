"""KMS keys that nothing uses: 1 $ a month each, ended in two steps, each of which can be undone.

AWS says when a key was last used (KMS API reference, GetKeyLastUsage), and that this alone must not
decide: so a key is disabled first, and deleted when it has been missed by nobody for a while. RDS
loses a database whose key is disabled (RDS User Guide, "Encrypting Amazon RDS resources"), and a
disk that runs uses its key only when it is attached: a key with grants, or that anything names, is
used whatever its last use.
"""

from collections.abc import Mapping
from typing import Any, Final

from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    ReadAnswer,
    ResponseItem,
    UnknownAnswerError,
    build_read,
)
from ops.core.counts import format_count
from ops.core.kms import DESCRIBE_KEY_API
from ops.core.stack_scope import list_stack_keys, list_stack_regions
from ops.cost.unused.disks import DISK_SNAPSHOTS_API, VOLUMES_API
from ops.cost.unused.findings import (
    MAX_UNUSED_DAYS,
    UnusedReport,
    UnusedResource,
    conclude,
    format_aws_line,
    get_age_days,
    guard_by_state,
)
from ops.cost.unused.ownership import find_owner
from ops.cost.unused.records import LOG_GROUPS_API, SECRETS_API
from ops.database.health import DB_INSTANCES_API, DB_SNAPSHOTS_API
from ops.prices.price_table import DEFAULT_PRICE_TABLE

_KEYS_API: Final = "kms.list_keys"
_KEY_USAGE_API: Final = "kms.get_key_last_usage"
_KEY_GRANTS_API: Final = "kms.list_grants"
_KEY_TAGS_API: Final = "kms.list_resource_tags"
_VAULTS_API: Final = "backup.list_backup_vaults"
# Days: a disabled key is proposed for deletion so much later, and AWS waits as long again: the
# longest that ScheduleKeyDeletion takes.
MAX_DISABLED_DAYS: Final = 30


def check_unused_keys(facts: CheckFacts) -> CheckRoutine:
    """No customer managed key is unused for 90 days, without grants and named by nothing.

    The stack's own keys are in use. Keys of which AWS has recorded the use for less than that are
    not judged, nor those that end already.
    """
    report = UnusedReport("unused-keys", "keys")
    stack_keys = list_stack_keys(facts.outputs.stack).values()
    for region in list_stack_regions(facts.outputs.stack):
        (key_answer,) = yield [build_read(_KEYS_API, "Keys", region=region)]
        arns = [str(key["KeyArn"]) for key in report.read_items(key_answer, region)]
        answers = yield [build_read(DESCRIBE_KEY_API, "", region=region, KeyId=arn) for arn in arns]
        keys = [
            item["KeyMetadata"]
            for answer in answers
            for item in report.read_items(answer, region)
            if item["KeyMetadata"].get("KeyManager") == "CUSTOMER"
        ]
        report.looked_at.append(f"{format_count(len(keys), 'key')} in {region}")
        old_keys = [
            key
            for key in keys
            if key.get("KeyState") in ("Enabled", "Disabled")
            and get_age_days(facts, key["CreationDate"]) > MAX_UNUSED_DAYS
            and key["Arn"] not in stack_keys
        ]
        if old_keys:
            yield from _judge_keys(facts, report, old_keys, region)
    return (yield from conclude(facts, report))


def _judge_keys(facts: CheckFacts, report: UnusedReport, keys: list[Any], region: str) -> Any:
    holder_answers = yield [
        build_read(VOLUMES_API, "Volumes", region=region),
        build_read(DISK_SNAPSHOTS_API, "Snapshots", region=region, OwnerIds=["self"]),
        build_read(DB_INSTANCES_API, "DBInstances", region=region),
        build_read(DB_SNAPSHOTS_API, "DBSnapshots", region=region),
        build_read(LOG_GROUPS_API, "logGroups", region=region),
        build_read(SECRETS_API, "SecretList", region=region),
        build_read(_VAULTS_API, "BackupVaultList", region=region),
    ]
    holders = [item for answer in holder_answers for item in report.read_items(answer, region)]
    if any(isinstance(answer, UnknownAnswerError) for answer in holder_answers):
        return  # what they encrypt is not known
    fields = ("KmsKeyId", "kmsKeyId", "EncryptionKeyArn")
    named = {
        str(item[field]).rpartition("/")[2]
        for item in holders
        for field in fields
        if item.get(field)
    }
    answers: list[ReadAnswer] = yield [
        read
        for key in keys
        for read in (
            build_read(_KEY_USAGE_API, "", region=region, KeyId=str(key["Arn"])),
            build_read(_KEY_GRANTS_API, "Grants", region=region, KeyId=str(key["Arn"])),
            build_read(_KEY_TAGS_API, "Tags", region=region, KeyId=str(key["Arn"])),
        )
    ]
    kept, unrecorded = 0, 0
    for number, key in enumerate(keys):
        key_answers = answers[3 * number : 3 * number + 3]
        usages, grants, tags = [report.read_items(answer, region) for answer in key_answers]
        if any(isinstance(answer, UnknownAnswerError) for answer in key_answers):
            continue
        used_at = (usages[0].get("KeyLastUsage") or {}).get("Timestamp")
        days = get_age_days(facts, used_at or usages[0].get("TrackingStartDate"))
        min_days = MAX_UNUSED_DAYS
        if key["KeyState"] == "Disabled":
            min_days += MAX_DISABLED_DAYS
        if days <= min_days:
            unrecorded += used_at is None
            continue
        if grants or str(key["KeyId"]) in named:
            kept += 1
            continue
        tag_values = {str(tag["TagKey"]): str(tag["TagValue"]) for tag in tags}
        resource = _build_unused_key(facts, key, usages[0], tag_values, region)
        if resource is None:
            kept += 1
        else:
            report.unused.append(resource)
    if kept:
        report.kept.append(f"kept: {kept} in {region} that something names, or that has grants")
    if unrecorded:
        text = f"AWS has recorded their use for less than {MAX_UNUSED_DAYS} days"
        report.kept.append(f"not judged: {unrecorded} in {region}, as {text}")


def _build_unused_key(
    facts: CheckFacts,
    key: ResponseItem,
    usage: ResponseItem,
    tags: Mapping[str, str],
    region: str,
) -> UnusedResource | None:
    """None for the key of the stack's secrets: `ops bootstrap` made it, without a component."""
    name, owner = str(key["KeyId"]), find_owner(tags, facts.outputs.stack)
    if owner.kind == "stack" and "Component" not in tags:
        return None
    used_at = (usage.get("KeyLastUsage") or {}).get("Timestamp")
    since = str(used_at or usage["TrackingStartDate"])
    is_disabled = key["KeyState"] == "Disabled"
    line = (
        format_aws_line(
            "kms",
            "schedule-key-deletion",
            region,
            key_id=name,
            pending_window_in_days=MAX_DISABLED_DAYS,
        )
        if is_disabled
        else format_aws_line("kms", "disable-key", region, key_id=name)
    )
    step = (
        "disabled; see in CloudTrail that nobody got DisabledException since; `aws kms "
        f"cancel-key-deletion` undoes it for {MAX_DISABLED_DAYS} days, and then all that it "
        "encrypts is lost"
        if is_disabled
        else "old backups and objects may still need it: it is disabled first, which `aws kms "
        "enable-key` undoes"
    )
    description = str(key.get("Description") or "")
    what = f"{description!r} in {region}" if description else f"in {region}"
    last = f"last used {since[:10]}" if used_at else f"not used since {since[:10]} at least"
    return UnusedResource(
        id=name,
        owner=owner,
        evidence=f"{what}: {last}; it has no grants, and no disk, database, vault, secret or log "
        f"group names it; {step}",
        command=guard_by_state(facts, owner, name, line),
        monthly_usd=DEFAULT_PRICE_TABLE.kms_key,
        since=since,
        reason="COST04-BP03",
    )
