"""The architecture as a picture, made from what the program registered and nothing else.

Zones are columns, tiers are rows. A resource in a subnet is drawn there; one of several zones spans
their columns; the recovery region is drawn apart. `python -m sandbox.diagram` writes
docs/architecture.svg.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from sandbox.diagram_shapes import (
    BOX_HEIGHT,
    SIDE_WIDTH,
    BoxPlace,
    render_arrows,
    render_rectangle,
    render_text,
)
from sandbox.program import PROJECT_ROOT, RegisteredResource, ResourceGraph

DIAGRAM_TIERS: Final = ("public", "private", "database")
TIER_LABEL_WIDTH: Final = 92
ZONE_WIDTH: Final = 250
GAP_WIDTH: Final = 14
MIN_ROW_HEIGHT: Final = 118
ARROW_WIDTH: Final = 100  # between the tiers and what is beside them: an arrow and its label
# What a tier and a box look like: fill and line.
TIER_COLOURS: Final = {
    "public": ("#f1f8ee", "#7aa95c"),
    "private": ("#eef4fb", "#5b8fc7"),
    "database": ("#f6f0fa", "#8f6bb3"),
    "side": ("#fafafa", "#9a9a9a"),
    "recovery": ("#fff6ec", "#d08b3c"),
}
# Types that are listed at the side with a count, in order.
COUNTED_TYPES: Final = {
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
class DiagramBox:
    """A box in a tier: over the columns of its zones, on its own line."""

    tier: str
    zones: tuple[str, ...]
    title: str
    detail: str


def list_boxes(graph: ResourceGraph) -> tuple[tuple[str, ...], list[DiagramBox]]:
    """(zones, boxes): the place of each resource, read from the subnets that it names."""
    subnet_places: dict[str, tuple[str, str]] = {}  # subnet id to (tier, zone)
    for subnet in graph.list_resources("aws:ec2/subnet:Subnet"):
        zone = str(subnet.inputs["availabilityZone"])[-1]
        tier = next(
            (tier_name for tier_name in DIAGRAM_TIERS if tier_name in subnet.name.split("-")),
            "private",
        )
        subnet_places[subnet.id] = (tier, zone)
    zones = tuple(sorted({zone for _, zone in subnet_places.values()}))
    boxes_by_kind = (
        _list_load_balancer_boxes(graph, subnet_places),
        _list_nat_boxes(graph, subnet_places),
        _list_compute_boxes(graph, zones),
        _list_data_boxes(graph, zones),
    )  # sorted, since the order of registration varies
    return zones, [
        box
        for kind_boxes in boxes_by_kind
        for box in sorted(
            kind_boxes, key=lambda diagram_box: (diagram_box.title, diagram_box.zones)
        )
    ]


def _list_subnet_zones(
    subnets: Sequence[str], subnet_places: dict[str, tuple[str, str]]
) -> tuple[str, ...]:
    return tuple(
        sorted({subnet_places[subnet][1] for subnet in subnets if subnet in subnet_places})
    )


def _list_load_balancer_boxes(
    graph: ResourceGraph, subnet_places: dict[str, tuple[str, str]]
) -> list[DiagramBox]:
    load_balancer_boxes = []
    for load_balancer in graph.list_resources("aws:lb/loadBalancer:LoadBalancer"):
        listeners = {
            str(listener.inputs["protocol"])
            for listener in graph.list_resources("aws:lb/listener:Listener")
        }
        waf = " · WAF" if graph.list_resources("aws:wafv2/webAcl:WebAcl") else ""
        zones = _list_subnet_zones(load_balancer.inputs.get("subnets") or (), subnet_places)
        load_balancer_boxes.append(
            DiagramBox(
                "private" if load_balancer.inputs.get("internal") else "public",
                zones,
                "Application Load Balancer",
                "/".join(sorted(listeners)) + waf,
            )
        )
    return load_balancer_boxes


def _list_nat_boxes(
    graph: ResourceGraph, subnet_places: dict[str, tuple[str, str]]
) -> list[DiagramBox]:
    titles_by_type = {
        "aws:ec2/natGateway:NatGateway": "NAT gateway",
        "aws:ec2/instance:Instance": "NAT instance",
    }
    return [
        DiagramBox(
            "public",
            _list_subnet_zones([nat.inputs["subnetId"]], subnet_places),
            title,
            _format_nat_detail(nat),
        )
        for type_, title in titles_by_type.items()
        for nat in graph.list_resources(type_)
        if nat.inputs.get("subnetId") in subnet_places
    ]


def _format_nat_detail(nat: RegisteredResource) -> str:
    return str(nat.inputs.get("instanceType") or "own address")


def _list_compute_boxes(graph: ResourceGraph, zones: tuple[str, ...]) -> list[DiagramBox]:
    task_definitions = {
        task_definition.parent: task_definition
        for task_definition in graph.list_resources("aws:ecs/taskDefinition:TaskDefinition")
    }
    compute_boxes = []
    for service in graph.list_resources("aws:ecs/service:Service"):
        service_task_definition = task_definitions.get(service.parent)
        size = (
            f" · {service_task_definition.inputs['cpu']} CPU, "
            f"{service_task_definition.inputs['memory']} MiB"
            if service_task_definition
            else ""
        )
        name = service.inputs.get("name") or service.name
        count = float(service.inputs.get("desiredCount") or 0)
        compute_boxes.append(
            DiagramBox("private", zones, f"Fargate service {name}", f"{count:g} tasks{size}")
        )
    for group in graph.list_resources("aws:autoscaling/group:Group"):
        size_range = f"{group.inputs['minSize']:g}-{group.inputs['maxSize']:g} instances"
        compute_boxes.append(DiagramBox("private", zones, "EC2 Auto Scaling group", size_range))
    return compute_boxes


def _list_data_boxes(graph: ResourceGraph, zones: tuple[str, ...]) -> list[DiagramBox]:
    data_boxes = []
    for instance in graph.list_resources("aws:rds/instance:Instance"):
        inputs = instance.inputs
        if inputs.get("replicateSourceDb"):
            data_boxes.append(
                DiagramBox("database", zones[-1:], "Read replica", inputs["instanceClass"])
            )
            continue
        size = f"{inputs['instanceClass']}, {inputs.get('allocatedStorage') or 0:g} GiB"
        box_zones = zones[:2] if inputs.get("multiAz") else zones[:1]
        placement = "primary and standby" if inputs.get("multiAz") else "single zone"
        data_boxes.append(DiagramBox("database", box_zones, f"PostgreSQL, {placement}", size))
    for cache in graph.list_resources("aws:elasticache/replicationGroup:ReplicationGroup"):
        nodes = int(cache.inputs.get("numCacheClusters") or 1)
        detail = f"{nodes} x {cache.inputs['nodeType']}"
        title = f"ElastiCache {cache.inputs.get('engine')}"
        data_boxes.append(DiagramBox("private", zones[:nodes] or zones, title, detail))
    return data_boxes


def list_type_counts(graph: ResourceGraph, *, region: str | None) -> list[str]:
    """Lines like "3 KMS keys": resources outside subnets, in the stack's region or another."""
    counts = Counter(
        resource.type
        for resource in graph
        if resource.custom and (resource.inputs.get("region") or None) == region
    )
    return [
        f"{counts[type_]} {type_word if counts[type_] == 1 else _format_plural(type_word)}"
        for type_, type_word in COUNTED_TYPES.items()
        if counts[type_]
    ]


