"""The architecture as a picture, made from what the program registered and nothing else.

Zones are columns, tiers are rows; what stands in a subnet is drawn there, what spans zones spans
its columns, what stands in the recovery region is drawn apart. `python -m sandbox.diagram` writes
docs/architecture.svg.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from sandbox.program import ROOT, Graph, Registered

TIERS: Final = ("public", "private", "database")
LABEL_W: Final = 92
ZONE_W: Final = 250
GAP: Final = 14
ROW_H: Final = 118
BOX_H: Final = 40
SIDE_W: Final = 250
# What a tier and a box look like: fill and line.
COLOURS: Final = {
    "public": ("#f1f8ee", "#7aa95c"),
    "private": ("#eef4fb", "#5b8fc7"),
    "database": ("#f6f0fa", "#8f6bb3"),
    "side": ("#fafafa", "#9a9a9a"),
    "recovery": ("#fff6ec", "#d08b3c"),
}
# What is listed at the side by count, by type, in order.
COUNTED: Final = {
    "aws:kms/key:Key": "KMS key",
    "aws:secretsmanager/secret:Secret": "secret",
    "aws:ecr/repository:Repository": "image repository",
    "aws:sns/topic:Topic": "SNS topic",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "metric alarm",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "composite alarm",
    "aws:cloudwatch/dashboard:Dashboard": "dashboard",
    "aws:cloudwatch/logGroup:LogGroup": "log group",
    "aws:lambda/function:Function": "rotation function",
    "aws:backup/vault:Vault": "backup vault",
    "aws:backup/plan:Plan": "backup plan",
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": "restore testing plan",
    "aws:s3/bucket:Bucket": "S3 bucket",
    "aws:ssm/parameter:Parameter": "SSM parameter",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": (
        "replica of the automated backups"
    ),
}


@dataclass(frozen=True)
class Box:
    """Something drawn in a tier: over the columns of its zones, on a line of its own."""

    tier: str
    zones: tuple[str, ...]
    title: str
    detail: str


def boxes(graph: Graph) -> tuple[tuple[str, ...], list[Box]]:
    """(zones, boxes): what stands where, read from subnets and what names them."""
    places: dict[str, tuple[str, str]] = {}  # subnet id to (tier, zone)
    for subnet in graph.all("aws:ec2/subnet:Subnet"):
        zone = str(subnet.inputs["availabilityZone"])[-1]
        tier = next((t for t in TIERS if t in subnet.name.split("-")), "private")
        places[subnet.id] = (tier, zone)
    zones = tuple(sorted({zone for _, zone in places.values()}))
    found = (
        _balancers(graph, places),
        _nats(graph, places),
        _compute(graph, zones),
        _data(graph, zones),
    )  # sorted, since a program registers in no certain order
    return zones, [box for kind in found for box in sorted(kind, key=lambda b: (b.title, b.zones))]


def _zones_of(subnets: Sequence[str], places: dict[str, tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted({places[s][1] for s in subnets if s in places}))


def _balancers(graph: Graph, places: dict[str, tuple[str, str]]) -> list[Box]:
    found = []
    for alb in graph.all("aws:lb/loadBalancer:LoadBalancer"):
        listeners = {str(x.inputs["protocol"]) for x in graph.all("aws:lb/listener:Listener")}
        waf = " · WAF" if graph.all("aws:wafv2/webAcl:WebAcl") else ""
        zones = _zones_of(alb.inputs.get("subnets") or (), places)
        found.append(
            Box("public", zones, "Application Load Balancer", "/".join(sorted(listeners)) + waf)
        )
    return found


def _nats(graph: Graph, places: dict[str, tuple[str, str]]) -> list[Box]:
    kinds = {
        "aws:ec2/natGateway:NatGateway": "NAT gateway",
        "aws:ec2/instance:Instance": "NAT instance",
    }
    return [
        Box("public", _zones_of([nat.inputs["subnetId"]], places), title, _nat_detail(nat))
        for type_, title in kinds.items()
        for nat in graph.all(type_)
        if nat.inputs.get("subnetId") in places
    ]


def _nat_detail(nat: Registered) -> str:
    return str(nat.inputs.get("instanceType") or "own address")


def _compute(graph: Graph, zones: tuple[str, ...]) -> list[Box]:
    tasks = {t.parent: t for t in graph.all("aws:ecs/taskDefinition:TaskDefinition")}
    found = []
    for service in graph.all("aws:ecs/service:Service"):
        task = tasks.get(service.parent)
        size = f" · {task.inputs['cpu']} CPU, {task.inputs['memory']} MiB" if task else ""
        name = service.inputs.get("name") or service.name
        count = float(service.inputs.get("desiredCount") or 0)
        found.append(Box("private", zones, f"Fargate service {name}", f"{count:g} tasks{size}"))
    for group in graph.all("aws:autoscaling/group:Group"):
        limits = f"{group.inputs['minSize']:g}-{group.inputs['maxSize']:g} instances"
        found.append(Box("private", zones, "EC2 Auto Scaling group", limits))
    return found


def _data(graph: Graph, zones: tuple[str, ...]) -> list[Box]:
    found = []
    for instance in graph.all("aws:rds/instance:Instance"):
        inputs = instance.inputs
        if inputs.get("replicateSourceDb"):
            found.append(Box("database", zones[-1:], "Read replica", inputs["instanceClass"]))
            continue
        size = f"{inputs['instanceClass']}, {inputs.get('allocatedStorage') or 0:g} GiB"
        over = zones[:2] if inputs.get("multiAz") else zones[:1]
        what = "primary and standby" if inputs.get("multiAz") else "single zone"
        found.append(Box("database", over, f"PostgreSQL, {what}", size))
    for cache in graph.all("aws:elasticache/replicationGroup:ReplicationGroup"):
        nodes = int(cache.inputs.get("numCacheClusters") or 1)
        detail = f"{nodes} x {cache.inputs['nodeType']}"
        title = f"ElastiCache {cache.inputs.get('engine')}"
        found.append(Box("private", zones[:nodes] or zones, title, detail))
    return found


def counted(graph: Graph, *, region: str | None) -> list[str]:
    """Lines like "3 KMS keys": what is not in a subnet, in the stack's region or another."""
    found = Counter(
        r.type for r in graph if r.custom and (r.inputs.get("region") or None) == region
    )
    return [
        f"{found[type_]} {word if found[type_] == 1 else _plural(word)}"
        for type_, word in COUNTED.items()
        if found[type_]
    ]


