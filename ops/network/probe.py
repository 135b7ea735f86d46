"""What `ops network reach --probe` tries, from where, and what it says beside the rules."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Final, Literal

from ops.core.errors import OpsError, UsageError
from ops.network.answer import ReachAnswer
from ops.network.ends import End, EndKind
from ops.network.model import Verdict
from ops.outputs import Outputs

ProbeOutcome = Literal[
    "connected", "refused", "timed-out", "unreachable", "unresolved", "failed", "not-run"
]
PROBE_SECONDS: Final = 5  # for a name, and again for a connection: an assumption
MAX_PROBED_TARGETS: Final = 10  # the first ones: each may take twice the limit
TASK_KINDS: Final[tuple[EndKind, ...]] = ("service", "task")
INSTANCE_KINDS: Final[tuple[EndKind, ...]] = ("fleet", "instance")
# Hosts of AWS services that are not called as their endpoints are (AWS General Reference, "Service
# endpoints and quotas"; PrivateLink Guide, "AWS services that integrate with AWS PrivateLink").
SERVICE_HOSTS: Final[Mapping[str, str]] = {
    "ecr.api": "api.ecr",
    "ecr.dkr": "{account}.dkr.ecr",
    "ecs-agent": "ecs-a",
    "ecs-telemetry": "ecs-t",
    "kinesis-streams": "kinesis",
}
# What shows how the other end is, by its kind.
END_COMMANDS: Final[Mapping[EndKind, str]] = {
    "cache": "ops cache status",
    "database": "ops db status",
    "fleet": "ops fleet instances",
    "instance": "ops fleet instances",
    "load-balancer": "ops health",
    "service": "ops service tasks",
    "task": "ops service tasks",
}


@dataclass(frozen=True)
class ProbeTarget:
    """What is tried. `place` is the place of the rules' answer; None if the host leads to any."""

    host: str
    port: int
    place: str | None = None

    @property
    def label(self) -> str:
        """It, for a person."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ProbeOrigin:
    """Where it is tried from: an instance, or a subnet with the places of the answer there."""

    name: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class ProbeResult:
    """One try. Times are milliseconds; None of what was not tried. `verdict` is the rules'."""

    source: str
    target: ProbeTarget
    outcome: ProbeOutcome
    verdict: Verdict
    address: str | None = None
    dns_ms: float | None = None
    connect_ms: float | None = None
    reason: str | None = None

    @property
    def is_as_expected(self) -> bool:
        """True if it connected and no rule says that it cannot."""
        return self.outcome == "connected" and self.verdict != "stopped"

    @property
    def conclusion(self) -> str:
        """What the try and the rules say together."""
        return _conclude(self.outcome, self.verdict, self.target.port)

    def build_row(self) -> dict[str, Any]:
        """Returns the row that is shown, and the item of --output json."""
        return {
            "from": self.source,
            "to": self.target.label,
            "outcome": self.outcome,
            "address": self.address,
            "dns_ms": self.dns_ms,
            "connect_ms": self.connect_ms,
            "rules": self.verdict,
            "reason": self.reason,
            "conclusion": self.conclusion,
        }


def require_probe_ends(outputs: Outputs, source: End, source_text: str, target: End) -> None:
    """Raises UsageError unless a command can be run at FROM, and TO is a host."""
    if source.kind not in (*TASK_KINDS, *INSTANCE_KINDS):
        raise UsageError(
            "FROM must be a service, a task, fleet or an instance of it with --probe, "
            f"not {source_text!r}, where nothing can be run"
        )
    if source.kind in INSTANCE_KINDS and outputs.fleet is None:
        raise UsageError(f"the stack {outputs.stack.stack} has no fleet")
    if target.kind == "internet":
        raise UsageError("TO must be an address with --probe, like 192.0.2.10:443, not 'internet'")


