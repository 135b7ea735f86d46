"""What AWS reports about a change after it took the call: events, activities, in its own words.

Some reports say that what was called never comes: they end the wait. The others are shown while it
goes on, and are in the error if it ends without what it waited for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import JsonValue

from ops.core.errors import CredentialsExpiredError, ThrottledError, UnreachableError
from ops.core.journal import Journal
from ops.core.plan import Action, FailureReports, Step, Wait, lookup, step_and_undos

MAX_REPORTS_IN_ERROR: Final = 3  # the newest reports that an error ends with
# A read of reports that ends so is left out: the next look reads them again.
ERRORS_TO_PASS: Final = (CredentialsExpiredError, ThrottledError, UnreachableError)


@dataclass(frozen=True)
class ReportTexts:
    """New reports of a wait: those that say that it will never end, and all others."""

    failures: list[str]
    warnings: list[str]


@dataclass
class ReportReader:
    """The reports of one run's waits. `notify` tells a person, each report once."""

    journal: Journal
    run_action: Callable[[Action], JsonValue]
    notify: Callable[[str], None]
    told: dict[str, dict[str, str]] = field(default_factory=dict)  # by step: newest by message
    told_messages: set[str] = field(default_factory=set)

    def list_now(self, wait: Wait) -> list[str] | None:
        """All that AWS reports now; None if the wait has no reports."""
        if wait.reports is None:
            return None
        texts = _parse_texts(wait.reports, self.run_action(wait.reports.read))
        return [*texts.failures, *texts.warnings]

    def list_before_look(self, step: Step) -> JsonValue:
        """What was reported before a step looks, unless a step before it has read that."""
        if step.goal.reports is None or self._find_earlier_reports(step, step.goal) is not None:
            return None
        try:
            return [*(self.list_now(step.goal) or ())]
        except ERRORS_TO_PASS:
            return None

    def list_new_failures(self, step: Step, wait: Wait, result: JsonValue) -> list[str]:
        """The failures reported since the change that a wait is for; tells the new warnings.

        `result` is what the wait has just read: it is not read twice.
        """
        earlier_reports = self._find_earlier_reports(step, wait)
        if wait.reports is None or earlier_reports is None:
            return []
        answer = result
        if wait.reports.read != wait.read:
            try:
                answer = self.run_action(wait.reports.read)
            except ERRORS_TO_PASS:
                return []
        texts = _parse_texts(wait.reports, answer)
        for text in texts.warnings:
            if text not in earlier_reports:
                self._tell(step, text)
        return [text for text in texts.failures if text not in earlier_reports]

    def _tell(self, step: Step, text: str) -> None:
        """Tells a warning; one that AWS repeats, with another time, is told once."""
        message = text.partition(" ")[2]
        self.told.setdefault(step.name, {})[message] = text
        if message not in self.told_messages:
            self.told_messages.add(message)
            self.notify(f"AWS reports: {text}")

    def describe_told(self, step: Step) -> str:
        """The end of an error: the newest warnings of a step; empty if there are none."""
        told = sorted(self.told.get(step.name, {}).values())[-MAX_REPORTS_IN_ERROR:]
        return f"; AWS reports: {'; '.join(told)}" if told else ""

    def _find_earlier_reports(self, step: Step, wait: Wait) -> list[JsonValue] | None:
        """What was reported before the call; None if that was never read.

        A step that only looks waits for the call of an earlier step with the same reports.
        """
        names = {step.name}
        if step.is_look and (plan := self.journal.plan) is not None:
            names |= set(_list_steps_with_reports(plan.steps, wait.reports))
        for record in reversed(self.journal.records):
            if record.event == "intent" and record.step in names and isinstance(record.data, list):
                return self._get_first_intent(record.step)
        for record in self.journal.records:
            if record.event == "sent" and record.step == step.name:
                return record.data if isinstance(record.data, list) else None
        return None

    def _get_first_intent(self, name: str) -> list[JsonValue] | None:
        """What was reported before the first attempt of a step."""
        for record in self.journal.records:
            if (record.event, record.step) == ("intent", name):
                return record.data if isinstance(record.data, list) else None
        return None


def _list_steps_with_reports(
    steps: tuple[Step, ...], reports: FailureReports | None
) -> Iterator[str]:
    for step in steps:
        for part in step_and_undos(step):
            if part.goal.reports == reports:
                yield part.name


def _parse_texts(reports: FailureReports, answer: JsonValue) -> ReportTexts:
    """The reports in an answer, the oldest first as far as they begin with their time."""

    def list_texts(path: str) -> list[str]:
        texts: Any = lookup(path, answer)
        return sorted(str(text) for text in texts or ())

    return ReportTexts(list_texts(reports.messages), list_texts(reports.warnings))
