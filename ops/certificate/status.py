"""The rows of `ops certificate show`: every certificate that the stack's clients may meet."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from ops.certificate.checks import describe_renewal, list_renewal_faults, list_state_faults
from ops.certificate.model import Certificate
from ops.certificate.observation import (
    get_certificate,
    list_attached_certificates,
    list_certificate_summaries,
)
from ops.core.aws import Aws, explain_error
from ops.core.credentials import CALL_ERRORS
from ops.core.dns_query import DnsError
from ops.core.errors import OpsError, UsageError
from ops.core.times import parse_aws_time
from ops.outputs import LoadBalancerPart, Outputs

CERTIFICATE_COLUMNS: Final = (
    "names",
    "attached",
    "status",
    "until",
    "days",
    "issuer",
    "key",
    "renewal",
    "problem",
    "certificate",
)
_INSTANCES_API: Final = "rds.describe_db_instances"
NOT_ATTACHED: Final = "not attached"
_UNKNOWN: Final = "unknown"


def read_certificate_rows(
    aws: Aws, outputs: Outputs, part: LoadBalancerPart | None, now: datetime
) -> list[dict[str, Any]]:
    """One row each: the listener's, those of ACM that nothing uses, the database server's.

    What could not be read has the reason as its problem, and `known` false.
    """
    rows: list[dict[str, Any]] = []
    if part is not None and part.certificate_arn is not None:
        try:
            roles = list_attached_certificates(aws, part)
        except OpsError as error:
            rows.append(_build_gap_row("certificates of the listener", _UNKNOWN, error))
            roles = {}
        rows += [_read_row(aws, arn, role, now) for arn, role in roles.items()]
        rows += _read_unattached_rows(aws, set(roles), now)
    rows.append(_read_database_row(aws, outputs, now))
    return rows


def _read_unattached_rows(
    aws: Aws, attached_arns: set[str], now: datetime
) -> Iterable[dict[str, Any]]:
    """Those that nothing uses: what is used elsewhere is another's."""
    try:
        summaries = list_certificate_summaries(aws)
    except OpsError as error:
        return [_build_gap_row("certificates of ACM", NOT_ATTACHED, error)]
    return [
        _read_row(aws, str(item["CertificateArn"]), NOT_ATTACHED, now)
        for item in summaries
        if item["CertificateArn"] not in attached_arns and not item.get("InUse")
    ]


def _read_row(aws: Aws, arn: str, role: str, now: datetime) -> dict[str, Any]:
    if ":acm:" not in arn:
        return _build_gap_row(arn, role, OpsError("is of IAM, which ops does not read"))
    try:
        certificate = get_certificate(aws, arn)
    except UsageError:
        return {**_build_gap_row(arn, role, OpsError("is gone from ACM")), "known": True}
    except OpsError as error:
        return _build_gap_row(arn, role, error)
    return build_certificate_row(certificate, role, now)


def build_certificate_row(certificate: Certificate, role: str, now: datetime) -> dict[str, Any]:
    """The row of a certificate of ACM. Only what clients meet can have a problem of its end."""
    is_known, gap = True, ""
    try:
        faults = list_renewal_faults(certificate, now)
    except DnsError as error:
        faults, is_known, gap = list_state_faults(certificate, now), False, str(error)
    days_left = certificate.count_days_left(now)
    texts = [fault.text for fault in faults]
    return {
        "names": ", ".join(certificate.names),
        "attached": role,
        "status": certificate.status.lower().replace("_", " "),
        "until": f"{certificate.end:%Y-%m-%d}" if certificate.end else "",
        "days": "" if days_left is None else round(days_left),
        "issuer": certificate.issuer,
        "key": certificate.algorithm,
        "renewal": describe_renewal(certificate),
        "problem": "; ".join([*texts, *([gap] if gap else [])]),
        "certificate": certificate.arn,
        "known": is_known,
        "command": faults[0].command if faults else "",
    }


def _read_database_row(aws: Aws, outputs: Outputs, now: datetime) -> dict[str, Any]:
    """The server certificate of the database, which RDS replaces by itself."""
    identifier = outputs.database.identifier
    try:
        answer: Any = aws.call(_INSTANCES_API, {"DBInstanceIdentifier": identifier})
        details = answer["DBInstances"][0].get("CertificateDetails") or {}
    except CALL_ERRORS as error:
        reason = explain_error(error, _INSTANCES_API)
        return _build_gap_row(identifier, "database", OpsError(str(reason)))
    end = parse_aws_time(details["ValidTill"]) if "ValidTill" in details else None
    days = "" if end is None else round((end - now).total_seconds() / 86_400)
    return {
        "names": identifier,
        "attached": "database",
        "status": "expired" if end is not None and end <= now else "issued",
        "until": f"{end:%Y-%m-%d}" if end else "",
        "days": days,
        "issuer": details.get("CAIdentifier", ""),
        "key": "",
        "renewal": "RDS replaces it before its end",
        "problem": "" if end is None or end > now else "has expired: ops db reboot",
        "certificate": "",
        "known": end is not None,
        "command": "" if end is None or end > now else "ops db reboot",
    }


def _build_gap_row(name: str, role: str, error: OpsError) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(CERTIFICATE_COLUMNS, "")
    return row | {
        "names": name,
        "attached": role,
        "status": _UNKNOWN,
        "problem": str(error),
        "known": False,
        "command": next(iter(error.advice), ""),
    }
