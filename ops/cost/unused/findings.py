"""What a look for unused resources finds of one kind, and how it is told from what is others'."""

import shlex
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from components.facts.units import DAY_SECONDS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    ReadAnswer,
    ReadRequest,
    ResponseItem,
    UnknownAnswerError,
    compute_age_seconds,
)
from ops.cost.unused.ownership import Owner
from ops.findings.model import (
    FindingSeverity,
    ResourceFinding,
    build_finding_id,
    summarize_findings,
)
from ops.findings.waivers import apply_waivers
from ops.prices.price_table import DEFAULT_PRICE_TABLE

UNUSED_AREA: Final = "unused"
# $ a month from which a finding is of a severity; assumed.
SEVERITY_PRICES: Final[tuple[tuple[float, FindingSeverity], ...]] = (
    (100, "high"),
    (10, "medium"),
    (0, "low"),
)
# Days: SecretsManager.3 and CIS call what was unused for 90 days unused; snapshots and images too.
MAX_UNUSED_DAYS: Final = 90
# Days: what is younger may be in the middle of a deployment or a restore. Assumed.
MIN_AGE_DAYS: Final = 1
MAX_NAMED_RESOURCES: Final = 5

Findings = Generator[Sequence[ReadRequest], list[ReadAnswer], list[CheckFinding]]


@dataclass(frozen=True)
class UnusedResource:
    """One resource that costs and serves nothing. `monthly_usd` is None if AWS does not say it."""

    id: str
    owner: Owner
    evidence: str
    command: str
    monthly_usd: float | None = None
    since: str = ""
    reason: str = ""
    is_upper_bound: bool = False


@dataclass
class UnusedReport:
    """What one check saw: how many it looked at, what is unused, kept, and not known."""

    key: str
    subject: str
    looked_at: list[str] = field(default_factory=list)
    unused: list[UnusedResource] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    gaps: list[CheckFinding] = field(default_factory=list)

    def read_items(self, answer: ReadAnswer, region: str) -> list[ResponseItem]:
        """The items of an answer; without one, what is in the region is unknown, no more."""
        if isinstance(answer, UnknownAnswerError):
            evidence = f"{region}: {answer}"
            finding = CheckFinding("unknown", UNUSED_AREA, self.subject, evidence, answer.advice)
            self.gaps.append(finding)
            return []
        return list(answer)

    def build_findings(self) -> list[CheckFinding]:
        """The findings: what is unused here, and beside them in a line what is others'."""
        foreign = [r for r in self.unused if r.owner.kind == "other"]
        findings = [
            self._build_finding(r) for r in self.unused if r.owner.kind in ("stack", "none")
        ]
        notes = [
            *self.looked_at,
            *self.kept,
            *([_name_foreign_resources(foreign)] if foreign else []),
        ]
        evidence = "; ".join(notes)
        if self.gaps and not findings:
            return list(self.gaps)
        extra = (
            [CheckFinding("ok", UNUSED_AREA, self.subject, evidence)]
            if findings and (foreign or self.kept)
            else []
        )
        summary = summarize_findings(UNUSED_AREA, self.subject, findings, evidence)
        return [*summary, *extra, *self.gaps]

    def _build_finding(self, resource: UnusedResource) -> ResourceFinding:
        price = resource.monthly_usd
        reasons = [resource.reason] if resource.reason else []
        if price is not None:
            most = "at most " if resource.is_upper_bound else ""
            reasons.append(f"{most}{price:.2f} $ a month ({describe_price_source()})")
        return ResourceFinding(
            "failing",
            UNUSED_AREA,
            f"{resource.id} ({resource.owner.name})",
            resource.evidence,
            resource.command,
            id=build_finding_id(self.key, resource.id),
            severity=next(name for least, name in SEVERITY_PRICES if (price or 0) >= least),
            reason="; ".join(reasons),
            since=resource.since,
            monthly_usd=None if price is None else round(price, 2),
        )


def conclude(facts: CheckFacts, report: UnusedReport) -> Findings:
    """The findings of a report, those that are waived marked. To be yielded from."""
    return (yield from apply_waivers(facts, report.build_findings()))


def describe_price_source() -> str:
    """Where the prices are from, and of when."""
    table = DEFAULT_PRICE_TABLE
    return f"{table.region}'s list price, {table.taken}"


def format_aws_line(service: str, operation: str, region: str, **options: Any) -> str:
    """One line of the AWS CLI; an option without a value is a flag."""
    words = ["aws", service, operation, "--region", region]
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value is True else [shlex.quote(str(value))]
    return " ".join(words)


def guard_by_state(facts: CheckFacts, owner: Owner, resource_id: str, line: str) -> str:
    """The line, for what the program may have created only if Pulumi's state does not hold it.

    `pulumi stack --show-ids` lists the ids of a stack's resources.
    """
    if owner.kind != "stack":
        return line
    stack = shlex.quote(facts.outputs.stack.stack)
    return (
        f"ids=$(pulumi stack --stack {stack} --show-ids) && "
        f'! grep -qF {shlex.quote(resource_id)} <<<"$ids" && {line}'
    )


def get_age_days(facts: CheckFacts, time: object) -> float:
    """The age of a time in AWS's format, in days; 0 if there is none: nothing is judged by it."""
    return compute_age_seconds(facts, str(time)) / DAY_SECONDS if time else 0.0


def _name_foreign_resources(resources: Sequence[UnusedResource]) -> str:
    names = [f"{r.id} is of {r.owner.name}" for r in resources[:MAX_NAMED_RESOURCES]]
    rest = len(resources) - len(names)
    more = f", and {rest} more" if rest else ""
    return f"unused, but others': {', '.join(names)}{more}"
