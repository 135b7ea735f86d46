"""What the commands of `ops cost` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.cost.commitment_apis import COMMITMENT_CALLS
from ops.health.registry import list_view_calls

DECLARATIONS: Final = (
    Declaration(
        "cost estimate",
        role=None,
        bad={"FILE": ("/no/such/file", "{previews}/damaged.json")},
    ),
    Declaration(
        "cost report",
        role="reader",
        calls=("ce.get_cost_and_usage", "ce.list_cost_allocation_tags"),
        bad={
            "--month": ("nonsense", "2026", "2026-13", "2026-00", "2999-01", "2001-01", ""),
            "--estimate": ("/no/such/file", "{previews}/damaged.json"),
            "--program": ("/no/such/folder",),
        },
        example="cost report --month 2026-11",
    ),
    Declaration(
        "cost forecast",
        role="reader",
        calls=(
            "budgets.describe_budget",
            "ce.get_cost_and_usage",
            "ce.get_cost_forecast",
            "ce.list_cost_allocation_tags",
        ),
    ),
    Declaration(
        "cost unusual",
        role="reader",
        calls=("ce.get_anomalies", "ce.get_cost_and_usage", "ce.list_cost_allocation_tags"),
    ),
    Declaration(
        "cost commitments",
        role="reader",
        calls=COMMITMENT_CALLS,
        bad={"--term": ("nonsense", "2y", ""), "--payment": ("nonsense", "")},
    ),
    Declaration("cost rightsizing", role="reader", calls=list_view_calls("rightsizing")),
    Declaration("cost unused", role="reader", calls=list_view_calls("unused")),
)
