"""How often `ops diagnose` names the cause, and how long it takes: `python -m bench.diagnose`.

Each incident of sandbox/incidents is brought about and diagnosed. Right at the first guess and
among the first three, by kind, of the incidents that the rules were written with and of those that
were held out; how many quiet hours are called sick; and the time beside the same looks one after
the other, in the same run. With a number only so many quiet hours are tried.
"""

import sys
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from sandbox.incidents.measure import Verdict, measure_in_copy
from sandbox.incidents.model import DEVELOPMENT_FOLDER, HELD_OUT_FOLDER, list_incidents
from sandbox.incidents.quiet_hours import build_quiet_hour

QUIET_HOURS: Final = 100
FIRST_GOAL: Final = 0.9
AMONG_THREE_GOAL: Final = 0.97


def run_benchmark(quiet_hours: int = QUIET_HOURS) -> str:
    """Goals: first guess 0.9, first three 0.97, no quiet hour called sick."""
    development = list_incidents(DEVELOPMENT_FOLDER)
    held_out = list_incidents(HELD_OUT_FOLDER)
    quiet = [build_quiet_hour(number) for number in range(quiet_hours)]
    verdicts = measure_in_copy([*development, *held_out, *quiet], is_timed=True)
    by_name = {verdict.incident.name: verdict for verdict in verdicts}
    lines: list[str] = []
    for title, incidents in (("development", development), ("held out", held_out)):
        lines += format_verdicts(title, [by_name[incident.name] for incident in incidents])
    lines += format_quiet_hours([by_name[incident.name] for incident in quiet])
    return "\n".join([*lines, format_seconds(verdicts)])


def format_verdicts(title: str, verdicts: Sequence[Verdict]) -> list[str]:
    """A line of all, one of each kind, and one of each that is not right at the first guess."""
    if not verdicts:
        return [f"ops diagnose, {title}: no incidents"]
    kinds = sorted({verdict.incident.kind for verdict in verdicts})
    lines = [
        f"ops diagnose, {title}: {_format_shares(verdicts)}; "
        f"goal {FIRST_GOAL} and {AMONG_THREE_GOAL}"
    ]
    for kind in kinds:
        of_kind = [verdict for verdict in verdicts if verdict.incident.kind == kind]
        lines.append(f"  {kind}: {_format_shares(of_kind)}")
    wrong = (verdict for verdict in verdicts if not verdict.is_first_right)
    return [*lines, *(f"  not first: {verdict.describe()}" for verdict in wrong)]


def format_quiet_hours(verdicts: Sequence[Verdict]) -> list[str]:
    """How many were called sick, and each of them with what was said."""
    sick = [verdict for verdict in verdicts if verdict.is_called_sick]
    return [
        f"ops diagnose, quiet hours: {len(sick)} of {len(verdicts)} called sick; goal 0",
        *(f"  {verdict.describe()}" for verdict in sick),
    ]


def format_seconds(verdicts: Iterable[Verdict]) -> str:
    """The median time of a diagnosis beside that of the same looks one after the other."""
    pairs = [
        (verdict.seconds, verdict.sequential_seconds)
        for verdict in verdicts
        if verdict.sequential_seconds is not None
    ]
    if not pairs:
        return "ops diagnose: no time was measured"
    parallel, sequential = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    return (
        f"ops diagnose, time: {parallel:.2f} s, {parallel / sequential:.2f} times the same looks "
        f"one after the other ({sequential:.2f} s) without a network between; medians of "
        f"{len(pairs)}"
    )


def _format_shares(verdicts: Sequence[Verdict]) -> str:
    first = sum(verdict.is_first_right for verdict in verdicts)
    among = sum(verdict.is_among_first for verdict in verdicts)
    count = len(verdicts)
    return (
        f"first guess {first / count:.2f}, among three {among / count:.2f} "
        f"({first} and {among} of {count})"
    )


if __name__ == "__main__":
    print(run_benchmark(int(sys.argv[1]) if len(sys.argv) > 1 else QUIET_HOURS))
