"""Incidents that are open, by the names of the records in the operations bucket."""

from typing import Final

from ops.cli.durations import format_duration
from ops.core.checks import CheckFacts, CheckFinding, CheckRoutine, build_read, get_answer_items
from ops.core.s3 import S3_OBJECTS_API
from ops.core.times import format_utc_minute
from ops.incident.model import parse_incident_time
from ops.incident.object_keys import INCIDENTS_PREFIX, select_open_incident_names

INCIDENTS_AREA: Final = "incidents"
OPEN_SUBJECT: Final = "open incidents"


def check_open_incidents(facts: CheckFacts) -> CheckRoutine:
    """No incident is open.

    One that is open is failing, not ok with a remark: whoever looks at night sees what is failing
    first, and must learn that somebody works on it before they begin themselves. One list is read,
    as names say all of it.
    """
    (answer,) = yield [
        build_read(
            S3_OBJECTS_API,
            "Contents",
            Bucket=facts.outputs.backups.operations_bucket,
            Prefix=INCIDENTS_PREFIX,
        )
    ]
    names = select_open_incident_names(str(item["Key"]) for item in get_answer_items(answer))
    if not names:
        return [CheckFinding("ok", INCIDENTS_AREA, OPEN_SUBJECT, "no incident is open")]
    return [_build_open_finding(facts, name) for name in names]


def _build_open_finding(facts: CheckFacts, name: str) -> CheckFinding:
    opened = parse_incident_time(name)
    age = format_duration(max(0.0, (facts.now - opened).total_seconds()))
    return CheckFinding(
        "failing",
        INCIDENTS_AREA,
        name,
        f"open since {format_utc_minute(opened.timestamp())}, for {age}",
        f"ops incident status {name}",
    )
