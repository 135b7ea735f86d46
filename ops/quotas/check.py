"""Whether what the stack uses, and what it would need at its most, is within the quotas."""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.counts import format_amount
from ops.core.quota_apis import DEFAULT_QUOTA_API, NO_QUOTA_CODES, QUOTA_API
from ops.findings.model import (
    FindingSeverity,
    ResourceFinding,
    build_finding_id,
    summarize_findings,
)
from ops.findings.waivers import apply_waivers
from ops.quotas.apis import REQUESTS_API
from ops.quotas.demand import DemandFigure, compute_demands
from ops.quotas.model import Demand, Quota
from ops.quotas.table import DEPLOYMENT_QUOTAS, QUOTAS, get_global_region

# Requests that AWS has not answered (API reference, RequestedServiceQuotaChange).
OPEN_REQUEST_STATUSES: Final = ("PENDING", "CASE_OPENED")
# Trusted Advisor warns at 80 % of a limit (AWS Support User Guide, "Service limits").
WARNING_SHARE: Final = 0.8
# A request leaves this much above what is needed (assumed): half of it again, so that the next
# look does not warn of the same.
REQUEST_FACTOR: Final = 1.5
QUOTAS_AREA: Final = "quotas"
REASON: Final = "REL01-BP03 (Well-Architected): accommodate quotas through architecture"


@dataclass(frozen=True)
class QuotaFigure:
    """One quota in one region: its limit, what is used, and how much more is needed at most.

    None is not known; `note` says why. `request` is an open request for more.
    """

    quota: Quota
    region: str
    limit: float | None
    used: float | None
    more: float | None
    subject: str = ""
    reason: str = ""
    note: str = ""
    advice: str = ""
    request: str = ""
    is_adjustable: bool = True
    is_elsewhere: bool = False

    @property
    def distance(self) -> float | None:
        """The distance to the limit."""
        return None if self.limit is None or self.used is None else self.limit - self.used

    @property
    def most(self) -> float | None:
        """What is used at most."""
        return None if self.used is None or self.more is None else self.used + self.more

    @property
    def is_beyond(self) -> bool:
        """True if the stack's own most does not fit."""
        return self.limit is not None and self.most is not None and self.most > self.limit

    @property
    def is_near(self) -> bool:
        """True if 80 % of it are used, and not nothing of a quota of nothing."""
        return (
            self.limit is not None
            and self.used is not None
            and self.used > 0
            and self.used >= WARNING_SHARE * self.limit
        )

    @property
    def state(self) -> str:
        """As a finding's."""
        if self.is_beyond or self.is_near:
            return "failing"
        return "unknown" if None in (self.limit, self.used, self.more) else "ok"

    def describe(self) -> str:
        """Says with numbers what is used, what is left, and what is needed at most."""
        if self.limit is None or self.used is None:
            return self.note or "not known"
        of_subject = f" ({self.subject})" if self.subject else ""
        text = (
            f"{format_amount(self.used)} of {format_amount(self.limit)} used{of_subject}, "
            f"{format_amount(self.limit - self.used)} left"
        )
        if self.most is None:
            text += f"; its most is not known: {self.note or self.reason}"
        elif self.more:
            text += f"; {format_amount(self.most)} at most ({self.reason})"
        return text + (f"; {self.request}" if self.request else "")

    def build_command(self) -> str:
        """The line that asks for enough."""
        if not self.is_adjustable or self.limit is None:
            return ""
        needed = max(self.most or 0, self.used or 0) * REQUEST_FACTOR
        value = math.ceil(max(needed, self.limit + 1))
        if self.quota.is_global:
            return build_aws_line(self.quota, self.region, value)
        place = f" --in {self.region}" if self.is_elsewhere else ""
        return f"ops quotas request {self.quota.code} --value {value}{place}"


def build_aws_line(quota: Quota, region: str, value: object) -> str:
    """The line of the AWS CLI that asks for more."""
    return (
        f"aws service-quotas request-service-quota-increase --service-code {quota.service} "
        f"--quota-code {quota.code} --desired-value {value} --region {region}"
    )


FindingRoutine = CheckRoutine  # of a part of a check
MeasureRoutine = Generator[Sequence[ReadRequest], list[ReadAnswer], list[QuotaFigure]]


def list_quota_places(facts: CheckFacts, quotas: Sequence[Quota]) -> list[tuple[Quota, str]]:
    """The quotas that the stack has to do with, each with its region."""
    stack = facts.outputs.stack
    places: list[tuple[Quota, str]] = []
    for quota in quotas:
        if not quota.is_applicable(facts.outputs):
            continue
        home = get_global_region(stack.region) if quota.is_global else stack.region
        places.append((quota, home))
    if stack.recovery_region is not None:
        places += [
            (quota, stack.recovery_region)
            for quota in quotas
            if quota.is_needed_elsewhere and quota.is_applicable(facts.outputs)
        ]
    return places


