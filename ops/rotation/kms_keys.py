"""The KMS keys of the stack: whether KMS rotates them."""

from typing import Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.stack_scope import list_stack_keys
from ops.findings.model import ResourceFinding, build_finding_id
from ops.findings.waivers import apply_waivers
from ops.rotation.schedule import ROTATION_AREA, describe_schedule, find_last

KEY_STATUS_API: Final = "kms.get_key_rotation_status"
KEY_ROTATIONS_API: Final = "kms.list_key_rotations"
# KMS API reference, EnableKeyRotation: the default.
DEFAULT_KEY_DAYS: Final = 365


def check_rotated_kms_keys(facts: CheckFacts) -> CheckRoutine:
    """Judges each key of the stack's own; AWS's keys are rotated by AWS."""
    keys = list_stack_keys(facts.outputs.stack)
    answers = yield [
        read
        for arn in keys.values()
        for read in (
            build_read(KEY_STATUS_API, "", region=arn.split(":")[3], KeyId=arn),
            build_read(KEY_ROTATIONS_API, "Rotations", region=arn.split(":")[3], KeyId=arn),
        )
    ]
    findings: list[CheckFinding] = [
        _judge_key(name, arn, answers[2 * number], answers[2 * number + 1])
        for number, (name, arn) in enumerate(keys.items())
    ]
    if not findings:
        evidence = "AWS's own keys, which AWS rotates every year"
        findings = [CheckFinding("ok", ROTATION_AREA, "KMS keys", evidence)]
    return (yield from apply_waivers(facts, findings))


def _judge_key(
    name: str, arn: str, status_answer: ReadAnswer, rotations_answer: ReadAnswer
) -> CheckFinding:
    subject = f"{name} key {arn.rpartition('/')[2]}"
    if isinstance(status_answer, UnknownAnswerError):
        return CheckFinding(
            "unknown", ROTATION_AREA, subject, str(status_answer), status_answer.advice
        )
    status = status_answer[0]
    if not status.get("KeyRotationEnabled"):
        return ResourceFinding(
            "failing",
            ROTATION_AREA,
            subject,
            "KMS does not rotate it",
            f"aws kms enable-key-rotation --key-id {arn} --region {arn.split(':')[3]}",
            id=build_finding_id("rotated-kms-keys", arn.rpartition("/")[2]),
            severity="medium",
            reason="CIS AWS Foundations 3.0 3.6; FSBP KMS.4",
        )
    days = status.get("RotationPeriodInDays") or DEFAULT_KEY_DAYS
    rotator = f"rotated by KMS every {days} days"
    if isinstance(rotations_answer, UnknownAnswerError):
        return CheckFinding(
            "unknown",
            ROTATION_AREA,
            subject,
            f"{rotator}; when last is not known: {rotations_answer}",
            rotations_answer.advice,
        )
    last = find_last(*(each.get("RotationDate") for each in get_answer_items(rotations_answer)))
    evidence = describe_schedule(rotator, last, status.get("NextRotationDate"))
    return CheckFinding("ok", ROTATION_AREA, subject, evidence)
