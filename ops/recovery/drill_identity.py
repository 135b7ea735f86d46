"""Which server answered a drill's queries, and which alarm would have told of the loss."""

from typing import Any, Final

from ops.core.journal import Journal
from ops.core.plan import lookup

# Metrics that show the loss of the database to users. Those of the database itself have no data
# then, which raises an alarm only if it treats missing data as breaching. Source: CloudWatch user
# guide, "Configuring how CloudWatch alarms treat missing data".
USER_FACING_METRICS: Final = ("HealthyHostCount", "5XX")
SERVER_FACTS: Final = ("address", "port", "started")


def explain_wrong_server(journal: Journal, step_results: dict[str, Any]) -> str:
    """Why the server that answered is not the restored one; empty if it is proved to be.

    A restored server has been started after the restore was called for, is no standby, and is not
    the primary. Both times are durations, each by one clock, so that no clock has to be right.
    """
    identity: Any = lookup("identity.rows[0]", step_results)
    identity_record = journal.find_last_record("identity", "done")
    call_record = journal.find_last_record("restore", "intent")
    if identity is None or identity_record is None or call_record is None:
        return "it is not proved which server answered"
    primary: Any = lookup("primary_identity.rows[0]", step_results)
    has_address = identity["address"] is not None  # it has none on a socket of its own machine
    place = f"{identity['address']}:{identity['port']}" if has_address else "a local socket"
    if primary is not None and all(identity[fact] == primary[fact] for fact in SERVER_FACTS):
        return f"the primary answered ({place}), not the restored instance"
    if identity["standby"]:
        return f"a standby answered ({place}), not the restored instance"
    elapsed_seconds = identity_record.timestamp - call_record.timestamp
    if float(identity["age"]) > elapsed_seconds:
        return (
            f"the server that answered ({place}) had run for {float(identity['age']):.0f} s, and "
            f"the restore was called for only {elapsed_seconds:.0f} s before"
        )
    return ""


def find_detection_seconds(step_results: dict[str, Any]) -> float | None:
    """Seconds until the slowest paging alarm is raised that a lost database would raise.

    None if there is no such alarm. Which of them is first depends on whether the health check of
    the services needs the database, so that the slowest is what can be relied on.
    """
    alarms: list[Any] = [
        alarm
        for step, result in step_results.items()
        if step.startswith("detection")
        for alarm in result.get("MetricAlarms") or ()
    ]
    times = [
        float(period * alarm["EvaluationPeriods"])
        for alarm in alarms
        if (period := _find_period(alarm)) is not None
    ]
    return max(times) if times else None


def _find_period(alarm: Any) -> float | None:
    """The period of an alarm that a lost database raises, in seconds; None for any other."""
    statistics = [
        (part["MetricStat"]["Metric"]["MetricName"], part["MetricStat"]["Period"])
        for part in alarm.get("Metrics") or ()
        if part.get("MetricStat")
    ]
    if alarm.get("MetricName"):
        statistics.append((alarm["MetricName"], alarm.get("Period") or 0))
    is_raised_without_data = (
        alarm.get("Namespace") == "AWS/RDS" and alarm.get("TreatMissingData") == "breaching"
    )
    periods = [
        float(period)
        for name, period in statistics
        if is_raised_without_data or any(word in name for word in USER_FACING_METRICS)
    ]
    return max(periods) if periods else None
