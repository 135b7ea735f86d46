"""A stage whose stack costs something each day, with a budget and an anomaly monitor."""

from datetime import date, datetime, timedelta
from typing import Any, Final

from ops.outputs import SpendingPart
from sandbox.billing import USAGE_PREFIX, add_unusual_cost, get_account_ledger
from sandbox.patches.ce.ledger import BilledUsage
from tests.ops.stage import ACCOUNT, STACK_PREFIX, Stage
from tests.ops.typed_line import TypedLine

STACK: Final = ("bulwark", "test")
NAT_SERVICE: Final = "EC2 - Other"
RDS_SERVICE: Final = "Amazon Relational Database Service"
# $ a month of each component, by service and usage type; 73 $ a month are 0.1 $ an hour.
USAGES: Final = (
    ("network", NAT_SERVICE, "NatGateway-Hours", 73.0),
    ("database", RDS_SERVICE, "Multi-AZUsage:db.t4g.small", 146.0),
    ("database", RDS_SERVICE, "RDS:GP3-Storage", 7.3),
)
DAILY_USD: Final = 2.4 + 4.8 + 0.24
STANDING_DAYS: Final = 100
BUDGET_USD: Final = 250.0


def put_costs(stage: Stage) -> None:
    """Costs of the last hundred days, alike each day, but no budget and no monitor."""
    usages = tuple(
        BilledUsage(service, USAGE_PREFIX + usage, usd, build_tags(component))
        for component, service, usage, usd in USAGES
    )
    first_day = get_today(stage) - timedelta(days=STANDING_DAYS)
    get_account_ledger().usages[STACK] = first_day, usages


def put_billed_stack(stage: Stage) -> None:
    """The same, with a budget of 250 $ a month and a monitor."""
    put_costs(stage)
    budgets: Any = stage.client("budgets", "us-east-1")
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget={
            "BudgetName": STACK_PREFIX,
            "BudgetLimit": {"Amount": f"{BUDGET_USD}", "Unit": "USD"},
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
        },
    )
    monitor = stage.client("ce", "us-east-1").create_anomaly_monitor(
        AnomalyMonitor={
            "MonitorName": STACK_PREFIX,
            "MonitorType": "CUSTOM",
            "MonitorSpecification": {"Tags": {"Key": "Project", "Values": [STACK[0]]}},
        }
    )
    spending = SpendingPart(
        budget_name=STACK_PREFIX,
        monthly_budget=BUDGET_USD,
        anomaly_monitor_arn=monitor["MonitorArn"],
    )
    alarms = stage.outputs.alarms.model_copy(update={"spending": spending})
    stage.outputs = stage.outputs.model_copy(update={"alarms": alarms})


COST_LINES: Final = {
    f"cost {verb}": (TypedLine(f"cost {verb} --fresh", put_billed_stack),)
    for verb in ("report", "forecast", "unusual", "commitments")
}


def build_tags(component: str) -> dict[str, str]:
    return {"Project": STACK[0], "Environment": STACK[1], "Component": component}


def get_today(stage: Stage) -> date:
    return stage.clock.held_clock.now().date()


def put_nat_surprise(day: date, usd: float = 30.0) -> None:
    """Somebody sends much through the NAT gateways on a day."""
    add_unusual_cost(
        STACK, day, component="network", service=NAT_SERVICE, usage_type="NatGateway-Bytes", usd=usd
    )


def move_to(stage: Stage, moment: datetime) -> None:
    """Makes it this time on the stage, whatever the time is here."""
    vars(stage.clock.held_clock)["_now"] = moment
