"""`ops network`: who reaches whom, and what the flow logs say of it."""

from typing import Annotated, Any

import typer

from ops.cli.execution import ExecutionOptions, load_stack_context, mutating_command
from ops.cli.render import Output
from ops.cli.watch import WatchOption, repeat_look
from ops.core.errors import FindingsError, UsageError
from ops.network.answer import ReachAnswer, read_reach
from ops.network.commands.flows import app as flows_app
from ops.network.commands.probe import ProbeRequest, probe_reach
from ops.network.ends import parse_source, parse_target
from ops.network.model import Path
from ops.network.probe import require_probe_ends
from ops.services.single_task import DEFAULT_TASK_IMAGE, require_task_image

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The stack's network: who reaches whom."
)
app.add_typer(flows_app, name="flows")
CHECK_COLUMNS = ("verdict", "check", "rule")
MAX_TOLD_FAULTS = 3


@app.command("reach")
@mutating_command
def show_reach(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM",
            help="what calls: a service, fleet, load-balancer, rotation, the id of a task or "
            "instance, function/NAME of Lambda, an IPv4 address, or internet",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help="what is called, and its TCP port unless it is the part's own: TO:PORT; also "
            "database, cache, or an AWS service like secretsmanager",
        ),
    ],
    watch: WatchOption = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="try it as well, from FROM: a service, a task, fleet or an instance"
        ),
    ] = False,
    image: Annotated[
        str,
        typer.Option(
            metavar="IMAGE",
            help="what the task of --probe runs: an image with python3, 3.9 or newer",
        ),
    ] = DEFAULT_TASK_IMAGE,
    *,
    options: ExecutionOptions,
) -> None:
    """Says whether FROM may reach TO: each rule on the way as AWS has it, and what stops it.

    Security groups, network ACLs both ways, routes, NAT, endpoints and DNS of the VPC. Exit code 3
    if something stops it, or could not be read. Whether something listens there --probe finds out.
    """
    if probe and watch is not None:
        raise UsageError("--watch must not be set with --probe, which runs a command each time")
    require_task_image(image)
    stack_context, output = load_stack_context(context)
    outputs, aws = stack_context.outputs, stack_context.aws
    source_end = parse_source(outputs, source)
    target_end, port = parse_target(outputs, target)
    label = f"{target.partition(':')[0]}:{port}"
    if probe:
        require_probe_ends(outputs, source_end, source, target_end)

    def show() -> None:
        answer = read_reach(aws, outputs, source_end, target_end, port)
        if probe:
            if output.output_format != "json":
                _print_paths(output, answer)
            request = ProbeRequest(source_end, target_end, source, target, port, answer, image)
            body = _build_json(answer, source, label)
            probe_reach(stack_context, output, request, body, options)
            return
        if output.output_format == "json":
            output.print_json("network-reach", _build_json(answer, source, label))
        else:
            _print_paths(output, answer)
        _require_reachable(answer, source, label, output)

    repeat_look(output, watch, show)


def _print_paths(output: Output, answer: ReachAnswer) -> None:
    shown = answer.list_shown_paths()
    for path in shown:
        output.print_line(f"{path.source} to {path.target}: {_describe(path)}")
        output.print_rows("network-reach", CHECK_COLUMNS, _build_rows(path))
    if hidden_count := len(answer.paths) - len(shown):
        output.print_line(f"{hidden_count} more with the same result: --output json shows them")
    for note in answer.notes:
        output.print_line(note)


def _require_reachable(answer: ReachAnswer, source: str, label: str, output: Output) -> None:
    """Raises FindingsError with what stops it and what mends that."""
    if answer.verdict == "allowed":
        output.print_line(f"{source} may reach {label}")
        return
    faults = answer.list_faults()
    told = "; ".join(f"{fault.name}: {fault.rule}" for fault in faults[:MAX_TOLD_FAULTS])
    if len(faults) > MAX_TOLD_FAULTS:
        told += f"; and {len(faults) - MAX_TOLD_FAULTS} more"
    is_stopped = answer.verdict == "stopped"
    summary = "cannot reach" if is_stopped else "is not known to reach"
    faulty_count = sum(path.verdict == answer.verdict for path in answer.paths)
    if faulty_count < len(answer.paths):
        label += f" by {faulty_count} of {len(answer.paths)} paths"
    advice = dict.fromkeys(remedy for fault in faults for remedy in fault.remedies)
    raise FindingsError(f"{source} {summary} {label}: {told}", *advice)


def _build_json(answer: ReachAnswer, source: str, label: str) -> dict[str, Any]:
    return {
        "from": source,
        "to": label,
        "verdict": answer.verdict,
        "notes": list(answer.notes),
        "items": [
            {
                "from": path.source,
                "to": path.target,
                "verdict": path.verdict,
                "checks": [
                    row | {"remedies": list(check.remedies)}
                    for row, check in zip(_build_rows(path), path.checks, strict=True)
                ],
            }
            for path in answer.paths
        ],
    }


def _build_rows(path: Path) -> list[dict[str, Any]]:
    return [
        {"verdict": check.verdict, "check": check.name, "rule": check.rule} for check in path.checks
    ]


def _describe(path: Path) -> str:
    return {"allowed": "reachable", "stopped": "not reachable", "unknown": "unknown"}[path.verdict]
