"""What the commands of `ops usage` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "usage",
        role="reader",
        calls=(
            "cloudwatch.get_metric_data",
            "rds.describe_db_instances",
        ),
    ),
)
