"""What the load balancer is: its listeners, rules, certificates and targets, beside the contract.

Sources: Elastic Load Balancing, "Troubleshoot your Application Load Balancers" and "Health checks
for your target groups" (reason codes of unhealthy targets); ACM User Guide, "Certificate status".
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from components.facts.load_balancer import UNMATCHED_HOST
from ops.core.aws import get_error_code
from ops.core.checks import REPAIR_COMMAND
from ops.core.parts import get_service_part
from ops.core.times import parse_aws_time
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.health.check_records import MAX_DESCRIBED_GROUPS
from ops.health.load_balancer import (
    CERTIFICATE_API,
    LOAD_BALANCERS_API,
    TARGET_HEALTH_API,
    TRANSIENT_TARGET_STATES,
)
from ops.outputs import LoadBalancerPart, Outputs

_SOURCE: Final = "load_balancer"
_PART: Final = "load-balancer"
_LISTENERS_API: Final = "elbv2.describe_listeners"
_RULES_API: Final = "elbv2.describe_rules"
_HTTPS: Final = "HTTPS"
_DEFAULT_PRIORITY: Final = "default"
# A certificate that ends within so long is said; ACM renews 60 days before. Assumed.
_EXPIRING: Final = timedelta(days=7)
# Statuses of a certificate that no client accepts (ACM User Guide).
_DEAD_STATUSES: Final = ("EXPIRED", "REVOKED", "FAILED", "INACTIVE", "VALIDATION_TIMED_OUT")
_ABSENT_CODES: Final = (
    "LoadBalancerNotFound",
    "ListenerNotFound",
    "TargetGroupNotFound",
    "ResourceNotFoundException",
)


def read_load_balancer(request: DiagnosisRequest) -> Facts:
    """The facts of the load balancer now."""
    collector = FactCollector(_SOURCE)
    part = request.outputs.load_balancer
    assert part is not None
    listeners: list[Any] = []
    with collector.note_gap("the load balancer", _PART):
        params: dict[str, Any] = {"LoadBalancerArns": [part.arn]}
        items = _list_items(request, LOAD_BALANCERS_API, "LoadBalancers", params)
        add_state(collector, part, items)
        if not items:
            return collector.build_facts()
    with collector.note_gap("listeners", _PART):
        params = {"LoadBalancerArn": part.arn}
        listeners = _list_items(request, _LISTENERS_API, "Listeners", params)
        add_listeners(collector, part, listeners)
    if any(item["ListenerArn"] == part.listener_arn for item in listeners):
        with collector.note_gap("rules of the listener", _PART):
            params = {"ListenerArn": part.listener_arn}
            rules = _list_items(request, _RULES_API, "Rules", params)
            add_rules(collector, request.outputs, rules)
    arns = {
        str(item["CertificateArn"])
        for listener in listeners
        for item in listener.get("Certificates") or ()
    }
    for arn in sorted(arns | ({part.certificate_arn} if part.certificate_arn else set())):
        with collector.note_gap("a certificate", _PART):
            for item in _list_items(request, CERTIFICATE_API, "", {"CertificateArn": arn}):
                certificate = item["Certificate"]
                add_certificate(collector, certificate, request.at, is_used=arn in arns)
    for name, target in list(part.targets.items())[:MAX_DESCRIBED_GROUPS]:
        with collector.note_gap(f"targets of {name}", _PART):
            params = {"TargetGroupArn": target.target_group_arn}
            healths = _list_items(request, TARGET_HEALTH_API, "TargetHealthDescriptions", params)
            add_targets(collector, request.outputs, name, healths)
    return collector.build_facts()


def _list_items(request: DiagnosisRequest, api: str, key: str, params: dict[str, Any]) -> list[Any]:
    """The items of a list, or the answer itself without a key; none of what AWS does not have."""
    try:
        if not key:
            return [request.aws.call(api, params)]
        return list(request.aws.list_items(api, key, params))
    except ClientError as error:
        if get_error_code(error) not in _ABSENT_CODES:
            raise
        return []


def add_state(collector: FactCollector, part: LoadBalancerPart, items: Sequence[Any]) -> None:
    """Adds that the load balancer is gone, or not active."""
    state = items[0]["State"] if items else {"Code": "gone"}
    if state["Code"] != "active":
        reason = f": {state['Reason']}" if state.get("Reason") else ""
        collector.add(
            f"elb.state.{state['Code'].replace('_', '-')}",
            _PART,
            f"{part.name} is {state['Code']}{reason}",
            subject=part.name,
            command="ops health",
        )


def add_listeners(
    collector: FactCollector, part: LoadBalancerPart, listeners: Sequence[Mapping[str, Any]]
) -> None:
    """Adds what of the listeners is not as the program makes them (components/load_balancer.py)."""

    def add(key: str, text: str, subject: str) -> None:
        collector.add(f"elb.listener.{key}", _PART, text, subject=subject, command=REPAIR_COMMAND)

    by_arn = {str(item["ListenerArn"]): item for item in listeners}
    serving = by_arn.get(part.listener_arn)
    is_https = part.certificate_arn is not None
    if serving is None:
        add("gone", "the listener that serves is gone", part.listener_arn)
    else:
        port, protocol = int(serving["Port"]), str(serving["Protocol"])
        expected = (443, _HTTPS) if is_https else (80, "HTTP")
        if (port, protocol) != expected:
            text = f"the listener serves {protocol} on {port}, not {expected[1]} on {expected[0]}"
            add("port", text, part.listener_arn)
        arns = [str(item["CertificateArn"]) for item in serving.get("Certificates") or ()]
        if is_https and part.certificate_arn not in arns:
            text = f"the listener has another certificate than the stack's: {', '.join(arns)}"
            add("certificate", text, part.listener_arn)
        action = _get_action(serving.get("DefaultActions") or ())
        if action.get("Type") != "fixed-response":
            text = f"requests that no rule takes are answered by {_describe_action(action)}"
            add("default", text, part.listener_arn)
    for item in listeners:
        action = _get_action(item.get("DefaultActions") or ())
        is_plain = item["ListenerArn"] != part.listener_arn and int(item["Port"]) == 80
        if is_https and is_plain and action.get("Type") != "redirect":
            text = f"port 80 no longer leads to _HTTPS: {_describe_action(action)}"
            add("redirect", text, str(item["ListenerArn"]))
    if is_https and serving is not None and not any(int(i["Port"]) == 80 for i in listeners):
        add("redirect", "nothing listens on port 80, which leads to _HTTPS", part.arn)


def _get_action(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return max(actions, key=lambda action: int(action.get("Order") or 0), default={})


def _describe_action(action: Mapping[str, Any]) -> str:
    response = action.get("FixedResponseConfig") or {}
    if response:
        return f"a fixed response {response.get('StatusCode')}"
    return str(action.get("Type") or "nothing")


def add_rules(
    collector: FactCollector, outputs: Outputs, rules: Sequence[Mapping[str, Any]]
) -> None:
    """Adds rules that are gone, that lead elsewhere, and those of nobody that go before them."""
    part = outputs.load_balancer
    assert part is not None
    by_arn = {str(rule["RuleArn"]): rule for rule in rules}
    own_arns = {part.maintenance_rule_arn}
    numbers: list[int] = []
    for name, target in part.targets.items():
        for arn in target.rule_arns:
            own_arns.add(arn)
            rule = by_arn.get(arn)
            if rule is None:
                text = f"a rule that leads to {name} is gone"
                _add_rule(collector, "gone", text, arn, name)
                continue
            numbers.append(_get_priority(rule))
            action = _get_action(rule.get("Actions") or ())
            if target.target_group_arn not in _list_weighted_groups(action):
                text = (
                    f"a rule of {name} no longer leads to its targets: {_describe_action(action)}"
                )
                _add_rule(collector, "target", text, arn, name)
            elif not rule.get("Conditions"):
                _add_rule(collector, "conditions", f"a rule of {name} has no condition", arn, name)
    maintenance = by_arn.get(part.maintenance_rule_arn)
    if maintenance is not None and not _is_page_off(maintenance):
        text = "the maintenance page answers all requests"
        collector.add("elb.rule.maintenance", _PART, text, command="ops service maintenance off")
    for arn, rule in by_arn.items():
        is_default = rule.get("IsDefault") or rule.get("Priority") == _DEFAULT_PRIORITY
        if arn not in own_arns and not is_default and _get_priority(rule) < max(numbers, default=0):
            answer = _describe_action(_get_action(rule.get("Actions") or ()))
            text = f"rule {rule['Priority']}, which is not the stack's, answers first: {answer}"
            _add_rule(collector, "foreign", text, arn, None)


def _add_rule(collector: FactCollector, key: str, text: str, arn: str, target: str | None) -> None:
    what = f" ({target})" if target is not None and target not in text else ""
    collector.add(f"elb.rule.{key}", _PART, f"{text}{what}", subject=arn, command=REPAIR_COMMAND)


def _get_priority(rule: Mapping[str, Any]) -> int:
    text = str(rule.get("Priority"))
    return int(text) if text.isdigit() else 1_000_000


def _list_weighted_groups(action: Mapping[str, Any]) -> set[str]:
    """The target groups that an action sends requests to; those of weight 0 get none."""
    groups = {str(action["TargetGroupArn"])} if action.get("TargetGroupArn") else set()
    for item in (action.get("ForwardConfig") or {}).get("TargetGroups") or ():
        if item.get("Weight") == 0:
            groups.discard(str(item["TargetGroupArn"]))
        else:
            groups.add(str(item["TargetGroupArn"]))
    return groups


def _is_page_off(rule: Mapping[str, Any]) -> bool:
    """True if the rule's condition is the host that nobody asks for."""
    values = [
        value
        for condition in rule.get("Conditions") or ()
        for value in (
            *((condition.get("HostHeaderConfig") or {}).get("Values") or ()),
            *(condition.get("Values") or ()),
        )
    ]
    return UNMATCHED_HOST in values


