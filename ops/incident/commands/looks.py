"""`ops incident list`, `report` and `issues`: what is read of incidents that are over, too."""

from pathlib import Path
from typing import Annotated, Final

import typer

from ops.cli.context import require_file_kind, write_report
from ops.cli.execution import load_stack_context
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import FindingsError, UsageError
from ops.core.times import format_utc_minute
from ops.incident.commands.arguments import IncidentArgument
from ops.incident.commands.printing import print_report
from ops.incident.report import (
    build_incident_report,
    render_incident_page,
    render_markdown,
)
from ops.incident.store import list_incident_names, load_incident, load_incidents, resolve_incident
from ops.incident.timeline import build_incident_timeline

app = typer.Typer(add_completion=False)
LIST_COLUMNS: Final = ("incident", "state", "severity", "commander", "opened", "closed", "title")
MAX_LISTED: Final = 200


@app.command("list")
@looking_command
def list_incidents(
    context: typer.Context,
    number: Annotated[
        int, typer.Option("--last", min=1, max=MAX_LISTED, metavar="N", help="how many")
    ] = 20,
) -> None:
    """Lists the incidents, the newest first: open or closed, how severe, who leads."""
    stack_context, output = load_stack_context(context)
    names = list_incident_names(stack_context)[-number:]
    incidents = load_incidents(stack_context, names)
    rows = [
        {
            "incident": incident.name,
            "state": "closed" if incident.is_closed else "open",
            "severity": incident.severity,
            "commander": incident.commander,
            "opened": format_utc_minute(incident.opened_at.timestamp()),
            "closed": (
                format_utc_minute(incident.closed_at.timestamp()) if incident.closed_at else None
            ),
            "title": incident.title,
        }
        for incident in reversed(incidents)
    ]
    gaps = [gap for incident in incidents for gap in incident.gaps]
    output.print_rows("incidents", LIST_COLUMNS, rows)
    for gap in gaps:
        output.print_note(f"{gap.key} cannot be read: {gap.reason}")


@app.command("report")
@looking_command
def report_incident(
    context: typer.Context,
    incident: IncidentArgument = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write the report to this file: .html or .md"),
    ] = None,
) -> None:
    """Reports an incident: its times, cause, actions, and its timeline from all sources.

    Of a closed one this is the post-mortem. Exit code 3 if a source could not be read; it is named.
    """
    if to is not None:
        require_file_kind("--to", to, (".html", ".md"))
    stack_context, output = load_stack_context(context)
    name = resolve_incident(stack_context, incident, may_be_closed=True)
    current = load_incident(stack_context, name)
    timeline = build_incident_timeline(stack_context, current, clock.now())
    report = build_incident_report(stack_context.outputs, current, timeline)
    if to is None:
        print_report(output, "incident-report", [report])
    else:
        page = render_incident_page(report) if to.suffix == ".html" else render_markdown(report)
        write_report("--to", to, page)
        output.print_result("incident-report", {"incident": name, "report": str(to)})
    if timeline.failed_sources:
        raise FindingsError(
            f"{len(timeline.failed_sources)} sources could not be read, or not whole: "
            f"{', '.join(timeline.failed_sources)}"
        )


@app.command("issues")
def file_actions(context: typer.Context, incident: IncidentArgument = None) -> None:
    """Opens an issue on GitHub for each action of a closed incident, as `ops github issue` does.

    Repeated, it changes nothing. It needs gh, in a checkout of the repository.
    """
    from ops.github.comments import update_issue

    stack_context, output = load_stack_context(context)
    name = resolve_incident(stack_context, incident, may_be_closed=True)
    current = load_incident(stack_context, name)
    if current.closing is None:
        if not current.is_closed:
            raise UsageError(f"INCIDENT is {name!r}, which is open", "ops incident close")
        raise UsageError(f"INCIDENT is {name!r}, whose closing cannot be read")
    rows = []
    for number, action in enumerate(current.closing.actions, 1):
        subject = f"{stack_context.outputs.stack.stack}: {name}, action {number}"
        change = update_issue(
            subject.replace(",", ""), f"{action}\n\nFrom: {current.title}", "failing"
        )
        rows.append(
            {"action": action, "did": change.action, "issue": change.number, "url": change.url}
        )
    output.print_rows("incident-issues", ("issue", "did", "action", "url"), rows)
