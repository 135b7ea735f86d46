"""What a person sees: plans, progress and results. Results on stdout, progress on stderr."""

import json
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ops.cli.options import Format

if TYPE_CHECKING:  # a command that only reads has no plan, and starts without its models
    from pydantic import JsonValue
    from rich.console import Console

    from ops.core.plan import Action, Plan, Step, Wait

# Not in what is piped: what moves a cursor, or hides. A line may still end.
CONTROLS: Final = dict.fromkeys((*range(10), *range(11, 32), *range(127, 160)), " ")
LONGEST: Final = 600  # characters of a call in a plan on screen
SCHEMA: Final = 1  # version of what --output json prints


def said(seconds: float) -> str:
    """A duration as a person says it: 45 s, 12 min, 1 h 30 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def action_text(action: "Action") -> str:
    """An action on one line, as it would be typed. A secret is shown by where it is fetched."""
    from ops.core.plan import Call, Http, Shell, Sql

    match action:
        case Call():
            params = {
                **action.params,
                **{k: f"<{v}>" for k, v in action.refs.items()},
                **{k: f"<secret {v}>" for k, v in action.secrets.items()},
                **{k: f"<what stands in {v}>" for k, v in action.files.items()},
                **{k: f"<secret {v.secret} with {v.keys}>" for k, v in action.rewrites.items()},
            }
            where = f" in {action.region}" if action.region else ""
            return f"{action.api}{where} {json.dumps(params)}"
        case Sql():
            on = f" on {action.identifier}" if action.identifier else ""
            return f"sql{on} {' '.join(action.statement.split())} {json.dumps(action.params)}"
        case Http():
            return f"{action.method} {action.url}"
        case Shell():
            return "$ " + " ".join(action.argv)


class Output:
    """Prints results on stdout, as tables for a person or as versioned JSON for a program.

    Piped, no line is folded or cut: a table of a terminal's width would hide evidence. It is then
    written without rich, which takes as long to load as some commands take in all.
    """

    def __init__(self, form: Format, *, err: bool = False) -> None:
        self.form, self._err = form, err

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(stderr=self._err, highlight=False)

    @property
    def _piped(self) -> bool:
        return not (sys.stderr if self._err else sys.stdout).isatty()

    def rows(self, kind: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """A list of things: a table, or an object with `kind`, `schema` and `items`."""
        listed = list(rows)
        if self.form == "json":
            self.data(kind, {"items": [dict(row) for row in listed]})
            return
        if not listed:
            self.line("nothing")
            return
        cells = [[_cell(row.get(column)) for column in columns] for row in listed]
        if self._piped:
            for line in _aligned([list(columns), *cells]):
                self.line(line)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))
        self._console.print(table)

    def data(self, kind: str, body: Mapping[str, Any]) -> None:
        """One object as JSON."""
        text = json.dumps({"schema": SCHEMA, "kind": kind, **body}, indent=2, default=str)
        print(text)  # noqa: T201 - JSON for programs goes out as it is

    def result(self, kind: str, body: Mapping[str, Any]) -> None:
        """What a command has come to: an object, or a line for each of its fields."""
        if self.form == "json":
            self.data(kind, body)
            return
        for name, value in body.items():
            self.line(f"{name}: {_cell(value) or '-'}")

    def line(self, text: str, style: str = "") -> None:
        """A line for a person; nothing for a program."""
        if self.form != "table":
            return
        if self._piped:
            print(text.translate(CONTROLS), file=sys.stderr if self._err else sys.stdout)
            return
        from rich.text import Text

        self._console.print(Text(text, style=style))

    def plan(self, plan: "Plan") -> None:
        """A plan: each call with its parameters, each wait, each undo, estimates and the hash."""
        if self.form == "json":
            body = {"hash": plan.digest, "duration": plan.duration, "downtime": plan.downtime}
            self.data("plan", {**body, "plan": plan.fill().model_dump(mode="json")})
            return
        digest, plan = plan.digest, plan.fill()  # shown as it would be if it started now
        self.line(f"{plan.command}, on {plan.stack} ({plan.account}, {plan.region})", "bold")
        for number, step in enumerate(plan.steps, 1):
            self._step(f"{number}", step, "")
        for note in plan.notes:
            self.line(f"note: {note}")
        self.line(
            f"about {said(plan.duration)}, {said(plan.downtime)} of it without service; "
            f"hash {digest}"
        )

    def undoing(self, run: str, steps: "Sequence[Step]") -> None:
        """What undoes a run: each call with its parameters, each wait."""
        if self.form == "json":
            body = [step.model_dump(mode="json") for step in steps]
            self.data("undo", {"run": run, "steps": body})
            return
        self.line(f"undo {run}", "bold")
        for number, step in enumerate(steps, 1):
            self._step(f"{number}", step, "")
        if not steps:
            self.line("nothing of it can be undone, or it has changed nothing")

    def _step(self, mark: str, step: "Step", indent: str) -> None:
        self.line(f"{indent}{mark}. {step.says}", "bold" if not indent else "")
        self.line(f"{indent}   {shortened(action_text(step.do))}")
        wanted = {k: json.dumps(v) for k, v in step.goal.met.items()}
        wanted |= {k: f"<{v}>" for k, v in step.goal.same.items()}
        goal = ", ".join(f"{k} = {v}" for k, v in wanted.items())
        usual = f", usually {said(step.goal.typical)}" if step.goal.typical else ""
        source = f" ({step.goal.source})" if step.goal.source else ""
        self.line(f"{indent}   until {goal}, within {said(step.goal.within)}{usual}{source}")
        for back in step.undo:
            self._step("undo", back, indent + "   ")


def shortened(text: str) -> str:
    """A line that a person can take in; what is cut, JSON shows whole, and the hash covers."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]} ... {text[-LONGEST // 3 :]} (whole: --output json)"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """A line a row, its columns one below the other."""
    clean = [[cell.translate(CONTROLS).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    for row in clean:
        yield "  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value)
    return str(value)


def awaited(wait: "Wait", seen: "JsonValue") -> str:
    """What is not yet as it should be, each by the last name of its path."""
    from ops.core.plan import known

    wanted = {path: json.dumps(value) for path, value in wait.met.items()}
    wanted |= {path: f"what {other} was" for path, other in wait.same.items()}
    found = {path: known(path, seen) for path in wanted}
    return ", ".join(
        f"{re.findall(r'[A-Za-z_]+', path)[-1]} is {json.dumps(found[path])}, wanted {value}"
        for path, value in wanted.items()
        if path in wait.same or found[path] != wait.met[path]
    )


class Progress:
    """Tells what is awaited on stderr: a line that changes on a terminal, else a line a change."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)
        self._said: dict[str, str] = {}
        self._status = self.console.status("") if self.console.is_terminal else None

    def begins(self, step: "Step", *, back: bool) -> None:
        """A step is about to be looked at."""
        self._print(f"{'undo: ' if back else ''}{step.says}")

    def waits(self, step: "Step", wait: "Wait", seen: "JsonValue", elapsed: float) -> None:
        """What was seen, how long it has been, how long it usually takes and who says so."""
        usual = f" of usually {said(wait.typical)}" if wait.typical else ""
        source = f" ({wait.source})" if wait.source and wait.typical else ""
        state = awaited(wait, seen)
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(f"  {state}; {said(elapsed)}{usual}{source}"))
            self._status.start()
        elif self._said.get(step.name) != state:
            self._said[step.name] = state
            self._print(f"  {state}; {said(elapsed)}{usual}{source}")

    def ends(self, step: "Step", *, already: bool) -> None:
        """A step's goal has been seen."""
        self._print(f"  {'was so already' if already else 'done'}: {step.says}")

    def _print(self, text: str) -> None:
        if self._status is None:  # a line stays a line, however narrow the log
            stamp = time.strftime("%H:%M:%S ", time.gmtime())
            sys.stderr.write(f"{stamp}{text.translate(CONTROLS)}\n")
            return
        from rich.text import Text

        self._status.stop()
        self.console.print(Text(text))
