"""What changed in the hour before: what can have triggered what is wrong."""

import re
from typing import Final

from ops.changes.model import ChangeEvent
from ops.core.parts import get_service_part
from ops.diagnose.facts import Facts
from ops.diagnose.reader import DiagnosisRequest, FactCollector
from ops.outputs import Outputs

# By the source of an event, the key of its fact; a call is `change.write.SERVICE.OPERATION`.
CHANGE_KEYS: Final = {
    "runs": "change.run",
    "pulumi": "change.pulumi",
    "deployments": "change.deployment",
    "refreshes": "change.refresh",
    "secrets": "change.secret",
}
FLEET_TARGET: Final = "fleet"  # of the targets of the load balancer, by the contract
# Who CloudTrail names for what AWS's services do by themselves.
_AWS_ACTOR_PATTERN: Final = re.compile(r"\.amazonaws\.com$|AWSServiceRole")
_WRITE_PATTERN: Final = re.compile(r"(?P<service>[a-z0-9-]+):(?P<operation>\w+)")
_WORD_PATTERN: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def read_changes(request: DiagnosisRequest) -> Facts:
    """The changes by people and programs, each with who and when; refused ones are none."""
    collector = FactCollector("changes")
    timeline = request.read_changes()
    for event in timeline.events:
        key = find_change_key(event)
        if key is not None:
            actor = f" by {event.actor}" if event.actor else ""
            collector.add(
                key,
                find_change_part(request.outputs, event),
                f"{event.what}{actor}",
                since=event.time,
                subject=event.subject,
                actor=event.actor,
                command=event.command,
            )
    for gap in timeline.gaps:
        if gap.is_failure:
            collector.note_reason(f"{gap.source}: {gap.reason}")
    return collector.build_facts()


def find_change_key(event: ChangeEvent) -> str | None:
    """The key of the fact of a change; None if it is no change by somebody, or was refused."""
    if event.source == "cloudtrail":
        match = _WRITE_PATTERN.match(event.what)
        is_refused = (event.outcome or "").startswith("refused")
        if match is None or is_refused or _AWS_ACTOR_PATTERN.search(event.actor or ""):
            return None
        return f"change.write.{match['service']}.{format_kebab(match['operation'])}"
    if event.source in ("deployments", "refreshes", "runs") and " began" not in event.what:
        return None
    return CHANGE_KEYS.get(event.source)


def find_change_part(outputs: Outputs, event: ChangeEvent) -> str:
    """The part that a change is of: that behind a target group, not the load balancer before it."""
    balancer = outputs.load_balancer
    for name, target in balancer.targets.items() if balancer is not None else ():
        if target.target_group_arn.rpartition(":")[2] in event.what:
            return name if name == FLEET_TARGET else get_service_part(outputs, name)
    return event.part


def format_kebab(operation: str) -> str:
    """An operation's name as a key has it: `revoke-security-group-ingress`."""
    return _WORD_PATTERN.sub("-", operation).lower()
