"""`ops network flows`: who was refused, who talks most, who costs by NAT."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import typer

from ops.cli.context import load_stack
from ops.cli.time_span import SinceOption, UntilOption, parse_time_span
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.aws import Aws
from ops.logs.insights import run_query
from ops.network.flows import (
    NAT_QUERY,
    REJECTED_QUERY,
    TOP_QUERY,
    build_flow_rows,
    build_nat_rows,
    get_flow_part,
    read_interfaces,
)
from ops.network.reading import NetworkReader
from ops.outputs import Outputs
from ops.prices.price_table import DEFAULT_PRICE_TABLE

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What the flow logs in CloudWatch say."
)
FLOW_COLUMNS: Final = ("flows", "bytes", "from", "to", "port", "protocol", "interface")
NAT_COLUMNS: Final = ("from", "to", "bytes", "cost")
RowsOption: TypeAlias = Annotated[
    int, typer.Option("--rows", min=1, max=10_000, metavar="COUNT", help="how many rows are shown")
]
RowBuilder: TypeAlias = Callable[
    [Aws, Outputs, Sequence[Mapping[str, str]]], tuple[list[dict[str, Any]], dict[str, object]]
]


@app.command("rejected")
@looking_command
def show_rejected_flows(
    context: typer.Context,
    since: SinceOption = None,
    until: UntilOption = None,
    rows: RowsOption = 50,
) -> None:
    """Shows what security groups and network ACLs refused in the last hour, from and to whom."""
    _show(context, REJECTED_QUERY, since, until, rows, _build_named_rows, FLOW_COLUMNS)


@app.command("top")
@looking_command
def show_top_flows(
    context: typer.Context,
    since: SinceOption = None,
    until: UntilOption = None,
    rows: RowsOption = 50,
) -> None:
    """Shows who sent most to whom in the last hour."""
    _show(context, TOP_QUERY, since, until, rows, _build_named_rows, FLOW_COLUMNS)


@app.command("nat")
@looking_command
def show_nat_flows(
    context: typer.Context,
    since: SinceOption = None,
    until: UntilOption = None,
    rows: RowsOption = 50,
) -> None:
    """Shows who sent what through NAT in the last hour, to which address, and what that costs."""
    _show(context, NAT_QUERY, since, until, rows, _build_priced_rows, NAT_COLUMNS)


def _build_named_rows(
    aws: Aws, outputs: Outputs, rows: Sequence[Mapping[str, str]]
) -> tuple[list[dict[str, Any]], dict[str, object]]:
    return build_flow_rows(rows, read_interfaces(aws, outputs)[1]), {}


def _build_priced_rows(
    aws: Aws, outputs: Outputs, rows: Sequence[Mapping[str, str]]
) -> tuple[list[dict[str, Any]], dict[str, object]]:
    state = NetworkReader(aws, outputs).read()
    for subject in ("route tables", "prefix lists"):
        if reason := state.unreadable.get(subject):
            sys.stderr.write(f"ops: what goes to gateway endpoints may be counted: {reason}\n")
    priced = build_nat_rows(rows, outputs, state, read_interfaces(aws, outputs)[0])
    price = DEFAULT_PRICE_TABLE
    text = f"{price.nat_gb} $ per GB ({price.region}'s list price, {price.taken})"
    sys.stderr.write(f"ops: {sum(row['cost'] for row in priced):.4f} $ in all, at {text}\n")
    return priced, {"price": price.nat_gb, "taken": price.taken, "region": price.region}


def _show(
    context: typer.Context,
    query: str,
    since: str | None,
    until: str | None,
    row_count: int,
    build_rows: RowBuilder,
    columns: Sequence[str],
) -> None:
    from ops.core.run import WallClock

    span = parse_time_span(since, until, clock.now(), default="1h")
    outputs, aws, output = load_stack(context)
    part = get_flow_part(outputs)
    output.print_note(f"{part.place}, {span.describe()}")
    answer = run_query(aws, [part], query, span, WallClock(), output.print_note)
    rows, fields = build_rows(aws, outputs, answer.rows)
    shown = rows[:row_count]
    if output.output_format == "json":
        body = {**span.build_json(), "cut": answer.cut, "count": len(rows), **fields}
        output.print_json("network-flows", {**body, "items": shown})
    else:
        output.print_rows("network-flows", columns, shown)
    if len(rows) > len(shown):
        output.print_note(f"{len(rows) - len(shown)} more rows: --rows")
    output.print_note(answer.describe_cost())
    if answer.cut is not None:
        output.print_note(answer.cut)