def list_allowed_calls(graph: ResourceGraph) -> list[str]:
    """Lines like "alb may call backend on 8080", from the rules of security groups."""
    group_names = {
        security_group.id: security_group.name
        for security_group in graph.list_resources("aws:ec2/securityGroup:SecurityGroup")
    }
    rules = graph.list_resources("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    return sorted(
        f"{group_names[rule.inputs['securityGroupId']]} may call {group_names[server_group_id]} "
        f"on {rule.inputs['fromPort']:g}"
        for rule in rules
        if (server_group_id := rule.inputs.get("referencedSecurityGroupId")) in group_names
        and rule.inputs["securityGroupId"] in group_names
    )


def _format_plural(word: str) -> str:
    if word.endswith("ory"):
        return word[:-1] + "ies"
    return word if word.startswith("replica of") else word + "s"


def render_diagram(graph: ResourceGraph, title: str) -> str:
    """The picture as SVG, self-contained."""
    zones, all_boxes = list_boxes(graph)
    tier_rows = {
        tier: _pack_boxes([diagram_box for diagram_box in all_boxes if diagram_box.tier == tier])
        for tier in DIAGRAM_TIERS
    }
    heights = {
        tier_name: max(MIN_ROW_HEIGHT, len(r) * (BOX_HEIGHT + 8) + 34)
        for tier_name, r in tier_rows.items()
    }
    inner_width = len(zones) * (ZONE_WIDTH + GAP_WIDTH)
    regions = sorted(
        {str(r.inputs["region"]) for r in graph if r.custom and r.inputs.get("region")}
    )
    side_x = TIER_LABEL_WIDTH + inner_width + ARROW_WIDTH
    width = side_x + SIDE_WIDTH + GAP_WIDTH
    top_y = 96
    body_height = sum(heights.values()) + GAP_WIDTH * len(DIAGRAM_TIERS)
    svg = [render_text(GAP_WIDTH, 30, title, 18, bold=True)]
    has_public_balancer = any(
        diagram_box.title.startswith("Application") and diagram_box.tier == "public"
        for diagram_box in all_boxes
    )
    centre_x = (
        TIER_LABEL_WIDTH + ZONE_WIDTH + GAP_WIDTH / 2
    )  # between two zones, where no zone's name is
    way_in = "internet" if has_public_balancer else "no way in from the internet"
    svg.append(
        render_rectangle(TIER_LABEL_WIDTH, 42, inner_width - GAP_WIDTH, 22, "#ffffff", "#999999")
    )
    svg.append(render_text(centre_x, 57, way_in, 12, centred=True))
    for index, zone in enumerate(zones):
        x = TIER_LABEL_WIDTH + index * (ZONE_WIDTH + GAP_WIDTH)
        svg.append(render_text(x + ZONE_WIDTH / 2, top_y - 8, f"zone {zone}", 12, centred=True))
    y = float(top_y)
    box_parts: list[str] = []
    places: dict[str, list[BoxPlace]] = {tier: [] for tier in DIAGRAM_TIERS}
    for tier in DIAGRAM_TIERS:
        fill, line_colour = TIER_COLOURS[tier]
        svg.append(
            render_rectangle(
                TIER_LABEL_WIDTH, y, inner_width - GAP_WIDTH, heights[tier], fill, line_colour
            )
        )
        svg.append(render_text(GAP_WIDTH, y + 22, tier, 13, bold=True))
        svg.append(render_text(GAP_WIDTH, y + 40, "no way out" if tier == "database" else "", 11))
        for row, row_boxes in enumerate(tier_rows[tier]):
            for box in row_boxes:
                box_y = y + 22 + row * (BOX_HEIGHT + 8)
                places[tier].append(_place_box(box, zones, box_y))
                box_parts += _render_box(box, zones, box_y, line_colour)
        y += heights[tier] + GAP_WIDTH
    side_bottoms = _list_side_bottoms(graph, regions, top_y)
    svg += render_arrows(places, centre_x, side_x, side_bottoms)
    svg += box_parts  # over the lines
    allowed_calls = list_allowed_calls(graph)
    svg += [
        render_text(TIER_LABEL_WIDTH + 12, y + 16 + 18 * text_index, text, 12)
        for text_index, text in enumerate(allowed_calls)
    ]
    body_height += 18 * len(allowed_calls) + GAP_WIDTH
    svg += _render_side(
        list_type_counts(graph, region=None),
        side_x,
        float(top_y),
        "this region",
    )
    for index, region in enumerate(regions):
        x = side_x
        offset = top_y + 40 + 18 * len(list_type_counts(graph, region=None)) + 20 + index * 200
        svg += _render_side(
            list_type_counts(graph, region=region), x, float(offset), region, "recovery"
        )
        body_height = max(
            body_height, offset + 40 + 18 * len(list_type_counts(graph, region=region)) - top_y
        )
    side_height = 40 + 18 * len(list_type_counts(graph, region=None))
    height = top_y + max(body_height, side_height) + GAP_WIDTH
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(svg) + "\n</svg>\n"
    )


