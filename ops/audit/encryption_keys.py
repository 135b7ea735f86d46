"""The stack's KMS keys: without one, all that it encrypted is lost."""

import shlex
from typing import Any, Final

from ops.audit.model import AuditReport, close_report
from ops.audit.open_policies import close_policy, list_open_actions
from ops.core.checks import CheckFacts, CheckRoutine, ReadAnswer, build_read
from ops.core.counts import format_count
from ops.core.kms import DESCRIBE_KEY_API
from ops.core.stack_scope import list_stack_keys

_ROTATION_API: Final = "kms.get_key_rotation_status"
_POLICY_API: Final = "kms.get_key_policy"
ENCRYPTION_KEYS_KEY: Final = "encryption-keys"
_POLICY_NAME: Final = "default"  # the only one there is (API reference, GetKeyPolicy)
_GONE_CODES: Final = ("NotFoundException",)


def check_encryption_keys(facts: CheckFacts) -> CheckRoutine:
    """Judges each key: usable, not about to be deleted, rotated, open to nobody outside."""
    report = AuditReport(facts, ENCRYPTION_KEYS_KEY, "keys")
    keys = list_stack_keys(facts.outputs.stack)
    answers = yield [
        read
        for arn in keys.values()
        for read in (
            build_read(
                DESCRIBE_KEY_API, "", region=_get_region(arn), KeyId=arn, absent_codes=_GONE_CODES
            ),
            build_read(
                _ROTATION_API, "", region=_get_region(arn), KeyId=arn, absent_codes=_GONE_CODES
            ),
            build_read(
                _POLICY_API,
                "",
                region=_get_region(arn),
                KeyId=arn,
                PolicyName=_POLICY_NAME,
                absent_codes=_GONE_CODES,
            ),
        )
    ]
    for number, (name, arn) in enumerate(keys.items()):
        state_answer, rotation_answer, policy_answer = answers[3 * number :][:3]
        _judge_key(report, name, arn, state_answer, rotation_answer)
        _judge_policy(report, name, arn, policy_answer)
    return (
        yield from close_report(
            report, f"{format_count(len(keys), 'key')}: enabled, rotated, open to nobody outside"
        )
    )


def _get_region(arn: str) -> str:
    return arn.split(":")[3]


def _judge_key(
    report: AuditReport,
    name: str,
    arn: str,
    state_answer: ReadAnswer,
    rotation_answer: ReadAnswer,
) -> None:
    subject, line = f"the {name} key", f"--region {_get_region(arn)} --key-id {arn}"
    states = report.get_items(state_answer, subject)
    metadata: dict[str, Any] = states[0]["KeyMetadata"] if states else {}
    state = metadata.get("KeyState")
    if state == "PendingDeletion":
        report.add(
            f"{name}/deletion",
            f"it is deleted on {metadata.get('DeletionDate')}, and what it encrypted is lost then; "
            "nobody can use it now",
            f"aws kms cancel-key-deletion {line} && aws kms enable-key {line}",
            severity="critical",
            reason="FSBP KMS.3",
            subject=subject,
        )
    elif state == "Disabled":
        report.add(
            f"{name}/disabled",
            "what it encrypted cannot be read, and an instance that stops does not start again",
            f"aws kms enable-key {line}",
            severity="critical",
            reason="Well-Architected REL09-BP02: what is saved can be read",
            subject=subject,
        )
    # A replica is rotated with its primary (KMS Developer Guide, "Rotate multi-Region keys").
    is_replica = metadata.get("MultiRegionConfiguration", {}).get("MultiRegionKeyType") == "REPLICA"
    for rotation in report.get_items(rotation_answer, subject):
        if state == "Enabled" and not is_replica and not rotation.get("KeyRotationEnabled"):
            report.add(
                f"{name}/rotation",
                "its key material is never renewed",
                f"aws kms enable-key-rotation {line}",
                severity="medium",
                reason="CIS AWS Foundations 3.0 3.6; FSBP KMS.4",
                subject=subject,
            )


def _judge_policy(report: AuditReport, name: str, arn: str, answer: ReadAnswer) -> None:
    for item in report.get_items(answer, f"the {name} key"):
        policy = str(item["Policy"])
        if actions := list_open_actions(policy):
            closed = shlex.quote(close_policy(policy, report.facts.outputs.stack.account))
            report.add(
                f"{name}/policy",
                f"its policy lets everybody {', '.join(actions)}",
                f"aws kms put-key-policy --region {_get_region(arn)} --key-id {arn} "
                f"--policy-name {_POLICY_NAME} --policy {closed}",
                severity="critical",
                reason="FSBP KMS.5",
                subject=f"the {name} key",
            )
