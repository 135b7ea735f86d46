"""What ECS reports while a service changes: its events, shown in ECS's own words.

ECS tries again whatever it reports, mostly until somebody mends it. Only of a new count some events
say that it never comes: during a deployment they may be of the tasks that it replaces, and whether
it has failed is in its own status.
"""

from collections.abc import Sequence
from typing import Final

from ops.core.plan import Call, FailureReports

# Parts of messages. Sources: ECS Developer Guide, "Amazon ECS service event messages" and "Service
# action events"; re:Post, "ECS deployment failures" (the text of failed health checks).
TROUBLE_EVENTS: Final = (
    "unable to place a task",
    "unable to consistently start tasks",
    "unable to stop or start tasks",
    "failed to launch a task",
    "failed to register targets",
    "failed container health checks",
    "is unhealthy in",
    "operations are being throttled",
    "deployment failed",
    "rolling back to",
    "eached the limit on the number of",
)
# A role that cannot be assumed, and a quota, stay as they are until somebody changes them.
GIVEN_UP_EVENTS: Final = ("unable to assume the role", "eached the limit on the number of")


def build_service_reports(describe_call: Call, *, with_failures: bool = False) -> FailureReports:
    """Builds the read of the events of the services that a call describes, 100 of each.

    With failures, those events end the wait that say that a new count never comes.
    """
    return FailureReports(
        read=describe_call,
        messages=_build_events_path(GIVEN_UP_EVENTS if with_failures else ()),
        warnings=_build_events_path(TROUBLE_EVENTS),
    )


def _build_events_path(texts: Sequence[str]) -> str:
    if not texts:
        return "`[]`"
    conditions = " || ".join(f'contains(message, `"{text}"`)' for text in texts)
    return f"services[].events[] | [?{conditions}].join(' ', [createdAt, message])"
