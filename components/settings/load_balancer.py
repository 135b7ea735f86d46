"""Settings of the load balancer: its name on the internet, its protections."""

import re
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from components.settings.address_range import Ipv4Range
from components.settings.section import Section

# WCUs of each group in AWS's "AWS Managed Rules rule groups list". Bot Control, account creation
# and account takeover are left out: they need settings of their own and are paid by the request.
ManagedRuleGroup = Literal[
    "AWSManagedRulesAdminProtectionRuleSet",  # 100
    "AWSManagedRulesAmazonIpReputationList",  # 25
    "AWSManagedRulesAnonymousIpList",  # 50
    "AWSManagedRulesCommonRuleSet",  # 700
    "AWSManagedRulesKnownBadInputsRuleSet",  # 200
    "AWSManagedRulesLinuxRuleSet",  # 200
    "AWSManagedRulesPHPRuleSet",  # 100
    "AWSManagedRulesSQLiRuleSet",  # 200
    "AWSManagedRulesUnixRuleSet",  # 100
    "AWSManagedRulesWindowsRuleSet",  # 200
    "AWSManagedRulesWordPressRuleSet",  # 100
]
# TLS 1.2 with forward secrecy or TLS 1.3 only, as ELB.17 and ELB's "Security policies" name them.
TlsPolicy = Literal[
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
]
HostedZoneId = Annotated[str, StringConstraints(pattern=r"^Z[A-Z0-9]{1,31}$")]
WafRuleName = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,128}$")]
HOST_NAME_PATTERN = re.compile(r"^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
MAX_COMMON_NAME_CHARACTERS = 64  # characters that ACM takes for the first name of a certificate
CERTIFICATE_ARN_PATTERN = re.compile(r"^arn:aws[\w-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+$")


def strip_wildcard(host: str) -> str:
    """Returns the host name that a wildcard is of: both are proved by one record."""
    return host.removeprefix("*.")


class WafSettings(Section):
    """A WAF web ACL in front of the load balancer."""

    enabled: bool = Field(default=True, description="put a web ACL in front of the load balancer")
    managed_rules: tuple[ManagedRuleGroup, ...] = Field(
        default=(
            "AWSManagedRulesAmazonIpReputationList",
            "AWSManagedRulesCommonRuleSet",
            "AWSManagedRulesKnownBadInputsRuleSet",
        ),
        description="AWS managed rule groups, in order of evaluation",
    )
    counted_rules: dict[ManagedRuleGroup, tuple[WafRuleName, ...]] = Field(
        # It blocks every request body over 8 KB: each upload.
        default={"AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",)},
        description="rules of these groups that count requests instead of blocking them",
    )
    rate_limit: int = Field(
        default=2000,
        ge=10,
        le=2_000_000_000,
        description="requests of one address in five minutes; more are blocked",
    )

    @field_validator("managed_rules")
    @classmethod
    def _validate_managed_rules(
        cls, groups: tuple[ManagedRuleGroup, ...]
    ) -> tuple[ManagedRuleGroup, ...]:
        if len(set(groups)) < len(groups):
            raise ValueError("must hold each group once")
        return groups

    @property
    def active_counted_rules(self) -> dict[str, tuple[str, ...]]:
        """The counted rules of the groups that are used."""
        return {
            group: rules
            for group, rules in self.counted_rules.items()
            if group in self.managed_rules
        }


