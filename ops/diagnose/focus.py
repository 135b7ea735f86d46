"""What `ops diagnose` is asked about: an alarm, a symptom in a word, or a part of the stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from ops.changes.model import list_change_parts
from ops.core.errors import UsageError
from ops.diagnose.facts import Fact
from ops.outputs import Outputs

SYMPTOM_PATTERNS: Final[Mapping[str, tuple[str, ...]]] = {
    "slow": ("*latency*", "*-slow", "metric.*.cpu.high"),
    "errors": ("*5xx*", "log.errors.*", "alarm.raised.slo-availability-*"),
    "down": ("*none-healthy*", "ecs.tasks.none", "*balancer-5xx*", "*database-silent*"),
    "connect": ("log.shape.connection-*", "*connection-errors*", "log.shape.timeout"),
    "deployment": ("ecs.deployment.*", "ecs.stopped.*", "fleet.refresh.*"),
    "scaling": ("ecs.at-maximum", "fleet.at-maximum", "fleet.launch.*", "ecs.event.*"),
}


@dataclass(frozen=True)
class Focus:
    """What is asked about: `name` as it is shown, and the facts that it means."""

    name: str
    patterns: tuple[str, ...] = ()
    part: str | None = None
    alarm: str | None = None

    def is_about(self, fact: Fact) -> bool:
        """True if a fact is what is asked about."""
        if self.alarm is not None:
            return fact.subject == self.alarm
        if self.part is not None:
            return fact.part == self.part
        return any(fnmatchcase(fact.key, pattern) for pattern in self.patterns)


def parse_focus(outputs: Outputs, text: str | None) -> Focus | None:
    """What the argument means. Raises UsageError if it is no alarm, symptom or part."""
    if text is None:
        return None
    alarms = {name for names in outputs.alarms.names.values() for name in names}
    prefix = f"{outputs.stack.project}-{outputs.stack.stack}-"
    for name in (text, f"{prefix}{text}"):
        if name in alarms:
            return Focus(name.removeprefix(prefix), alarm=name)
    if text in SYMPTOM_PATTERNS:
        return Focus(text, SYMPTOM_PATTERNS[text])
    parts = list_change_parts(outputs)
    if text in parts:
        return Focus(text, part=text)
    short_names = [name.removeprefix(prefix) for name in alarms]
    nearest = get_close_matches(text, [*short_names, *SYMPTOM_PATTERNS, *parts], 3)
    meant = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
    raise UsageError(
        f"ALARM|SYMPTOM must be an alarm of the stack (`ops alarms list`), one of "
        f"{', '.join(SYMPTOM_PATTERNS)}, or a part ({', '.join(parts)}), not {text!r}{meant}"
    )
