"""Buckets of the stack that anybody can read or list, and how each is protected."""

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

from ops.audit.model import (
    WHOLE_ACCOUNT,
    AuditReport,
    close_report,
    get_stack_prefix,
    is_of_other_stack,
)
from ops.core.checks import (
    REPAIR_COMMAND,
    CheckFacts,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    build_read,
)
from ops.core.counts import format_count
from ops.database.instance import parse_tags
from ops.outputs import Outputs

BUCKETS_API: Final = "s3.list_buckets"
_BUCKET_TAGS_API: Final = "s3.get_bucket_tagging"
POLICY_STATUS_API: Final = "s3.get_bucket_policy_status"
_POLICY_API: Final = "s3.get_bucket_policy"
_ACL_API: Final = "s3.get_bucket_acl"
BLOCK_API: Final = "s3.get_public_access_block"
_ACCOUNT_BLOCK_API: Final = "s3control.get_public_access_block"
VERSIONING_API: Final = "s3.get_bucket_versioning"
OPEN_BUCKETS_KEY: Final = "open-buckets"
BUCKET_PROTECTION_KEY: Final = "bucket-protection"
NO_BLOCK_CODES: Final = ("NoSuchPublicAccessBlockConfiguration",)
NO_POLICY_CODES: Final = ("NoSuchBucketPolicy",)
_NO_TAGS_CODES: Final = ("NoSuchTagSet",)
_GONE_CODES: Final = ("NoSuchBucket",)
# S3 User Guide, "Access control list overview": everybody, and everybody with an AWS account.
PUBLIC_GRANTEES: Final = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everybody",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "everybody with an AWS account",
}
BLOCK_SETTINGS: Final = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)
FULL_BLOCK: Final = ",".join(f"{name}=true" for name in BLOCK_SETTINGS)


def check_open_buckets(facts: CheckFacts) -> CheckRoutine:
    """Judges the policy, the ACL and the block of each bucket, and the block of the account.

    A block of the bucket or of the account makes a policy or an ACL that lets the public in void.
    """
    report, outputs = AuditReport(facts, OPEN_BUCKETS_KEY, "buckets"), facts.outputs
    buckets = yield from list_stack_buckets(facts, report)
    account = outputs.stack.account
    (block_answer,) = yield [
        build_read(
            _ACCOUNT_BLOCK_API,
            "",
            AccountId=account,
            absent_codes=NO_BLOCK_CODES,
        )
    ]
    account_block = _get_block(report.get_items(block_answer, "the account's block"))
    is_account_known = isinstance(block_answer, list)
    if is_account_known and not all(account_block.values()):
        report.add(
            account,
            f"{WHOLE_ACCOUNT}: new buckets may be public ({_name_gaps(account_block)})",
            f"aws s3control put-public-access-block --region {outputs.stack.region} "
            f"--account-id {account} --public-access-block-configuration {FULL_BLOCK}",
            severity="medium",
            reason="CIS AWS Foundations 3.0 2.1.4; FSBP S3.1",
            subject=f"account {account}",
        )
    names = list(buckets)
    answers = yield [
        build_read(
            api, "", region=buckets[name], Bucket=name, absent_codes=(*absent_codes, *_GONE_CODES)
        )
        for name in names
        for api, absent_codes in (
            (POLICY_STATUS_API, NO_POLICY_CODES),
            (_ACL_API, ()),
            (BLOCK_API, NO_BLOCK_CODES),
        )
    ]
    for number, name in enumerate(names):
        _judge_bucket(report, name, buckets[name], answers[3 * number :][:3], account_block)
    return (
        yield from close_report(
            report, f"{format_count(len(names), 'bucket')}: nobody from outside reads or lists one"
        )
    )


def check_bucket_protection(facts: CheckFacts) -> CheckRoutine:
    """Judges whether each bucket refuses requests without TLS and keeps earlier versions."""
    report = AuditReport(facts, BUCKET_PROTECTION_KEY, "buckets")
    operations_bucket = facts.outputs.backups.operations_bucket
    buckets = yield from list_stack_buckets(facts, report)
    names = list(buckets)
    answers = yield [
        build_read(
            api, "", region=buckets[name], Bucket=name, absent_codes=(*absent_codes, *_GONE_CODES)
        )
        for name in names
        for api, absent_codes in ((_POLICY_API, NO_POLICY_CODES), (VERSIONING_API, ()))
    ]
    for number, name in enumerate(names):
        policy_answer, versioning_answer = answers[2 * number :][:2]
        policies = report.get_items(policy_answer, name)
        if isinstance(policy_answer, list) and not any(
            requires_tls(str(item["Policy"])) for item in policies
        ):
            report.add(
                f"{name}/tls",
                "its policy lets requests without TLS in",
                REPAIR_COMMAND,
                severity="medium",
                reason="CIS AWS Foundations 3.0 2.1.1; FSBP S3.5",
                subject=name,
            )
        for item in report.get_items(versioning_answer, name):
            if item.get("Status") != "Enabled":
                report.add(
                    f"{name}/versioning",
                    "what is overwritten or deleted in it is gone: it keeps no versions",
                    f"aws s3api put-bucket-versioning --region {buckets[name]} --bucket {name} "
                    "--versioning-configuration Status=Enabled",
                    severity="high" if name == operations_bucket else "medium",
                    reason="FSBP S3.14",
                    subject=name,
                )
    return (
        yield from close_report(
            report, f"{format_count(len(names), 'bucket')}: TLS alone, with versions"
        )
    )


