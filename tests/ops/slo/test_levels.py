"""Months, bounds of levels, outages and backups, as they are computed."""

from datetime import UTC, datetime, timedelta

import pytest

from components.alarm_registry import REGISTRY_ALARMS
from components.alarm_registry.model import RegistryFacts
from components.alarm_registry.plan import build_alarm_plan
from ops.changes.model import ChangeEvent
from ops.core.errors import UsageError
from ops.metrics.parts import Subject
from ops.slo.backup_level import BackupDays, build_backup_level
from ops.slo.database_level import build_database_level
from ops.slo.deployment_level import build_deployment_level
from ops.slo.evidence import IncidentSpan, add_evidence
from ops.slo.model import ServiceLevel, Spending
from ops.slo.month import parse_month
from ops.slo.outages import SILENT_ALARM_SUFFIX, list_outages
from ops.slo.request_levels import build_balancer_rows, build_request_levels
from ops.slo.words import format_level, format_percent, format_spent
from tests.ops.slo_stage import OBJECTIVES
from tests.ops.stage import STACK_PREFIX, build_stack_outputs
from tests.world import build_settings

NOW = datetime(2026, 11, 15, 12, 7, tzinfo=UTC)
OUTPUTS = build_stack_outputs()


def build_level(**fields: object) -> ServiceLevel:
    defaults = {"good": 9990, "bad": 10, "seen": 1.0, "objective": 99.9, "unit": "requests"}
    return ServiceLevel(name="availability", about="requests", **{**defaults, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "period", "until", "is_over"),
    [
        (None, 300, datetime(2026, 11, 15, 12, 0, tzinfo=UTC), False),
        ("2026-11", 300, datetime(2026, 11, 15, 12, 0, tzinfo=UTC), False),
        ("2026-10", 300, datetime(2026, 11, 1, tzinfo=UTC), True),
        # Values of five minutes are kept for 63 days, those of an hour for 455.
        ("2026-09", 3600, datetime(2026, 10, 1, tzinfo=UTC), True),
        ("2025-12", 3600, datetime(2026, 1, 1, tzinfo=UTC), True),
        ("2026-02", 3600, datetime(2026, 3, 1, tzinfo=UTC), True),
    ],
)
def test_a_month_and_the_period_that_is_kept_of_it(
    text: str | None, period: int, until: datetime, is_over: bool
) -> None:
    month = parse_month(text, NOW)
    assert (month.period, month.until, month.is_over) == (period, until, is_over)
    assert month.read_span.until == until
    share = (until - month.since) / (month.end - month.since)
    assert month.get_share(month.read_span.count) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "--month must be a month like 2026-11, not 'nonsense'"),
        ("2026-1", "--month must be a month like 2026-11, not '2026-1'"),
        ("2026-13", "--month must be a month like 2026-11, not '2026-13'"),
        ("0000-01", "--month must be a month like 2026-11, not '0000-01'"),
        ("2026-12", "--month must have begun, not '2026-12'"),
        ("2025-08", "--month must have begun within 455 days"),
    ],
)
def test_a_month_that_cannot_be_judged_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_month(text, NOW)


def test_a_month_of_which_no_value_has_come_is_refused_and_not_the_default() -> None:
    first_minutes = datetime(2026, 12, 1, 0, 6, tzinfo=UTC)
    with pytest.raises(UsageError, match="no values of 2026-12 have come yet"):
        parse_month("2026-12", first_minutes)
    assert parse_month(None, first_minutes).name == "2026-11"


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, "met"),
        ({"bad": 11}, "missed"),
        ({"good": 0, "bad": 0}, "nothing to judge"),
        ({"good": 0, "bad": 0, "seen": 0.99}, "unknown"),
        ({"bad": 0, "seen": 0.9995}, "met"),
        ({"bad": 0, "seen": 0.9985}, "unknown"),
        # So much was bad that the rest cannot make up for it.
        ({"bad": 500, "seen": 0.5}, "missed"),
        ({"bad": 11, "elapsed": 0.5}, "met"),
        ({"objective": None}, "unknown"),
        ({"gaps": ("denied",)}, "unknown"),
        ({"objective": 100.0, "bad": 0}, "met"),
        ({"objective": 100.0, "bad": 0, "seen": 0.9}, "unknown"),
        ({"objective": 100.0, "bad": 1, "seen": 0.1}, "missed"),
    ],
)
def test_what_was_not_seen_may_have_been_good_or_bad(
    fields: dict[str, object], verdict: str
) -> None:
    assert build_level(**fields).verdict == verdict


