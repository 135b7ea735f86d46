"""The table of graphs and the registry fit together."""

from components.alarm_registry import REGISTRY_ALARMS, REGISTRY_COMPOSITES
from components.dashboard_graphs import DASHBOARD_GRAPHS, DASHBOARD_NAMES, GRAPHS_BY_KEY


def test_every_alarm_names_a_graph_and_every_graph_shows_something() -> None:
    graph_keys = {entry.graph for entry in REGISTRY_ALARMS}
    assert graph_keys <= set(GRAPHS_BY_KEY)
    for graph in DASHBOARD_GRAPHS:
        assert graph.key in graph_keys or graph.extra_metrics, graph.key


def test_keys_and_titles_are_told_apart() -> None:
    assert len(GRAPHS_BY_KEY) == len(DASHBOARD_GRAPHS)
    titles = [(graph.dashboard, graph.title) for graph in DASHBOARD_GRAPHS]
    assert len(titles) == len(set(titles))


def test_a_graph_has_one_unit() -> None:
    for graph in DASHBOARD_GRAPHS:
        units = {
            entry.unit
            for entry in REGISTRY_ALARMS
            if entry.graph == graph.key and entry.on_dashboard
        }
        assert len(units) <= 1, graph.key


def test_every_composite_names_a_dashboard() -> None:
    assert {composite.dashboard for composite in REGISTRY_COMPOSITES} <= set(DASHBOARD_NAMES)