def _list_side_bottoms(
    graph: ResourceGraph, regions: Sequence[str], top_y: float
) -> tuple[float, float]:
    """The lower edges of the boxes beside the tiers: of this region's, and of the lowest."""
    own_bottom = top_y + 34 + 18 * len(list_type_counts(graph, region=None))
    if not regions:
        return own_bottom, own_bottom
    last_y = own_bottom + 26 + 200 * (len(regions) - 1)
    return own_bottom, last_y + 34 + 18 * len(list_type_counts(graph, region=regions[-1]))


def _place_box(box: DiagramBox, zones: tuple[str, ...], y: float) -> BoxPlace:
    first_index, last_index = zones.index(box.zones[0]), zones.index(box.zones[-1])
    x = TIER_LABEL_WIDTH + first_index * (ZONE_WIDTH + GAP_WIDTH) + 10
    width = (last_index - first_index) * (ZONE_WIDTH + GAP_WIDTH) + ZONE_WIDTH - 20
    return BoxPlace(box.title, x, y, width)


def _pack_boxes(tier_boxes: list[DiagramBox]) -> list[list[DiagramBox]]:
    """The boxes of a tier on as few lines as their zones allow."""
    rows: list[list[DiagramBox]] = []
    for box in tier_boxes:
        for row in rows:
            if not {zone for placed_box in row for zone in placed_box.zones} & set(box.zones):
                row.append(box)
                break
        else:
            rows.append([box])
    return rows


