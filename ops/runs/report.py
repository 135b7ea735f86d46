"""The report of a run: what was meant, what happened when, and what was noted of it.

Made from the journal alone, so that a run that was killed, undone or carried out by somebody else
has one as well.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ops.core.journal import Journal, Record
from ops.core.plan import Plan, Step, family

State = Literal["done", "so already", "under way", "not begun"]


@dataclass(frozen=True)
class Line:
    """One step. Times are seconds since the epoch, `usual` and `downtime` seconds."""

    name: str
    says: str
    state: State
    back: bool
    began: float | None
    ended: float | None
    usual: float | None
    source: str | None
    downtime: float

    @property
    def took(self) -> float | None:
        """Seconds from the call to its goal; None where it was not called, or is under way."""
        if self.began is None or self.ended is None:
            return None
        return self.ended - self.began


@dataclass(frozen=True)
class Report:
    """A run, for a person. `engines` is how many processes carried it out, one after another."""

    run: str
    plan: Plan
    began: float
    ended: float | None
    state: str
    why_back: str
    engines: int
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def took(self) -> float | None:
        """Seconds in all; None where it has not ended."""
        return None if self.ended is None else self.ended - self.began

    def share(self, at: float) -> float:
        """Where a time lies between the beginning and the end, in percent."""
        whole = max(
            (self.ended or 0) - self.began, *((x.ended or 0) - self.began for x in self.lines), 1
        )
        return 100 * (at - self.began) / whole


def report(journal: Journal) -> Report:
    """The report of a run. Raises ValueError where the journal has no plan."""
    first = journal.records[0] if journal.records else None
    plan = journal.plan
    if first is None or plan is None:
        raise ValueError("the journal has no plan")
    ended = journal.ended
    turned = next((r for r in journal.records if r.event == "undo"), None)
    going = "being undone" if journal.backwards else "unfinished"
    writers = [r.writer for r in journal.records if r.event != "note"]
    return Report(
        run=plan.run,
        plan=plan,
        began=first.at,
        ended=ended.at if ended else None,
        state=str(ended.data) if ended else going,
        why_back=str(turned.data) if turned else "",
        engines=len(dict.fromkeys(writers)),
        lines=tuple(_lines(plan, journal)),
        notes=tuple(str(r.data) for r in journal.records if r.event == "note"),
    )


def _lines(plan: Plan, journal: Journal) -> Iterator[Line]:
    """Each step of the plan, then what was undone, in the order that it happened."""
    for step in plan.steps:
        yield _line(step, journal, back=False)
    undone = [part for step in plan.steps for part in family(step) if part is not step]
    begun = {r.step: n for n, r in reversed(list(enumerate(journal.records)))}
    for step in sorted((s for s in undone if s.name in begun), key=lambda s: begun[s.name]):
        yield _line(step, journal, back=True)


def _line(step: Step, journal: Journal, *, back: bool) -> Line:
    own = [r for r in journal.records if r.step == step.name]
    called = _first(own, "intent") or _first(own, "sent")
    done = _first(own, "done")
    state: State = "not begun"
    if done:
        state = "done" if called else "so already"
    elif called:
        state = "under way"
    return Line(
        name=step.name,
        says=step.says,
        state=state,
        back=back,
        began=called.at if called else done.at if done else None,
        ended=done.at if done else None,
        usual=step.goal.typical,
        source=step.goal.source,
        downtime=step.downtime,
    )


def _first(records: list[Record], event: str) -> Record | None:
    return next((r for r in records if r.event == event), None)


def at(seconds: float) -> str:
    """A time for a person, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def page(made: Report) -> str:
    """The report as one self-contained HTML page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from ops.cli.render import said

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"said": said, "at": at}
    return environment.get_template("run.html.j2").render(report=made)