def test_a_level_is_never_rounded_up_to_all() -> None:
    assert format_percent(99.9999) == "99.99 %"
    assert format_percent(100) == "100.00 %"
    level = build_level(good=1, bad=0, seen=0.25)
    assert format_level(level) == (
        "100.000 % of what was seen: 1 of 1 requests; 25.000 % to 100.000 % of all"
    )
    assert format_spent(build_level(bad=0, seen=0.9985)) == "0 %, at most 150 %"
    assert format_spent(build_level(gaps=("denied",))) == "unknown"


def test_periods_that_were_not_seen_are_no_quiet_ones() -> None:
    month = parse_month(None, datetime(2026, 11, 1, 0, 25, tzinfo=UTC))
    assert month.read_span.count == 4
    rows = build_balancer_rows(Subject("load-balancer", "alb", ()), OBJECTIVES)
    values = dict.fromkeys(rows.list_rows(), (None, None, None, None))
    values[rows.capacity_units] = (1.0, 1.0, 1.0, None)  # type: ignore[assignment]
    values[rows.requests] = (100.0, None, 50.0, None)  # type: ignore[assignment]
    values[rows.target_errors] = (1.0, None, None, None)  # type: ignore[assignment]
    values[rows.responses] = (100.0, None, 50.0, None)  # type: ignore[assignment]
    values[rows.quick_percent] = (90.0, None, 100.0, None)  # type: ignore[assignment]
    availability, errors, latency = build_request_levels(
        rows, values, month, month.since, OBJECTIVES
    )
    assert (availability.good, availability.bad, availability.seen) == (149, 1, 0.75)
    assert (errors.bad, round(latency.bad, 6), round(latency.good, 6)) == (1, 10, 140)
    assert rows.quick_percent.stat == "PR(:0.5)"
    # Periods before the load balancer was created do not count.
    later = month.since + timedelta(minutes=7)
    (availability, *_) = build_request_levels(rows, values, month, later, OBJECTIVES)
    assert (availability.good, availability.seen) == (50, 0.5)


def build_event(
    minute: int, what: str, *, source: str = "database", subject: str = ""
) -> ChangeEvent:
    return ChangeEvent(
        datetime(2026, 11, 3, 10, tzinfo=UTC) + timedelta(minutes=minute),
        source,  # type: ignore[arg-type]
        "database",
        what,
        subject=subject or OUTPUTS.database.identifier,
    )


def test_outages_that_overlap_are_one_and_those_of_others_none() -> None:
    silent = f"{STACK_PREFIX}-database-silent-primary"
    events = [
        build_event(0, "Multi-AZ instance failover started."),
        build_event(1, "DB instance restarted"),
        build_event(2, "Multi-AZ instance failover completed"),
        build_event(10, "DB instance shutdown"),
        build_event(11, "Alarm updated from OK to ALARM", source="alarms", subject=silent),
        build_event(13, "DB instance restarted"),
        build_event(15, "Alarm updated from ALARM to OK", source="alarms", subject=silent),
        build_event(20, "DB instance shutdown", subject=f"{STACK_PREFIX}-other"),
        build_event(30, "DB instance shutdown"),
    ]
    until = datetime(2026, 11, 3, 11, tzinfo=UTC)
    minutes = [
        outage.minutes for outage in list_outages(OUTPUTS, events, until, is_available_now=False)
    ]
    assert minutes == [2, 5, 30]
    assert len(list_outages(OUTPUTS, events, until, is_available_now=True)) == 2


