"""Secrets of the stack that are not rotated, whose rotation failed, or that are about to go."""

from collections.abc import Mapping
from typing import Any, Final

from components.facts.units import DAY_SECONDS
from ops.audit.model import AuditReport, close_report, get_stack_prefix, is_of_other_stack
from ops.core.checks import (
    REPAIR_COMMAND,
    CheckFacts,
    CheckRoutine,
    build_read,
    compute_age_seconds,
)
from ops.core.counts import format_count
from ops.database.instance import parse_tags
from ops.outputs import Outputs

_SECRETS_API: Final = "secretsmanager.list_secrets"
SECRETS_KEY: Final = "secret-rotation"
# FSBP SecretsManager.4: its default, since the last rotation.
MAX_SECRET_DAYS: Final = 90
# How much later than its rule says a rotation may come: its window, and retries (assumed).
_LATE_DAYS: Final = 2
# A rotation has four steps of a minute (Secrets Manager User Guide, "Rotation functions"); that an
# hour is too long is assumed.
_ROTATION_SECONDS: Final = 3600
_PENDING, _CURRENT = "AWSPENDING", "AWSCURRENT"


def check_secrets(facts: CheckFacts) -> CheckRoutine:
    """Judges each secret by its rotation; of those that are about to be deleted, what is in use."""
    report, outputs = AuditReport(facts, SECRETS_KEY, "secrets"), facts.outputs
    prefix = get_stack_prefix(outputs)
    (answer,) = yield [
        build_read(
            _SECRETS_API,
            "SecretList",
            IncludePlannedDeletion=True,
            Filters=[{"Key": "name", "Values": [prefix]}],
        )
    ]
    secrets = [
        item
        for item in report.get_items(answer)
        if str(item["Name"]).startswith(prefix)
        and not is_of_other_stack(outputs, parse_tags(item.get("Tags")))
    ]
    for secret in secrets:
        if secret.get("DeletedDate"):
            _judge_deletion(report, secret)
        else:
            _judge_rotation(report, secret)
    looked_at = f"{format_count(len(secrets), 'secret')}: rotated within {MAX_SECRET_DAYS} days"
    return (yield from close_report(report, looked_at))


def list_used_secrets(outputs: Outputs) -> list[str]:
    """The ARNs of the secrets that services read."""
    cache = [] if outputs.cache is None else [outputs.cache.secret_arn]
    return [outputs.database.secret_arn, *cache]


def _judge_deletion(report: AuditReport, secret: Mapping[str, Any]) -> None:
    """One that nothing reads was deleted on purpose."""
    outputs, name = report.facts.outputs, str(secret["Name"])
    if secret["ARN"] in list_used_secrets(outputs):
        report.add(
            f"{name}/deletion",
            f"it is about to be deleted ({secret['DeletedDate']}), and nobody can read it: no task "
            "starts",
            f"aws secretsmanager restore-secret --region {outputs.stack.region} --secret-id {name}",
            severity="critical",
            reason="Well-Architected REL09-BP02: secure what is needed for a recovery",
            subject=name,
            since=str(secret["DeletedDate"]),
        )


def _judge_rotation(report: AuditReport, secret: Mapping[str, Any]) -> None:
    outputs, name = report.facts.outputs, str(secret["Name"])
    rotate = f"aws secretsmanager rotate-secret --region {outputs.stack.region} --secret-id {name}"
    is_database = secret["ARN"] == outputs.database.secret_arn
    rotate_now = "ops db rotate-password" if is_database else rotate
    is_rotated = bool(secret.get("RotationEnabled"))
    if not is_rotated and secret["ARN"] in list_used_secrets(outputs):
        report.add(
            f"{name}/rotation",
            "its rotation is off",
            rotate if secret.get("RotationLambdaARN") else REPAIR_COMMAND,
            severity="high",
            reason="FSBP SecretsManager.1",
            subject=name,
        )
    pending = _find_stuck_version(report.facts, secret)
    if pending or (lateness := _describe_lateness(report.facts, secret)):
        report.add(
            f"{name}/failed",
            "a rotation began and did not end (the function's log says why): a version of it is "
            "still AWSPENDING"
            if pending
            else lateness,
            # Secrets Manager begins no other one while there is such a version (API reference,
            # RotateSecret).
            f"aws secretsmanager update-secret-version-stage --region {outputs.stack.region} "
            f"--secret-id {name} --version-stage {_PENDING} --remove-from-version-id {pending} && "
            f"{rotate_now}"
            if pending
            else rotate_now,
            severity="high",
            reason="FSBP SecretsManager.2",
            subject=name,
            since=str(secret.get("LastChangedDate") or ""),
        )
    since = str(secret.get("LastRotatedDate") or secret.get("LastChangedDate") or "")
    days = int(compute_age_seconds(report.facts, since) // DAY_SECONDS) if since else 0
    if days > MAX_SECRET_DAYS:
        report.add(
            f"{name}/age",
            f"it is {format_count(days, 'day')} old, must be {MAX_SECRET_DAYS} at most",
            rotate_now,
            severity="medium",
            reason="FSBP SecretsManager.4",
            subject=name,
            since=since,
        )


def _find_stuck_version(facts: CheckFacts, secret: Mapping[str, Any]) -> str | None:
    """The version that a rotation made and left, if it began long ago."""
    changed = str(secret.get("LastChangedDate") or "")
    if not changed or compute_age_seconds(facts, changed) <= _ROTATION_SECONDS:
        return None
    stages: Mapping[str, Any] = secret.get("SecretVersionsToStages") or {}
    return next(
        (v for v, names in stages.items() if _PENDING in names and _CURRENT not in names), None
    )


def _describe_lateness(facts: CheckFacts, secret: Mapping[str, Any]) -> str:
    """How much later than its rule says a rotation is; empty if it is not."""
    rules, rotated = secret.get("RotationRules") or {}, secret.get("LastRotatedDate")
    interval = rules.get("AutomaticallyAfterDays")
    if not secret.get("RotationEnabled") or not rotated or not interval:
        return ""
    days = int(compute_age_seconds(facts, str(rotated)) // DAY_SECONDS)
    if days <= int(interval) + _LATE_DAYS:
        return ""
    return f"it was rotated {format_count(days, 'day')} ago, must be every {interval}"
