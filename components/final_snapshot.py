"""The name of a final snapshot: what a deleted database or cache leaves behind."""

import pulumi_random as random
from pulumi import Output

from components.component import Component
from components.settings.deletion import DataKind

SUFFIX_BYTES = 4


def create_final_snapshot_name(
    component: Component, kind: DataKind, *, identifier: str
) -> Output[str] | None:
    """A name that the next resource of the same identifier does not have; None if none is made.

    RDS and ElastiCache refuse a deletion whose final snapshot has the name of another one.
    """
    if component.settings.is_discarded(kind):
        return None
    suffix = random.RandomId(
        component.format_logical_name("final-snapshot"),
        byte_length=SUFFIX_BYTES,
        opts=component.child_options,
    )
    return Output.concat(identifier, "-final-", suffix.hex)