def add_certificate(
    collector: FactCollector, item: Mapping[str, Any], at: datetime, *, is_used: bool
) -> None:
    """Adds a certificate that clients refuse, or will within days."""
    name, status = str(item.get("DomainName")), str(item.get("Status"))
    renewal = str((item.get("RenewalSummary") or {}).get("RenewalStatus") or "")
    expiry = parse_aws_time(item["NotAfter"]) if item.get("NotAfter") else None
    text = f"the certificate of {name} is {status.lower().replace('_', ' ')}"
    since = None
    if expiry is not None:
        text += f", valid until {expiry:%Y-%m-%d %H:%M} UTC"
    if renewal:
        text += f", its renewal {renewal.lower().replace('_', ' ')}"
    if status in _DEAD_STATUSES or (expiry is not None and expiry <= at):
        key, since = "expired", expiry if expiry is not None and expiry <= at else None
    elif expiry is not None and expiry <= at + _EXPIRING:
        key = "expiring"
    elif renewal == "FAILED":
        key = "renewal-failed"
    else:
        return
    collector.add(
        f"elb.certificate.{key}" if is_used else f"elb.certificate-unused.{key}",
        _PART,
        text,
        since=since,
        value=None if expiry is None else (expiry - at).total_seconds() / 86400,
        subject=str(item.get("CertificateArn")),
        command="ops certificate check",
    )