def _render_box(box: DiagramBox, zones: tuple[str, ...], y: float, line_colour: str) -> list[str]:
    place = _place_box(box, zones, y)
    x, width = place.x, place.width
    return [
        render_rectangle(x, y, width, BOX_HEIGHT, "#ffffff", line_colour),
        render_text(x + width / 2, y + 17, box.title, 12, bold=True, centred=True),
        render_text(x + width / 2, y + 32, box.detail, 11, centred=True),
    ]


def _render_side(
    lines: list[str], x: float, y: float, title: str, colour_key: str = "side"
) -> list[str]:
    fill, line_colour = TIER_COLOURS[colour_key]
    return [
        render_rectangle(x, y, SIDE_WIDTH, 34 + 18 * len(lines), fill, line_colour),
        render_text(x + 12, y + 22, title, 13, bold=True),
        *(render_text(x + 12, y + 42 + 18 * index, text, 12) for index, text in enumerate(lines)),
    ]


def render_stack_diagram(stack: str) -> str:
    """The picture of a stack, deployed into an in-memory AWS."""
    from sandbox.deploy import (  # imports the AWS provider: 5 s
        deploy_in_memory,
        get_stack_region,
        use_in_memory_aws,
    )

    with use_in_memory_aws(get_stack_region(stack)):
        return render_diagram(deploy_in_memory(stack).graph, f"bulwark, {stack}")


if __name__ == "__main__":
    (PROJECT_ROOT / "docs" / "architecture.svg").write_text(
        render_stack_diagram("prod"), encoding="utf-8"
    )