def allowed(graph: Graph) -> list[str]:
    """Lines like "alb may call backend on 8080", from the rules of security groups."""
    names = {g.id: g.name for g in graph.all("aws:ec2/securityGroup:SecurityGroup")}
    rules = graph.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    return sorted(
        f"{names[rule.inputs['securityGroupId']]} may call {names[server]} "
        f"on {rule.inputs['fromPort']:g}"
        for rule in rules
        if (server := rule.inputs.get("referencedSecurityGroupId")) in names
        and rule.inputs["securityGroupId"] in names
    )


def _plural(word: str) -> str:
    if word.endswith("ory"):
        return word[:-1] + "ies"
    return word if word.startswith("replica of") else word + "s"


def draw(graph: Graph, title: str) -> str:
    """The picture as SVG, self-contained."""
    zones, found = boxes(graph)
    rows = {tier: _lines([b for b in found if b.tier == tier]) for tier in TIERS}
    heights = {t: max(ROW_H, len(r) * (BOX_H + 8) + 34) for t, r in rows.items()}
    inner = len(zones) * (ZONE_W + GAP)
    regions = sorted(
        {str(r.inputs["region"]) for r in graph if r.custom and r.inputs.get("region")}
    )
    width = LABEL_W + inner + SIDE_W + 3 * GAP
    top = 96
    body_h = sum(heights.values()) + GAP * len(TIERS)
    svg = [_text(GAP, 30, title, 18, bold=True)]
    edge = any(b.title.startswith("Application") for b in found)
    between = LABEL_W + ZONE_W + GAP / 2  # between two zones: no zone's name is there
    svg.append(_text(between, 58, "internet" if edge else "no way in", 12, middle=True))
    for index, zone in enumerate(zones):
        x = LABEL_W + index * (ZONE_W + GAP)
        svg.append(_text(x + ZONE_W / 2, top - 8, f"zone {zone}", 12, middle=True))
    y = float(top)
    for tier in TIERS:
        fill, line = COLOURS[tier]
        svg.append(_rect(LABEL_W, y, inner - GAP, heights[tier], fill, line))
        svg.append(_text(GAP, y + 22, tier, 13, bold=True))
        svg.append(_text(GAP, y + 40, "no way out" if tier == "database" else "", 11))
        for row, boxes_in_row in enumerate(rows[tier]):
            for box in boxes_in_row:
                svg += _box(box, zones, y + 22 + row * (BOX_H + 8), line)
        y += heights[tier] + GAP
    if edge:
        svg.append(_arrow(between, 64, top + 22))
    calls = allowed(graph)
    svg += [_text(LABEL_W + 12, y + 16 + 18 * n, text, 12) for n, text in enumerate(calls)]
    body_h += 18 * len(calls) + GAP
    svg += _side(counted(graph, region=None), LABEL_W + inner + GAP, float(top), "this region")
    for index, region in enumerate(regions):
        x = LABEL_W + inner + GAP
        offset = top + 40 + 18 * len(counted(graph, region=None)) + 20 + index * 200
        svg += _side(counted(graph, region=region), x, float(offset), region, "recovery")
        body_h = max(body_h, offset + 40 + 18 * len(counted(graph, region=region)) - top)
    side_h = 40 + 18 * len(counted(graph, region=None))
    height = top + max(body_h, side_h) + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(svg) + "\n</svg>\n"
    )


