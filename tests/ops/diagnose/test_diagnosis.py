"""What of the facts is a symptom, what the report shows of the hour, and what an alarm explains."""

from datetime import UTC, datetime, timedelta

from ops.changes.model import ChangeEvent
from ops.diagnose.diagnosis import list_symptoms
from ops.diagnose.facts import Fact, Facts
from ops.diagnose.report import SHOWN_EVENTS, format_event, select_shown_events

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)


def build_fact(key: str, minutes_ago: float = 10) -> Fact:
    return Fact(key, "backend", key, "test", NOW - timedelta(minutes=minutes_ago))


def build_event(source: str, what: str, minutes_ago: float) -> ChangeEvent:
    return ChangeEvent(NOW - timedelta(minutes=minutes_ago), source, "backend", what)  # type: ignore[arg-type]


def test_what_is_only_unusual_makes_nothing_wrong() -> None:
    unusual = (build_fact("metric.load-balancer.requests.high"), build_fact("log.errors.more"))
    assert list_symptoms(Facts(unusual)) == ()
    assert list_symptoms(Facts(unusual), is_wrong=True) == (unusual[1], unusual[0])


def test_an_alarm_is_wrong_and_shows_what_is_unusual_beside_it() -> None:
    alarm = build_fact("alarm.raised.target-5xx-rate", 5)
    unusual = build_fact("metric.service.cpu.high", 20)
    assert list_symptoms(Facts((alarm, unusual, build_fact("change.run")))) == (unusual, alarm)


def test_equal_events_are_one_line_and_changes_come_before_alarms() -> None:
    launches = [build_event("scaling", "launch failed", minutes) for minutes in (40, 36, 32)]
    alarms = [build_event("alarms", f"alarm {n}", n) for n in range(30, 0, -1)]
    groups = select_shown_events([*launches, *alarms])
    assert groups[0] == launches
    assert len(groups) == SHOWN_EVENTS
    assert [group[0].what for group in groups[1:]] == [f"alarm {n}" for n in range(11, 0, -1)]


def test_the_words_of_an_event_are_a_part_of_a_line() -> None:
    assert format_event("has started 1 tasks.") == "has started 1 task"
    assert format_event("has started 11 tasks.") == "has started 11 tasks"
    assert format_event("registered 1 targets in target-group") == (
        "registered 1 targets in target-group"
    )