def measure_quotas(facts: CheckFacts, quotas: Sequence[Quota]) -> MeasureRoutine:
    """Reads limits, uses, the stack's most and open requests. To be yielded from."""
    places = list_quota_places(facts, quotas)
    limit_reads = [_build_limit_read(QUOTA_API, quota, region) for quota, region in places]
    use_reads = [
        # Global lists are read in the stack's region, in which its roles may read.
        quota.measure.build_request(
            facts, facts.outputs.stack.region if quota.is_global else region
        )
        for quota, region in places
    ]
    regions = list(dict.fromkeys(region for _, region in places))
    request_reads = [build_read(REQUESTS_API, "RequestedQuotas", region=r) for r in regions]
    answers = yield [*limit_reads, *use_reads, *request_reads]
    limits, uses = answers[: len(places)], answers[len(places) : 2 * len(places)]
    requests = dict(zip(regions, answers[2 * len(places) :], strict=True))
    missing = [n for n, answer in enumerate(limits) if answer == []]
    if missing:
        defaults = yield [_build_limit_read(DEFAULT_QUOTA_API, *places[n]) for n in missing]
        for n, answer in zip(missing, defaults, strict=True):
            limits[n] = answer
    demands = yield from compute_demands(facts)
    return [
        _build_figure(facts, place, limit, use, demands, requests[place[1]])
        for place, limit, use in zip(places, limits, uses, strict=True)
    ]


def check_quotas(facts: CheckFacts) -> CheckRoutine:
    """No quota is nearly used up, and the stack's own most fits in each."""
    return (yield from _check(facts, QUOTAS))


def check_deployment_quotas(facts: CheckFacts) -> CheckRoutine:
    """The quotas that a deployment needs have room for it."""
    return (yield from _check(facts, DEPLOYMENT_QUOTAS))


def _check(facts: CheckFacts, quotas: Sequence[Quota]) -> CheckRoutine:
    figures = yield from measure_quotas(facts, quotas)
    return (yield from judge_figures(facts, figures))


def judge_figures(facts: CheckFacts, figures: Sequence[QuotaFigure]) -> FindingRoutine:
    """The findings of figures, with waivers. To be yielded from."""
    open_findings = [build_finding(figure) for figure in figures if figure.state == "failing"]
    unknown_findings = [
        CheckFinding(
            "unknown",
            QUOTAS_AREA,
            f"{figure.quota.name} in {figure.region}",
            figure.describe(),
            figure.advice,
        )
        for figure in figures
        if figure.state == "unknown"
    ]
    known = sum(figure.state == "ok" for figure in figures)
    findings: list[CheckFinding] = [
        *unknown_findings,
        *(
            summarize_findings(
                QUOTAS_AREA, "quotas", open_findings, f"{known} quotas have room for the stack"
            )
            if open_findings or known
            else []
        ),
    ]
    return (yield from apply_waivers(facts, findings))


def build_finding(figure: QuotaFigure) -> ResourceFinding:
    """What is open of a quota."""
    return ResourceFinding(
        "failing",
        QUOTAS_AREA,
        f"{figure.quota.name} in {figure.region}",
        figure.describe() + ("" if figure.is_adjustable else "; AWS does not raise it"),
        figure.build_command(),
        id=build_finding_id("account-quotas", f"{figure.region}/{figure.quota.code}"),
        severity=_judge_severity(figure),
        reason=REASON,
    )


def _judge_severity(figure: QuotaFigure) -> FindingSeverity:
    if figure.distance is not None and figure.distance <= 0:
        return "critical"
    return "high" if figure.is_beyond else "medium"


def _build_limit_read(api: str, quota: Quota, region: str) -> ReadRequest:
    return build_read(
        api,
        "",
        region=region,
        absent_codes=NO_QUOTA_CODES,
        ServiceCode=quota.service,
        QuotaCode=quota.code,
    )


def _build_figure(
    facts: CheckFacts,
    place: tuple[Quota, str],
    limit_answer: ReadAnswer,
    use_answer: ReadAnswer,
    demands: Mapping[Demand, DemandFigure],
    requests: ReadAnswer,
) -> QuotaFigure:
    quota, region = place
    is_elsewhere = not quota.is_global and region != facts.outputs.stack.region
    demand = demands.get(quota.demand, DemandFigure(0, 0, ""))
    build_figure = partial(
        QuotaFigure,
        quota,
        region,
        reason=demand.reason,
        request=describe_open_request(quota, requests),
        is_elsewhere=is_elsewhere,
        more=demand.elsewhere if is_elsewhere else demand.more,
    )
    try:
        items = get_answer_items(limit_answer)
    except UnknownAnswerError as error:
        return build_figure(limit=None, used=None, note=str(error), advice=error.advice)
    if not items:
        note = f"Service Quotas has no {quota.service}/{quota.code} in {region}"
        return build_figure(limit=None, used=None, note=note)
    details: dict[str, Any] = items[0]["Quota"]
    build_figure = partial(
        build_figure,
        limit=float(details["Value"]),
        is_adjustable=bool(details.get("Adjustable", True)),
    )
    try:
        use = quota.measure.count_use(get_answer_items(use_answer), facts.outputs)
    except UnknownAnswerError as error:
        return build_figure(used=None, note=str(error), advice=error.advice)
    if use is None:
        # In a region that the stack does not run in, nothing is measured where nothing runs.
        if is_elsewhere and quota.demand in ("fargate", "instances"):
            return build_figure(used=0.0)
        return build_figure(used=None, note=f"no data: {quota.measure.description}")
    return build_figure(used=use.used, subject=use.subject)


def describe_open_request(quota: Quota, requests: ReadAnswer) -> str:
    """Says what was asked for and is not answered; empty if nothing was."""
    if isinstance(requests, UnknownAnswerError):
        return f"open requests are not known: {requests}"
    for request in requests:
        if (
            request.get("QuotaCode") == quota.code
            and request.get("ServiceCode") == quota.service
            and request.get("Status") in OPEN_REQUEST_STATUSES
        ):
            return (
                f"{format_amount(float(request['DesiredValue']))} asked for on "
                f"{str(request['Created'])[:10]}: "
                f"{request['Status']}"
            )
    return ""