def _lines(found: list[Box]) -> list[list[Box]]:
    """The boxes of a tier on as few lines as their zones allow."""
    lines: list[list[Box]] = []
    for box in found:
        for line in lines:
            if not {z for other in line for z in other.zones} & set(box.zones):
                line.append(box)
                break
        else:
            lines.append([box])
    return lines


def _box(box: Box, zones: tuple[str, ...], y: float, line: str) -> list[str]:
    first, last = zones.index(box.zones[0]), zones.index(box.zones[-1])
    x = LABEL_W + first * (ZONE_W + GAP) + 10
    width = (last - first) * (ZONE_W + GAP) + ZONE_W - 20
    return [
        _rect(x, y, width, BOX_H, "#ffffff", line),
        _text(x + width / 2, y + 17, box.title, 12, bold=True, middle=True),
        _text(x + width / 2, y + 32, box.detail, 11, middle=True),
    ]


def _side(lines: list[str], x: float, y: float, title: str, kind: str = "side") -> list[str]:
    fill, line = COLOURS[kind]
    return [
        _rect(x, y, SIDE_W, 34 + 18 * len(lines), fill, line),
        _text(x + 12, y + 22, title, 13, bold=True),
        *(_text(x + 12, y + 42 + 18 * n, text, 12) for n, text in enumerate(lines)),
    ]


def _rect(x: float, y: float, width: float, height: float, fill: str, line: str) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
        f'fill="{fill}" stroke="{line}"/>'
    )


def _text(
    x: float, y: float, text: str, size: int, *, bold: bool = False, middle: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    anchor = ' text-anchor="middle"' if middle else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}"{weight}{anchor} fill="#222">'
        f"{escape(text)}</text>"
    )


def _arrow(x: float, y1: float, y2: float) -> str:
    return (
        f'<path d="M{x:g} {y1:g} V{y2 - 6:g}" stroke="#666" fill="none"/>'
        f'<path d="M{x - 4:g} {y2 - 8:g} L{x:g} {y2:g} L{x + 4:g} {y2 - 8:g} Z" fill="#666"/>'
    )


def of_stack(stack: str) -> str:
    """The picture of a stack, deployed into an in-memory AWS."""
    from sandbox.deploy import deploy, in_memory_aws, region_of  # imports the AWS provider: 5 s

    with in_memory_aws(region_of(stack)):
        return draw(deploy(stack).graph, f"bulwark, {stack}")


if __name__ == "__main__":
    (ROOT / "docs" / "architecture.svg").write_text(of_stack("prod"), encoding="utf-8")
