"""Prints plans, progress and results. Results go to stdout, progress to stderr."""

import json
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ops.cli.options import OutputFormat

if TYPE_CHECKING:  # read-only commands start faster without these imports
    from pydantic import JsonValue
    from rich.console import Console

    from ops.core.continuation import Continuation
    from ops.core.plan import Action, Plan, Step, Wait

# Control characters, removed from piped output; line ends stay.
CONTROL_CHARACTERS: Final = dict.fromkeys((*range(10), *range(11, 32), *range(127, 160)), " ")
MAX_CALL_CHARACTERS: Final = 600  # characters of a call shown in a plan
OUTPUT_SCHEMA_VERSION: Final = 1  # version of what --output json prints


def format_duration(seconds: float | None) -> str:
    """Formats seconds as 45 s, 12 min or 1 h 30 min; None is unknown."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def format_action(action: "Action") -> str:
    """An action on one line, as it would be typed. A secret is shown by where it is fetched."""
    from ops.core.plan import Call, Http, OpsCommand, ProgramCommand, Sql

    match action:
        case Call():
            params = {
                **action.params,
                **{k: f"<{v}>" for k, v in action.refs.items()},
                **{k: f"<secret {v}>" for k, v in action.secrets.items()},
                **{k: f"<content of {v}>" for k, v in action.files.items()},
                **{k: f"<secret {v.secret} with {v.keys}>" for k, v in action.rewrites.items()},
            }
            region_text = f" in {action.region}" if action.region else ""
            return f"{action.api}{region_text} {json.dumps(params)}"
        case Sql():
            instance_text = f" on {action.identifier}" if action.identifier else ""
            return (
                f"sql{instance_text} {' '.join(action.statement.split())} "
                f"{json.dumps(action.params)}"
            )
        case Http():
            return f"{action.method} {action.url}"
        case OpsCommand():
            return "$ ops " + " ".join(action.arguments)
        case ProgramCommand():
            return f"$ {action.tool} " + " ".join(action.arguments)


class Output:
    """Prints results to stdout, as tables or as versioned JSON.

    Piped tables are never folded or cut, and are written without rich, which is slow to import.
    """

    def __init__(self, output_format: OutputFormat, *, to_stderr: bool = False) -> None:
        self.output_format, self._to_stderr = output_format, to_stderr

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(stderr=self._to_stderr, highlight=False)

    @property
    def _is_piped(self) -> bool:
        return not (sys.stderr if self._to_stderr else sys.stdout).isatty()

    def print_rows(
        self, kind: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Prints rows as a table, or as JSON with `kind`, `schema` and `items`."""
        row_list = list(rows)
        if self.output_format == "json":
            self.print_json(kind, {"items": [dict(row) for row in row_list]})
            return
        if not row_list:
            self.print_line("nothing")
            return
        cells = [[_format_cell(row.get(column)) for column in columns] for row in row_list]
        if self._is_piped:
            for line in _align_columns([list(columns), *cells]):
                self.print_line(line)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))
        self._console.print(table)

    def print_json(self, kind: str, body: Mapping[str, Any]) -> None:
        """Prints one JSON object with `kind` and `schema`."""
        text = json.dumps(
            {"schema": OUTPUT_SCHEMA_VERSION, "kind": kind, **body}, indent=2, default=str
        )
        print(text)  # noqa: T201 - JSON for programs goes out as it is

    def print_result(self, kind: str, body: Mapping[str, Any]) -> None:
        """Prints a command's result as JSON, or as a line per field."""
        if self.output_format == "json":
            self.print_json(kind, body)
            return
        for name, value in body.items():
            self.print_line(f"{name}: {_format_cell(value) or '-'}")

    def print_line(self, text: str, style: str = "") -> None:
        """Prints a line; nothing with --output json."""
        if self.output_format != "table":
            return
        if self._is_piped:
            print(
                text.translate(CONTROL_CHARACTERS),
                file=sys.stderr if self._to_stderr else sys.stdout,
            )
            return
        from rich.text import Text

        self._console.print(Text(text, style=style))

    def print_plan(self, plan: "Plan") -> None:
        """Prints a plan: calls with parameters, waits, undos, estimates and the hash."""
        if self.output_format == "json":
            body = {"hash": plan.digest, "duration": plan.duration, "downtime": plan.downtime}
            self.print_json("plan", {**body, "plan": plan.fill().model_dump(mode="json")})
            return
        digest, plan = plan.digest, plan.fill()  # shown as it would be if it started now
        self.print_line(f"{plan.command}, on {plan.stack} ({plan.account}, {plan.region})", "bold")
        for number, step in enumerate(plan.steps, 1):
            self._print_step(f"{number}", step, "")
        for note in plan.notes:
            self.print_line(f"note: {note}")
        self.print_line(
            f"about {format_duration(plan.duration)}, of which "
            f"{format_duration(plan.downtime)} downtime; hash {digest}"
        )

    def print_continuation(self, continuation: "Continuation") -> None:
        """What is left of a run or its undo: who began it, each step, what is deleted, the hash."""
        plan, is_back = continuation.plan, continuation.direction == "back"
        if self.output_format == "json":
            body = {
                "run": plan.run,
                "hash": continuation.digest,
                "direction": continuation.direction,
                "startedBy": plan.started_by,
                "duration": continuation.duration,
                "downtime": continuation.downtime,
                "deletes": continuation.deletions,
                "stays": continuation.kept,
                "steps": [step.model_dump(mode="json") for step in continuation.steps],
            }
            self.print_json("undo" if is_back else "resume", body)
            return
        verb = "undo" if is_back else "resume"
        self.print_line(
            f"{verb} {plan.run}: {plan.command}, on {plan.stack} ({plan.account}, {plan.region})",
            "bold",
        )
        began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(plan.started))
        starter = f" by {plan.started_by}" if plan.started_by else ""
        self.print_line(f"started {began}{starter}{f': {plan.reason}' if plan.reason else ''}")
        if continuation.completed:
            self.print_line(f"done so far: {', '.join(continuation.completed)}")
        for number, step in enumerate(continuation.steps, 1):
            self._print_step(f"{number}", step, "")
        if not continuation.steps:
            self.print_line("nothing of it can be undone" if is_back else "no step is left")
        for description in continuation.deletions:
            self.print_line(f"deletes for good: {description}", "bold")
        for description in continuation.kept:
            self.print_line(f"stays as it is: {description}")
        self.print_line(
            f"about {format_duration(continuation.duration)}, "
            f"{format_duration(continuation.downtime)} of it without service; "
            f"hash {continuation.digest}"
        )

    def _print_step(self, label: str, step: "Step", indent: str) -> None:
        self.print_line(f"{indent}{label}. {step.description}", "bold" if not indent else "")
        self.print_line(f"{indent}   {shorten_text(format_action(step.action))}")
        conditions = {k: json.dumps(v) for k, v in step.goal.met.items()}
        conditions |= {k: f"<{v}>" for k, v in step.goal.same_as.items()}
        goal = ", ".join(f"{k} = {v}" for k, v in conditions.items())
        typical_text = (
            f", usually {format_duration(step.goal.typical)}" if step.goal.typical else ""
        )
        source = f" ({step.goal.source})" if step.goal.source else ""
        self.print_line(
            f"{indent}   until {goal}, within "
            f"{format_duration(step.goal.within)}{typical_text}{source}"
        )
        for undo_step in step.undo:
            self._print_step("undo", undo_step, indent + "   ")


