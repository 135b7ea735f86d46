"""What watches the stack's costs: a budget, and a monitor of AWS Cost Anomaly Detection."""

import json
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.component import Component
from components.contract import build_contract_part
from components.settings import Settings
from components.topics import Topics
from ops.outputs import SpendingPart


@dataclass(frozen=True, kw_only=True)
class SpendingArgs:
    settings: Settings
    topics: Topics


class Spending(Component):
    """`bulwark:index:Spending`: a budget of the stack, and a monitor of its project.

    Children: `{name}-budget` with `cost.monthlyBudget`; `{name}-monitor` and `{name}-anomalies`
    with `cost.anomalyDetection`. Both are told by tags, which somebody must activate once for the
    account (`ops cost report` says how): until then they see no cost. Credits and refunds are left
    out. The monitor sees all stacks of the project in the account, since one of AWS's takes one tag
    key (Cost Management User Guide, "Monitor types"); it is not one of services, of which an
    account has one alone (aws-cloudformation/cloudformation-coverage-roadmap#2515).

    At 80 percent of the budget, and if the forecast is above it, `warn` is told; above it, `page`.
    """

    def __init__(
        self, name: str, *, args: SpendingArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Spending", name, settings=args.settings, opts=opts)
        self._topics = args.topics
        cost = args.settings.cost
        budget = None if cost.monthly_budget is None else self._create_budget(cost.monthly_budget)
        monitor = self._create_monitor() if cost.anomaly_detection else None
        self.part = build_contract_part(
            SpendingPart,
            budget_name=None if budget is None else budget.name,
            monthly_budget=cost.monthly_budget,
            anomaly_monitor_arn=None if monitor is None else monitor.arn,
        )
        self.register_outputs({"part": self.part})

    def _create_budget(self, amount: float) -> aws.budgets.Budget:
        tags = {"Project": self.settings.project, "Environment": self.settings.stack}
        tag_filters = [
            aws.budgets.BudgetFilterExpressionAndArgs(
                tags=aws.budgets.BudgetFilterExpressionAndTagsArgs(key=key, values=[value])
            )
            for key, value in tags.items()
        ]
        charges = aws.budgets.BudgetFilterExpressionAndArgs(
            not_=aws.budgets.BudgetFilterExpressionAndNotArgs(
                dimensions=aws.budgets.BudgetFilterExpressionAndNotDimensionsArgs(
                    key="RECORD_TYPE", values=["Credit", "Refund"]
                )
            )
        )
        return aws.budgets.Budget(
            self.format_logical_name("budget"),
            name=self.settings.prefix,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{amount:.2f}".removesuffix("0").removesuffix(".0"),
            limit_unit="USD",
            metrics="UnblendedCost",
            filter_expression=aws.budgets.BudgetFilterExpressionArgs(ands=[*tag_filters, charges]),
            notifications=[
                _build_notification("ACTUAL", percent=80, topic=self._topics.warn),
                _build_notification("ACTUAL", percent=100, topic=self._topics.page),
                _build_notification("FORECASTED", percent=100, topic=self._topics.warn),
            ],
            opts=self.child_options,
        )

    def _create_monitor(self) -> aws.costexplorer.AnomalyMonitor:
        cost = self.settings.cost
        monitor = aws.costexplorer.AnomalyMonitor(
            self.format_logical_name("monitor"),
            name=self.settings.prefix,
            monitor_type="CUSTOM",
            # With every member, as AWS returns it: else each preview would show a change
            # (Terraform's aws_ce_anomaly_monitor, "Custom Example").
            monitor_specification=json.dumps(
                {
                    **dict.fromkeys(("And", "CostCategories", "Dimensions", "Not", "Or")),
                    "Tags": {
                        "Key": "Project",
                        "MatchOptions": None,
                        "Values": [self.settings.project],
                    },
                }
            ),
            opts=self.child_options,
        )
        thresholds = {
            "ANOMALY_TOTAL_IMPACT_ABSOLUTE": cost.anomaly_usd,
            "ANOMALY_TOTAL_IMPACT_PERCENTAGE": cost.anomaly_percent,
        }
        aws.costexplorer.AnomalySubscription(
            self.format_logical_name("anomalies"),
            name=self.settings.prefix,
            frequency="IMMEDIATE",  # the only one that a topic takes
            monitor_arn_lists=[monitor.arn],
            subscribers=[
                aws.costexplorer.AnomalySubscriptionSubscriberArgs(
                    type="SNS", address=self._topics.warn
                )
            ],
            threshold_expression=aws.costexplorer.AnomalySubscriptionThresholdExpressionArgs(
                ands=[
                    aws.costexplorer.AnomalySubscriptionThresholdExpressionAndArgs(
                        dimension=aws.costexplorer.AnomalySubscriptionThresholdExpressionAndDimensionArgs(
                            key=key, match_options=["GREATER_THAN_OR_EQUAL"], values=[str(value)]
                        )
                    )
                    for key, value in thresholds.items()
                ]
            ),
            opts=self.child_options,
        )
        return monitor


def _build_notification(
    kind: str, *, percent: int, topic: Input[str]
) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        notification_type=kind,
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_sns_topic_arns=[topic],
    )
