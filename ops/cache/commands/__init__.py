"""`ops cache`: the cache on ElastiCache."""

from typing import Annotated, Any, Final

import typer

from ops.cache.commands.clear import clear_cache
from ops.cache.hit_rate import MAX_HIT_RATE_DAYS, HitRateRow, read_hit_rates
from ops.cache.model import get_cache_part, list_nodes, read_replication_group
from ops.cache.status import NODE_COLUMNS, read_cache_status
from ops.cache.tunnel import DEFAULT_CACHE_TUNNEL_PORT, build_cache_commands
from ops.cli.context import get_selection, load_stack
from ops.cli.time_span import SinceOption, UntilOption, parse_time_span
from ops.cli.watch import looking_command
from ops.core import clock
from ops.core.errors import FindingsError, UsageError
from ops.core.times import format_local_and_utc, format_local_second, parse_aws_time
from ops.database.tunnel import get_tunnel_target
from ops.metrics.units import format_value

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The cache.")
app.command("clear")(clear_cache)
HIT_RATE_COLUMNS: Final = ("time", "node", "role", "requests", "hits", "rate", "normal")


@app.command("status")
@looking_command
def show_status(context: typer.Context) -> None:
    """Shows the cache: its nodes with roles, zones, memory and evictions, the last failover.

    And what is pending: changes and AWS's updates. Exit 3 if something of it is not available, or
    could not be read.
    """
    outputs, aws, output = load_stack(context)
    cache = get_cache_part(outputs)
    status = read_cache_status(aws, outputs, cache, clock.now())
    if output.output_format == "json":
        output.print_json("cache-status", status.body)
    else:
        for line in _list_group_lines(status.body):
            output.print_line(line)
        rows = [_build_node_row(node) for node in status.body["nodes"]]
        output.print_rows("cache-status", NODE_COLUMNS, rows)
        output.print_line(status.body["console"], link=status.body["console"])
    if status.problems:
        raise FindingsError("; ".join(status.problems), "ops changes --only cache --since 7d")


@app.command("hit-rate")
@looking_command
def show_hit_rate(
    context: typer.Context,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Shows how many reads found their key, by hour and node of the last day, and what is normal.

    Normal is the same hour of the week before. An hour without reads has no rate: it is unknown.
    AWS calls a rate below about 80 % low: keys are evicted, expire early, or never were there.
    """
    outputs, aws, output = load_stack(context)
    span = parse_time_span(since, until, clock.now(), default="1d")
    if span.seconds > MAX_HIT_RATE_DAYS * 86_400:
        raise UsageError(f"--since must be at most {MAX_HIT_RATE_DAYS} days before --until")
    cache = get_cache_part(outputs)
    nodes = list_nodes(read_replication_group(aws, cache))
    rows, sums = read_hit_rates(aws, cache, nodes, span.since, span.until)
    if output.output_format == "json":
        body = {
            **span.build_json(),
            "items": [row.build_json() for row in rows],
            "nodes": [row.build_json() for row in sums],
        }
        output.print_json("cache-hit-rate", body)
        return
    output.print_note(span.describe())
    output.print_rows("cache-hit-rate", HIT_RATE_COLUMNS, map(_build_rate_row, [*rows, *sums]))


@app.command("connect")
def show_cache_connection(
    context: typer.Context,
    reader: Annotated[
        bool, typer.Option("--reader", help="a replica, which takes no writes")
    ] = False,
    local_port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="PORT", help="local port of the tunnel")
    ] = DEFAULT_CACHE_TUNNEL_PORT,
) -> None:
    """Prints the commands to open a tunnel to the cache and to use its client through it."""
    outputs, aws, output = load_stack(context)
    get_cache_part(outputs)
    selection, _ = get_selection(context)
    commands = build_cache_commands(
        outputs,
        get_tunnel_target(aws, outputs),
        is_reader=reader,
        port=local_port,
        profile=selection.profile,
    )
    if output.output_format == "json":
        output.print_json("cache-connect", commands)
        return
    typer.echo(f"# tunnel through {commands['through']}; leave it open in its own terminal")
    typer.echo(commands["tunnel"])
    typer.echo("# then the client; the token is not printed")
    typer.echo(commands["client"])
    if missing := commands["missing"]:
        typer.echo(f"missing on the PATH: {', '.join(map(str, missing))}", err=True)  # type: ignore[call-overload]


def _list_group_lines(body: dict[str, Any]) -> list[str]:
    group = body["group"]
    mode = "cluster mode" if group["clusterMode"] else "one shard"
    lines = [
        f"{group['identifier']}: {group['status']}, {group['engine']}, {group['nodeType']}, {mode}",
        f"automatic failover {group['automaticFailover']}, Multi-AZ {group['multiAz']}",
        f"last failover: {_describe_failover(body)}",
    ]
    changes = ", ".join(f"{key}={value}" for key, value in group["pendingChanges"].items())
    lines.append(f"pending changes: {changes or 'none'}")
    updates = body["updates"]
    if updates is None:
        return [*lines, "updates: unknown"]
    lines += [
        f"update: {update['name']} ({update['severity']}, {update['type']}), {update['status']}, "
        f"apply by {update['applyBy'] or 'no date'}"
        for update in updates
    ]
    return lines if updates else [*lines, "updates: none"]


def _describe_failover(body: dict[str, Any]) -> str:
    failover = body["lastFailover"]
    if not body["isFailoverKnown"]:
        return "unknown"
    if failover is None:
        return f"none in {body['eventDays']} days, for which ElastiCache keeps events"
    return f"{format_local_and_utc(parse_aws_time(failover['at']))}: {failover['message']}"


def _build_node_row(node: dict[str, Any]) -> dict[str, Any]:
    return {
        "node": node["node"],
        "shard": node["shard"],
        "role": node["role"] or "unknown",
        "zone": node["zone"],
        "status": node["status"] or "unknown",
        "version": node["version"] or "unknown",
        "memory": format_value(node["memoryPercent"], "percent"),
        "keys": format_value(node["keys"], "count"),
        "evictions": f"{format_value(node['evictionsLastHour'], 'count')} in 1 h",
        "connections": format_value(node["connections"], "count"),
        "lag": format_value(node["lagSeconds"], "seconds"),
    }


def _build_rate_row(row: HitRateRow) -> dict[str, Any]:
    no_rate = "no requests" if row.counts.requests is not None else "no data"
    no_normal = "no requests" if row.normal.requests is not None else "no data"
    rate, normal = row.counts.rate, row.normal.rate
    return {
        "time": "all" if row.time is None else format_local_second(row.time),
        "node": row.node.name,
        "role": row.node.role or "unknown",
        "requests": format_value(row.counts.requests, "count"),
        "hits": format_value(row.counts.hits, "count"),
        "rate": no_rate if rate is None else format_value(rate, "percent"),
        "normal": no_normal if normal is None else format_value(normal, "percent"),
    }
