"""`ops recover ready`: checks if the stack can be recovered now, and how long it takes."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import typer

from ops.cli.execution import load_stack_context
from ops.cli.render import format_duration
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.aws import Aws
from ops.core.checks import HEALTH_STATES
from ops.core.errors import CredentialsError, FindingsError, OpsError, UsageError
from ops.core.plan import JsonObject
from ops.database.instance import describe_instance, list_in_region
from ops.health.backups import REPLICATED_BACKUPS_API
from ops.outputs import Outputs
from ops.recovery import readiness
from ops.recovery.drill_history import load_drill_records
from ops.recovery.estimate import estimate_recovery

app = typer.Typer(add_completion=False)
ReadResult = TypeVar("ReadResult")


@app.command("ready")
@looking_command
def show_readiness(context: typer.Context) -> None:
    """Checks what a recovery needs, here and in the recovery region; estimates RTO and RPO.

    Reads only. Exit code 3 if something is missing or unknown.
    """
    stack_context, output = load_stack_context(context)
    outputs, now = stack_context.outputs, clock.now()
    history = _read_or_error(lambda: load_drill_records(stack_context))
    findings = [
        *readiness.check_readiness(outputs, stack_context.aws, now),
        readiness.build_drill_finding(history, now),
    ]
    findings.sort(key=lambda finding: HEALTH_STATES.index(finding.state))
    primary = _read_or_error(
        lambda: describe_instance(stack_context.aws, outputs, outputs.database.identifier)
    )
    replicated_backups = _read_or_error(
        lambda: _find_replicated_backups(stack_context.aws, outputs)
    )
    known_drills = [] if isinstance(history, OpsError) else history
    estimates = estimate_recovery(outputs, known_drills, primary, replicated_backups, now)
    rows = [
        {
            "way": estimate.way,
            "phase": estimate.phase,
            "takes": None if estimate.seconds is None else format_duration(estimate.seconds),
            "source": estimate.source,
        }
        for estimate in estimates
    ]
    counts: dict[str, int] = {
        state: sum(f.state == state for f in findings) for state in HEALTH_STATES
    }
    if output.output_format == "json":
        items = [asdict(f) for f in findings]
        body = {**counts, "items": items, "estimates": [asdict(estimate) for estimate in estimates]}
        output.print_json("recover-ready", body)
    else:
        columns = ("state", "subject", "evidence", "command")
        output.print_rows("recover-ready", columns, [asdict(f) for f in findings])
        output.print_rows("recover-ready", ("way", "phase", "takes", "source"), rows)
    if counts["failing"] or counts["unknown"]:
        commands = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(
            f"{counts['failing']} missing, {counts['unknown']} unknown, {counts['ok']} ok",
            *commands,
        )


def _find_replicated_backups(aws: Aws, outputs: Outputs) -> dict[str, Any] | None:
    """Returns RDS's description of the primary's replicated backups, or None."""
    arn, recovery_region = outputs.database.replicated_backup_arn, outputs.stack.recovery_region
    if arn is None or recovery_region is None:
        return None
    params: JsonObject = {"DBInstanceAutomatedBackupsArn": arn}
    return next(
        iter(
            list_in_region(
                aws, REPLICATED_BACKUPS_API, "DBInstanceAutomatedBackups", params, recovery_region
            )
        ),
        None,
    )


def _read_or_error(read: Callable[[], ReadResult]) -> ReadResult | OpsError:
    """Returns what `read` returns, or its OpsError. Raises UsageError."""
    try:
        return read()
    except (UsageError, CredentialsError):
        raise
    except OpsError as error:
        return error
