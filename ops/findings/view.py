"""Runs the checks of a view of upkeep and prints what they find."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

import typer

from ops.cli.context import load_stack
from ops.core import clock
from ops.core.check_record import Check, View
from ops.core.check_runner import mark_unknown_in_wrong_account, run_checks, send_read
from ops.core.checks import HEALTH_STATES, CheckFacts, CheckFinding
from ops.core.errors import FindingsError, UsageError
from ops.findings.model import ResourceFinding, sort_findings
from ops.health.registry import list_view_calls, select_checks, select_health_checks

if TYPE_CHECKING:
    from ops.core.aws import Aws
    from ops.outputs import Outputs

FINDING_COLUMNS = (
    "state",
    "severity",
    "subject",
    "evidence",
    "reason",
    "since",
    "usd/month",
    "command",
    "id",
)


def select_view_keys(view: View) -> tuple[str, ...]:
    """The keys of a view's checks, which --only takes."""
    return tuple(check.key for check in select_checks(view))


def parse_view_keys(view: View, text: str | None) -> tuple[str, ...]:
    """The keys that --only names; none if it is not given, which is all.

    Raises UsageError, with the nearest keys, for a word that is no key of the view.
    """
    if text is None:
        return ()
    keys, words = select_view_keys(view), tuple(word.strip() for word in text.split(","))
    for word in words:
        if word not in keys:
            nearest = get_close_matches(word.lower(), keys, cutoff=0.5)
            hint = f"nearest: {', '.join(nearest)}" if nearest else f"they are {', '.join(keys)}"
            raise UsageError(f"--only is {text!r}, must be keys of checks of {view} ({hint})")
    return words


def find_in_view(
    view: View, outputs: "Outputs", aws: "Aws", keys: Sequence[str] = ()
) -> list[CheckFinding]:
    """The findings of a view's checks, or of some by key, the worst first.

    The stack's account is checked as well: with another one's credentials nothing is known.
    """

    def is_run(check: Check) -> bool:
        return not keys or check.key in keys

    checks = [
        *(check for check in select_health_checks("health") if check.area == "account"),
        *(c for c in select_health_checks(view, is_run) if c.is_applicable(outputs)),
    ]
    facts, region = CheckFacts(outputs, clock.now()), outputs.stack.region
    findings = mark_unknown_in_wrong_account(
        run_checks(checks, facts, lambda read: send_read(aws, read, region))
    )
    return sort_findings(f for f in findings if f.area != "account" or f.state != "ok")


def show_view(
    context: typer.Context,
    view: View,
    keys: Sequence[str] = (),
    is_shown: Callable[[CheckFinding], bool] = lambda _: True,
) -> None:
    """Prints the findings of a view, or some. Raises FindingsError if one is open or unknown."""
    outputs, aws, output = load_stack(context, list_view_calls(view))
    findings = [f for f in find_in_view(view, outputs, aws, keys) if is_shown(f)]
    counts: dict[str, int] = {
        state: sum(f.state == state for f in findings) for state in HEALTH_STATES
    }
    if output.output_format == "json":
        state = next((s for s in HEALTH_STATES if counts[s]), "unknown")
        body = {"state": state, **counts, "items": [asdict(f) for f in findings]}
        output.print_json(view, body)
    else:
        output.print_rows(view, FINDING_COLUMNS, [_build_row(finding) for finding in findings])
    if counts["failing"] or counts["unknown"]:
        summary = f"{counts['failing']} open, {counts['unknown']} unknown, {counts['ok']} ok"
        advice = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(summary, *advice)
    output.print_line(f"all {counts['ok']} ok")


def _build_row(finding: CheckFinding) -> dict[str, object]:
    row: dict[str, object] = {**asdict(finding), "usd/month": ""}
    if isinstance(finding, ResourceFinding):
        row["usd/month"] = "" if finding.monthly_usd is None else f"{finding.monthly_usd:.2f}"
        row["state"] = "open" if finding.state == "failing" else finding.state
    for column in FINDING_COLUMNS:
        row.setdefault(column, "")
    return row
