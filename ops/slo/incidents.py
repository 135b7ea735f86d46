"""The incidents of a month, from the operations bucket."""

from datetime import timedelta
from functools import partial
from typing import Final

from ops.core.daemon_pool import DaemonPool
from ops.core.run_context import StackContext
from ops.incident.model import Incident, parse_incident_time
from ops.incident.store import list_incident_names, list_open_incident_names, load_incident
from ops.slo.evidence import IncidentSpan
from ops.slo.month import Month

# An incident that was opened so long before the month and is closed is taken to have been closed
# before it: an assumption, so that not every incident that ever was is read.
_EARLIER: Final = timedelta(days=31)
_READ_AT_ONCE: Final = 16


def list_incident_spans(context: StackContext, month: Month) -> list[IncidentSpan]:
    """The incidents that were open in a month, the oldest first.

    Raises OpsError if the bucket cannot be read. One whose end cannot be read counts as open.
    """
    open_names = set(list_open_incident_names(context))
    names = [
        name
        for name in list_incident_names(context)
        if parse_incident_time(name) <= month.until
        and (name in open_names or parse_incident_time(name) >= month.since - _EARLIER)
    ]
    with DaemonPool(_READ_AT_ONCE) as pool:
        incidents = list(pool.map(partial(load_incident, context, with_entries=False), names))
    spans = [_build_span(incident) for incident in incidents]
    return [span for span in spans if span.until is None or span.until >= month.since]


def _build_span(incident: Incident) -> IncidentSpan:
    return IncidentSpan(
        name=incident.name,
        title=incident.title,
        severity=incident.severity,
        since=incident.began or incident.opened_at,
        until=incident.closed_at,
    )
