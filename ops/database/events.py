"""What RDS reports when it gives up a change that it had accepted.

The instance is available again then, as it was before: only an event says that nothing more comes.
"""

import json
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
# Of a restore or a replica: RDS-EVENT-0278, -0353, -0202.
CREATION_FAILURES: Final = (
    "nstance creation failed",
    "can't be created because of insufficient resource",
    "eplica creation failed",
)
# RDS-EVENT-0279, which is documented for RDS Custom; that others have its words is an assumption.
PROMOTION_FAILURES: Final = ("eplica failed",)
# Whatever the change was: RDS-EVENT-0031, -0035, -0036, -0315.
STATE_FAILURES: Final = (
    "nstance put into ",
    "nstance in incompatible-",
    "nable to move incompatible-network database",
)
# Minutes back that are read. A wait reads every minute; this is for a run that was interrupted.
EVENT_MINUTES: Final = 12 * 60
# Those that tell of a change; the others (backup, availability) would only fill the page.
EVENT_CATEGORIES: Final = (
    "configuration change",
    "failover",
    "failure",
    "maintenance",
    "notification",
    "read replica",
)


def build_failure_reports(
    outputs: Outputs, identifier: str, failures: Sequence[str] = (), *, region: str | None = None
) -> FailureReports:
    """Builds the read of an instance's events that say that a change of it has failed.

    `region` is the instance's, if it is not the stack's.
    Their message contains one of `failures`, or says that the instance can serve no more.
    """
    conditions = " || ".join(
        f"contains(Message, `{json.dumps(failure)}`)" for failure in (*failures, *STATE_FAILURES)
    )
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
        ).model_copy(update={"region": region or outputs.stack.region}),
        messages=f"Events[?{conditions}].join(' ', [Date, Message])",
    )
