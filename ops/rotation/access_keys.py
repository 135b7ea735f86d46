"""Access keys of users with the stack's tag: nothing rotates them but `ops keys rotate`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from ops.audit.identity_credentials import ACCESS_KEYS_API, MAX_KEY_AGE_DAYS
from ops.audit.identity_documents import AUTHORIZATION_API
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ResponseItem,
    build_read,
    get_answer_items,
)
from ops.core.times import parse_aws_time
from ops.findings.model import ResourceFinding, build_finding_id
from ops.findings.waivers import apply_waivers
from ops.keys.users import get_user_tag_value
from ops.permissions.grants import USER_TAG
from ops.rotation.schedule import ROTATION_AREA, format_day, is_past

_SUBJECT: Final = "access keys of the stack's users"


def check_rotated_access_keys(facts: CheckFacts) -> CheckRoutine:
    """Judges each active key of each user with the tag: its age, and when it must be rotated."""
    (answer,) = yield [build_read(AUTHORIZATION_API, "UserDetailList", Filter=["User"])]
    tag = {"Key": USER_TAG, "Value": get_user_tag_value(facts.outputs)}
    users = [u["UserName"] for u in get_answer_items(answer) if tag in (u.get("Tags") or ())]
    answers = yield [
        build_read(ACCESS_KEYS_API, "AccessKeyMetadata", UserName=user) for user in users
    ]
    findings = [
        _judge_key(facts, user, key)
        for user, key_answer in zip(users, answers, strict=True)
        for key in get_answer_items(key_answer)
        if key["Status"] == "Active"
    ]
    none = CheckFinding("ok", ROTATION_AREA, _SUBJECT, "none: no user of the stack has one")
    return (yield from apply_waivers(facts, findings or [none]))


def _judge_key(facts: CheckFacts, user: str, key: Mapping[str, Any] | ResponseItem) -> CheckFinding:
    created, limit = key["CreateDate"], timedelta(days=MAX_KEY_AGE_DAYS)
    key_id = str(key["AccessKeyId"])
    subject = f"access key {key_id} of {user}"
    evidence = (
        f"rotated by `ops keys rotate` every {MAX_KEY_AGE_DAYS} days, created "
        f"{format_day(created)}, next by {parse_aws_time(created) + limit:%Y-%m-%d}"
    )
    if not is_past(created, facts.now, limit):
        return CheckFinding("ok", ROTATION_AREA, subject, evidence)
    return ResourceFinding(
        "failing",
        ROTATION_AREA,
        subject,
        f"overdue: {evidence}",
        f"ops keys rotate {user}",
        id=build_finding_id("rotated-access-keys", f"{user}/{key_id}"),
        severity="high",
        reason="CIS AWS Foundations 3.0 1.14; FSBP IAM.3",
        since=str(created),
    )
