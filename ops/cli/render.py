"""Prints plans and results. Results go to stdout, progress (ops/cli/progress.py) to stderr."""

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ops.cli.durations import format_duration as format_duration
from ops.cli.empty_lists import get_empty_text
from ops.cli.options import OutputFormat
from ops.cli.streams import CONTROL_CHARACTERS, build_console
from ops.cli.tables import (
    align_columns,
    build_console_link,
    build_terminal_table,
    format_cell,
)
from ops.core.times import format_utc_minute

if TYPE_CHECKING:  # read-only commands start faster without these imports
    from rich.console import Console

    from ops.cli.plan_view import ViewLine
    from ops.core.continuation import Continuation
    from ops.core.plan import Action, Plan, Step

MAX_CALL_CHARACTERS: Final = 600  # characters of a call shown in a plan
OUTPUT_SCHEMA_VERSION: Final = 1  # version of what --output json prints
LABEL_WIDTH: Final = 10  # characters before the texts of a plan


def format_action(action: "Action") -> str:
    """An action on one line, as it would be typed. A secret is shown by where it is fetched."""
    from ops.core.plan import (
        AccessKeys,
        Call,
        ContainerTask,
        Handshake,
        Http,
        OpsCommand,
        ProgramCommand,
        SentRecord,
        Sql,
    )

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
        case AccessKeys():
            return f"{', '.join(action.calls)} of {action.user}"
        case Handshake():
            name = action.server_name or "no name"
            return f"TLS handshake with {action.host}:{action.port} for {name}"
        case ContainerTask(operation="run"):
            params = {"cluster": action.cluster, **action.params}
            if action.definition is not None:
                params["taskDefinition"] = f"<{action.definition}>"
            return f"ecs.run_task {json.dumps(params)}"
        case ContainerTask():
            return f"{', '.join(action.calls)} of what {action.run} started"
        case OpsCommand():
            return "$ ops " + " ".join(action.arguments)
        case ProgramCommand():
            return f"$ {action.tool} " + " ".join(action.arguments)
        case SentRecord():
            return f"the journal's record that {action.step} was sent"