def add_targets(
    collector: FactCollector, outputs: Outputs, name: str, healths: Sequence[Mapping[str, Any]]
) -> None:
    """Adds a target group that has no target, and why targets of one are not healthy."""
    part = "fleet" if name == "fleet" else get_service_part(outputs, name)
    command = "ops fleet instances" if name == "fleet" else f"ops service tasks --service {name}"
    states = [item["TargetHealth"] for item in healths]
    present = [state for state in states if state["State"] != "draining"]
    if not present:
        text = f"the target group of {name} has no target"
        collector.add("elb.targets.none", _PART, text, subject=name, command=command)
        collector.add("elb.targets.empty", part, text, subject=name, command=command)
        return
    unhealthy = [s for s in present if s["State"] not in ("healthy", *TRANSIENT_TARGET_STATES)]
    for reason in sorted({str(state.get("Reason") or state["State"]) for state in unhealthy}):
        matching = [s for s in unhealthy if str(s.get("Reason") or s["State"]) == reason]
        text = f"{len(matching)} of {len(present)} targets of {name} are {matching[0]['State']}"
        description = matching[0].get("Description")
        collector.add(
            f"elb.targets.{format_reason(reason)}",
            part,
            f"{text}: {description or reason}",
            value=len(matching) / len(present),
            subject=name,
            command=command,
        )
    if unhealthy and not any(state["State"] == "healthy" for state in present):
        text = f"no target of {name} is healthy"
        collector.add("elb.targets.none-healthy", part, text, subject=name, command=command)


def format_reason(reason: str) -> str:
    """A reason code as a word of a key: `Target.FailedHealthChecks` as `failed-health-checks`."""
    name = reason.rpartition(".")[2]
    parts: list[str] = []
    for letter in name:
        if letter.isupper() and parts and parts[-1] != "-":
            parts.append("-")
        parts.append(letter.lower())
    return "".join(parts)


def list_parts(outputs: Outputs) -> Iterable[str]:
    """What is unknown without the load balancer: it and whatever is behind it."""
    part = outputs.load_balancer
    return (_PART, *(part.targets if part is not None else ()))
