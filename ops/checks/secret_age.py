"""Passwords and tokens that are too old, or still the ones that Pulumi's state holds."""

from typing import Final

from components.facts.secret import FIRST_VERSION_STAGE
from components.facts.units import DAY_SECONDS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.database.instance_in_use import VERSION_LABELS_API
from ops.health.cache import build_replication_group_read

UPKEEP_AREA: Final = "keeping"
# Maximum age in days if nothing rotates the password: CIS AWS Foundations, credentials unused
# or unchanged for 90 days.
MAX_PASSWORD_AGE_DAYS: Final = 90
ROTATION_GRACE_DAYS: Final = (
    2  # days that a rotation may come later than its rule says: its window, and retries
)


def check_password_age(facts: CheckFacts) -> CheckRoutine:
    """The database's password is not Pulumi's, and was changed when it should have been."""
    arn = facts.outputs.database.secret_arn
    (answer,) = yield [_build_secret_read(arn)]
    return [_judge_secret(facts, answer, "password", arn, "ops db rotate-password")]


def check_cache_token_age(facts: CheckFacts) -> CheckRoutine:
    """The cache's AUTH token is the secret's, is not Pulumi's, and is not too old.

    A group that was created again has the first token, whatever the secret says.
    """
    assert facts.outputs.cache is not None
    arn = facts.outputs.cache.secret_arn
    secret_answer, group_answer = yield [
        _build_secret_read(arn),
        build_replication_group_read(facts),
    ]
    command = f"aws secretsmanager rotate-secret --secret-id {arn}"
    finding = _judge_secret(facts, secret_answer, "cache token", arn, command)
    groups, secrets = get_answer_items(group_answer), get_answer_items(secret_answer)
    if not groups or not secrets:
        return [finding]  # another check says that the group is gone
    created_at = groups[0].get("ReplicationGroupCreateTime")
    rotated_at = secrets[0].get("LastRotatedDate")
    is_newer_than_token = (
        created_at is not None
        and rotated_at is not None
        and compute_age_seconds(facts, created_at) < compute_age_seconds(facts, rotated_at)
    )
    if is_newer_than_token:
        evidence = (
            f"the group was created at {created_at}, after the last rotation ({rotated_at}): the "
            "secret's token does not open it"
        )
        return [CheckFinding("failing", UPKEEP_AREA, "cache token", evidence, command)]
    return [finding]


def _build_secret_read(arn: str) -> ReadRequest:
    return build_read(
        VERSION_LABELS_API, "", SecretId=arn, absent_codes=("ResourceNotFoundException",)
    )


def _judge_secret(
    facts: CheckFacts, answer: ReadAnswer, title: str, arn: str, command: str
) -> CheckFinding:
    """Judges a secret by the version that is current and by its last rotation."""
    secrets = get_answer_items(answer)
    if not secrets:
        return CheckFinding("failing", UPKEEP_AREA, title, f"{arn} is gone", "pulumi up --refresh")
    secret = secrets[0]
    if any(
        {FIRST_VERSION_STAGE, "AWSCURRENT"} <= set(stages)
        for stages in (secret.get("VersionIdsToStages") or {}).values()
    ):
        evidence = "it is the first one, which Pulumi's state holds: it was never rotated"
        return CheckFinding("failing", UPKEEP_AREA, title, evidence, command)
    changed_at = secret.get("LastRotatedDate") or secret.get("CreatedDate")
    days = (secret.get("RotationRules") or {}).get("AutomaticallyAfterDays")
    is_rotated = bool(secret.get("RotationEnabled"))
    limit_days = int(days) + ROTATION_GRACE_DAYS if is_rotated and days else MAX_PASSWORD_AGE_DAYS
    if changed_at is None:
        return CheckFinding(
            "unknown", UPKEEP_AREA, title, "AWS does not say how old it is", command
        )
    age_seconds = max(compute_age_seconds(facts, changed_at), 0)
    rotation_note = (
        f"rotated each {days} days" if is_rotated and days else "nothing rotates it by itself"
    )
    evidence = f"of {changed_at}, {age_seconds / DAY_SECONDS:.0f} days old; {rotation_note}"
    is_in_time = age_seconds <= limit_days * DAY_SECONDS
    if is_in_time:
        return CheckFinding("ok", UPKEEP_AREA, title, evidence)
    return CheckFinding("failing", UPKEEP_AREA, title, evidence, command)