class Output:
    """Prints results to stdout, as tables or as versioned JSON.

    Piped tables are never folded or cut, and are written without rich, which is slow to import.
    """

    def __init__(self, output_format: OutputFormat, *, to_stderr: bool = False) -> None:
        self.output_format, self._to_stderr = output_format, to_stderr
        self._frame_title: str | None = None  # of a frame that nothing is printed in yet
        self._has_frames = False

    @cached_property
    def _console(self) -> "Console":
        return build_console(stderr=self._to_stderr)

    @property
    def _is_piped(self) -> bool:
        return not (sys.stderr if self._to_stderr else sys.stdout).isatty()

    def start_frame(self, title: str) -> None:
        """What is printed from now on is one look of several (ops/cli/watch.py).

        On a terminal the screen is cleared when the first line is printed, not before: until then
        the look before can be read.
        """
        self._frame_title, self._has_frames = title, True

    def end_frame(self) -> None:
        """Shows a frame even if nothing was printed in it."""
        self._open_frame()

    def _open_frame(self) -> None:
        title, self._frame_title = self._frame_title, None
        if title is None or self.output_format != "table":
            return
        if not self._is_piped:
            self._console.clear()
        self.print_line(title, "bold")

    def print_rows(
        self, kind: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Prints rows as a table, or as JSON with `kind`, `schema` and `items`."""
        row_list = list(rows)
        if self.output_format == "json":
            self.print_json(kind, {"items": [dict(row) for row in row_list]})
            return
        if not row_list:
            self.print_line(get_empty_text(kind))
            return
        cells = [[format_cell(row.get(column)) for column in columns] for row in row_list]
        self._open_frame()
        if self._is_piped:
            for line in align_columns([list(columns), *cells]):
                self.print_line(line)
            return
        for part in build_terminal_table(columns, cells, self._console.width):
            self._console.print(part, soft_wrap=True)

    def print_json(self, kind: str, body: Mapping[str, Any]) -> None:
        """Prints one JSON object with `kind` and `schema`."""
        text = json.dumps(
            {"schema": OUTPUT_SCHEMA_VERSION, "kind": kind, **body}, indent=2, default=str
        )
        text = text.replace("##[", r"##\u005b").replace("##vso[", r"##vso\u005b")  # of runners
        print(text)  # noqa: T201 - JSON for programs goes out as it is

    def print_result(self, kind: str, body: Mapping[str, Any]) -> None:
        """Prints a command's result as JSON, or as a line per field."""
        if self.output_format == "json":
            self.print_json(kind, body)
            return
        for name, value in body.items():
            text = format_cell(value) or "-"
            self.print_line(f"{name}: {text}", link=build_console_link(text))

    def print_line(self, text: str, style: str = "", link: str | None = None) -> None:
        """Prints a line, on a terminal with a style and a link; nothing with --output json."""
        if self.output_format != "table":
            return
        self._open_frame()
        if self._is_piped:
            print(
                text.translate(CONTROL_CHARACTERS),
                file=sys.stderr if self._to_stderr else sys.stdout,
            )
            return
        from rich.text import Text

        # A word that is wider than the terminal, like an ARN, would be cut if it was folded.
        is_too_wide = any(len(word) > self._console.width for word in text.split())
        shown = Text(text, style=f"link {link}" if link else style)
        self._console.print(shown, soft_wrap=is_too_wide)

    def print_text(self, text: str) -> None:
        """Prints text as it is, never folded, like lines of a log; nothing with --output json."""
        if self.output_format == "table":
            self._open_frame()
            (sys.stderr if self._to_stderr else sys.stdout).write(f"{text}\n")

    def print_note(self, text: str) -> None:
        """Says something beside the result: on stderr, or in the table's frame if there are any."""
        if self._has_frames and self.output_format == "table":
            self.print_line(text)
        else:
            sys.stderr.write(f"ops: {text}\n")

    def print_plan(self, plan: "Plan", *, details: bool = False) -> None:
        """Prints a plan in words: what changes, what is at stake, how it is undone, the hash.

        With `details` each step is printed with its call, its conditions and its undo, too.
        """
        from ops.cli.plan_view import list_deletions, list_plan_lines

        if self.output_format == "json":
            filled_plan = plan.fill()
            body = {
                "hash": plan.digest,
                "duration": plan.duration,
                "downtime": plan.downtime,
                "changes": list(filled_plan.changes),
                "losses": list(filled_plan.losses),
                "deletes": list_deletions(filled_plan.steps),
            }
            self.print_json("plan", {**body, "plan": filled_plan.model_dump(mode="json")})
            return
        digest, plan = plan.digest, plan.fill()  # shown as it would be if it started now
        self.print_line(f"{plan.command}, on {plan.stack} ({plan.account}, {plan.region})", "bold")
        if details:
            self._print_steps(plan.steps)
        self._print_view(list_plan_lines(plan, digest, details=details))

    def print_continuation(self, continuation: "Continuation", *, details: bool = False) -> None:
        """What is left of a run or its undo: who began it, each step, what is at stake, the hash.

        `details` as for a plan.
        """
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
        from ops.cli.plan_view import list_continuation_lines

        verb = "undo" if is_back else "resume"
        self.print_line(
            f"{verb} {plan.run}: {plan.command}, on {plan.stack} ({plan.account}, {plan.region})",
            "bold",
        )
        began = format_utc_minute(plan.started)
        starter = f" by {plan.started_by}" if plan.started_by else ""
        self.print_line(f"started {began}{starter}{f': {plan.reason}' if plan.reason else ''}")
        if details:
            self._print_steps(continuation.steps)
        self._print_view(list_continuation_lines(continuation, details=details))

    def _print_view(self, lines: Iterable["ViewLine"]) -> None:
        """Prints labels and texts. On a terminal, texts are folded beside their labels."""
        for line in lines:
            label = f"{line.label:{LABEL_WIDTH}}" if line.label else "  "
            if self._is_piped:
                self.print_line(f"{label}{line.text}", line.style)
                continue
            width = max(self._console.width, 2 * LABEL_WIDTH)
            for folded in textwrap.wrap(
                line.text,
                width,
                initial_indent=label,
                subsequent_indent=" " * (LABEL_WIDTH if line.label else 5),
                break_long_words=False,  # a name can be copied
                break_on_hyphens=False,
            ):
                self.print_line(folded, line.style)

    def _print_steps(self, steps: Sequence["Step"]) -> None:
        for number, step in enumerate(steps, 1):
            self._print_step(f"{number}", step, "")

    def _print_step(self, label: str, step: "Step", indent: str) -> None:
        self.print_line(f"{indent}{label}. {step.description}", "bold" if not indent else "")
        self.print_line(f"{indent}   {shorten_text(format_action(step.action))}")
        conditions = {k: json.dumps(v) for k, v in step.goal.met.items()}
        conditions |= {k: f"<{v}>" for k, v in step.goal.same_as.items()}
        goal = ", ".join(
            [
                *(f"{k} = {v}" for k, v in conditions.items()),
                *(f"{k} is not <{v}>" for k, v in step.goal.differs_from.items()),
            ]
        )
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
