"""`ops health`: how the stack is."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli.context import get_output, load_stack
from ops.cli.render import Output
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.checks import HEALTH_STATES, CheckFinding
from ops.core.errors import FindingsError, UsageError
from ops.health.load_balancer import LOAD_BALANCER_AREA
from ops.health.registry import CHECKS, HEALTH_APIS, parse_health_selection

if TYPE_CHECKING:  # commands start faster without it
    from ops.outputs import Outputs


app = typer.Typer(add_completion=False)


@app.command(name="health")
@looking_command
def show_health(
    context: typer.Context,
    only: Annotated[
        str | None,
        typer.Option(help="areas or keys of checks, with commas: database,service-tasks"),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="asked instead of the stack's own URL; must answer below 400",
        ),
    ] = None,
    list_checks: Annotated[
        bool, typer.Option("--list", help="print all checks and their views; calls nothing")
    ] = False,
) -> None:
    """How the stack is: what is failing or unknown first, and the command that helps.

    Reads only. With the area balancer, one request is sent to the stack's own URL, or to --url:
    an answer of 5xx fails; without an answer it is unknown. Exit code 0 if all is well, 3 if
    something fails or is unknown.
    """
    if list_checks:
        if only is not None or url is not None:
            raise UsageError("--list prints all checks, so it must be without --only and --url")
        _print_checks(get_output(context))
        return
    selection = parse_health_selection(only)
    if url is not None and not url.startswith(("http://", "https://")):
        raise UsageError(f"--url must be an http or https URL, not {url!r}")
    from ops.health.console_pages import build_console_pages
    from ops.health.report import check_health

    outputs, aws, output = load_stack(context, HEALTH_APIS)
    findings = check_health(outputs, aws, clock.now(), selection)
    findings += _check_one_request(outputs, selection, url)
    pages = build_console_pages(outputs)
    findings.sort(key=lambda finding: HEALTH_STATES.index(finding.state))
    counts: dict[str, int] = {
        state: sum(f.state == state for f in findings) for state in HEALTH_STATES
    }
    if output.output_format == "json":
        state = next(s for s in HEALTH_STATES if counts[s])
        items = [asdict(f) | {"console": pages.get(f.area)} for f in findings]
        output.print_json("health", {"state": state, **counts, "items": items})
    else:
        columns = ("state", "area", "subject", "evidence", "command")
        output.print_rows("health", columns, [asdict(f) for f in findings])
        for area in dict.fromkeys(f.area for f in findings if f.state != "ok"):
            if (page := pages.get(area)) is not None:
                output.print_line(f"{area}: {page}", link=page)
    if counts["failing"] or counts["unknown"]:
        summary = f"{counts['failing']} failing, {counts['unknown']} unknown, {counts['ok']} ok"
        advice = dict.fromkeys(f.command for f in findings if f.command and f.state != "ok")
        raise FindingsError(summary, *advice)
    output.print_line(f"all {counts['ok']} ok")


def _check_one_request(
    outputs: "Outputs", selection: Sequence[str], url: str | None
) -> list[CheckFinding]:
    """The finding of one request to a URL, or to the stack's own if its area is selected."""
    from ops.health.requests import check_stack_url, check_url

    if url is not None:
        return [check_url(url)]
    if outputs.load_balancer is None or LOAD_BALANCER_AREA not in selection:
        return []
    return [check_stack_url(outputs.load_balancer)]


def _print_checks(output: Output) -> None:
    columns = ("key", "area", "checks", "failure", "calls", "views")
    is_json = output.output_format == "json"
    output.print_rows(
        "health-checks",
        columns,
        [
            {
                "key": check.key,
                "area": check.area,
                "checks": check.title,
                "failure": check.failure,
                "calls": list(check.calls) if is_json else ", ".join(check.calls),
                "views": list(check.views) if is_json else ", ".join(check.views),
            }
            for check in CHECKS
        ],
    )
