"""The sources of `ops changes` that ECS and Auto Scaling are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from moto.elasticache.models import elasticache_backends
from moto.rds.models import Event, rds_backends

from ops.changes import compute_sources, data_sources
from ops.changes.model import ChangeEvent, SourceRequest, Timeline
from ops.changes.timeline import read_timeline
from ops.cli.time_span import TimeSpan
from ops.core.run_context import StackContext
from ops.database import event_list
from ops.services.model import list_service_states
from sandbox.patches.elasticache.events import get_cache_events
from tests.ops import db_stage, fleet_stage, metric_stage, service_stage
from tests.ops.change_stage import ALARM, put_raised_alarm
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage, open_stage


def build_request(stage: Stage, **ago: float) -> SourceRequest:
    now = datetime.fromtimestamp(stage.clock.now(), UTC)
    span = TimeSpan(now - timedelta(**ago), now, is_until_now=True)
    return SourceRequest(StackContext(stage.outputs, stage.aws), span, now)


def test_a_refresh_has_its_start_and_its_end() -> None:
    with open_stage() as stage:
        fleet_stage.put_fleet(stage)
        fleet = stage.outputs.fleet
        assert fleet is not None
        started = stage.client("autoscaling").start_instance_refresh(
            AutoScalingGroupName=fleet.group
        )
        stage.clock.sleep(60)
        (running,) = compute_sources.read_refreshes(build_request(stage, hours=1)).events
        assert (running.what, running.outcome) == ("refresh began", "InProgress")
        assert running.subject == started["InstanceRefreshId"]
        stage.clock.sleep(7200)
        began, ended = compute_sources.read_refreshes(build_request(stage, hours=3)).events
        assert (began.what, began.outcome) == ("refresh began", None)
        assert (ended.what, ended.outcome, ended.part) == ("refresh ended", "Successful", "fleet")
        assert began.time < ended.time


def test_events_that_ecs_no_longer_has_are_said() -> None:
    with open_stage() as stage:
        service_stage.put_services(stage, ("backend", "frontend"))
        assert stage.outputs.services is not None
        parts = list(stage.outputs.services.services.values())
        states = list_service_states(stage.aws, stage.outputs, parts)
        now = datetime.fromtimestamp(stage.clock.now(), UTC)
        events = tuple(
            {
                "createdAt": (now - timedelta(seconds=number)).isoformat(),
                "message": "(service backend) has reached a steady state."
                if number % 2
                else "(service backend) was unable to place a task.",
            }
            for number in range(100)
        )
        busy_states = [replace(states[0], events=events), replace(states[1], events=())]
        with patch.object(compute_sources, "list_service_states", lambda *_: busy_states):
            answer = compute_sources.read_service_events(build_request(stage, hours=1))
            shorter = compute_sources.read_service_events(build_request(stage, seconds=90))
        assert {event.what for event in answer.events} == {"was unable to place a task."}
        assert len(answer.events) == 50
        (gap,) = answer.gaps
        assert gap.reason.startswith("ECS has the last 100 events of backend only: none before ")
        assert not gap.is_failure
        assert shorter.gaps == ()


def test_a_timeline_never_raises_and_reads_what_is_asked() -> None:
    with open_stage() as stage:  # with nothing on it: no bucket, no services, no fleet
        request = build_request(stage, hours=1)
        timeline = read_timeline(
            request.context, request.span, request.now, names=("runs", "refreshes", "cache")
        )
        assert timeline.sources == ("runs", "refreshes")  # the stack has no cache
        assert timeline.events == ()
        assert "runs" in timeline.failed_sources


@pytest.mark.parametrize(
    ("actor", "part", "whats"),
    [
        (None, None, ["a", "b", "c"]),
        ("ADA", None, ["a"]),
        (None, "fleet", ["b"]),
        ("ada", "fleet", []),
    ],
)
def test_a_selection_keeps_what_is_not_known(
    actor: str | None, part: str | None, whats: list[str]
) -> None:
    time = datetime(2026, 11, 30, tzinfo=UTC)
    events = (
        ChangeEvent(time, "cloudtrail", "database", "a", "Ada (operator)"),
        ChangeEvent(time, "scaling", "fleet", "b"),
        ChangeEvent(time, "alarms", "alarms", "c"),
    )
    span = TimeSpan(time, time + timedelta(hours=1), is_until_now=False)
    timeline = Timeline(span, ("alarms",), events, ())
    selected = timeline.select(actor=actor, part=part)
    assert [event.what for event in selected.events] == whats
    assert selected.gaps == timeline.gaps


@pytest.mark.parametrize(
    ("name", "is_of_stack"),
    [
        ("", True),
        ("-001", True),
        ("-0001-002", True),
        ("-valkey8", True),
        ("-redis7", True),
        ("2", False),
        ("-cache", False),  # the cache of a stack that is called PREFIX-cache
        ("-cache-001", False),
        ("-staging-001", False),
    ],
)
def test_events_of_other_caches_are_left_out(name: str, *, is_of_stack: bool) -> None:
    with open_stage() as stage:
        metric_stage.put_cache(stage)
        assert stage.outputs.cache is not None
        source = f"{stage.outputs.cache.identifier}{name}"
        request = build_request(stage, hours=1)
        get_cache_events(elasticache_backends[ACCOUNT][REGION]).append(
            {
                "SourceIdentifier": source,
                "SourceType": "cache-cluster",
                "Message": "Failover",
                "Date": request.now - timedelta(minutes=5),
            }
        )
        events = data_sources.read_cache_events(request).events
    assert [event.subject for event in events] == ([source] if is_of_stack else [])


@pytest.mark.parametrize(
    ("source", "is_of_stack"),
    [
        ("rds:bulwark-test-database-2026-11-30-03-00", True),
        ("awsbackup:job-1234", True),
        ("awsbackup:job-9999", False),
        (f"{STACK_PREFIX}-staging-database", False),
    ],
)
def test_events_of_the_database_are_those_of_db_events(source: str, *, is_of_stack: bool) -> None:
    with open_stage() as stage:
        db_stage.put_database(stage)
        rds = rds_backends[ACCOUNT][REGION]
        stage.client("rds").reboot_db_instance(DBInstanceIdentifier=f"{STACK_PREFIX}-database")
        stage.clock.sleep(600)
        event = Event.__new__(Event)
        vars(event).update(vars(rds.events[-1]))
        event.source_identifier, event.source_type, event.message = source, "db-snapshot", "made"
        rds.events[:] = [event]
        request = build_request(stage, hours=1)
        backups = ["awsbackup:job-1234"]
        with patch.object(event_list, "_list_backup_snapshots", lambda *_: backups):
            events = data_sources.read_database_events(request).events
            rows = event_list.list_database_events(
                stage.aws, stage.outputs, request.span, request.now
            )
    assert [event.subject for event in events] == ([source] if is_of_stack else [])
    assert len(rows) == len(events)


def test_alarms_of_a_stack_with_a_longer_name_are_left_out() -> None:
    with open_stage() as stage:
        put_raised_alarm(stage)
        put_raised_alarm(stage, f"{STACK_PREFIX}-staging-database-cpu-high")
        stage.clock.sleep(60)
        events = data_sources.read_alarm_history(build_request(stage, hours=1)).events
    assert {event.subject for event in events} == {ALARM}
