"""`ops recover ready`: whether the stack could be recovered now, and how long it would take."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import typer

from ops.cli.execution import load_stack_context
from ops.cli.render import format_duration
from ops.core import clock
from ops.core.aws import Aws
from ops.core.checks import HEALTH_STATES
from ops.core.errors import FindingsError, OpsError, UsageError
from ops.core.plan import JsonObject
from ops.database import instance as database
from ops.health.backups import REPLICATED_BACKUPS_API
from ops.outputs import Outputs
from ops.recovery import drill_history as drills
from ops.recovery import estimate as estimating
from ops.recovery import readiness

app = typer.Typer(add_completion=False)
Found = TypeVar("Found")


@app.command("ready")
def ready(context: typer.Context) -> None:
    """What a recovery needs, here and in the recovery region, and RTO and RPO as things stand.

    Reads only. Exit code 3 where something is missing or unknown.
    """
    of, output = load_stack_context(context)
    outputs, now = of.outputs, clock.now()
    history = _tried(lambda: drills.kept(of))
    findings = [*readiness.ready(outputs, of.aws, now), readiness.drilled(history, now)]
    findings.sort(key=lambda finding: HEALTH_STATES.index(finding.state))
    seen = _tried(lambda: database.describe_instance(of.aws, outputs, outputs.database.identifier))
    replica = _tried(lambda: _replica(of.aws, outputs))
    measured = [] if isinstance(history, OpsError) else history
    figures = estimating.estimates(outputs, measured, seen, replica, now)
    rows = [
        {
            "way": e.way,
            "phase": e.phase,
            "takes": None if e.seconds is None else format_duration(e.seconds),
            "source": e.source,
        }
        for e in figures
    ]
    counts: dict[str, int] = {
        state: sum(f.state == state for f in findings) for state in HEALTH_STATES
    }
    if output.output_format == "json":
        items = [asdict(f) for f in findings]
        body = {**counts, "items": items, "estimates": [asdict(e) for e in figures]}
        output.print_json("recover-ready", body)
    else:
        columns = ("state", "subject", "evidence", "command")
        output.print_rows("recover-ready", columns, [asdict(f) for f in findings])
        output.print_rows("recover-ready", ("way", "phase", "takes", "source"), rows)
    if counts["failing"] or counts["unknown"]:
        helps = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(
            f"{counts['failing']} missing, {counts['unknown']} unknown, {counts['ok']} ok", *helps
        )


def _replica(aws: Aws, outputs: Outputs) -> dict[str, Any] | None:
    """The replicated backups of the primary, as RDS describes them."""
    arn, there = outputs.database.replicated_backup_arn, outputs.stack.recovery_region
    if arn is None or there is None:
        return None
    params: JsonObject = {"DBInstanceAutomatedBackupsArn": arn}
    return next(
        iter(
            database.list_in_region(
                aws, REPLICATED_BACKUPS_API, "DBInstanceAutomatedBackups", params, there
            )
        ),
        None,
    )


def _tried(look: Callable[[], Found]) -> Found | OpsError:
    """What is seen, or why it is not: without credentials nothing would be."""
    try:
        return look()
    except UsageError:
        raise
    except OpsError as error:
        return error
