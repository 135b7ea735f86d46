"""`ops recover ready`: whether the stack could be recovered now, and how long it would take."""

from dataclasses import asdict

import typer

from ops import clock, database, drills, readiness
from ops.commands.common import target
from ops.errors import FindingsError
from ops.health.backups import REPLICATED
from ops.health.model import STATES
from ops.plan import State
from ops.show import said

app = typer.Typer(add_completion=False)


@app.command()
def ready(context: typer.Context) -> None:
    """What a recovery needs, here and in the recovery region, and RTO and RPO as things stand.

    Reads only. Exit code 3 where something is missing or unknown.
    """
    of, output = target(context)
    outputs, now = of.outputs, clock.now()
    history = drills.kept(of)
    findings = [*readiness.ready(outputs, of.aws, now), readiness.drilled(history, now)]
    findings.sort(key=lambda finding: STATES.index(finding.state))
    seen = database.described(of.aws, outputs, outputs.database.identifier)
    replica = None
    if outputs.database.replicated_backup_arn and outputs.stack.recovery_region:
        params: State = {"DBInstanceAutomatedBackupsArn": outputs.database.replicated_backup_arn}
        replica = next(
            iter(database.found(of.aws, REPLICATED, "DBInstanceAutomatedBackups", params,
                                outputs.stack.recovery_region)), None,
        )  # fmt: skip
    figures = readiness.estimates(outputs, history, seen, replica, now)
    rows = [
        {"way": e.way, "phase": e.phase, "takes": None if e.seconds is None else said(e.seconds),
         "source": e.source}
        for e in figures
    ]  # fmt: skip
    counts: dict[str, int] = {state: sum(f.state == state for f in findings) for state in STATES}
    if output.form == "json":
        items = [asdict(f) for f in findings]
        body = {**counts, "items": items, "estimates": [asdict(e) for e in figures]}
        output.data("recover-ready", body)
    else:
        columns = ("state", "subject", "evidence", "command")
        output.rows("recover-ready", columns, [asdict(f) for f in findings])
        output.rows("recover-ready", ("way", "phase", "takes", "source"), rows)
    if counts["failing"] or counts["unknown"]:
        helps = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(
            f"{counts['failing']} missing, {counts['unknown']} unknown, {counts['ok']} ok", *helps
        )