def list_probe_targets(
    outputs: Outputs, target: End, port: int, answer: ReachAnswer
) -> list[ProbeTarget]:
    """The hosts and ports to try, in order. Raises OpsError if nothing is there to connect to."""
    match target.kind:
        case "aws":
            return [ProbeTarget(format_service_host(outputs, target.name), port)]
        case "cache" if outputs.cache is not None:
            return [ProbeTarget(outputs.cache.primary_endpoint, port)]
        case "load-balancer" if outputs.load_balancer is not None:
            return [ProbeTarget(outputs.load_balancer.dns_name, port)]
        case "database":
            hosts = [ProbeTarget(place.host, port) for place in answer.targets if place.host]
        case _:
            hosts = [
                ProbeTarget(str(place.networks[0].network_address), port, place.name)
                for place in answer.targets
                if len(place.networks) == 1 and place.networks[0].num_addresses == 1
            ]
    if not hosts:
        raise OpsError(
            f"{target.name} has no address to connect to yet",
            *filter(None, [END_COMMANDS.get(target.kind)]),
        )
    return hosts


def format_service_host(outputs: Outputs, service: str) -> str:
    """The name of an AWS service in the stack's region."""
    region = outputs.stack.region
    host = SERVICE_HOSTS.get(service, service).format(account=outputs.stack.account)
    return f"{host}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def format_targets(targets: Sequence[ProbeTarget]) -> str:
    """The targets, as the script reads them."""
    return json.dumps([{"host": target.host, "port": target.port} for target in targets])


def build_results(
    answer: ReachAnswer,
    origin: ProbeOrigin,
    targets: Sequence[ProbeTarget],
    items: Sequence[Mapping[str, Any]],
    problem: str,
) -> list[ProbeResult]:
    """The results of one origin. What it said nothing about was not tried: `problem` is why."""
    tried = {(item["host"], item["port"]): item for item in items if item["state"] == "tried"}
    errors = [str(item["reason"]) for item in items if item["state"] == "error"]
    results = []
    for target in targets:
        item = tried.get((target.host, target.port))
        verdict = get_verdict(answer, origin, target)
        if item is None:
            reason = "; ".join(errors) or problem
            results.append(ProbeResult(origin.name, target, "not-run", verdict, reason=reason))
            continue
        # An address is no name: nothing was resolved.
        dns_ms = None if _is_address(target.host) else item["dnsMs"]
        results.append(
            ProbeResult(
                origin.name,
                target,
                item["outcome"],
                verdict,
                item["address"],
                dns_ms,
                item["connectMs"],
                item["reason"],
            )
        )
    return results


def get_verdict(answer: ReachAnswer, origin: ProbeOrigin, target: ProbeTarget) -> Verdict:
    """The rules' verdict on the paths of a try; unknown if they differ."""
    verdicts = {
        path.verdict
        for path in answer.paths
        if path.source in origin.places and target.place in (None, path.target)
    }
    return verdicts.pop() if len(verdicts) == 1 else "unknown"


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True


def _conclude(outcome: ProbeOutcome, verdict: Verdict, port: int) -> str:
    rules = {
        "allowed": "the rules let it through",
        "stopped": "the rules stop it",
        "unknown": "what the rules say is unknown",
    }[verdict]
    match outcome, verdict:
        case "connected", "allowed":
            return "it connects, as the rules say"
        case "connected", "unknown":
            return f"{rules}, and it connects"
        case "connected", _:
            return f"{rules}, and it connects: they have changed since, or it goes another way"
        case "not-run", _:
            return "it was not tried: unknown"
        case "unresolved", _:
            return "the name does not resolve there: DNS, or the name is gone"
        case "timed-out", "stopped":
            return f"{rules}, and it does not connect"
        case "timed-out", "allowed":
            return f"{rules}, and it does not connect: the other end is down or drops it"
        case "refused", "stopped":
            return f"{rules}, and it was refused: something answers there; they may have changed"
        case "refused", _:
            return f"{rules}, and it was refused: nothing listens on port {port} there"
    return f"{rules}, and it does not connect"
