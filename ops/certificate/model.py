"""A certificate of ACM, as `DescribeCertificate` answers it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from components.facts.units import DAY_SECONDS
from ops.certificate.apis import has_https
from ops.core.errors import UsageError
from ops.core.times import parse_aws_time
from ops.outputs import LoadBalancerPart, Outputs

TLS_PORT: Final = 443
NO_CERTIFICATE_CODES: Final = ("ResourceNotFoundException",)
# ACM starts to renew so long before the end: ACM User Guide, "Renewal for domains ... by DNS".
RENEWAL_DAYS: Final = 60
# Security Hub, ACM.1: "certificates should be renewed after a specified time period", 30 days.
MIN_DAYS_LEFT: Final = 30
ACM_ARN_PATTERN: Final = re.compile(
    r"arn:(?P<partition>aws[\w-]*):acm:(?P<region>[a-z0-9-]+):(?P<account>\d{12})"
    r":certificate/(?P<id>[\w-]+)"
)
CERTIFICATE_ID_PATTERN: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
CERTIFICATE_NAME_PATTERN: Final = re.compile(rf"(?=.{{4,253}}$)(\*\.)?({_LABEL}\.)+[a-z]{{2,63}}")


@dataclass(frozen=True)
class ValidationRecord:
    """The CNAME by which ACM sees that a name is ours; `status` is that of the last look of ACM."""

    domain: str
    name: str
    value: str
    status: str


@dataclass(frozen=True)
class Certificate:
    """A certificate. Texts are empty, and times None, if ACM does not say."""

    arn: str
    status: str
    kind: str
    names: tuple[str, ...]
    algorithm: str
    issuer: str
    begin: datetime | None
    end: datetime | None
    eligibility: str
    renewal_status: str
    renewal_reason: str
    failure_reason: str
    in_use_by: tuple[str, ...]
    records: tuple[ValidationRecord, ...]
    validation_method: str

    @property
    def subject(self) -> str:
        """Its first name and the begin of its id: how a person tells it from others."""
        return f"{self.names[0] if self.names else '?'} ({self.arn.rpartition('/')[2][:8]})"

    def count_days_left(self, now: datetime) -> float | None:
        """Days until its end, negative afterwards; None if it has no end yet."""
        return None if self.end is None else (self.end - now).total_seconds() / DAY_SECONDS

    def covers(self, host: str) -> bool:
        """True if a client that asks for the host takes it."""
        return is_covered(host, self.names)


def is_covered(host: str, names: Iterable[str]) -> bool:
    """True if one of a certificate's names stands for a host: RFC 6125, section 6.4.3.

    A wildcard stands for one label, and is itself covered by the same wildcard alone.
    """
    host = host.lower()
    return any(
        name.lower() == host
        or (
            name.startswith("*.")
            and not host.startswith("*.")
            and host.partition(".")[2] == name[2:].lower()
        )
        for name in names
    )


def parse_certificate(description: Mapping[str, Any]) -> Certificate:
    """Reads an answer's `Certificate`."""
    options = description.get("DomainValidationOptions") or ()
    renewal = description.get("RenewalSummary") or {}
    # While it is renewed, the look of then counts, not that of the first issue.
    statuses = {
        item["DomainName"]: item.get("ValidationStatus", "")
        for item in (*options, *(renewal.get("DomainValidationOptions") or ()))
    }
    first_name = description.get("DomainName", "")
    names = dict.fromkeys([first_name, *description.get("SubjectAlternativeNames", ())])
    return Certificate(
        arn=description["CertificateArn"],
        status=description.get("Status", ""),
        kind=description.get("Type", ""),
        names=tuple(name for name in names if name),
        algorithm=str(description.get("KeyAlgorithm", "")).replace("-", "_"),
        issuer=description.get("Issuer", ""),
        begin=_parse_time(description.get("NotBefore")),
        end=_parse_time(description.get("NotAfter")),
        eligibility=description.get("RenewalEligibility", ""),
        renewal_status=renewal.get("RenewalStatus", ""),
        renewal_reason=renewal.get("RenewalStatusReason", ""),
        failure_reason=description.get("FailureReason", ""),
        in_use_by=tuple(description.get("InUseBy") or ()),
        records=tuple(
            ValidationRecord(
                item["DomainName"],
                item["ResourceRecord"]["Name"],
                item["ResourceRecord"]["Value"],
                statuses[item["DomainName"]],
            )
            for item in options
            if "ResourceRecord" in item
        ),
        validation_method=next((item.get("ValidationMethod", "") for item in options), ""),
    )


def _parse_time(value: Any) -> datetime | None:
    return None if value is None else parse_aws_time(str(value))


def get_https_part(outputs: Outputs) -> LoadBalancerPart:
    """The load balancer. Raises UsageError if the stack has none that speaks HTTPS."""
    part = outputs.load_balancer
    if part is None or not has_https(outputs):
        raise UsageError(
            f"the stack {outputs.stack.stack} has no load balancer that speaks HTTPS: "
            "loadBalancer.domain and loadBalancer.certificateArn are not set"
        )
    return part


def get_site_host(part: LoadBalancerPart) -> str:
    """The host name that the stack's users type."""
    return urlsplit(part.url).hostname or part.dns_name
