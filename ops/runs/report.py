"""The report of a run: its plan, what happened when, and its notes.

It is built from the journal alone, so killed, undone and other people's runs have one too.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ops.core.journal import Journal
from ops.core.journal_record import Record
from ops.core.page_templates import render_page
from ops.core.plan import Plan, Step, step_and_undos

StepState = Literal["done", "so already", "under way", "not begun"]


@dataclass(frozen=True)
class ReportLine:
    """One step. `began` and `ended` are seconds since the epoch, `usual` and `downtime` seconds."""

    name: str
    says: str
    state: StepState
    back: bool
    began: float | None
    ended: float | None
    usual: float | None
    source: str | None
    downtime: float | None

    @property
    def took(self) -> float | None:
        """Seconds from the call to its goal; None if it was not called or has not ended."""
        if self.began is None or self.ended is None:
            return None
        return self.ended - self.began


@dataclass(frozen=True)
class RunReport:
    """The report. `engines` is the number of processes that ran it, one after another."""

    run: str
    plan: Plan
    began: float
    ended: float | None
    state: str
    why_back: str
    engines: int
    lines: tuple[ReportLine, ...]
    notes: tuple[str, ...]

    @property
    def took(self) -> float | None:
        """Seconds in total; None if it has not ended."""
        return None if self.ended is None else self.ended - self.began

    def compute_share(self, timestamp: float) -> float:
        """Returns where a time is between start (0) and end (100), in percent."""
        total_seconds = max(
            (self.ended or 0) - self.began,
            *((line.ended or 0) - self.began for line in self.lines),
            1,
        )
        return 100 * (timestamp - self.began) / total_seconds


def build_run_report(journal: Journal) -> RunReport:
    """Builds the report of a run. Raises ValueError if the journal has no plan."""
    first_record = journal.records[0] if journal.records else None
    plan = journal.plan
    if first_record is None or plan is None:
        raise ValueError("the journal has no plan")
    end_record = journal.end_record
    undo_record = next((record for record in journal.records if record.event == "undo"), None)
    running_state = "being undone" if journal.is_undoing else "unfinished"
    writers = [record.writer for record in journal.records if record.event != "note"]
    return RunReport(
        run=plan.run,
        plan=plan,
        began=first_record.timestamp,
        ended=end_record.timestamp if end_record else None,
        state=str(end_record.data) if end_record else running_state,
        why_back=str(undo_record.data) if undo_record else "",
        engines=len(dict.fromkeys(writers)),
        lines=tuple(_list_lines(plan, journal)),
        notes=tuple(str(record.data) for record in journal.records if record.event == "note"),
    )


def _list_lines(plan: Plan, journal: Journal) -> Iterator[ReportLine]:
    """Yields the plan's steps, then the undo steps that ran, in order."""
    for step in plan.steps:
        yield _build_line(step, journal, is_undo=False)
    undo_steps = [
        nested_step
        for step in plan.steps
        for nested_step in step_and_undos(step)
        if nested_step is not step
    ]
    record_indexes = {
        record.step: index for index, record in reversed(list(enumerate(journal.records)))
    }
    for step in sorted(
        (undo_step for undo_step in undo_steps if undo_step.name in record_indexes),
        key=lambda undo_step: record_indexes[undo_step.name],
    ):
        yield _build_line(step, journal, is_undo=True)


def _build_line(step: Step, journal: Journal, *, is_undo: bool) -> ReportLine:
    step_records = [record for record in journal.records if record.step == step.name]
    call_record = _find_first_record(step_records, "intent") or _find_first_record(
        step_records, "sent"
    )
    done_record = _find_first_record(step_records, "done")
    state: StepState = "not begun"
    if done_record:
        state = "done" if call_record else "so already"
    elif call_record:
        state = "under way"
    return ReportLine(
        name=step.name,
        says=step.description,
        state=state,
        back=is_undo,
        began=call_record.timestamp
        if call_record
        else done_record.timestamp
        if done_record
        else None,
        ended=done_record.timestamp if done_record else None,
        usual=step.goal.typical,
        source=step.goal.source,
        downtime=step.downtime,
    )


def _find_first_record(records: list[Record], event: str) -> Record | None:
    return next((record for record in records if record.event == event), None)


def format_timestamp(seconds: float) -> str:
    """Formats a time in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def render_run_page(run_report: RunReport) -> str:
    """Renders the report as one self-contained HTML page."""
    from ops.cli.render import format_duration

    filters = {"said": format_duration, "at": format_timestamp}
    return render_page("run.html.j2", filters, report=run_report)
