"""Samples of active sessions, and the load that they come to.

Performance Insights samples every session that does something once a second; its load is their mean
number (RDS User Guide, "Database load"). The sandbox samples when it is asked: what it shows is
real, but only of those moments, and a time without a sample has no value.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from moto.core.base_backend import BackendDict, BaseBackend
from moto.rds.models import DBInstance, RDSBackend

from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError, backend_state
from sandbox.postgres import connect_superuser

Dimensions = dict[str, str]
ACTIVE_SESSIONS_STATEMENT: Final = """
    SELECT coalesce(wait_event_type, 'CPU'), coalesce(wait_event, 'CPU'), query
      FROM pg_stat_activity
     WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
MAX_TEXT_BYTES: Final = 500  # of an element: API reference, GetResourceMetrics
MAX_SAMPLES: Final = 10_000
LITERAL_PATTERN: Final = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")


class PerformanceInsightsBackend(BaseBackend):
    """An account and region. The samples are the RDS backend's."""


pi_backends = BackendDict(PerformanceInsightsBackend, "pi")


@dataclass(frozen=True)
class LoadSample:
    """The sessions that did something at a time, each with all dimensions."""

    time: datetime
    sessions: tuple[Dimensions, ...]


def get_insights_instance(backend: RDSBackend, resource_id: str) -> DBInstance:
    """The instance whose load is asked for; the words of the errors are assumed."""
    instance = next(
        (i for i in backend.databases.values() if i.dbi_resource_id == resource_id), None
    )
    if instance is None or not getattr(instance, "PerformanceInsightsEnabled", False):
        raise AwsError(
            "NotAuthorizedException",
            f"Performance Insights is not enabled for the resource {resource_id}.",
        )
    return instance


def list_samples(
    backend: RDSBackend, instance: DBInstance, *, takes_sample: bool = True
) -> list[LoadSample]:
    """All samples of an instance, with one of now. Without a real server there is none.

    A later call of the same look takes none, so that it agrees with the first, as on AWS.
    """
    samples: dict[str, list[LoadSample]] = backend_state(backend, "load samples", dict)
    own_samples = samples.setdefault(instance.db_instance_identifier, [])
    if own_samples and not takes_sample:
        return own_samples
    try:
        connection = connect_superuser(instance)
    except LookupError:
        return own_samples
    with connection:
        rows = connection.execute(ACTIVE_SESSIONS_STATEMENT).fetchall()
    sessions = tuple(_describe_session(*row) for row in rows)
    own_samples.append(LoadSample(get_sandbox_clock().now(), sessions))
    del own_samples[:-MAX_SAMPLES]
    return own_samples


def _describe_session(wait_type: str, wait: str, query: str) -> Dimensions:
    tokenized = " ".join(LITERAL_PATTERN.sub("?", query).split())[:MAX_TEXT_BYTES]
    digest = hashlib.sha1(tokenized.encode(), usedforsecurity=False).hexdigest().upper()
    return {
        "db.wait_event.name": wait,
        "db.wait_event.type": wait_type,
        "db.sql_tokenized.id": digest,
        "db.sql_tokenized.db_id": f"pi-{digest[:10]}",
        "db.sql_tokenized.statement": tokenized,
    }


def select_samples(
    samples: Sequence[LoadSample], start: datetime, end: datetime
) -> list[LoadSample]:
    """Those of a time. An end that is now includes what was sampled for the answer."""
    is_now = get_sandbox_clock().now() - end < timedelta(minutes=5)
    return [s for s in samples if start <= s.time and (is_now or s.time < end)]


def group_sessions(group: Dimensions) -> Callable[[Dimensions], tuple[tuple[str, str], ...]]:
    """The dimensions of a group that a session has."""
    prefix, names = f"{group['Group']}.", set(group.get("Dimensions") or ())
    return lambda session: tuple(
        (name, value)
        for name, value in session.items()
        if name.startswith(prefix) and (not names or name in names)
    )


def count_load(
    samples: Sequence[LoadSample], get_key: Callable[[Dimensions], Any]
) -> list[tuple[Any, float]]:
    """The mean number of sessions by key, the most first."""
    counts = Counter(get_key(session) for sample in samples for session in sample.sessions)
    return [(key, count / len(samples)) for key, count in counts.most_common()]
