"""The passwords and tokens of the stack: their rotations by Secrets Manager. No value is read."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from components.facts.secret import FIRST_VERSION_STAGE
from ops.checks.secret_age import MAX_PASSWORD_AGE_DAYS, ROTATION_GRACE_DAYS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    build_read,
    get_answer_items,
)
from ops.cost.unused.records import SECRETS_API
from ops.findings.model import ResourceFinding, build_finding_id
from ops.findings.waivers import apply_waivers
from ops.keys.users import build_key_secret_prefix
from ops.rotation.schedule import (
    ROTATION_AREA,
    describe_schedule,
    find_last,
    format_day,
    is_past,
    list_apart_labels,
)

# A rotation takes minutes; one that is not over after this has failed (assumed).
MAX_ROTATION_TIME: Final = timedelta(hours=4)
ROTATION_CONTROL: Final = "FSBP SecretsManager.1, SecretsManager.2, SecretsManager.4"


def check_rotated_secrets(facts: CheckFacts) -> CheckRoutine:
    """Judges each secret of the stack: its schedule, its last rotation, one that stopped."""
    stack = facts.outputs.stack
    prefix = f"{stack.project}-{stack.stack}-"
    name_filter = {"Key": "name", "Values": [prefix]}
    (answer,) = yield [build_read(SECRETS_API, "SecretList", Filters=[name_filter])]
    secrets = [
        secret
        for secret in get_answer_items(answer)
        # The handed over access keys are judged by their users.
        if not str(secret["Name"]).startswith(build_key_secret_prefix(facts.outputs))
        and str(secret["Name"]).startswith(prefix)
        and not secret.get("DeletedDate")
    ]
    findings = [finding for secret in secrets for finding in _list_findings(facts, secret)]
    none = CheckFinding("ok", ROTATION_AREA, "passwords and tokens", "the stack has no secret")
    return (yield from apply_waivers(facts, findings or [none]))


def _list_findings(facts: CheckFacts, secret: Mapping[str, Any]) -> Iterator[CheckFinding]:
    arn, days = (
        str(secret["ARN"]),
        (secret.get("RotationRules") or {}).get("AutomaticallyAfterDays"),
    )
    last, following = secret.get("LastRotatedDate"), secret.get("NextRotationDate")
    stages = secret.get("SecretVersionsToStages") or {}
    changed = find_last(last, secret.get("CreatedDate"))
    is_of_database = arn == facts.outputs.database.secret_arn
    command = (
        "ops db rotate-password"
        if is_of_database
        else f"aws secretsmanager rotate-secret --secret-id {arn}"
    )
    if secret.get("RotationEnabled"):
        every = f"every {days} days" if days else "by a schedule"
        evidence = describe_schedule(f"rotated by Secrets Manager {every}", last, following)
        modified = secret.get("LastChangedDate")
        if list_apart_labels(stages):
            if modified is None or is_past(modified, facts.now, MAX_ROTATION_TIME):
                since = f" since {format_day(modified)}" if modified else ""
                text = f"its last rotation failed{since}: a version is still pending; {evidence}"
                yield _build(secret, text, command, "high", str(modified or ""))
                return
            evidence = f"a rotation is under way; {evidence}"
        elif following and is_past(following, facts.now, timedelta(days=ROTATION_GRACE_DAYS)):
            yield _build(secret, f"overdue: {evidence}", command, "high", str(following))
            return
    else:
        evidence = (
            f"not rotated by itself, by setting; changed {format_day(changed)}"
            if (changed)
            else "not rotated by itself, by setting"
        )
        limit = timedelta(days=MAX_PASSWORD_AGE_DAYS)
        if changed is None or is_past(changed, facts.now, limit):
            text = f"{evidence}, must be changed every {MAX_PASSWORD_AGE_DAYS} days"
            yield _build(secret, text, command, "medium", str(changed or ""))
            return
    if any({FIRST_VERSION_STAGE, "AWSCURRENT"} <= set(labels) for labels in stages.values()):
        text = f"still the first one, which Pulumi's state holds; {evidence}"
        yield _build(secret, text, command, "high", str(secret.get("CreatedDate") or ""))
        return
    yield CheckFinding("ok", ROTATION_AREA, f"secret {secret['Name']}", evidence)


def _build(
    secret: Mapping[str, Any], evidence: str, command: str, severity: Any, since: str
) -> ResourceFinding:
    return ResourceFinding(
        "failing",
        ROTATION_AREA,
        f"secret {secret['Name']}",
        evidence,
        command,
        id=build_finding_id("rotated-secrets", str(secret["Name"])),
        severity=severity,
        reason=ROTATION_CONTROL,
        since=since,
    )
