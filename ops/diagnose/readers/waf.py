"""What WAF blocks: its metrics by rule, its default action, and who was blocked by its log.

Metrics: AWS WAF Developer Guide, "AWS WAF metrics and dimensions" (WebACL, Region, Rule; Rule is
ALL for the whole web ACL); "Log fields" (action, terminatingRuleId, httpRequest.clientIp).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Any, Final

from components.facts.metrics import METRIC_FACTS, build_count
from ops.core.checks import REPAIR_COMMAND
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.diagnose.readers.metric_runs import MetricSeries, describe_since, read_series
from ops.logs.lines import LineRequest, LogLine, read_lines
from ops.logs.parts import list_log_parts
from ops.metrics.parts import MetricRow, Subject, list_metric_parts
from ops.outputs import Outputs

_SOURCE: Final = "waf"
_PART: Final = "load-balancer"
_LOG_PART: Final = "waf"
WAF_NAMESPACE: Final = "AWS/WAFV2"
_WEB_ACL_API: Final = "wafv2.get_web_acl"
_ALL_RULES: Final = "ALL"
# Of all requests, the share that WAF may block before it is more than scanners. Assumed.
_BLOCKED_SHARE: Final = 0.05
_BLOCKED_FACTOR: Final = 3.0
_MIN_BLOCKED: Final = 10  # in the span, below which nothing is said
_MIN_REQUESTS: Final = 5.0  # a minute, below which a change of them says nothing
_FEWER_SHARE: Final = 0.9  # of what usually comes through
_RECENT_MINUTES: Final = 60
_STILL_MINUTES: Final = 10  # since the last block, while it still goes on: an assumption
# Addresses that one rule blocks; scanners have few, users many. Assumed.
_MANY_CLIENTS: Final = 10
_MAX_LOG_LINES: Final = 5000


_BLOCKED_FACT: Final = build_count(
    "blocked", WAF_NAMESPACE, aws_name="BlockedRequests", is_silent_at_zero=True
)
_ALLOWED_FACT: Final = build_count(
    "allowed", WAF_NAMESPACE, aws_name="AllowedRequests", is_silent_at_zero=True
)
_REQUESTS_FACT: Final = next(f for f in METRIC_FACTS["load-balancer"] if f.name == "requests")


def read_waf(request: DiagnosisRequest) -> Facts:
    """The facts of what WAF blocks."""
    collector = FactCollector(_SOURCE)
    part = request.outputs.load_balancer
    assert part is not None
    assert part.web_acl_arn is not None
    acl: Mapping[str, Any] = {}
    with collector.note_gap("the web ACL", _PART):
        acl = read_web_acl(request, part.web_acl_arn)
        if not request.is_past:
            add_default_action(collector, acl)
    rules = list_rule_metrics(acl)
    whole = list_metric_parts(request.outputs)[_PART].subjects[0]
    with collector.note_gap("metrics of the web ACL", _PART):
        waf_rows = _list_waf_rows(request.outputs, acl, rules)
        rows = [MetricRow(whole, _REQUESTS_FACT, "Sum"), *waf_rows]
        series = read_series(request.aws, request, rows)
        blocked = {
            row.subject.label: each for row, each in series.items() if row.fact == _BLOCKED_FACT
        }
        allowed = next(each for row, each in series.items() if row.fact == _ALLOWED_FACT)
        requests = next(each for row, each in series.items() if row.fact == _REQUESTS_FACT)
        add_blocked(collector, blocked, allowed if allowed.times else requests, rules)
    with collector.note_gap("the log of the web ACL", _PART):
        log_part = list_log_parts(request.outputs)[_LOG_PART]
        answer = read_lines(request.aws, LineRequest(log_part, request.span, limit=_MAX_LOG_LINES))
        add_blocked_clients(collector, request, answer.lines)
    return collector.build_facts()


def add_blocked_clients(
    collector: FactCollector, request: DiagnosisRequest, lines: Sequence[LogLine]
) -> None:
    """Adds the rule that blocks many addresses of late and still does, and what they asked for.

    A scan of many addresses ends after minutes; users come again.
    """
    clients: dict[str, set[str]] = {}
    paths: dict[str, Counter[str]] = {}
    firsts: dict[str, LogLine] = {}
    lasts: dict[str, LogLine] = {}
    for line in lines:
        if not request.is_recent(line.written_at, _RECENT_MINUTES):
            continue
        entry = _parse_entry(line.message)
        if entry.get("action") != "BLOCK":
            continue
        rule, asked = str(entry.get("terminatingRuleId")), entry.get("httpRequest") or {}
        clients.setdefault(rule, set()).add(str(asked.get("clientIp")))
        paths.setdefault(rule, Counter())[str(asked.get("uri"))] += 1
        firsts.setdefault(rule, line)
        lasts[rule] = line
    for rule, addresses in clients.items():
        goes_on = request.is_recent(lasts[rule].written_at, _STILL_MINUTES)
        if len(addresses) >= _MANY_CLIENTS and goes_on:
            path, count = paths[rule].most_common(1)[0]
            total = paths[rule].total()
            collector.add(
                "waf.log.many-clients",
                _PART,
                f"WAF's rule {rule} blocked {total:,} requests of {len(addresses)} addresses, "
                f"{count:,} of them to {path}",
                since=firsts[rule].written_at,
                value=float(len(addresses)),
                subject=rule,
                command="ops logs tail waf",
            )


def _parse_entry(message: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(message)
    except ValueError:
        return {}
    return entry if isinstance(entry, Mapping) else {}


def read_web_acl(request: DiagnosisRequest, arn: str) -> Mapping[str, Any]:
    """The web ACL; its ARN ends in its name and its id."""
    name, identifier = arn.split("/")[-2:]
    params: dict[str, Any] = {"Name": name, "Scope": "REGIONAL", "Id": identifier}
    answer: Any = request.aws.call(_WEB_ACL_API, params, request.outputs.stack.region)
    acl: Mapping[str, Any] = answer["WebACL"]
    return acl


def list_rule_metrics(acl: Mapping[str, Any]) -> dict[str, str]:
    """The rules of a web ACL, by the name of their metric."""
    return {
        str((rule.get("VisibilityConfig") or {}).get("MetricName") or rule["Name"]): str(
            rule["Name"]
        )
        for rule in acl.get("Rules") or ()
    }


def add_default_action(collector: FactCollector, acl: Mapping[str, Any]) -> None:
    """Adds that the web ACL blocks what no rule matches, which the program's does not."""
    if "Block" in (acl.get("DefaultAction") or {}):
        collector.add(
            "waf.default-block",
            _PART,
            f"web ACL {acl.get('Name')} blocks every request that no rule allows",
            subject=str(acl.get("Name")),
            command=REPAIR_COMMAND,
        )


