"""Access keys, passwords and MFA of the account's users and of root, by IAM's credential report.

AWS makes a report every four hours at most (IAM User Guide, "Generate credential reports"), so that
what was mended may be found for that long.
"""

import csv
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final

from components.facts.units import DAY_SECONDS
from ops.audit.model import AUDIT_AREA, WHOLE_ACCOUNT
from ops.core.access_key_action import IAM_NOT_FOUND
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    ResponseItem,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.counts import format_count
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers

START_REPORT_API: Final = "iam.generate_credential_report"
REPORT_API: Final = "iam.get_credential_report"
# Of a report that AWS makes when it is asked for (IAM API reference, GetCredentialReport).
NOT_READY_CODES: Final = ("ReportInProgress", "ReportNotPresent")
ACCESS_KEYS_API: Final = "iam.list_access_keys"
ACCOUNT_RULES_API: Final = "iam.get_account_password_policy"
# Prowler's default; CIS AWS Foundations 3.0 1.12 has 45.
MAX_IDLE_DAYS: Final = 90
MAX_KEY_AGE_DAYS: Final = 90  # CIS AWS Foundations 3.0 1.14; FSBP IAM.3
MIN_PASSWORD_LENGTH: Final = 14  # CIS AWS Foundations 3.0 1.8; FSBP IAM.15
ROOT_USER: Final = "<root_account>"
ROOT_CONSOLE: Final = "https://console.aws.amazon.com/iam/home#/security_credentials"
# What the report has instead of a date (IAM User Guide, "Get credential reports").
NO_DATES: Final = ("N/A", "no_information", "not_supported", "")
KEY_NUMBERS: Final = (1, 2)

ReportRow = Mapping[str, str]
ReportReads = Generator[Sequence[ReadRequest], list[ReadAnswer], list[ReportRow]]


def read_credential_report() -> ReportReads:
    """The rows of the report. To be yielded from. Raises UnknownAnswerError if there is none."""
    (start_answer,) = yield [build_read(START_REPORT_API, "")]
    get_answer_items(start_answer)
    (report_answer,) = yield [build_read(REPORT_API, "", not_ready_codes=NOT_READY_CODES)]
    text = str(get_answer_items(report_answer)[0]["Content"])
    return list(csv.DictReader(io.StringIO(text)))


def check_access_keys(facts: CheckFacts) -> CheckRoutine:
    """Judges each active key: its age, its last use, the second one of a user, root's."""
    rows = yield from read_credential_report()
    active = {row["user"]: numbers for row in rows if (numbers := list_active_keys(row))}
    suspects = [
        row
        for row in rows
        if row["user"] != ROOT_USER
        and (len(list_active_keys(row)) > 1 or any(_list_unused(facts, row)))
    ]
    answers = yield [
        build_read(ACCESS_KEYS_API, "AccessKeyMetadata", UserName=row["user"]) for row in suspects
    ]
    ids = {
        row["user"]: get_answer_items(answer) for row, answer in zip(suspects, answers, strict=True)
    }
    findings = [
        finding
        for row in rows
        for finding in (
            _list_root_key_findings(row)
            if row["user"] == ROOT_USER
            else _list_key_findings(facts, row, ids.get(row["user"], []))
        )
    ]
    count = sum(map(len, active.values()))
    looked_at = f"{format_count(count, 'active access key')}, none older than {MAX_KEY_AGE_DAYS} d"
    return (yield from _conclude(facts, "access keys", findings, looked_at))


def check_sign_in(facts: CheckFacts) -> CheckRoutine:
    """Judges who can sign in with a password: MFA, last use, the password policy; and root."""
    rows = yield from read_credential_report()
    users = [r for r in rows if r["user"] != ROOT_USER and is_on(r, "password_enabled")]
    findings = [f for row in rows if row["user"] == ROOT_USER for f in _list_root(facts, row)]
    findings += [f for row in users for f in _list_user_findings(facts, row)]
    if users:
        (policy_answer,) = yield [build_read(ACCOUNT_RULES_API, "", absent_codes=(IAM_NOT_FOUND,))]
        findings += _list_policy_findings(get_answer_items(policy_answer), len(users))
    looked_at = f"{format_count(len(users), 'user')} with a password, and root"
    return (yield from _conclude(facts, "users and root", findings, looked_at))


