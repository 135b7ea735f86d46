"""What `ops metrics` needs: its role, calls to AWS, an example, wrong values."""

from typing import Final

from ops.core.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "metrics",
        role="reader",
        calls=("cloudwatch.get_metric_data", "elasticache.describe_replication_groups"),
        needs={"PART": "load-balancer"},
        bad={
            "PART": ("nonsense", "load_balancer"),
            "METRIC": ("nonsense", "6xx"),
            "--stat": ("mean", "p101", "p", "sum"),
            "--period": ("soon", "0", "90s", "2d"),
        },
        example="metrics load-balancer latency --since 3h",
    ),
)
