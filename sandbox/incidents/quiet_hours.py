"""Hours in which nothing is wrong, as many as are wanted: each has other things that always happen.

An hour is the same for the same number. What happens in it is a choice of what goes on in a healthy
stack: the peak of the day, a scaling that worked, a finished deployment, an alarm that came and
went, work of others, metrics that lag, and calls that whoever asks may not make.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from sandbox.incidents.model import Happening, Incident, StackVariant, require_known

Generator = random.Random
# Reads that a role may lack: a diagnosis then knows less, and nothing is wrong for it.
DENIABLE_CALLS: Final = (
    "cloudtrail.lookup_events",
    "rds.describe_events",
    "logs.filter_log_events",
    "ecs.describe_service_revisions",
    "application-autoscaling.describe_scaling_activities",
    "elasticache.describe_events",
    "cloudwatch.describe_alarm_history",
    "ec2.describe_instance_status",
    "health.describe_events",
    "s3.list_objects_v2",
)
# What a service logs now and then, whatever its level.
HARMLESS_LINES: Final = (
    "client closed the connection before the answer was sent",
    "retrying GET https://rates.example.net after 503, attempt 1 of 3",
    "deprecated parameter sort_by is used by client mobile/4.1",
)


def build_quiet_hour(number: int) -> Incident:
    """The quiet hour of a number: its stack, its time of the day, and what happens."""
    generator = random.Random(number)
    stack: StackVariant = generator.choices(("full", "prod", "dev"), weights=(8, 1, 1))[0]
    available = [build for name, build in EVENTS.items() if _exists(name, stack)]
    chosen = generator.sample(available, generator.randint(2, 5))
    if _list_service_scaling in chosen and _list_peak in chosen:
        chosen.remove(_list_peak)  # together they are more than the stack takes
    noise = [_build("usual-logs", "2h", every=generator.choice((20, 45, 90)))]
    noise += [item for build in chosen for item in build(generator)]
    require_known(noise)
    return Incident(
        name=f"quiet-hour-{number}",
        kind="quiet",
        stack=stack,
        title="An hour in which nothing is wrong.",
        hour=generator.uniform(0, 23.9),
        seed=1000 + number,
        noise=tuple(noise),
    )


def _build(do: str, at: str, until: str = "0s", **arguments: Any) -> Happening:
    return Happening(do=do, at=at, until=until, arguments=arguments)


def _list_peak(generator: Generator) -> list[Happening]:
    """More requests than usual, as in the evening, which the stack takes."""
    times = round(generator.uniform(1.2, 1.7), 2)
    return [_build("more-requests", f"{generator.randint(30, 110)}m", times=times, ramp=20)]


def _list_service_scaling(generator: Generator) -> list[Happening]:
    """A service grew by a task, since its CPU was above its target."""
    minutes = generator.randint(15, 55)
    return [
        _build("more-requests", f"{minutes + 12}m", service="backend", times=1.6, ramp=8),
        _build("scale-service", f"{minutes}m", service="backend", count=3),
    ]


def _list_fleet_scaling(generator: Generator) -> list[Happening]:
    """The fleet grew by an instance."""
    return [_build("fleet-scales", f"{generator.randint(20, 55)}m", count=3)]


def _list_deployment(generator: Generator) -> list[Happening]:
    """A deployment that ended well."""
    tag = f"v{generator.randint(100, 999)}"
    minutes = generator.randint(12, 58)
    return [_build("deploy-service", f"{minutes}m", service="backend", tag=tag)]


def _list_former_alarm(generator: Generator) -> list[Happening]:
    """An alarm of a former hour, ok again since."""
    begin = generator.randint(150, 210)
    subject, metric, value = generator.choice(
        (
            ("database", "CPUUtilization", 95.0),
            ("database", "DBLoad", 3.4),
            ("service/backend", "CPUUtilization", 93.0),
            ("database", "FreeableMemory", 3.0e8),
        )
    )
    until = f"{begin - generator.randint(20, 35)}m"
    arguments: dict[str, Any] = {"subject": subject, "metric": metric, "value": value}
    return [_build("alarm-came-and-went", f"{begin}m", until, **arguments)]


def _list_unrelated_change(generator: Generator) -> list[Happening]:
    """Somebody changes something that nothing depends on."""
    do = generator.choice(("unrelated-change", "other-stack-changes", "unrelated-rule"))
    return [_build(do, f"{generator.randint(6, 58)}m")]


def _list_lag(generator: Generator) -> list[Happening]:
    """Metrics come late."""
    return [_build("metrics-lag", "0s", minutes=generator.randint(2, 5))]


def _list_denials(generator: Generator) -> list[Happening]:
    """Some calls are denied."""
    apis = generator.sample(DENIABLE_CALLS, generator.randint(1, 3))
    return [_build("denied", "0s", apis=apis)]


def _list_few_errors(generator: Generator) -> list[Happening]:
    """A few warnings and an error, as always."""
    line, level = generator.choice(HARMLESS_LINES), generator.choice(("WARN", "INFO", "WARN"))
    minutes = generator.randint(20, 55)
    arguments: dict[str, Any] = {"part": "backend", "lines": [line], "every": 400, "level": level}
    return [_build("log", f"{minutes}m", **arguments)]


def _list_night_backup(generator: Generator) -> list[Happening]:
    """The database is backed up."""
    minutes = generator.randint(15, 50)
    reads: dict[str, Any] = {"subject": "database", "metric": "ReadIOPS", "times": 3}
    return [
        _build("database-event", f"{minutes}m", category="backup", text="Backing up DB instance"),
        _build(
            "database-event",
            f"{minutes - 4}m",
            category="backup",
            text="Finished DB Instance backup",
        ),
        _build("metric", f"{minutes}m", f"{minutes - 4}m", **reads),
    ]


def _list_closed_event(generator: Generator) -> list[Happening]:
    """AWS reported an event of a service that the stack does not use, and closed it."""
    text = "The issue has been resolved and the service is operating normally."
    arguments: dict[str, Any] = {
        "service": "SAGEMAKER",
        "code": "AWS_SAGEMAKER_OPERATIONAL_ISSUE",
        "text": text,
    }
    begin = generator.randint(80, 110)
    return [_build("aws-event", f"{begin}m", f"{begin - 30}m", **arguments)]


def _list_cache_refill(generator: Generator) -> list[Happening]:
    """The cache misses more for some minutes, after a catalogue was renewed."""
    begin = generator.randint(20, 50)
    arguments: dict[str, Any] = {"subject": "cache/*", "metric": "CacheMisses", "times": 1.8}
    return [_build("metric", f"{begin}m", f"{begin - 8}m", **arguments)]


def _list_scanner(generator: Generator) -> list[Happening]:
    """A scanner is blocked by WAF for a few minutes."""
    begin = generator.randint(15, 50)
    arguments: dict[str, Any] = {
        "rule": "AWS-AWSManagedRulesKnownBadInputsRuleSet",
        "every": 3.0,
        "uri": "/.env",
    }
    return [_build("blocked-requests", f"{begin}m", f"{begin - 5}m", **arguments)]


EVENTS: Final[Mapping[str, Callable[[Generator], list[Happening]]]] = {
    "peak": _list_peak,
    "service-scaling": _list_service_scaling,
    "fleet-scaling": _list_fleet_scaling,
    "deployment": _list_deployment,
    "former-alarm": _list_former_alarm,
    "unrelated-change": _list_unrelated_change,
    "lag": _list_lag,
    "denials": _list_denials,
    "few-errors": _list_few_errors,
    "night-backup": _list_night_backup,
    "closed-event": _list_closed_event,
    "cache-refill": _list_cache_refill,
    "scanner": _list_scanner,
}


def _exists(name: str, stack: StackVariant) -> bool:
    """True if a stack has what it happens to."""
    needed: Mapping[str, tuple[StackVariant, ...]] = {
        "fleet-scaling": ("full",),
        "service-scaling": ("full", "prod"),  # dev has no more than two tasks
        "cache-refill": ("full",),
        "scanner": ("full", "prod"),
    }
    return stack in needed.get(name, ("full", "prod", "dev"))
