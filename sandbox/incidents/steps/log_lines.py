"""What is logged: lines of services and of the database, rejected flows, requests that WAF blocks.

Formats: RDS User Guide, "RDS for PostgreSQL database log files" (log_line_prefix); VPC User Guide,
"Flow log records"; WAF Developer Guide, "Log fields for protection packs".
"""

import json
from collections.abc import Sequence
from typing import Any

from sandbox.incidents.model import happening
from sandbox.incidents.steps.network import get_address
from sandbox.incidents.steps.services import get_cluster, get_service_part
from sandbox.incidents.world import TimeSpanBack, World


@happening("log")
def write_lines(
    world: World,
    span: TimeSpanBack,
    *,
    part: str,
    lines: list[str],
    every: float = 30.0,
    level: str | None = "ERROR",
) -> None:
    """A part logs these lines by turns, one each so many seconds.

    A service's are JSON with a level, as most logging libraries write; `level: null` for plain
    text. The database's are written as PostgreSQL's: `ERROR:  canceling statement ...`.
    """
    seconds, number, events = span.begin, 0, []
    while seconds >= span.end and seconds >= 0:
        text = lines[number % len(lines)].replace("{n}", str(number))
        events.append((seconds, _format_line(world, part, text, level, seconds, number)))
        seconds -= every
        number += 1
    put_events(world, *_get_group_and_stream(world, part), events)


@happening("rejected-flows")
def write_rejected_flows(
    world: World, span: TimeSpanBack, *, tier: str, port: int, every: float = 20.0
) -> None:
    """Flows from tasks to a port of a tier are rejected, as the flow log has it."""
    group = world.outputs.network.flow_log_group
    if group is None:
        return
    seconds, number, events = span.begin, 0, []
    target = get_address(world, tier, 20)  # type: ignore[arg-type]
    while seconds >= span.end:
        time = int(world.get_time(seconds).timestamp())
        source = get_address(world, "private", 30 + number % 4)
        line = (
            f"2 123456789012 eni-0a1b2c3d4e5f{number % 7:04x}0 {source} {target} "
            f"{40_000 + number % 9999} {port} 6 3 180 {time} {time + 60} REJECT OK"
        )
        events.append((seconds, line))
        seconds -= every
        number += 1
    put_events(world, group, "eni-0a1b2c3d4e5f-all", events)


@happening("blocked-requests")
def write_blocked_requests(
    world: World,
    span: TimeSpanBack,
    *,
    rule: str,
    every: float,
    uri: str = "/api/orders",
    country: str = "SE",
) -> None:
    """WAF blocks requests of a rule, which its log and its metrics have."""
    balancer = world.outputs.load_balancer
    assert balancer is not None
    seconds, number, events = span.begin, 0, []
    while seconds >= span.end:
        record = {
            "timestamp": int(world.get_time(seconds).timestamp() * 1000),
            "formatVersion": 1,
            "webaclId": balancer.web_acl_arn,
            "terminatingRuleId": rule,
            "terminatingRuleType": "MANAGED_RULE_GROUP",
            "action": "BLOCK",
            "httpSourceName": "ALB",
            "httpSourceId": balancer.arn.partition(":loadbalancer/")[2],
            "httpRequest": {
                "clientIp": f"203.0.113.{number % 200 + 1}",
                "country": country,
                "uri": uri,
                "httpMethod": "POST",
                "headers": [{"name": "User-Agent", "value": "Mozilla/5.0"}],
            },
        }
        events.append((seconds, json.dumps(record)))
        seconds -= every
        number += 1
    group = find_firewall_group(world)
    if group is not None:
        put_events(world, group, f"{world.region}_{world.name}-alb_0", events)
    world.change_metric(span, "firewall", "BlockedRequests", "plus", 60 / every)


def put_events(world: World, group: str, stream: str, events: Sequence[tuple[float, str]]) -> None:
    """Writes lines with their times, in seconds before the diagnosis, once all are in the past."""

    def write() -> None:
        logs = world.client("logs")
        known = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)
        if not known["logStreams"]:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        records = [
            {"timestamp": int(world.get_time(seconds).timestamp() * 1000), "message": message}
            for seconds, message in events
        ]
        for first in range(0, len(records), 5000):
            logs.put_log_events(
                logGroupName=group, logStreamName=stream, logEvents=records[first : first + 5000]
            )

    world.at_end.append(write)


def find_firewall_group(world: World) -> str | None:
    """The log group of WAF; its name begins so, or AWS refuses it."""
    answer = world.client("logs").describe_log_groups(logGroupNamePrefix="aws-waf-logs-")
    groups: list[Any] = answer["logGroups"]
    return str(groups[0]["logGroupName"]) if groups else None


def _format_line(
    world: World, part: str, text: str, level: str | None, seconds: float, number: int
) -> str:
    time = world.get_time(seconds)
    if part.startswith("database"):
        address = get_address(world, "private", 30 + number % 4)
        prefix = f"{address}({40_000 + number % 999}):bulwark_admin@app:[{2100 + number % 40}]"
        return f"{time:%Y-%m-%d %H:%M:%S} UTC:{prefix}:{text}"
    if level is None:
        return text
    return json.dumps({"time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "level": level, "message": text})


def _get_group_and_stream(world: World, part: str) -> tuple[str, str]:
    if part == "database":
        identifier = world.outputs.database.identifier
        return f"/aws/rds/instance/{identifier}/postgresql", f"{identifier}.0"
    if part == "fleet":
        assert world.outputs.fleet is not None
        return world.outputs.fleet.log_group, "i-0123456789abcdef0"
    if part.startswith("function/"):
        name = part.partition("/")[2]
        return f"/aws/lambda/{world.name}-{name}", "2026/01/01/[$LATEST]0123456789abcdef"
    service = get_service_part(world, part)
    task = "".join(f"{ord(letter):02x}" for letter in f"{get_cluster(world)}{part}")[:32]
    return service.log_group, f"{service.container}/{service.container}/{task}"