def _list_waf_rows(
    outputs: Outputs, acl: Mapping[str, Any], rules: Mapping[str, str]
) -> list[MetricRow]:
    part = outputs.load_balancer
    if part is None or part.web_acl_arn is None:
        return []
    name = (acl.get("VisibilityConfig") or {}).get("MetricName") or part.web_acl_arn.split("/")[-2]

    def build(rule: str) -> Subject:
        dimensions = (("WebACL", str(name)), ("Region", outputs.stack.region), ("Rule", rule))
        return Subject("load-balancer", rule, dimensions)

    rows = [MetricRow(build(rule), _BLOCKED_FACT, "Sum") for rule in (_ALL_RULES, *rules)]
    return [*rows, MetricRow(build(_ALL_RULES), _ALLOWED_FACT, "Sum")]


def add_blocked(
    collector: FactCollector,
    blocked: Mapping[str, MetricSeries],
    allowed: MetricSeries,
    rules: Mapping[str, str],
) -> None:
    """Adds that WAF blocks more than it did, and which rule does most of it."""
    whole = blocked.get(_ALL_RULES)
    by_rule = {name: each for name, each in blocked.items() if name != _ALL_RULES}
    if whole is None or not whole.times:  # the rules' own metrics say it too
        whole = max(by_rule.values(), key=lambda each: sum(each.values), default=None)
    if whole is None:
        return
    usual = whole.get_usual(whole.until - timedelta(minutes=_RECENT_MINUTES)) or 0
    run = whole.find_first_excess(lambda value: value > max(usual * _BLOCKED_FACTOR, 1))
    if run is None:
        return
    total, passed = whole.sum_since(run.since), allowed.sum_since(run.since)
    share = total / (total + passed) if total else 0
    if total < _MIN_BLOCKED or share < _BLOCKED_SHARE:
        return
    top = max(by_rule, key=lambda name: by_rule[name].sum_since(run.since), default=None)
    most = by_rule[top].sum_since(run.since) if top is not None else 0
    rule = rules.get(top, top) if top is not None and most else None
    by = f", {most:,.0f} of them by rule {rule}" if rule else ""
    usual_allowed = allowed.get_usual(run.since) or 0
    values = [v for t, v in zip(allowed.times, allowed.values, strict=True) if t >= run.since]
    is_fewer = usual_allowed >= _MIN_REQUESTS and (
        not values or median(values) < _FEWER_SHARE * usual_allowed
    )
    collector.add(
        "waf.blocked.users" if is_fewer else "waf.blocked.more",
        _PART,
        f"WAF blocked {total:,.0f} requests, {share:.0%} of all{by}, {describe_since(run)}"
        + ("; as many fewer came through" if is_fewer else ""),
        since=run.since,
        value=share,
        subject=rule,
        command="ops logs tail waf",
    )
