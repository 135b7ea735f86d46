"""What a deployment shows a person: its picture, its cost, its alarms, its page."""

import json
import re
from xml.etree import ElementTree

import pytest

from ops.prices.estimate import is_free_type
from sandbox.billing import list_priced_resources
from sandbox.diagram import list_allowed_calls, list_boxes, list_type_counts, render_diagram
from sandbox.program import PROJECT_ROOT, ResourceGraph
from sandbox.report import build_summary, render_page
from tests.world import run_whole_program


@pytest.fixture(scope="module")
def prod_graph() -> ResourceGraph:
    return run_whole_program("prod")


@pytest.fixture(scope="module")
def dev_graph() -> ResourceGraph:
    return run_whole_program("dev")


def test_every_type_that_a_stack_registers_has_a_price_or_is_known_to_be_free() -> None:
    everything = run_whole_program(
        "sandbox",
        {
            "compute": "both",
            "cache": {"enabled": True},
            "database": {"replicas": 1},
            "network": {"flowLogs": ["cloudwatch", "s3"], "interfaceEndpoints": ["ecr.api"]},
        },
    )
    lines = build_summary(everything, "all").costs
    assert {cost.component for cost in lines} >= {"network", "alb", "database", "fleet", "cache"}
    assert not is_free_type("aws:ec2/natGateway:NatGateway")


@pytest.mark.parametrize(
    ("stack", "overrides", "most"), [("dev", {}, 60), ("dev", {"compute": "none"}, 20)]
)
def test_dev_costs_no_more_than_it_may(stack: str, overrides: dict[str, str], most: float) -> None:
    summary = build_summary(run_whole_program(stack, overrides), stack)
    assert 10 < summary.monthly <= most
    assert summary.usage, "what depends on use is named"


def test_the_sum_is_that_of_the_components(prod_graph: ResourceGraph) -> None:
    summary = build_summary(prod_graph, "prod")
    assert summary.monthly == pytest.approx(sum(c.monthly or 0 for c in summary.costs))
    assert summary.resources == sum(1 for r in prod_graph if r.is_in_aws)
    assert len(list_priced_resources(prod_graph)) == summary.resources


def test_the_picture_shows_each_thing_in_its_zones(prod_graph: ResourceGraph) -> None:
    zones, boxes_by_zone = list_boxes(prod_graph)
    places = {(b.title, b.tier): b.zones for b in boxes_by_zone}
    assert zones == ("a", "b", "c")
    assert places["Application Load Balancer", "public"] == ("a", "b", "c")
    assert [b.zones for b in boxes_by_zone if b.title == "NAT gateway"] == [("a",), ("b",), ("c",)]
    assert places["PostgreSQL, primary and standby", "database"] == ("a", "b")
    assert places["Fargate service backend", "private"] == ("a", "b", "c")


def test_the_picture_of_dev_has_one_nat_instance_and_no_standby(dev_graph: ResourceGraph) -> None:
    titles = [b.title for b in list_boxes(dev_graph)[1]]
    assert titles.count("NAT instance") == 1
    assert "PostgreSQL, single zone" in titles


def test_the_picture_tells_who_may_call_whom(prod_graph: ResourceGraph) -> None:
    assert "services-backend-tasks may call database-server on 5433" in list_allowed_calls(
        prod_graph
    )


def test_what_stands_in_the_recovery_region_is_counted_apart(prod_graph: ResourceGraph) -> None:
    counts = list_type_counts(prod_graph, region="eu-west-1")
    assert "1 replica of the automated backups" in counts
    assert "1 S3 bucket" in counts


def test_the_picture_is_whole_svg_and_says_what_is_in_the_repository(
    prod_graph: ResourceGraph,
) -> None:
    picture = render_diagram(prod_graph, "bulwark, prod")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    committed_svg = (PROJECT_ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert committed_svg == picture, "write it anew: python -m sandbox.diagram"


def list_arrow_labels(graph: ResourceGraph) -> list[str]:
    root = ElementTree.fromstring(render_diagram(graph, "x"))
    arrows = [part for part in root.iter() if part.get("class") == "arrow"]
    return [title.text or "" for arrow in arrows for title in arrow if "title" in title.tag]


def test_the_picture_has_arrows_of_requests_queries_the_way_out_backups_and_alarms(
    prod_graph: ResourceGraph, dev_graph: ResourceGraph
) -> None:
    labels = ["requests", "out by NAT", "SQL", "metrics, alarms", "backups"]
    assert sorted(list_arrow_labels(prod_graph)) == sorted(labels)
    assert sorted(list_arrow_labels(dev_graph)) == sorted(labels)
    nothing = run_whole_program("dev", {"compute": "none"})
    assert "requests" not in list_arrow_labels(nothing)
    assert "SQL" not in list_arrow_labels(nothing)


def test_the_costs_of_alarms_are_one_line_with_their_number_and_their_sum(
    prod_graph: ResourceGraph,
) -> None:
    summary = build_summary(prod_graph, "x")
    groups = [group for group in summary.cost_groups if group.component == "alarms"]
    assert len(groups) == len({group.what for group in groups}) < 6
    assert sum(group.count for group in groups) > 50
    assert sum(g.monthly for g in summary.cost_groups) == pytest.approx(summary.monthly)
    text = render_page(summary, prod_graph)
    cost_rows = text.partition("<h2>Cost</h2>")[2].partition("<h3>")[0]
    assert cost_rows.count("<tr>") == len(summary.cost_groups)


def test_table_cells_have_labels_for_narrow_screens(
    prod_graph: ResourceGraph,
) -> None:
    text = render_page(build_summary(prod_graph, "x"), prod_graph)
    assert '<meta name="viewport" content="width=device-width' in text
    assert "@media (max-width: 600px)" in text
    assert "<td>" in text
    for row in re.findall(r"<tr>(.*?)(?=<tr|</table>)", text, re.S):
        first, *others = re.findall(r"<td([^>]*)>", row)
        assert "data-h" not in first
        assert all("data-h" in cell for cell in others) or "<b>all" in row or "<code>" in row


def test_the_page_holds_the_picture_the_costs_the_alarms_and_the_outputs(
    prod_graph: ResourceGraph,
) -> None:
    summary = build_summary(prod_graph, "bulwark prod")
    text = render_page(summary, prod_graph)
    assert text.count("<svg") == 1
    assert f"{summary.monthly:.2f} $" in text
    assert all(alarm.name in text for alarm in summary.alarms)
    assert summary.alarms
    assert json.dumps(summary.outputs["database"]["identifier"])[1:-1] in text


def test_no_secret_is_on_the_page(prod_graph: ResourceGraph) -> None:
    text = render_page(build_summary(prod_graph, "x"), prod_graph)
    (password,) = [
        r.outputs["result"]
        for r in prod_graph.list_resources("random:index/randomPassword:RandomPassword")
    ]
    assert password not in text
