"""What a listener has at one moment: its rules, and the targets that a request may go to.

Read from moto in a turn of its own, so that no call is seen half done; nothing waits in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import gcd
from typing import Any, Final

from moto.elbv2.models import FakeListener, FakeLoadBalancer, FakeTargetGroup, elbv2_backends

from sandbox.load_balancer.rules import Request, Rule, met
from sandbox.patches.ecs.targets import Target, tasks
from sandbox.patches.elbv2 import instances as elbv2_instances
from sandbox.patches.serialization import TURN

LAST: Final = 10**6  # behind every priority: the default rule's


@dataclass(frozen=True)
class Listener:
    """A listener, as it was."""

    arn: str
    protocol: str
    port: int
    ports: frozenset[int]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Group:
    """A target group, as it was. `registered` counts those that drain too."""

    arn: str
    health_path: str
    targets: tuple[Target, ...]

    @property
    def usable(self) -> tuple[Target, ...]:
        """The healthy ones; where there is none, all that do not leave: ELB fails open.

        Source: ELB user guide, "Health checks for Application Load Balancer target groups".
        """
        healthy = tuple(t for t in self.targets if t.health == "healthy")
        return healthy or tuple(t for t in self.targets if t.health in ("initial", "unhealthy"))


@dataclass
class Rounds:
    """Whose turn it is, by target group and by weighted action."""

    counts: dict[str, int] = field(default_factory=dict)

    def next(self, key: str) -> int:
        """How often this was asked before."""
        count = self.counts.get(key, 0)
        self.counts[key] = count + 1
        return count


def known(load_balancer_arn: str, port: int) -> bool:
    """Whether there is such a listener."""
    with TURN:
        return _listener(load_balancer_arn, port) is not None


@dataclass(frozen=True)
class Decision:
    """What comes of a request: the listener and its action, the group that it forwards to."""

    listener: Listener
    action: Mapping[str, Any]
    group: Group | None = None
    target: Target | None = None


def listener(load_balancer_arn: str, port: int) -> Listener | None:
    """The listener of a port, as it is now."""
    with TURN:
        found = _listener(load_balancer_arn, port)
        return _seen(*found) if found else None


def decide(of: Listener, request: Request, rounds: Rounds) -> Decision:
    """The action of the rule that a request meets, and the target whose turn it is."""
    rule = met(of.rules, request)
    assert rule is not None, "the default rule is met by every request"
    if rule.action.get("Type") != "forward":
        return Decision(of, rule.action)
    arn = _weighted(rule.action, rounds, f"{of.arn}/{rule.priority}")
    with TURN:
        group = _group(arn)
    if group is None or not group.usable:
        return Decision(of, rule.action, group)
    usable = group.usable
    return Decision(of, rule.action, group, usable[rounds.next(arn) % len(usable)])


def _weighted(action: Mapping[str, Any], rounds: Rounds, key: str) -> str:
    """The target group whose turn it is. A weight of 0 gets nothing."""
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if len(groups) < 2:
        return str(groups[0]["TargetGroupArn"] if groups else action.get("TargetGroupArn"))
    ends = list(accumulate(int(group["Weight"]) for group in groups))
    if not ends[-1]:
        return ""
    # Spread, so that few requests already show the weights.
    turn = rounds.next(key) * _stride(ends[-1]) % ends[-1]
    return str(next(g["TargetGroupArn"] for g, end in zip(groups, ends, strict=True) if turn < end))


def _stride(total: int) -> int:
    """A step that visits each of `total` places once a round, far from its neighbours."""
    return next(n for n in range(max(int(total * 0.618), 1), total + 2) if gcd(n, total) == 1)


def _balancers() -> Iterator[FakeLoadBalancer]:
    for account in list(elbv2_backends.values()):
        for backend in list(account.values()):
            yield from list(backend.load_balancers.values())


def _listener(arn: str, port: int) -> tuple[FakeLoadBalancer, FakeListener] | None:
    for balancer in _balancers():
        if balancer.arn == arn:
            for one in balancer.listeners.values():
                if int(one.port) == port:
                    return balancer, one
    return None


def _seen(balancer: FakeLoadBalancer, one: FakeListener) -> Listener:
    rules = tuple(
        Rule(
            priority=LAST if rule.priority == "default" else int(rule.priority),
            conditions=tuple(dict(condition) for condition in rule.conditions),
            action=_last(rule.actions if not rule.is_default else one.default_actions),
        )
        for rule in one.rules.values()
    )
    ports = frozenset(int(other.port) for other in balancer.listeners.values())
    return Listener(one.arn, one.protocol, int(one.port), ports, rules)


def _last(actions: list[Any]) -> Mapping[str, Any]:
    """The action that ends a rule: what authenticates comes before it, and is not done here."""
    return dict(max(actions, key=lambda action: int(action.data.get("Order") or 0)).data)


def _group(arn: str) -> Group | None:
    for account in list(elbv2_backends.values()):
        for backend in list(account.values()):
            if (group := backend.target_groups.get(arn)) is not None:
                elbv2_instances.caught_up(group)
                targets = (*tasks(group), *_registered(group))
                return Group(arn, group.health_check_path or "/", targets)
    return None


def _registered(group: FakeTargetGroup) -> Iterator[Target]:
    """What was registered by hand, or by an Auto Scaling group."""
    for target in list(group.targets.values()):
        if target["Id"].startswith("i-"):
            yield elbv2_instances.target(group, target["Id"], int(target["Port"]))
        else:
            yield Target(target["Id"], int(target["Port"]), "healthy")