class LoadBalancerSettings(Section):
    """The Application Load Balancer. HTTPS needs `certificateArn`, or `domain` with a zone."""

    domain: str | None = Field(default=None, description="host name of the stack")
    alternative_names: tuple[str, ...] = Field(
        default=(),
        max_length=9,  # ACM's quota is 10 names a certificate
        description="other host names: in the certificate, with records that point to the load "
        "balancer",
    )
    alternative_zones: dict[str, HostedZoneId] = Field(
        default={},
        description="by alternative name: the Route 53 hosted zone that holds it, if it is another "
        "one than zoneId",
    )
    zone_id: HostedZoneId | None = Field(
        default=None,
        description="Route 53 hosted zone that holds the domain",
    )
    create_zone: bool = Field(
        default=False,
        description="create a hosted zone for the domain in this stack; the first deployment "
        "waits until the parent domain delegates to its name servers (shown with "
        "the zone)",
    )
    certificate_arn: str | None = Field(
        default=None, description="ACM certificate to use instead of requesting one"
    )
    tls_policy: TlsPolicy = Field(
        default="ELBSecurityPolicy-TLS13-1-2-PQ-2025-09",
        description="TLS policy of the listener; those with PQ also have post-quantum key exchange",
    )
    access_logs: bool = Field(default=True, description="write access logs to a bucket")
    access_log_days: int = Field(default=90, ge=1, le=3650, description="days to keep access logs")
    idle_timeout: int = Field(
        default=60, ge=1, le=4000, description="idle timeout of connections, seconds"
    )
    desync: Literal["defensive", "strictest"] = Field(
        default="defensive", description="desync mitigation mode"
    )
    internal: bool = Field(
        default=False,
        description="in the private subnets, with private addresses: reachable from the VPC and "
        "from networks connected to it alone; cannot change later",
    )
    allowed_cidrs: tuple[Ipv4Range, ...] = Field(
        default=(IPv4Network("0.0.0.0/0"),),
        min_length=1,
        max_length=25,  # two rules each; a security group takes 60 by default
        description="IPv4 ranges that may reach the load balancer; not set, of an internal one "
        "the VPC's",
    )
    priority_seeds: dict[str, int] = Field(
        default={},
        description="by service (or fleet): a number that gives its rules other priorities among "
        "those that are free; rules never collide without it",
    )
    waf: WafSettings = Field(default=WafSettings(), description="the web ACL")

    @property
    def has_https(self) -> bool:
        """True if the load balancer serves HTTPS."""
        return self.certificate_arn is not None or self.domain is not None

    @property
    def host_names(self) -> tuple[str, ...]:
        """The host names of the stack, the domain first."""
        return (self.domain, *self.alternative_names) if self.domain else ()

    def find_zone_id(self, host: str) -> str | None:
        """Returns the given hosted zone of a host name; None if it is the stack's own."""
        zones = {strip_wildcard(name): zone for name, zone in self.alternative_zones.items()}
        return zones.get(strip_wildcard(host), self.zone_id)

    @field_validator("domain")
    @classmethod
    def _validate_domain(cls, domain: str | None) -> str | None:
        if domain is not None and not (
            HOST_NAME_PATTERN.match(domain) and len(domain) <= MAX_COMMON_NAME_CHARACTERS
        ):
            raise ValueError(
                f"must be a host name in lower case of at most {MAX_COMMON_NAME_CHARACTERS} letters"
            )
        return domain

    @field_validator("alternative_names")
    @classmethod
    def _validate_alternative_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("must hold each name once")
        if not all(HOST_NAME_PATTERN.match(name.removeprefix("*.")) for name in names):
            raise ValueError("must hold host names in lower case, the first label also '*'")
        return names

    @field_validator("certificate_arn")
    @classmethod
    def _validate_certificate_arn(cls, arn: str | None) -> str | None:
        if arn is not None and not CERTIFICATE_ARN_PATTERN.match(arn):
            raise ValueError("must be the ARN of an ACM certificate")
        return arn

    @field_validator("allowed_cidrs")
    @classmethod
    def _validate_allowed_cidrs(cls, cidrs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
        if len(set(cidrs)) < len(cidrs):
            raise ValueError("must hold each range once")
        return cidrs

    @model_validator(mode="after")
    def _validate_certificate_source(self) -> "LoadBalancerSettings":
        if fault := self._find_certificate_fault():
            raise ValueError(fault)
        return self

    def _find_certificate_fault(self) -> str | None:
        """Describes why these keys cannot be combined; None if they can."""
        has_zone = self.zone_id is not None or self.create_zone
        if self.domain is None:
            domain_settings = {
                "zoneId": self.zone_id,
                "createZone": self.create_zone or None,
                "alternativeNames": self.alternative_names or None,
                "alternativeZones": self.alternative_zones or None,
            }
            for key, value in domain_settings.items():
                if value is not None:
                    return f"{key} is {value!r}, must be set only with domain"
            return None
        if self.zone_id is not None and self.create_zone:
            return f"createZone is True, must be false with zoneId ({self.zone_id!r}): one zone"
        if self.certificate_arn is None and not has_zone:
            return (
                f"domain is {self.domain!r}, must be set with zoneId, createZone or "
                "certificateArn: a certificate is proved by a record in its zone"
            )
        if self.alternative_names and not has_zone:
            return "alternativeNames is set, must be so only with zoneId or createZone"
        if self.domain in self.alternative_names:
            return f"alternativeNames holds {self.domain!r}, must hold other names than domain"
        if unknown_names := sorted({*self.alternative_zones} - {*self.alternative_names}):
            return (
                f"alternativeZones has {unknown_names[0]!r}, must have names that alternativeNames "
                "holds"
            )
        outside_names = [
            name
            for name in self.alternative_names
            if not name.endswith(f".{self.domain}") and self.find_zone_id(name) is None
        ]
        if self.create_zone and outside_names:
            return (
                f"alternativeNames holds {outside_names[0]!r}, must hold names under "
                f"{self.domain!r}: "
                "the zone that createZone makes ends there (alternativeZones names others)"
            )
        return None
