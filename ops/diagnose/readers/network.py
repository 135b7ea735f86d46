"""What of the network stops a way that the stack needs, by its rules as AWS has them.

A rule says nothing of when it was changed: that, and by whom, is in CloudTrail's history.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from ops.changes.cloudtrail import list_resource_parts
from ops.changes.model import ChangeEvent
from ops.core.checks import REPAIR_COMMAND
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.fleet.model import list_read_items
from ops.network.known_paths import KnownPath, KnownPathReader, KnownPaths
from ops.network.model import Check, NetworkState
from ops.network.path_checks import AMAZON_DNS

_SOURCE: Final = "network"
_PART: Final = "network"
_MAX_NAMED_PATHS: Final = 3
_ENDPOINTS_API: Final = "ec2.describe_vpc_endpoints"
# Every stack has these gateways (components/endpoints.py).
_GATEWAY_SERVICES: Final = ("s3", "dynamodb")
# What a task asks of a service first: if an endpoint's policy has no room for it, it refuses all.
_FIRST_ACTIONS: Final[Mapping[str, str]] = {
    "ecr.api": "ecr:GetAuthorizationToken",
    "ecr.dkr": "ecr:BatchGetImage",
    "kms": "kms:Decrypt",
    "logs": "logs:PutLogEvents",
    "s3": "s3:GetObject",
    "secretsmanager": "secretsmanager:GetSecretValue",
    "ssm": "ssm:GetParameters",
    "ssmmessages": "ssmmessages:CreateControlChannel",
    "sts": "sts:AssumeRole",
}


@dataclass
class StoppingRule:
    """A rule that stops something, and which ways it stops."""

    key: str
    check: Check
    paths: list[KnownPath] = field(default_factory=list)

    def describe_paths(self) -> str:
        """The ways that it stops: a few are named."""
        names = list(dict.fromkeys(f"{p.source} to {p.target}:{p.port}" for p in self.paths))
        more = len(names) - _MAX_NAMED_PATHS
        return ", ".join(names[:_MAX_NAMED_PATHS]) + (f" and {more} more" if more > 0 else "")


def read_network(request: DiagnosisRequest) -> Facts:
    """The rules that stop a way now, and the devices and endpoints that do not work."""
    collector = FactCollector(_SOURCE)
    known = KnownPathReader(request.aws, request.outputs).read()
    for reason in (*known.unread, *known.state.unreadable.values()):
        collector.note_reason(reason, _PART)
    if not known.state.networks and not known.state.subnets:
        collector.note_reason(f"AWS has no VPC {request.outputs.network.vpc_id}", _PART)
        return collector.build_facts()
    history: Sequence[ChangeEvent] = ()
    with collector.note_gap("who changed the network", _PART):
        history = request.read_changes().events
    owners = list_resource_parts(request.outputs)
    add_stops(collector, known, history, owners, has_nat=_has_nat(request))
    add_detached(collector, known, history)
    if known.paths and not collector.facts and not collector.gaps:
        collector.add(
            "network.reachable",
            _PART,
            f"the rules let all {len(known.paths)} ways through that the stack needs",
            value=float(len(known.paths)),
            command="ops network reach FROM TO",
        )
    if not known.state.unreadable.keys() & {"NAT gateways", "NAT instances", "route tables"}:
        add_nat_devices(collector, request, known.state, history)
    add_names(collector, known.state)
    with collector.note_gap("policies of the endpoints", _PART):
        vpc = request.outputs.network.vpc_id
        params: dict[str, Any] = {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}
        endpoints = list_read_items(request.aws, _ENDPOINTS_API, "VpcEndpoints", params)
        add_endpoints(collector, list(endpoints), request.outputs.stack.region, history)
    return collector.build_facts()


def _has_nat(request: DiagnosisRequest) -> bool:
    network = request.outputs.network
    return bool(network.nat_gateways or network.nat_instances)


def add_stops(
    collector: FactCollector,
    known: KnownPaths,
    history: Sequence[ChangeEvent],
    owners: Mapping[str, str],
    *,
    has_nat: bool,
) -> None:
    """Adds each rule that stops a way, once, with the ways that it stops.

    Its part is that of the resource, as `ops changes` has it: `owners` by its id, else the network.
    """
    rules: dict[tuple[str, str], StoppingRule] = {}
    for path in known.paths:
        for check in path.stops:
            key = classify_stop(check, path.target, has_nat=has_nat)
            rule = rules.setdefault((key, _get_identity(check)), StoppingRule(key, check))
            rule.paths.append(path)
    for rule in rules.values():
        _add_stop(collector, rule, f"network.stopped.{rule.key}", history, owners)
    doubtful: dict[str, StoppingRule] = {}
    for path in known.doubtful:
        for check in path.group_stops:
            rule = doubtful.setdefault(_get_identity(check), StoppingRule("security-group", check))
            rule.paths.append(path)
    for rule in doubtful.values():
        _add_stop(collector, rule, "network.unlinked.security-group", history, owners)


def classify_stop(check: Check, target: str, *, has_nat: bool) -> str:
    """What kind of thing a check that stops is of, for the rules."""
    rule = check.rule
    if check.name.startswith("security group"):
        return "security-group"
    if check.name.startswith("network ACL"):
        return "network-acl"
    if check.name == "DNS":
        return "dns"
    if check.name == "NAT":
        return "nat"
    if check.name in ("endpoint", "private DNS"):
        return "endpoint"
    if "(blackhole)" in rule and (" to nat-" in rule or " to eni-" in rule or " to i-" in rule):
        return "nat"  # the route is there: what it leads to is gone
    if "(blackhole)" in rule and " to vpce-" in rule:
        return "endpoint"
    if "has no route to" in rule and not has_nat and target not in ("internet", "load-balancer"):
        return "endpoint"  # such a stack reaches AWS through endpoints alone
    return "route"


def _get_identity(check: Check) -> str:
    """The same for a rule that stops several ways: what mends it, or its text."""
    return check.remedies[-1] if len(check.remedies) > 1 else check.rule


def _add_stop(
    collector: FactCollector,
    rule: StoppingRule,
    key: str,
    history: Sequence[ChangeEvent],
    owners: Mapping[str, str],
) -> None:
    change = find_change(history, rule.check.rule)
    subject = next(iter(list_ids(rule.check.rule)), None)
    collector.add(
        key,
        owners.get(subject or "", _PART),
        f"{rule.describe_paths()}: {rule.check.name}: {rule.check.rule}"
        + (f"; last changed by {change.what} ({change.actor})" if change else ""),
        value=float(len(rule.paths)),
        subject=subject,
        change=change,
        command=_build_reach_command(rule.paths[0]),
    )


def _build_reach_command(path: KnownPath) -> str:
    return f"ops network reach {path.source} {path.target}:{path.port}"


def find_change(history: Sequence[ChangeEvent], text: str) -> ChangeEvent | None:
    """The last write of CloudTrail to something that a text names, and that AWS took."""
    ids = set(list_ids(text))
    changes = [
        event
        for event in history
        if event.source == "cloudtrail"
        and not (event.outcome or "").startswith("refused")
        and ids & set(event.what.split())
    ]
    return max(changes, key=lambda event: event.time, default=None)


def list_ids(text: str) -> list[str]:
    """The ids of resources of EC2 in a text, in their order."""
    words = (word.strip("(),:;") for word in text.split())
    return [word for word in words if "-" in word and word.partition("-")[0] in _ID_KINDS]


_ID_KINDS: Final = ("sg", "acl", "rtb", "nat", "vpce", "igw", "eni", "i", "vpc", "subnet")


def add_detached(
    collector: FactCollector, known: KnownPaths, history: Sequence[ChangeEvent]
) -> None:
    """Adds parts that have not the security group that the stack made for them."""
    for item in known.detached:
        change = find_change(history, item.group)
        collector.add(
            "network.detached.security-group",
            item.part,
            f"{item.part} has {', '.join(item.groups) or 'no security group'}, and not "
            f"{item.group}, which the rules of the stack name",
            subject=item.group,
            change=change,
            command=REPAIR_COMMAND,
        )


def add_nat_devices(
    collector: FactCollector,
    request: DiagnosisRequest,
    state: NetworkState,
    history: Sequence[ChangeEvent],
) -> None:
    """Adds NAT gateways and instances of the stack that are gone or do not work."""
    network = request.outputs.network
    by_id = {device.id: device for device in state.nat_devices.values()}
    for zone, name in (*network.nat_gateways.items(), *network.nat_instances.items()):
        device = by_id.get(name)
        is_instance = name in network.nat_instances.values()
        if device is not None and device.state in ("available", "running"):
            if device.forwards:
                continue
            status = "checks source and destination, and forwards nothing"
        elif device is None and is_instance:
            status = "is in no route of the stack, or gone"
        else:
            status = f"is {device.state if device is not None else 'gone'}"
        change = find_change(history, name)
        collector.add(
            "nat.down",
            _PART,
            f"NAT of zone {zone}: {name} {status}",
            subject=name,
            change=change,
            command=REPAIR_COMMAND,
        )


def add_names(collector: FactCollector, state: NetworkState) -> None:
    """Adds what of the VPC's settings keeps names from being resolved."""
    if "DNS" in state.unreadable:
        return
    if not state.has_dns_support:
        collector.add(
            "network.dns.off",
            _PART,
            f"{state.vpc} has enableDnsSupport off: no name resolves",
            subject=state.vpc,
            command=REPAIR_COMMAND,
        )
    elif AMAZON_DNS not in state.dns_servers:
        collector.add(
            "network.dns.other-servers",
            _PART,
            f"names are resolved by {', '.join(state.dns_servers) or 'no server'}, not by Amazon's",
            subject=state.vpc,
            command=REPAIR_COMMAND,
        )
    if not state.has_dns_hostnames:
        collector.add(
            "network.dns.no-hostnames",
            _PART,
            f"{state.vpc} has enableDnsHostnames off: names of endpoints lead past them",
            subject=state.vpc,
            command=REPAIR_COMMAND,
        )


