"""`ops incident status`: the open incidents, and the sentence for the people outside."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import write_report
from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.cli.render import Output
from ops.cli.watch import WatchOption, repeat_look
from ops.core import clock
from ops.core.errors import FindingsError, UsageError
from ops.core.run_context import StackContext
from ops.incident.commands.arguments import IncidentArgument
from ops.incident.commands.printing import print_report
from ops.incident.model import INCIDENT_PREFIX, PublicState
from ops.incident.plans import build_entry, build_public_status_plan
from ops.incident.public_status import (
    list_public_incidents,
    render_public_status,
    require_public_text,
    require_status_file,
)
from ops.incident.report import build_incident_report
from ops.incident.store import (
    list_incident_names,
    list_open_incident_names,
    load_incident,
    load_incidents,
    resolve_incident,
)
from ops.incident.timeline import QUICK_SOURCES, build_incident_timeline

app = typer.Typer(add_completion=False)
# Incidents that a status page may still show beside the open ones.
MAX_RECENT_INCIDENTS = 20


@app.command("status")
@mutating_command
def show_incident_status(
    context: typer.Context,
    incident: IncidentArgument = None,
    public: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="say this to the people outside; nothing internal"),
    ] = None,
    state: Annotated[
        PublicState | None, typer.Option(help="the word before it; default: as it was")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write the public status page: .html or .json"),
    ] = None,
    watch: WatchOption = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Shows the open incident: who leads, what happened since, from runs, alarms and notes.

    With --public it records a sentence for the people outside. With --to it writes the page that
    they may read, from such sentences alone.
    """
    if state is not None and public is None:
        raise UsageError("--state is set, so --public must be set too")
    if watch is not None and public is not None:
        raise UsageError("--watch is set, so --public must not be")
    if to is not None:
        require_status_file(to)
    stack_context, output = load_stack_context(context)
    if public is None:
        if options.expect is not None:
            raise UsageError("--expect is set, so --public must be set too")
        if to is not None:
            repeat_look(output, watch, lambda: _write_page(stack_context, output, to))
        else:
            repeat_look(output, watch, lambda: _show(stack_context, output, incident))
        return
    text = require_public_text("--public", public, stack_context.outputs)
    name = resolve_incident(stack_context, incident, may_be_closed=incident is not None)
    current = load_incident(stack_context, name)
    told = current.public_entries
    public_state = state or (told[-1].state if told else None) or "investigating"
    entry = build_entry("status", clock.now(), state=public_state, public=text)
    run = new_run_id(f"{INCIDENT_PREFIX}-status")
    plan = build_public_status_plan(stack_context.outputs, current, entry, run)
    if execute_plan(plan, stack_context, output, options):
        result = {"incident": name, "state": public_state, "public": text, "run": run}
        if to is not None:
            _write_page(stack_context, None, to)
            result["file"] = str(to)
        output.print_result("incident-public", result)


def _show(context: StackContext, output: Output, name: str | None) -> None:
    if name is None:
        open_names = list_open_incident_names(context)
        if not open_names:
            if output.output_format == "json":
                output.print_json("incident-status", {"incidents": []})
            else:
                output.print_line("no incident is open")
            return
    else:
        open_names = [resolve_incident(context, name, may_be_closed=True)]
    now = clock.now()
    failed: list[str] = []
    reports = []
    for current in load_incidents(context, open_names):
        timeline = build_incident_timeline(context, current, now, QUICK_SOURCES)
        failed += timeline.failed_sources
        reports.append(build_incident_report(context.outputs, current, timeline))
    print_report(output, "incident-status", reports)
    if failed:
        raise FindingsError(f"not all could be read: {', '.join(dict.fromkeys(failed))}")


def _write_page(context: StackContext, output: Output | None, path: Path) -> None:
    """Writes the page of the open incidents and of those that closed within a day."""
    now = clock.now()
    recent_names = list_incident_names(context)[-MAX_RECENT_INCIDENTS:]
    names = sorted({*recent_names, *list_open_incident_names(context)})
    incidents = list_public_incidents(load_incidents(context, names), now)
    write_report("--to", path, render_public_status(path, incidents, now))
    if output is not None:
        state = "operational" if all(incident.is_over for incident in incidents) else "incident"
        output.print_result("incident-page", {"state": state, "file": str(path)})