def _conclude(
    facts: CheckFacts, subject: str, findings: Sequence[ResourceFinding], looked_at: str
) -> Generator[Sequence[ReadRequest], list[ReadAnswer], list[CheckFinding]]:
    summary = summarize_findings(AUDIT_AREA, subject, findings, looked_at)
    return (yield from apply_waivers(facts, summary))


def is_on(row: ReportRow, field: str) -> bool:
    """True if a field of the report says so."""
    return row[field] == "true"


def list_active_keys(row: ReportRow) -> list[int]:
    """The numbers of a user's keys that are active."""
    return [number for number in KEY_NUMBERS if row[f"access_key_{number}_active"] == "true"]


def compute_age_days(facts: CheckFacts, date: str) -> int | None:
    """Whole days since a date of the report; None if there is none."""
    if date in NO_DATES:
        return None
    return int(compute_age_seconds(facts, date) // DAY_SECONDS)


def _list_unused(facts: CheckFacts, row: ReportRow) -> Iterator[int]:
    """The numbers of active keys that were not used for so long, or never since they are there."""
    for number in list_active_keys(row):
        age = compute_age_days(facts, row[f"access_key_{number}_last_rotated"])
        used = compute_age_days(facts, row[f"access_key_{number}_last_used_date"])
        idle = age if used is None else used
        if idle is not None and idle > MAX_IDLE_DAYS:
            yield number


def _list_key_findings(
    facts: CheckFacts, row: ReportRow, keys: Sequence[ResponseItem]
) -> Iterator[ResourceFinding]:
    user, active = row["user"], list_active_keys(row)
    unused = list(_list_unused(facts, row))
    for number in active:
        created = row[f"access_key_{number}_last_rotated"]
        age = compute_age_days(facts, created)
        last_used = row[f"access_key_{number}_last_used_date"]
        use = "never used" if last_used in NO_DATES else f"last used {last_used[:10]}"
        subject = f"access key {number} of {user}"
        if number in unused:
            yield _build(
                "access-keys",
                f"{user}/{number}",
                subject,
                f"active, {use}, created {created[:10]}",
                _build_deactivate_line(user, _find_key_id(row, number, keys)),
                "medium",
                f"CIS AWS Foundations 3.0 1.12 (45 days), here {MAX_IDLE_DAYS}; FSBP IAM.22",
                created,
            )
        elif age is not None and age > MAX_KEY_AGE_DAYS:
            yield _build(
                "access-keys",
                f"{user}/{number}",
                subject,
                f"{age} days old, {use}; it must be rotated every {MAX_KEY_AGE_DAYS} days",
                f"ops keys rotate {user}",
                "high",
                "CIS AWS Foundations 3.0 1.14; FSBP IAM.3",
                created,
            )
    if len(active) > 1 and not unused:
        least_used = min(active, key=lambda n: _get_use_date(row, n))
        yield _build(
            "access-keys",
            f"{user}/two",
            f"access keys of {user}",
            "two are active, which is for the time of a rotation only",
            _build_deactivate_line(user, _find_key_id(row, least_used, keys)),
            "medium",
            "CIS AWS Foundations 3.0 1.13",
            row[f"access_key_{active[-1]}_last_rotated"],
        )


def _get_use_date(row: ReportRow, number: int) -> str:
    date = row[f"access_key_{number}_last_used_date"]
    return "" if date in NO_DATES else date


def _find_key_id(row: ReportRow, number: int, keys: Sequence[ResponseItem]) -> str:
    """The id of a key of the report, which has none: the one that was created then."""
    created = row[f"access_key_{number}_last_rotated"]
    matches = [key for key in keys if str(key["CreateDate"])[:19] == created[:19]]
    return str(matches[0]["AccessKeyId"]) if matches else "KEY"


def _build_deactivate_line(user: str, key: str) -> str:
    return f"aws iam update-access-key --user-name {user} --access-key-id {key} --status Inactive"


def _list_root_key_findings(row: ReportRow) -> Iterator[ResourceFinding]:
    for number in list_active_keys(row):
        yield _build(
            "access-keys",
            f"root/{number}",
            f"access key {number} of root",
            "active: whoever has it may do everything, and no policy limits it",
            f"sign in as root and delete it: {ROOT_CONSOLE}",
            "critical",
            "CIS AWS Foundations 3.0 1.4; FSBP IAM.4",
            row[f"access_key_{number}_last_rotated"],
        )


def _list_root(facts: CheckFacts, row: ReportRow) -> Iterator[ResourceFinding]:
    if row["mfa_active"] != "true":
        yield _build(
            "sign-in",
            "root/mfa",
            "root",
            "has no MFA device: a password is all that protects the account",
            f"sign in as root and add one: {ROOT_CONSOLE}",
            "critical",
            "CIS AWS Foundations 3.0 1.5; FSBP IAM.9",
        )
    uses = {
        row[field]
        for field in (
            "password_last_used",
            "access_key_1_last_used_date",
            "access_key_2_last_used_date",
        )
    } - set(NO_DATES)
    last_use = max(uses, default="")
    age = compute_age_days(facts, last_use)
    if age is not None and age <= MAX_IDLE_DAYS:
        yield _build(
            "sign-in",
            "root/use",
            "root",
            f"was used on {last_use[:10]}, {age} days ago; it is for what nobody else may",
            "ops audit --waive sign-in/root/use --until DATE --reason REASON",
            "medium",
            "CIS AWS Foundations 3.0 1.7",
            last_use,
        )


def _list_user_findings(facts: CheckFacts, row: ReportRow) -> Iterator[ResourceFinding]:
    user = row["user"]
    if row["mfa_active"] != "true":
        yield _build(
            "sign-in",
            f"{user}/mfa",
            f"user {user}",
            "has a password for the console and no MFA device",
            f"aws iam delete-login-profile --user-name {user}",
            "high",
            "CIS AWS Foundations 3.0 1.10; FSBP IAM.5: enable MFA, or take the password away",
            row["password_last_changed"],
        )
    used = row["password_last_used"]
    since = row["user_creation_time"] if used in NO_DATES else used
    idle = compute_age_days(facts, since)
    if idle is not None and idle > MAX_IDLE_DAYS:
        yield _build(
            "sign-in",
            f"{user}/unused",
            f"user {user}",
            f"has not signed in for {idle} days",
            f"aws iam delete-login-profile --user-name {user}",
            "medium",
            f"CIS AWS Foundations 3.0 1.12 (45 days), here {MAX_IDLE_DAYS}; FSBP IAM.8",
            since,
        )


def _list_policy_findings(
    answers: Sequence[ResponseItem], user_count: int
) -> Iterator[ResourceFinding]:
    policy: Any = answers[0]["PasswordPolicy"] if answers else {}
    length = policy.get("MinimumPasswordLength")
    if length is None or length < MIN_PASSWORD_LENGTH:
        shortest = "there is none" if length is None else f"{length} characters are enough"
        yield _build(
            "sign-in",
            "password-policy",
            "the account's password policy",
            f"{shortest}, must be {MIN_PASSWORD_LENGTH}; users with a password: {user_count}",
            "aws iam update-account-password-policy "
            f"--minimum-password-length {MIN_PASSWORD_LENGTH} --password-reuse-prevention 24",
            "medium",
            "CIS AWS Foundations 3.0 1.8, 1.9; FSBP IAM.15, IAM.16",
        )


def _build(
    key: str,
    resource: str,
    subject: str,
    evidence: str,
    command: str,
    severity: Any,
    reason: str,
    since: str = "",
) -> ResourceFinding:
    return ResourceFinding(
        "failing",
        AUDIT_AREA,
        subject,
        f"{WHOLE_ACCOUNT}: {evidence}",
        command,
        id=build_finding_id(key, resource),
        severity=severity,
        reason=reason,
        since="" if since in NO_DATES else since,
    )
