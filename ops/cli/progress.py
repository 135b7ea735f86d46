"""Shows progress on stderr: each step in words, how far it is, how long it usually takes."""

import re
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ops.cli.durations import format_duration
from ops.cli.streams import CONTROL_CHARACTERS, build_console

if TYPE_CHECKING:  # read-only commands start faster without these imports
    from pydantic import JsonValue

    from ops.core.plan import Step, Wait

# Where AWS says how far something is, in percent: RDS snapshots and exports, instance refreshes.
PERCENT_KEYS: Final = ("PercentProgress", "PercentageComplete")
SPINNER_WIDTH: Final = 2  # characters, in front of the changing line
BAR_WIDTH: Final = 20  # characters
LOG_PERCENT_STEP: Final = 25  # a log has a line for each so many percent
# A word that is a state: AWS's spelling is kept apart from texts like names and classes.
STATE_PATTERN: Final = re.compile(r"[A-Za-z]+([ _-][A-Za-z]+)*")
STATE_NAME_PATTERN: Final = re.compile(r"(status|state)$", re.IGNORECASE)


def describe_wait(wait: "Wait", result: "JsonValue", elapsed: float, *, bar: bool = False) -> str:
    """How far a step is, in words: `creating, 45 %, 3 of usually 5 min`."""
    percent = find_percent(result)
    parts = [describe_state(wait, result)]
    if percent is not None:
        parts.append(f"{format_bar(percent)} {percent} %" if bar else f"{percent} %")
    parts.append(format_elapsed(elapsed, wait.typical))
    return ", ".join(filter(None, parts))


def describe_state(wait: "Wait", result: "JsonValue") -> str:
    """The state that AWS says while it is not the one that is waited for, or counts; else empty."""
    from ops.core.counts import format_amount
    from ops.core.plan import lookup

    for path, expected in wait.met.items():
        current = lookup(path, result)
        name = (re.findall(r"[A-Za-z]+", path) or [""])[-1]
        if current == expected or isinstance(current, bool) or isinstance(expected, bool):
            continue
        if isinstance(current, int | float) and isinstance(expected, int | float):
            return f"{format_amount(current)} of {format_amount(expected)}"
        if isinstance(current, str) and STATE_NAME_PATTERN.search(name):
            return _format_state(current)
    return _find_state(result)


def _find_state(result: "JsonValue") -> str:
    """The status of the one thing that was read, as RDS and Auto Scaling say it; else empty."""
    for key, value in _walk(result):
        if key in ("DBInstanceStatus", "Status") and isinstance(value, str):
            return _format_state(value)
    return ""


def _format_state(state: str) -> str:
    """`IN_PROGRESS` as in progress, `backing-up` as it is."""
    if not STATE_PATTERN.fullmatch(state):
        return ""
    return state.replace("_", " ").lower() if state.isupper() else state


def find_percent(result: "JsonValue") -> int | None:
    """How far something is, in percent, if AWS says so."""
    for key, value in _walk(result):
        if key in PERCENT_KEYS and isinstance(value, int | float) and not isinstance(value, bool):
            return round(max(0, min(100, value)))
    return None


def _walk(result: "JsonValue") -> Iterator[tuple[str, "JsonValue"]]:
    """The keys and values of a thing that was read, of the first one if it is a list."""
    if isinstance(result, dict):
        yield from result.items()
        for value in result.values():
            yield from _walk(value)
    elif isinstance(result, list) and len(result) == 1:
        yield from _walk(result[0])


def format_bar(percent: int) -> str:
    """A bar of fixed width."""
    filled = round(BAR_WIDTH * percent / 100)
    return f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}]"


def format_elapsed(elapsed: float, typical: float | None) -> str:
    """The time so far, of the usual time if it is known: `3 of usually 5 min`."""
    elapsed_text = format_duration(elapsed)
    if not typical:
        return elapsed_text
    typical_text = format_duration(typical)
    number, _, unit = elapsed_text.rpartition(" ")
    same_unit = number.isdecimal() and typical_text == f"{typical_text.split(' ')[0]} {unit}"
    return f"{number if same_unit else elapsed_text} of usually {typical_text}"


class ProgressDisplay:
    """Shows progress on stderr: one changing line on a terminal, else a line per change."""

    def __init__(self) -> None:
        self.console = build_console(stderr=True)
        self._printed_states: dict[str, object] = {}
        self._status = self.console.status("") if self.console.is_terminal else None

    def on_step_begin(self, step: "Step", *, is_undo: bool) -> None:
        """Prints the step that begins."""
        self._print_line(f"{'undo: ' if is_undo else ''}{step.description}")

    def on_wait(self, step: "Step", wait: "Wait", result: "JsonValue", elapsed: float) -> None:
        """Shows how far the step is, and the usual time."""
        if self._status is not None:
            from rich.text import Text

            text = Text(describe_wait(wait, result, elapsed, bar=True), no_wrap=True)
            text.truncate(max(self.console.width - SPINNER_WIDTH, 10), overflow="ellipsis")
            self._status.update(text)
            self._status.start()
            return
        percent = find_percent(result)
        state = (
            describe_state(wait, result),
            None if percent is None else percent // LOG_PERCENT_STEP,
        )
        if self._printed_states.get(step.name) != state:
            self._printed_states[step.name] = state
            self._print_line(f"  {describe_wait(wait, result, elapsed)}")

    def on_notice(self, text: str) -> None:
        """Prints what a person should know while it goes on."""
        self._print_line(f"  {text}")

    def on_step_end(self, step: "Step", *, already_done: bool) -> None:
        """Prints that a step is done, or was already."""
        self._print_line(f"  {'already done' if already_done else 'done'}: {step.description}")

    def pause(self) -> None:
        """Takes the changing line away, so that something else can be printed."""
        if self._status is not None:
            self._status.stop()

    def _print_line(self, text: str) -> None:
        if self._status is None:  # not wrapped, however narrow the log
            stamp = time.strftime("%H:%M:%S ", time.gmtime())
            sys.stderr.write(f"{stamp}{text.translate(CONTROL_CHARACTERS)}\n")
            return
        from rich.text import Text

        self._status.stop()
        self.console.print(Text(text), soft_wrap=True)
