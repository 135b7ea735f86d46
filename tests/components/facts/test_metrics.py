"""The facts of metrics have what dashboards draw and alarms watch."""

from components.alarm_registry import burn_rate, cache, database, load_balancer, network, services
from components.alarm_registry.model import AlarmEntry, MetricStatistic
from components.dashboard_graphs import DASHBOARD_GRAPHS
from components.facts.metrics import METRIC_FACTS, PERCENTILES

FACTS = {(fact.namespace, fact.aws_name): fact for facts in METRIC_FACTS.values() for fact in facts}


def list_watched_metrics() -> list[MetricStatistic]:
    entries = [
        entry
        for module in (cache, database, load_balancer, network, services, burn_rate)
        for value in vars(module).values()
        if isinstance(value, tuple)
        for entry in value
        if isinstance(entry, AlarmEntry)
    ]
    assert len(entries) > 25
    metrics = [
        metric
        for entry in entries
        for metric in (
            [entry.metric]
            if isinstance(entry.metric, MetricStatistic)
            else entry.metric.metrics.values()
        )
    ]
    return [*metrics, *(e.metric for graph in DASHBOARD_GRAPHS for e in graph.extra_metrics)]


def test_every_metric_of_dashboards_and_alarms_can_be_shown() -> None:
    watched = {(metric.namespace, metric.name) for metric in list_watched_metrics()}
    days_left = ("AWS/CertificateManager", "DaysToExpiry")  # `ops health` says them
    assert watched - set(FACTS) <= {days_left}


def test_statistics_of_alarms_mean_something() -> None:
    for metric in list_watched_metrics():
        fact = FACTS.get((metric.namespace, metric.name))
        if fact is not None:
            stat = PERCENTILES if metric.stat.startswith("p") else metric.stat
            assert stat in fact.valid_stats, (metric, fact.valid_stats)