def test_the_time_before_a_database_was_created_does_not_count() -> None:
    month = parse_month(None, datetime(2026, 11, 1, 0, 25, tzinfo=UTC))
    created = month.since + timedelta(minutes=9)
    level = build_database_level((None, None, 5.0, 5.0), [], month, created, OBJECTIVES, NOW)
    assert (level.good, level.seen, level.verdict) == (10, 1, "met")
    # An instance of the same name was there before: it was restored.
    level = build_database_level((None, 4.0, 5.0, 5.0), [], month, created, OBJECTIVES, NOW)
    assert (level.good, round(level.seen, 6)) == (14, round(14 / 15, 6))
    assert level.spent_bounds == pytest.approx((0, 1 / (30 * 24 * 60) / 0.0005))


def test_backups_that_may_have_expired_are_not_missing() -> None:
    month = parse_month("2026-10", NOW)
    since = datetime(2026, 10, 30, tzinfo=UTC)
    days = frozenset({since.date(), datetime(2026, 10, 3, tzinfo=UTC).date()})
    backups = BackupDays(days, month.since - timedelta(days=90), since, "recovery points")
    level = build_backup_level(backups, month, OBJECTIVES, ())
    assert (level.good, level.bad, level.verdict) == (2, 1, "missed")
    assert level.seen == pytest.approx(3 / 31)
    assert [spending.what for spending in level.spendings] == ["no backup of 2026-10-31"]
    whole = BackupDays(days | {datetime(2026, 10, 31, tzinfo=UTC).date()}, since, since, "points")
    assert build_backup_level(whole, month, OBJECTIVES, ()).verdict == "met"


def test_a_run_that_has_not_ended_is_not_judged() -> None:
    month = parse_month(None, NOW)
    events = [
        build_event(0, "ops deploy began: release", source="runs", subject="deploy-1"),
        build_event(5, "deployment of service revision 7 ended", source="deployments"),
        build_event(9, "ops service deploy began", source="runs", subject="service-deploy-2"),
    ]
    level = build_deployment_level(events, month, 1, OBJECTIVES, (), ())
    assert (level.good, level.bad, level.verdict) == (0, 0, "nothing to judge")
    assert level.notes == ("2 not ended, and not judged: deploy-1, service-deploy-2",)


def test_open_incidents_and_raised_alarms_are_evidence() -> None:
    since = datetime(2026, 11, 3, 10, tzinfo=UTC)
    level = build_level(spendings=(Spending(since, since + timedelta(hours=1), 10, "10 failed"),))
    events = [
        build_event(-20, "DB instance shutdown"),
        build_event(-10, "ops deploy began", source="runs", subject="deploy-1"),
        build_event(3, "Alarm updated from OK to ALARM", source="alarms"),
        build_event(4, "Alarm updated from ALARM to OK", source="alarms"),
    ]
    incidents = [
        IncidentSpan("inc-1", "no database", "P0", since - timedelta(hours=1), None),
        IncidentSpan("inc-0", "over", None, since - timedelta(hours=3), since - timedelta(hours=2)),
    ]
    (spending,) = add_evidence(level, events, incidents).spendings
    assert spending.evidence == (
        "incident inc-1: no database",
        "2026-11-03 09:50 UTC runs: ops deploy began, deploy-1",
        "2026-11-03 10:03 UTC alarms: Alarm updated from OK to ALARM",
    )


def test_the_alarm_of_a_silent_database_has_that_name_in_the_stack() -> None:
    settings = build_settings(profile="prod")
    facts = RegistryFacts(
        settings=settings,
        nat_gateways={},
        nat_instances={},
        topics={"page": "page", "warn": "warn"},
        targets={},
        balancer=None,
        certificate=None,
    )
    alarm_plan = build_alarm_plan(facts, alarms=REGISTRY_ALARMS, composites=())
    names = [alarm.name for alarm in alarm_plan.alarms]
    assert len([name for name in names if name.endswith(SILENT_ALARM_SUFFIX)]) == 1
