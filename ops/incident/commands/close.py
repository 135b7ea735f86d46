"""`ops incident close`: the end of an incident, and its post-mortem."""

from typing import Annotated

import typer

from ops.cli.execution import (
    ExecutionOptions,
    execute_plan,
    load_stack_context,
    mutating_command,
    new_run_id,
)
from ops.core import clock
from ops.incident.commands.arguments import IncidentArgument, parse_line, parse_text
from ops.incident.model import INCIDENT_PREFIX
from ops.incident.plans import build_close_plan, build_entry
from ops.incident.public_status import require_public_text
from ops.incident.report import format_span, measure_incident
from ops.incident.store import load_incident, resolve_incident
from ops.incident.timeline import build_incident_timeline, select_kept_lines

app = typer.Typer(add_completion=False)


@app.command("close")
@mutating_command
def close_incident(
    context: typer.Context,
    incident: IncidentArgument = None,
    cause: Annotated[str, typer.Option(metavar="TEXT", help="what caused it")] = "",
    helped: Annotated[str, typer.Option(metavar="TEXT", help="what mended it")] = "",
    action: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="what is to be done, once for each; see `issues`"),
    ] = None,
    public: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="the last sentence for the people outside"),
    ] = None,
    *,
    options: ExecutionOptions,
) -> None:
    """Closes an incident and keeps its timeline, from all sources, for its report.

    The warn topic is told. A source that cannot be read is named in the report.
    """
    cause_text = parse_text("--cause", cause)
    helped_text = parse_text("--helped", helped) if helped else ""
    actions = [parse_line("--action", text) for text in action or ()]
    stack_context, output = load_stack_context(context)
    last_status = None
    if public is not None:
        text = require_public_text("--public", public, stack_context.outputs)
        last_status = build_entry("status", clock.now(), state="resolved", public=text)
    name = resolve_incident(stack_context, incident, may_be_closed=False)
    current = load_incident(stack_context, name)
    timeline = build_incident_timeline(stack_context, current, clock.now())
    lines, unread = select_kept_lines(timeline)
    run = new_run_id(f"{INCIDENT_PREFIX}-close")
    closing = {"cause": cause_text, "helped": helped_text, "actions": actions}
    plan = build_close_plan(
        stack_context.outputs, current, closing, lines, unread, run, final_status=last_status
    )
    if execute_plan(plan, stack_context, output, options):
        times = measure_incident(load_incident(stack_context, name, with_entries=False))
        for gap in unread:
            output.print_note(f"not in the timeline: {gap}")
        result = {
            "incident": name,
            "detection": format_span(times.detection),
            "response": format_span(times.response),
            "repair": format_span(times.repair),
            "actions": len(actions),
            "report": f"ops incident report {name}",
            "run": run,
        }
        output.print_result("incident-close", result)
