"""What two weeks say of the weeks to come: storage that fills up, connections that run out."""

from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any, Final

from ops.alarms.health import ALARMS
from ops.core.checks import DAY, Check, Facts, Finding, Item, Looking, age, known, read
from ops.core.metrics import METRICS, metric, values
from ops.database.health import AREA, GIB, INSTANCES, described, primary
from ops.outputs import Outputs

SPAN: Final = 14 * DAY
AHEAD: Final = 30  # days within which storage must not be full
LEAST: Final = 3  # days of data without which there is no trend
# The alarm that knows how many connections the class allows: it is raised at so much of that.
LIMIT: Final = "database-connections-high"
RAISED: Final = 0.8
NEAR: Final = 0.7  # an assumption: a step before the alarm


def storage(facts: Facts) -> Looking:
    """The storage will not be full within 30 days, as it has been filling up for two weeks.

    By the median of the days, so that one on which it grew or was cleared does not hide the rest.
    """
    name = facts.outputs.database.identifier
    free = metric("AWS/RDS", "FreeStorageSpace", "Minimum", period=DAY, DBInstanceIdentifier=name)
    answers = yield [described(facts), values([free], facts, SPAN)]
    item, points = primary(facts, known(answers[0])), _points(known(answers[1]))
    if item is None:
        return [Finding("failing", AREA, "storage", "the instance is gone", "ops db status")]
    if len(points) < LEAST:
        if age(facts, item["InstanceCreateTime"]) < (LEAST + 1) * DAY:
            return [Finding("ok", AREA, "storage", f"younger than {LEAST} days of data")]
        evidence = f"{len(points)} days of data in two weeks, {LEAST} are needed"
        return [Finding("unknown", AREA, "storage", evidence, "ops usage")]
    rate = median(
        (older - newer) / ((when - before) / DAY)
        for (when, newer), (before, older) in pairwise(points)
    )
    most = max(int(item.get("MaxAllocatedStorage") or 0), int(item["AllocatedStorage"]))
    room = points[0][1] + (most - int(item["AllocatedStorage"])) * GIB
    evidence = f"{room / GIB:.1f} GiB left of {most} GiB, {max(rate, 0) / GIB:.2f} GiB a day used"
    if rate <= 0:
        return [Finding("ok", AREA, "storage", evidence)]
    days = room / rate
    evidence += f", full in {days:.0f} days"
    if days > AHEAD:
        return [Finding("ok", AREA, "storage", evidence)]
    return [Finding("failing", AREA, "storage", evidence, "ops db storage GIB")]


def _points(results: list[Item]) -> list[tuple[float, float]]:
    """Times in seconds and values, the newest first."""
    found: list[tuple[float, float]] = []
    for result in results:
        pairs: Any = zip(result.get("Timestamps", ()), result["Values"], strict=False)
        found += [(datetime.fromisoformat(at).timestamp(), float(value)) for at, value in pairs]
    return sorted(found, reverse=True)


def connections(facts: Facts) -> Looking:
    """The most connections of two weeks, beside how many there may be."""
    stack, name = facts.outputs.stack, facts.outputs.database.identifier
    used = metric(
        "AWS/RDS", "DatabaseConnections", "Maximum", period=DAY, DBInstanceIdentifier=name
    )
    prefix = f"{stack.project}-{stack.stack}-{LIMIT}"
    answers = yield [
        values([used], facts, SPAN),
        read(ALARMS, "MetricAlarms", AlarmTypes=["MetricAlarm"], AlarmNamePrefix=prefix),
    ]
    points, alarms = _points(known(answers[0])), known(answers[1])
    own = [
        alarm
        for alarm in alarms
        if {"Name": "DBInstanceIdentifier", "Value": name} in alarm.get("Dimensions", ())
    ]
    if not own:
        evidence = f"there is no alarm {prefix}, which knows how many there may be"
        return [Finding("unknown", AREA, "connections", evidence, "pulumi up --refresh")]
    if not points:
        return [Finding("unknown", AREA, "connections", "no data in two weeks", "ops usage")]
    most, peak = float(own[0]["Threshold"]) / RAISED, max(value for _, value in points)
    evidence = f"{peak:.0f} at most in {len(points)} days, of {most:.0f} ({peak / most:.0%})"
    state = "ok" if peak < NEAR * most else "failing"
    if state == "ok":
        return [Finding("ok", AREA, "connections", evidence)]
    return [Finding("failing", AREA, "connections", evidence, "ops db activity")]


def _limited(outputs: Outputs) -> bool:
    return any(f"-{LIMIT}" in name for names in outputs.alarms.names.values() for name in names)


STORAGE: Final = Check(AREA, "storage", storage, (INSTANCES, METRICS))
CONNECTIONS: Final = Check(AREA, "connections", connections, (METRICS, ALARMS), _limited)
