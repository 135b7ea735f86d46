"""What Pulumi would do with a stack as it stands: steps from two runs of the program, judged.

By the facts of components/facts: which property replaces, what a change interrupts, what is lost.
Ids that follow from a replacement further on are not seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from components.facts.model import ProtectionRule, ResourceFact
from components.facts.replacements import (
    SINGLETON_TYPES,
    is_deleted_first,
    list_replacing_changes,
)
from components.facts.resource_types import find_fact
from sandbox.program import RegisteredResource, ResourceGraph

Operation = Literal["create", "update", "replace", "delete"]
Verdict = Literal[
    "nothing", "harmless", "replaced", "less", "interrupts", "loses", "protected", "refused"
]
# From what nobody notices to what must not happen by itself.
SEVERITY: Final[tuple[Verdict, ...]] = (
    "nothing",
    "harmless",
    "replaced",
    "less",
    "interrupts",
    "loses",
    "protected",
    "refused",
)
# Alarms, scans and what tells people of an event watch, and roles let in: their end protects less,
# or locks somebody out.
WATCHING_TYPES: Final = frozenset(
    {
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "aws:backup/restoreTestingPlan:RestoreTestingPlan",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:cloudwatch/eventTarget:EventTarget",
        "aws:costexplorer/anomalyMonitor:AnomalyMonitor",
        "aws:costexplorer/anomalySubscription:AnomalySubscription",
        "aws:ssm/association:Association",
    }
)
ACCESS_TYPES: Final = frozenset({"aws:iam/role:Role"})
# Rules of the firewall and of the listener that end, or move, before what they lead to has moved.
GATE_TYPES: Final = frozenset(
    {
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:lb/listenerRule:ListenerRule",
    }
)
# What they require may be less after any change of them: which patches, and how soon.
REQUIRING_TYPES: Final = frozenset({"aws:ssm/patchBaseline:PatchBaseline"})
# Another version of it replaces what runs, the new ones first.
ROLLED_TYPES: Final = frozenset({"aws:ec2/launchTemplate:LaunchTemplate"})
# Its only parameter is maxmemory-policy, which needs no reboot (ElastiCache User Guide, "Valkey and
# Redis OSS parameters").
REBOOTLESS_TYPES: Final = frozenset({"aws:elasticache/parameterGroup:ParameterGroup"})
RETENTION_PROPERTIES: Final = frozenset(
    {"days", "deleteAfter", "noncurrentDays", "snapshotRetentionLimit"}
)


@dataclass(frozen=True)
class ChangeStep:
    """One resource that the engine would change. `properties` are those that differ."""

    operation: Operation
    type: str
    name: str
    before: Mapping[str, Any] = field(default_factory=dict, repr=False)
    after: Mapping[str, Any] = field(default_factory=dict, repr=False)
    properties: tuple[str, ...] = ()
    is_protected: bool = False
    is_deleted_first: bool = False

    @property
    def fact(self) -> ResourceFact:
        """The facts of its type; none are known of what is not in AWS."""
        return find_fact(self.type) or ResourceFact(type=self.type)

    @property
    def verdict(self) -> Verdict:
        """How bad this step is."""
        if self.operation == "create":
            return "harmless"
        if self.operation == "update":
            return self._judge_update()
        if self.is_protected or self.fact.must_be_protected:
            return "protected"
        if self.fact.data_loss is not None:
            return "loses"
        if self.type in ACCESS_TYPES and self.operation == "delete":
            return "interrupts" if self.name.startswith("access") else "harmless"
        if self.operation == "replace" and not self.is_deleted_first:
            return "replaced"
        if self.type in WATCHING_TYPES:
            return "less"
        if self.type in GATE_TYPES or self.fact.removal is not None or self.fact.guard is not None:
            return "interrupts"
        return "replaced" if self.operation == "replace" else "harmless"

    def _judge_update(self) -> Verdict:
        if self.type in REBOOTLESS_TYPES:
            return "harmless"
        effects = [effect for name, effect in self.fact.updates.items() if name in self.properties]
        if self.type in GATE_TYPES and {"conditions", "fromPort", "cidrIpv4"} & {*self.properties}:
            return "interrupts"
        if any(not effect.downtime.startswith("none") for effect in effects):
            return "interrupts"
        if any(self._is_lowered(rule) for rule in self.fact.protections) or self._keeps_for_less():
            return "less"
        is_rolling = any(effect.downtime.startswith("none while") for effect in effects)
        return "replaced" if is_rolling or self.type in ROLLED_TYPES else "harmless"

    def _keeps_for_less(self) -> bool:
        """True if a rule of a lifecycle ends sooner than before."""
        before, after = ([*_list_days(inputs)] for inputs in (self.before, self.after))
        return any(new < old for old, new in zip(before, after, strict=False))

    def _is_lowered(self, rule: ProtectionRule) -> bool:
        before, after = self.before.get(rule.property), self.after.get(rule.property)
        if before == after or rule.property not in self.properties:
            return False
        if rule.change == "changed":
            return self.type in REQUIRING_TYPES
        if rule.change == "off":
            return bool(before) and not after
        if rule.change == "on":
            return bool(after) and not before
        if rule.change == "zero":
            return not after
        if rule.change == "removed":
            return any(action not in (after or []) for action in before or [])
        are_numbers = all(isinstance(value, int | float | None) for value in (before, after))
        return rule.change in ("lower", "shorter") and are_numbers and (after or 0) < (before or 0)


def list_steps(before: ResourceGraph, after: ResourceGraph) -> list[ChangeStep]:
    """The steps from one graph to the other, what is worst first."""
    steps = [*_list_steps(before, after)]
    return sorted(steps, key=lambda step: -SEVERITY.index(step.verdict))


def judge_steps(steps: list[ChangeStep]) -> Verdict:
    """The verdict of the worst step."""
    return steps[0].verdict if steps else "nothing"


def list_unsafe_singletons(graph: ResourceGraph) -> list[RegisteredResource]:
    """Resources that AWS has once, and that would end with the one before them."""
    return [
        resource
        for resource in graph
        if resource.type in SINGLETON_TYPES and not resource.delete_before_replace
    ]


def _list_steps(before: ResourceGraph, after: ResourceGraph) -> Iterator[ChangeStep]:
    olds = {(r.type, r.name): r for r in before if r.is_in_aws}
    matched = set()
    for new in (r for r in after if r.is_in_aws):
        keys = [(new.type, name) for name in (new.name, *new.aliases)]
        key = next((key for key in keys if key in olds), None)
        if key is None:
            yield ChangeStep("create", new.type, new.name, after=new.inputs)
            continue
        matched.add(key)
        yield from _list_changes(olds[key], new)
    for key, old in olds.items():
        if key not in matched:
            yield ChangeStep(
                "delete", old.type, old.name, before=old.inputs, is_protected=old.protect
            )


def _list_changes(old: RegisteredResource, new: RegisteredResource) -> Iterator[ChangeStep]:
    ignored = {_format_camel(name) for name in new.ignore_changes}
    before = {name: value for name, value in old.inputs.items() if name not in ignored}
    after = {name: value for name, value in new.inputs.items() if name not in ignored}
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    if not changed:
        return
    replacing = list_replacing_changes(new.type, before=before, after=after)
    yield ChangeStep(
        "replace" if replacing else "update",
        new.type,
        new.name,
        before,
        after,
        tuple(replacing or changed),
        is_protected=old.protect,
        is_deleted_first=is_deleted_first(
            before, after, delete_before_replace=new.delete_before_replace
        ),
    )


def _format_camel(name: str) -> str:
    head, *words = name.split("_")
    return head + "".join(word.capitalize() for word in words)


def _list_days(value: Any) -> Iterator[float]:
    """Every retention in a value, in order."""
    if isinstance(value, list):
        for item in value:
            yield from _list_days(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in RETENTION_PROPERTIES and isinstance(item, int | float):
                yield item
            else:
                yield from _list_days(item)