def list_stack_buckets(
    facts: CheckFacts, report: AuditReport
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], dict[str, str]]:
    """The buckets of the stack with their regions: those of its outputs, and those of its name."""
    outputs = facts.outputs
    buckets = get_known_buckets(outputs)
    prefix = get_stack_prefix(outputs)
    (answer,) = yield [build_read(BUCKETS_API, "Buckets", Prefix=prefix)]
    others = {
        str(item["Name"]): str(item.get("BucketRegion") or outputs.stack.region)
        for item in report.get_items(answer, "the list of buckets")
        if str(item["Name"]).startswith(prefix) and item["Name"] not in buckets
    }
    tag_answers = yield [
        build_read(
            _BUCKET_TAGS_API,
            "TagSet",
            region=region,
            Bucket=name,
            absent_codes=(*_NO_TAGS_CODES, *_GONE_CODES),
        )
        for name, region in others.items()
    ]
    for (name, region), tags in zip(others.items(), tag_answers, strict=True):
        # Without tags it is the stack's by its name.
        if not is_of_other_stack(outputs, parse_tags(report.get_items(tags, name))):
            buckets[name] = region
    return buckets


def get_known_buckets(outputs: Outputs) -> dict[str, str]:
    """The buckets of the outputs, with their regions."""
    region, balancer = outputs.stack.region, outputs.load_balancer
    buckets = {outputs.backups.operations_bucket: region}
    if outputs.backups.recovery_bucket is not None:
        buckets[outputs.backups.recovery_bucket] = outputs.stack.recovery_region or region
    if balancer is not None and balancer.access_log_bucket is not None:
        buckets[balancer.access_log_bucket] = region
    return buckets


def requires_tls(policy: str) -> bool:
    """True if a bucket's policy refuses everybody everything without TLS."""
    statements = json.loads(policy).get("Statement", [])
    return any(
        statement.get("Effect") == "Deny"
        and "*" in _list_values(statement.get("Principal"))
        and bool({"s3:*", "*"} & _list_values(statement.get("Action")))
        and str(
            statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport", "")
        ).lower()
        == "false"
        for statement in ([statements] if isinstance(statements, dict) else statements)
    )


def _judge_bucket(
    report: AuditReport,
    name: str,
    region: str,
    answers: Sequence[ReadAnswer],
    account_block: Mapping[str, bool],
) -> None:
    status_answer, acl_answer, block_answer = answers
    own_block = _get_block(report.get_items(block_answer, name))
    block = {key: own_block[key] or account_block[key] for key in BLOCK_SETTINGS}
    line = (
        f"aws s3api put-public-access-block --region {region} --bucket {name} "
        f"--public-access-block-configuration {FULL_BLOCK}"
    )
    for status in report.get_items(status_answer, name):
        if status["PolicyStatus"]["IsPublic"] and not block["RestrictPublicBuckets"]:
            report.add(
                f"{name}/policy",
                "its policy lets everybody in",
                line,
                severity="critical",
                reason="FSBP S3.2, S3.3: nobody from outside reads or writes",
                subject=name,
            )
    if not block["IgnorePublicAcls"]:
        for acl in report.get_items(acl_answer, name):
            for grant in acl.get("Grants", ()):
                grantee = PUBLIC_GRANTEES.get(str(grant["Grantee"].get("URI")))
                if grantee is not None:
                    report.add(
                        f"{name}/acl/{grant['Permission'].lower()}",
                        f"its ACL gives {grant['Permission']} to {grantee}",
                        line,
                        severity="critical",
                        reason="FSBP S3.2, S3.3: nobody from outside reads or writes",
                        subject=name,
                    )
    if isinstance(block_answer, list) and not all(own_block.values()):
        report.add(
            f"{name}/block",
            f"it may become public by one change ({_name_gaps(own_block)})",
            line,
            severity="medium",
            reason="CIS AWS Foundations 3.0 2.1.4; FSBP S3.8",
            subject=name,
        )


def _get_block(items: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    configuration = items[0]["PublicAccessBlockConfiguration"] if items else {}
    return {name: bool(configuration.get(name)) for name in BLOCK_SETTINGS}


def _name_gaps(block: Mapping[str, bool]) -> str:
    return f"off: {', '.join(name for name, is_on in block.items() if not is_on)}"


def _list_values(value: Any) -> set[str]:
    """The strings of a field of a policy, which is one, a list, or a list by kind."""
    if isinstance(value, Mapping):
        return {text for part in value.values() for text in _list_values(part)}
    return {value} if isinstance(value, str) else set(value or ())
