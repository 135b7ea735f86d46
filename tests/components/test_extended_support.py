"""Extended Support: a choice that RDS reads when it creates or restores the database."""

import pytest

from components.database import CREATION_ONLY_PROPERTIES
from tests.components.stores import build_stores_graph

DATABASE_TYPE = "aws:rds/instance:Instance"


@pytest.mark.parametrize(
    ("is_on", "value"),
    [
        (True, "open-source-rds-extended-support"),
        (False, "open-source-rds-extended-support-disabled"),
    ],
)
def test_extended_support_is_a_choice_for_the_primary_alone_and_read_at_its_creation(
    is_on: bool, value: str
) -> None:
    """CreateDBInstanceReadReplica does not accept it. The provider's update of a standing
    instance may change nothing in RDS (terraform-provider-aws#40870)."""
    graph = build_stores_graph({"database": {"replicas": 1, "extendedSupport": is_on}})
    primary = graph.get_resource(DATABASE_TYPE, "database")
    assert primary.inputs["engineLifecycleSupport"] == value
    assert "engineLifecycleSupport" in CREATION_ONLY_PROPERTIES
    assert (
        "engineLifecycleSupport"
        not in graph.get_resource(DATABASE_TYPE, "database-replica-1").inputs
    )