def shorten_text(text: str) -> str:
    """Shortens a call for the screen. JSON output has it in full; the hash covers all of it."""
    if len(text) <= MAX_CALL_CHARACTERS:
        return text
    return (
        f"{text[: MAX_CALL_CHARACTERS // 2]} ... {text[-MAX_CALL_CHARACTERS // 3 :]} "
        "(in full: --output json)"
    )


def _align_columns(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Yields one line per row, with aligned columns."""
    clean_rows = [
        [cell.translate(CONTROL_CHARACTERS).replace("\n", " ") for cell in row] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*clean_rows, strict=True)]
    for row in clean_rows:
        yield "  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)).rstrip()


def _format_cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value)
    return str(value)


def list_unmet_conditions(wait: "Wait", result: "JsonValue") -> str:
    """Lists the unmet conditions of a wait, each by the last name of its path."""
    from ops.core.plan import lookup

    expected_values = {path: json.dumps(value) for path, value in wait.met.items()}
    expected_values |= {path: f"what {reference} was" for path, reference in wait.same_as.items()}
    current_values = {path: lookup(path, result) for path in expected_values}
    return ", ".join(
        f"{re.findall(r'[A-Za-z_]+', path)[-1]} is {json.dumps(current_values[path])}, "
        f"wanted {value}"
        for path, value in expected_values.items()
        if path in wait.same_as or current_values[path] != wait.met[path]
    )


class ProgressDisplay:
    """Shows progress on stderr: one changing line on a terminal, else a line per change."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)
        self._printed_states: dict[str, str] = {}
        self._status = self.console.status("") if self.console.is_terminal else None

    def on_step_begin(self, step: "Step", *, is_undo: bool) -> None:
        """Prints the step that begins."""
        self._print_line(f"{'undo: ' if is_undo else ''}{step.description}")

    def on_wait(self, step: "Step", wait: "Wait", result: "JsonValue", elapsed: float) -> None:
        """Shows the unmet conditions, the elapsed time, and the usual time with its source."""
        typical_text = f", usually {format_duration(wait.typical)}" if wait.typical else ""
        source = f" ({wait.source})" if wait.source and wait.typical else ""
        state = list_unmet_conditions(wait, result)
        if self._status is not None:
            from rich.text import Text

            self._status.update(
                Text(f"  {state}; {format_duration(elapsed)}{typical_text}{source}")
            )
            self._status.start()
        elif self._printed_states.get(step.name) != state:
            self._printed_states[step.name] = state
            self._print_line(f"  {state}; {format_duration(elapsed)}{typical_text}{source}")

    def on_step_end(self, step: "Step", *, already_done: bool) -> None:
        """Prints that a step is done, or was already."""
        self._print_line(f"  {'already done' if already_done else 'done'}: {step.description}")

    def _print_line(self, text: str) -> None:
        if self._status is None:  # not wrapped, however narrow the log
            stamp = time.strftime("%H:%M:%S ", time.gmtime())
            sys.stderr.write(f"{stamp}{text.translate(CONTROL_CHARACTERS)}\n")
            return
        from rich.text import Text

        self._status.stop()
        self.console.print(Text(text))
