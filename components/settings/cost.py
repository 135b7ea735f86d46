"""Settings of what watches the stack's costs."""

from pydantic import Field

from components.settings.section import Section


class CostSettings(Section):
    """The budget and the detection of anomalies. Both see costs by tags."""

    # About twice what prod's default settings are estimated to cost. Assumption.
    monthly_budget: float | None = Field(
        default=500,
        ge=1,
        le=10_000_000,
        description="the stack's budget, $ a month; `warn` is told at 80 percent and if the "
        "forecast is above it, `page` if it is exceeded; null: no budget",
    )
    anomaly_detection: bool = Field(
        default=True,
        description="watch the project's costs for anomalies, and tell `warn`",
    )
    anomaly_usd: int = Field(
        default=20, ge=1, le=1_000_000, description="impact from which an anomaly is told, $"
    )
    # That of AWS's own default alert (Cost Management User Guide, "Getting started with AWS Cost
    # Anomaly Detection").
    anomaly_percent: int = Field(
        default=40,
        ge=1,
        le=1000,
        description="impact from which it is told, percent of what was expected; both must be met",
    )
