"""A listener at one moment: its rules, and the targets that may get a request.

Read from moto under the lock that calls take too, so that no half-done call is seen; never waits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import gcd
from typing import Any, Final

from moto.elbv2.models import FakeListener, FakeLoadBalancer, FakeTargetGroup, elbv2_backends

from sandbox.load_balancer.rules import HttpRequest, ListenerRule, find_matching_rule
from sandbox.load_balancer.stickiness import find_sticky_target, get_sticky_seconds
from sandbox.load_balancer.tls import TlsState, read_tls_state
from sandbox.patches.ecs.targets import RegisteredTarget, list_task_targets
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.serialization import CALL_LOCK

DEFAULT_RULE_PRIORITY: Final = 10**6  # behind every priority: the default rule's


@dataclass(frozen=True)
class ListenerState:
    """A listener at one moment."""

    arn: str
    protocol: str
    port: int
    ports: frozenset[int]
    rules: tuple[ListenerRule, ...]


@dataclass(frozen=True)
class TargetGroupState:
    """A target group at one moment. `registered` counts draining targets too."""

    arn: str
    health_path: str
    targets: tuple[RegisteredTarget, ...]
    sticky_seconds: int = 0

    @property
    def usable_targets(self) -> tuple[RegisteredTarget, ...]:
        """The healthy targets; if there is none, all that do not drain: ELB fails open.

        Source: ELB user guide, "Health checks for Application Load Balancer target groups".
        """
        healthy = tuple(target for target in self.targets if target.health == "healthy")
        return healthy or tuple(
            target for target in self.targets if target.health in ("initial", "unhealthy")
        )


@dataclass
class RoundRobin:
    """Counters for the next turn, by target group and by weighted action."""

    counts: dict[str, int] = field(default_factory=dict)

    def take_turn(self, key: str) -> int:
        """How often this key was counted before."""
        count = self.counts.get(key, 0)
        self.counts[key] = count + 1
        return count


def is_listener(load_balancer_arn: str, port: int) -> bool:
    """True if there is such a listener."""
    with CALL_LOCK:
        return _find_moto_listener(load_balancer_arn, port) is not None


@dataclass(frozen=True)
class RoutingDecision:
    """Routes a request: the listener, its action, and the target group of a forward."""

    listener: ListenerState
    action: Mapping[str, Any]
    group: TargetGroupState | None = None
    target: RegisteredTarget | None = None


def find_listener(load_balancer_arn: str, port: int) -> ListenerState | None:
    """Reads the listener of a port."""
    with CALL_LOCK:
        balancer_and_listener = _find_moto_listener(load_balancer_arn, port)
        return _read_listener(*balancer_and_listener) if balancer_and_listener else None


def find_tls_state(load_balancer_arn: str, port: int) -> TlsState | None:
    """Reads what a listener serves by TLS; None unless it is one of HTTPS with a certificate."""
    with CALL_LOCK:
        balancer_and_listener = _find_moto_listener(load_balancer_arn, port)
        if balancer_and_listener is None or balancer_and_listener[1].protocol != "HTTPS":
            return None
        _, _, _, region, account, _ = load_balancer_arn.split(":", 5)
        return read_tls_state(balancer_and_listener[1], account, region)


def route_request(
    listener_state: ListenerState, request: HttpRequest, round_robin: RoundRobin
) -> RoutingDecision:
    """The action of the rule that a request matches, and the target whose turn it is."""
    rule = find_matching_rule(listener_state.rules, request)
    assert rule is not None, "the default rule is met by every request"
    if rule.action.get("Type") != "forward":
        return RoutingDecision(listener_state, rule.action)
    arn = _choose_group_arn(rule.action, round_robin, f"{listener_state.arn}/{rule.priority}")
    with CALL_LOCK:
        group = _find_group(arn)
    if group is None or not group.usable_targets:
        return RoutingDecision(listener_state, rule.action, group)
    usable_targets = group.usable_targets
    if group.sticky_seconds and (target := find_sticky_target(request, usable_targets)):
        return RoutingDecision(listener_state, rule.action, group, target)
    return RoutingDecision(
        listener_state,
        rule.action,
        group,
        usable_targets[round_robin.take_turn(arn) % len(usable_targets)],
    )


def _choose_group_arn(action: Mapping[str, Any], round_robin: RoundRobin, key: str) -> str:
    """The target group whose turn it is. A weight of 0 gets nothing."""
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if len(groups) < 2:
        return str(groups[0]["TargetGroupArn"] if groups else action.get("TargetGroupArn"))
    cumulative_weights = list(accumulate(int(group["Weight"]) for group in groups))
    if not cumulative_weights[-1]:
        return ""
    # Spread, so that few requests already show the weights.
    turn = round_robin.take_turn(key) * _get_stride(cumulative_weights[-1]) % cumulative_weights[-1]
    return str(
        next(
            weighted_group["TargetGroupArn"]
            for weighted_group, cumulative_weight in zip(groups, cumulative_weights, strict=True)
            if turn < cumulative_weight
        )
    )


def _get_stride(total: int) -> int:
    """A step that visits each of `total` places once a round, far from its neighbours."""
    return next(
        stride for stride in range(max(int(total * 0.618), 1), total + 2) if gcd(stride, total) == 1
    )


def _list_load_balancers() -> Iterator[FakeLoadBalancer]:
    for account in list(elbv2_backends.values()):
        for backend in list(account.values()):
            yield from list(backend.load_balancers.values())


def _find_moto_listener(arn: str, port: int) -> tuple[FakeLoadBalancer, FakeListener] | None:
    for load_balancer in _list_load_balancers():
        if load_balancer.arn == arn:
            for moto_listener in load_balancer.listeners.values():
                if int(moto_listener.port) == port:
                    return load_balancer, moto_listener
    return None


def _read_listener(load_balancer: FakeLoadBalancer, moto_listener: FakeListener) -> ListenerState:
    rules = tuple(
        ListenerRule(
            priority=DEFAULT_RULE_PRIORITY if rule.priority == "default" else int(rule.priority),
            conditions=tuple(dict(condition) for condition in rule.conditions),
            action=_get_last_action(
                rule.actions if not rule.is_default else moto_listener.default_actions
            ),
        )
        for rule in moto_listener.rules.values()
    )
    ports = frozenset(
        int(other_listener.port) for other_listener in load_balancer.listeners.values()
    )
    return ListenerState(
        moto_listener.arn, moto_listener.protocol, int(moto_listener.port), ports, rules
    )


def _get_last_action(actions: list[Any]) -> Mapping[str, Any]:
    """The last action of a rule; authentication comes before it and is not simulated."""
    return dict(max(actions, key=lambda action: int(action.data.get("Order") or 0)).data)


def _find_group(arn: str) -> TargetGroupState | None:
    for account in list(elbv2_backends.values()):
        for backend in list(account.values()):
            if (group := backend.target_groups.get(arn)) is not None:
                elbv2_instances.catch_up_instances(group)
                targets = (*list_task_targets(group), *_list_registered_targets(group))
                return TargetGroupState(
                    arn, group.health_check_path or "/", targets, get_sticky_seconds(group)
                )
    return None


def _list_registered_targets(group: FakeTargetGroup) -> Iterator[RegisteredTarget]:
    """Targets registered by hand or by an Auto Scaling group."""
    for target in list(group.targets.values()):
        if target["Id"].startswith("i-"):
            yield elbv2_instances.get_instance_target(group, target["Id"], int(target["Port"]))
        else:
            yield RegisteredTarget(target["Id"], int(target["Port"]), "healthy")
