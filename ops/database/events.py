"""What RDS reports when it gives up a change that it had accepted.

The instance is available again then, as it was before: only an event says that nothing more comes.
"""

from collections.abc import Sequence
from typing import Final

from ops.core.plan import FailureReports
from ops.database.instance import rds_call
from ops.outputs import Outputs

# Parts of messages, by change. Sources: RDS User Guide, "Amazon RDS event categories and event
# messages" (RDS-EVENT-0034, -0067, -0158, -0188, -0270); re:Post, "RDS for PostgreSQL upgrade,
# PostGIS" (the text of a failed precheck); AWS's own CloudFormation handler of DB instances, which
# fails a change at the messages of EVENT_FAIL_CHECKERS.
UPGRADE_FAILURES: Final = (
    "cannot be upgraded",
    "can't be upgraded",
    "could not be upgraded",
    "engine version upgrade failed",
)
CLASS_CHANGE_FAILURES: Final = (
    "nable to modify database instance class",
    "nable to modify the DB instance class",
    "nsufficient instance capacity",
)
STORAGE_FAILURES: Final = ("storage volume limitation was exceeded",)
FAILOVER_FAILURES: Final = ("Abandoning user requested failover",)
PASSWORD_FAILURES: Final = ("nable to reset your password",)
# Minutes back that are read. A wait reads every minute; this is for a run that was interrupted.
EVENT_MINUTES: Final = 12 * 60
# Those that tell of a change; the others (backup, availability) would only fill the page.
EVENT_CATEGORIES: Final = (
    "configuration change",
    "failover",
    "failure",
    "maintenance",
    "notification",
)


def build_failure_reports(
    outputs: Outputs, identifier: str, failures: Sequence[str]
) -> FailureReports:
    """Builds the read of the events of an instance whose message contains one of these texts."""
    conditions = " || ".join(f'contains(Message, `"{failure}"`)' for failure in failures)
    return FailureReports(
        read=rds_call(
            outputs,
            "rds.describe_events",
            {
                "SourceIdentifier": identifier,
                "SourceType": "db-instance",
                "EventCategories": [*EVENT_CATEGORIES],
                "Duration": EVENT_MINUTES,
            },
        ),
        messages=f"Events[?{conditions}].join(' ', [Date, Message])",
    )