def add_endpoints(
    collector: FactCollector,
    items: Sequence[Mapping[str, Any]],
    region: str,
    history: Sequence[ChangeEvent],
) -> None:
    """Adds gateways that are missing, endpoints that do not work, and policies that refuse all."""
    services: set[str] = set()
    for item in items:
        name, state = str(item["VpcEndpointId"]), str(item.get("State") or "").lower()
        if state in ("deleted", "deleting"):
            continue
        service = str(item["ServiceName"]).removeprefix(f"com.amazonaws.{region}.")
        services.add(service)
        change = find_change(history, name)
        if state not in ("available", "pending"):
            key, problem = "network.endpoint.state", f"is {state}"
        elif is_refused_by_policy(item.get("PolicyDocument"), _FIRST_ACTIONS.get(service, "")):
            key = "network.endpoint.refuses"
            problem = "has a policy that refuses what tasks ask of it"
        else:
            continue
        collector.add(
            key,
            _PART,
            f"endpoint {name} of {service} {problem}",
            subject=name,
            change=change,
            command=REPAIR_COMMAND,
        )
    for service in _GATEWAY_SERVICES:
        if service not in services:
            removal = _find_removal(history)
            collector.add(
                "network.endpoint.missing",
                _PART,
                f"there is no endpoint of {service}, which every stack has",
                subject=service,
                change=removal,
                command=REPAIR_COMMAND,
            )


def _find_removal(history: Sequence[ChangeEvent]) -> ChangeEvent | None:
    events = [event for event in history if "DeleteVpcEndpoints" in event.what]
    return max(events, key=lambda event: event.time, default=None)


def is_refused_by_policy(document: object, action: str) -> bool:
    """True if an endpoint's policy lets nobody do an action: it is denied, or nothing allows it.

    Source: IAM User Guide, "Policy evaluation logic": what denies goes first. With a condition, a
    statement that allows may let somebody through, and one that denies may not be meant.
    """
    if not document or not action:
        return False
    try:
        policy: Any = json.loads(document) if isinstance(document, str) else document
        statements = policy.get("Statement") or []
    except (ValueError, AttributeError):
        return False
    if isinstance(statements, Mapping):
        statements = [statements]
    matching = [s for s in statements if _names_action(s, action)]
    if any(s.get("Effect") == "Deny" and not s.get("Condition") for s in matching):
        return True
    return not any(s.get("Effect") == "Allow" for s in matching)


def _names_action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not _matches(statement["NotAction"], action)
    return _matches(statement.get("Action") or (), action)


def _matches(names: str | Iterable[str], action: str) -> bool:
    patterns = [names] if isinstance(names, str) else names
    return any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in patterns)
