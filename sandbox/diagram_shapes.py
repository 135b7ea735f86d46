"""The shapes of the architecture's picture, as SVG: boxes, texts and arrows between boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

BOX_HEIGHT: Final = 40
SIDE_WIDTH: Final = 250
PROGRAM_TITLES: Final = ("Fargate", "EC2")  # what serves requests and queries the database


@dataclass(frozen=True)
class BoxPlace:
    """Where a box is: its left upper corner and its width, in the units of the picture."""

    title: str
    x: float
    y: float
    width: float


def render_arrows(
    places: Mapping[str, Sequence[BoxPlace]],
    entry_x: float,
    side_x: float,
    side_bottoms: tuple[float, float],
) -> list[str]:
    """The arrows: requests in, queries, the way out by NAT, backups, and metrics for the alarms.

    Requests come in at `entry_x`, between two zones. `side_bottoms` are the lower edges of the
    boxes beside the tiers, which hold backups and alarms.
    """
    balancers = [p for p in places["public"] if p.title.startswith("Application")]
    gateways = [p for p in places["public"] if p.title.startswith("NAT")]
    programs = [p for p in places["private"] if p.title.startswith(PROGRAM_TITLES)]
    databases = places["database"]
    arrows: list[str] = []
    for balancer in balancers:
        arrows.append(render_arrow([(entry_x, 64), (entry_x, balancer.y)], "requests"))
        for program in programs:
            bus_x = balancer.x - 5
            points = [
                (balancer.x, balancer.y + BOX_HEIGHT / 2),
                (bus_x, balancer.y + BOX_HEIGHT / 2),
                (bus_x, program.y + BOX_HEIGHT / 2),
                (program.x, program.y + BOX_HEIGHT / 2),
            ]
            arrows.append(render_arrow(points))
    for number, gateway in enumerate(gateways):
        x = gateway.x + gateway.width - 12
        if programs:
            first_y = min(program.y for program in programs)
            label = "" if number else "out by NAT"
            arrows.append(render_arrow([(x, first_y), (x, gateway.y + BOX_HEIGHT)], label))
        arrows.append(render_arrow([(x, gateway.y), (x, 64)]))
    for program in programs:
        right = program.x + program.width
        for database in databases:
            x, lane_y = database.x + database.width / 2, databases[0].y - 11
            points = [
                (right, program.y + BOX_HEIGHT / 2),
                (right + 5, program.y + BOX_HEIGHT / 2),
                (right + 5, lane_y),
                (x, lane_y),
                (x, database.y),
            ]
            label = "SQL" if program is programs[0] and database is databases[0] else ""
            arrows.append(render_arrow(points, label))
    own_bottom, lowest_bottom = side_bottoms
    if programs:
        y = min(programs[0].y + BOX_HEIGHT / 2 + 10, own_bottom - 12)
        right = programs[0].x + programs[0].width
        arrows.append(render_arrow([(right, y), (side_x, y)], "metrics, alarms"))
    if databases:
        last = max(databases, key=lambda place: place.x + place.width)
        y, x = last.y + BOX_HEIGHT / 2 + 6, side_x + SIDE_WIDTH / 2
        points = [(last.x + last.width, y), (x, y), (x, lowest_bottom)]
        is_below = y > lowest_bottom + 8
        if not is_below:
            points = [(last.x + last.width, y), (side_x, y)]
        arrows.append(render_arrow(points, "backups"))
    return arrows


def render_rectangle(
    x: float, y: float, width: float, height: float, fill: str, line_colour: str
) -> str:
    """Renders a box with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
        f'fill="{fill}" stroke="{line_colour}"/>'
    )


def render_text(
    x: float, y: float, text: str, size: int, *, bold: bool = False, centred: bool = False
) -> str:
    """Renders a line of text; `size` is its height."""
    weight = ' font-weight="600"' if bold else ""
    anchor = ' text-anchor="middle"' if centred else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}"{weight}{anchor} fill="#222">'
        f"{escape(text)}</text>"
    )


def render_arrow(points: Sequence[tuple[float, float]], label: str = "") -> str:
    """A line through points, with its head at the last one and a label beside it."""
    (before_x, before_y), (x, y) = points[-2], points[-1]
    step_x = (x > before_x) - (x < before_x)
    step_y = (y > before_y) - (y < before_y)
    base_x, base_y = x - 8 * step_x, y - 8 * step_y
    line = " ".join(f"L{px:g} {py:g}" for px, py in [*points[1:-1], (base_x, base_y)])
    head = (
        f"M{base_x + 4 * step_y:g} {base_y + 4 * step_x:g} L{x:g} {y:g} "
        f"L{base_x - 4 * step_y:g} {base_y - 4 * step_x:g} Z"
    )
    title = f"<title>{escape(label)}</title>" if label else ""
    text = ""
    if label:
        label_x = x + 6 if step_y else x - 6 - 6 * len(label)  # 6 a character of 11 pixels
        text = render_text(label_x, y + {1: -3, -1: 18, 0: -4}[step_y], label, 11)
    return (
        f'<g class="arrow">{title}<path d="M{points[0][0]:g} {points[0][1]:g} {line}" '
        f'stroke="#666" fill="none"/><path d="{head}" fill="#666"/>{text}</g>'
    )
