"""What metrics show: single ones, and what goes together when something is slow or fails."""

from sandbox.incidents.metric_levels import CLIENT_ERROR_SHARE, ERROR_SHARE, OWN_ERROR_SHARE
from sandbox.incidents.metric_model import Operation
from sandbox.incidents.model import happening
from sandbox.incidents.world import TimeSpanBack, World


@happening("metric")
def change_metric(
    world: World,
    span: TimeSpanBack,
    *,
    subject: str,
    metric: str,
    set: float | None = None,  # noqa: A002
    times: float | None = None,
    plus: float | None = None,
    ramp: float = 0.0,
) -> None:
    """A metric of a subject is set, multiplied or raised; `ramp` is in minutes."""
    operation, value = _choose_operation(set, times, plus)
    world.change_metric(span, subject, metric, operation, value, ramp)


@happening("no-metric")
def stop_metric(world: World, span: TimeSpanBack, *, subject: str, metric: str) -> None:
    """No data point is sent."""
    world.change_metric(span, subject, metric, "gone", 0.0)


@happening("metrics-lag")
def delay_metrics(world: World, span: TimeSpanBack, *, minutes: float = 5.0) -> None:
    """CloudWatch has nothing of the last minutes yet."""
    world.model.lag_minutes = minutes


@happening("slow-answers")
def slow_down(
    world: World, span: TimeSpanBack, *, service: str, times: float, ramp: float = 2.0
) -> None:
    """A service's answers take so many times as long, and connections stay open."""
    world.change_metric(span, f"targets/{service}", "TargetResponseTime", "times", times, ramp)
    share = min(times, 20.0) / 10
    world.change_metric(span, "load-balancer", "ActiveConnectionCount", "times", 1 + share, ramp)


@happening("error-answers")
def answer_with_errors(
    world: World, span: TimeSpanBack, *, service: str, share: float, ramp: float = 1.0
) -> None:
    """A share of a service's answers is 5xx."""
    world.change_metric(span, f"targets/{service}", ERROR_SHARE, "set", share, ramp)


@happening("client-errors")
def answer_with_client_errors(
    world: World, span: TimeSpanBack, *, service: str, share: float, ramp: float = 1.0
) -> None:
    """A share of a service's answers is 4xx."""
    world.change_metric(span, f"targets/{service}", CLIENT_ERROR_SHARE, "set", share, ramp)


@happening("balancer-errors")
def answer_by_balancer(
    world: World, span: TimeSpanBack, *, share: float, ramp: float = 1.0
) -> None:
    """The load balancer itself answers a share of all requests with 502, 503 or 504."""
    world.change_metric(span, "load-balancer", OWN_ERROR_SHARE, "set", share, ramp)


@happening("targets-fail")
def fail_targets(
    world: World, span: TimeSpanBack, *, service: str, healthy: float, unhealthy: float
) -> None:
    """So many targets of a service are healthy and unhealthy, as the load balancer reports."""
    world.change_metric(span, f"targets/{service}", "HealthyHostCount", "set", healthy)
    world.change_metric(span, f"targets/{service}", "UnHealthyHostCount", "set", unhealthy)


@happening("tasks-missing")
def lose_tasks(
    world: World, span: TimeSpanBack, *, service: str, running: float, wanted: float | None = None
) -> None:
    """So many tasks run, and so many are wanted."""
    world.change_metric(span, f"service/{service}", "RunningTaskCount", "set", running)
    if wanted is not None:
        world.change_metric(span, f"service/{service}", "DesiredTaskCount", "set", wanted)


@happening("no-requests")
def lose_requests(world: World, span: TimeSpanBack, *, service: str, share: float = 1.0) -> None:
    """A share of the usual requests does not reach a service."""
    world.change_metric(span, f"targets/{service}", "RequestCount", "times", 1 - share)


@happening("more-requests")
def add_requests(
    world: World, span: TimeSpanBack, *, times: float, service: str = "*", ramp: float = 3.0
) -> None:
    """So many times as many requests, and the work that they make everywhere."""
    world.change_metric(span, f"targets/{service}", "RequestCount", "times", times, ramp)
    for metric in ("ActiveConnectionCount", "NewConnectionCount", "ConsumedLCUs"):
        world.change_metric(span, "load-balancer", metric, "times", times, ramp)
    world.change_metric(span, "firewall", "AllowedRequests", "times", times, ramp)
    world.change_metric(span, f"service/{service}", "CPUUtilization", "times", times, ramp)
    if service in ("*", "fleet"):
        world.change_metric(span, "fleet", "CPUUtilization", "times", times, ramp)
        for metric in ("NetworkIn", "NetworkOut"):
            world.change_metric(span, "fleet", metric, "times", times, ramp)
    part = 1 + (times - 1) * 0.5
    for metric in ("CPUUtilization", "DBLoad", "DBLoadCPU", "ReadIOPS", "WriteIOPS"):
        world.change_metric(span, "database", metric, "times", part, ramp)
    for metric in ("CacheHits", "CacheMisses", "EngineCPUUtilization"):
        world.change_metric(span, "cache/*", metric, "times", part, ramp)


@happening("database-waits")
def raise_load(
    world: World, span: TimeSpanBack, *, load: float, cpu: float = 0.0, ramp: float = 3.0
) -> None:
    """So many sessions of the database are active, `cpu` of them on a CPU and the rest waiting."""
    world.change_metric(span, "database", "DBLoad", "set", load, ramp)
    world.change_metric(span, "database", "DBLoadCPU", "set", cpu, ramp)
    world.change_metric(span, "database", "DBLoadNonCPU", "set", load - cpu, ramp)


def _choose_operation(
    set_value: float | None, times: float | None, plus: float | None
) -> tuple[Operation, float]:
    operations: tuple[tuple[Operation, float | None], ...] = (
        ("set", set_value),
        ("times", times),
        ("plus", plus),
    )
    chosen = [(operation, value) for operation, value in operations if value is not None]
    if len(chosen) != 1:
        raise ValueError("metric takes one of set, times and plus")
    return chosen[0]
