"""Whether a region can take a recovery: a recovery region, its key, room, a certificate."""

from typing import Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.kms import DESCRIBE_KEY_API
from ops.core.stack_scope import list_stack_regions
from ops.health.load_balancer import CERTIFICATE_API
from ops.recovery.instance_room import INSTANCE_QUOTA_NAME
from ops.recovery.readiness import RECOVERY_AREA, build_readiness_findings

ACCOUNT_ATTRIBUTES_API: Final = "rds.describe_account_attributes"
ISSUED_CERTIFICATES_API: Final = "acm.list_certificates"
# A list leaves out all but RSA_2048 unless it names others (API reference, ListCertificates).
CERTIFICATE_KEY_TYPES: Final = ("RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1")


def check_recovery_region(facts: CheckFacts) -> CheckRoutine:
    """The stack has a recovery region."""
    yield []
    recovery_region = facts.outputs.stack.recovery_region
    if recovery_region is None:
        return build_readiness_findings(
            "failing", "recovery region", "none: set recoveryRegion", "pulumi up"
        )
    return build_readiness_findings("ok", "recovery region", recovery_region)


def check_recovery_key(facts: CheckFacts) -> CheckRoutine:
    """The key of the backups in the recovery region is enabled."""
    stack = facts.outputs.stack
    (answer,) = yield [
        build_read(
            DESCRIBE_KEY_API,
            "",
            region=stack.recovery_region,
            KeyId=stack.recovery_key_arn,
            absent_codes=("NotFoundException",),
        )
    ]
    subject = f"key in {stack.recovery_region}"
    item = next(iter(get_answer_items(answer)), None)
    state = item["KeyMetadata"]["KeyState"] if item else "gone"
    return build_readiness_findings(
        "ok" if state == "Enabled" else "failing", subject, f"is {state}", "aws kms enable-key"
    )


def check_instance_quota(facts: CheckFacts) -> CheckRoutine:
    """The quota of each region allows one more DB instance."""
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(ACCOUNT_ATTRIBUTES_API, "AccountQuotas", region=r) for r in regions]
    findings: list[CheckFinding] = []
    for region, answer in zip(regions, answers, strict=True):
        subject = f"room for a database in {region}"
        if isinstance(answer, UnknownAnswerError):
            findings += [
                CheckFinding("unknown", RECOVERY_AREA, subject, str(answer), answer.advice)
            ]
            continue
        quota = next(
            (entry for entry in answer if entry["AccountQuotaName"] == INSTANCE_QUOTA_NAME), None
        )
        if quota is None:
            findings += build_readiness_findings(
                "unknown", subject, "RDS does not say what the quota is"
            )
            continue
        is_full = quota["Used"] >= quota["Max"]
        findings += build_readiness_findings(
            "failing" if is_full else "ok",
            subject,
            f"{quota['Used']} of {quota['Max']}",
            f"ops quotas request L-7B6409FD --value {2 * quota['Max']} --in {region}",
        )
    return findings


def check_recovery_certificate(facts: CheckFacts) -> CheckRoutine:
    """The recovery region has a certificate for HTTPS, or the stack makes one there."""
    recovery_region, load_balancer = (
        facts.outputs.stack.recovery_region,
        facts.outputs.load_balancer,
    )
    subject = f"certificate in {recovery_region}"
    assert load_balancer is not None
    if load_balancer.zone_id is not None:
        yield []
        return build_readiness_findings(
            "ok", subject, f"is made with a stack there, in the zone {load_balancer.zone_id}"
        )
    stack_answer, candidates_answer = yield [
        build_read(CERTIFICATE_API, "", CertificateArn=load_balancer.certificate_arn),
        build_read(
            ISSUED_CERTIFICATES_API,
            "CertificateSummaryList",
            region=recovery_region,
            CertificateStatuses=["ISSUED"],
            Includes={"keyTypes": [*CERTIFICATE_KEY_TYPES]},
        ),
    ]
    stack_certificate = get_answer_items(stack_answer)[0]["Certificate"]
    required_names = {
        stack_certificate["DomainName"],
        *(stack_certificate.get("SubjectAlternativeNames") or ()),
    }
    for candidate in get_answer_items(candidates_answer):
        covered_names = {
            candidate["DomainName"],
            *(candidate.get("SubjectAlternativeNameSummaries") or ()),
        }
        if all(
            name in covered_names or f"*.{name.partition('.')[2]}" in covered_names
            for name in required_names
        ):
            return build_readiness_findings("ok", subject, candidate["CertificateArn"])
    evidence = f"none that is issued is for {', '.join(sorted(required_names))}"
    return build_readiness_findings(
        "failing", subject, evidence, f"aws acm request-certificate --region {recovery_region}"
    )
