"""Settings of AWS Backup and of the operations bucket."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from components.settings.lifecycles import DataKind, DataLifecycle, list_lifecycle_faults
from components.settings.section import Section
from components.settings.windows import parse_daily_window

TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
START_WINDOW_MINUTES = (
    60  # minutes after which AWS Backup cancels a job that has not started; its minimum
)
MAX_LIFECYCLE_DAYS = 36_500  # AWS Backup's limit of a lifecycle


class BackupSettings(Section):
    """The AWS Backup plan, in addition to RDS's automated backups."""

    enabled: bool = Field(default=True, description="create a vault and a plan")
    time: TimeOfDay = Field(
        default="05:00",
        description="when backups start, UTC, hh:mm; must not be during a window of the "
        "database or in the hour before it, when RDS refuses them",
    )
    daily_days: int = Field(
        default=35, ge=1, le=MAX_LIFECYCLE_DAYS, description="days to keep daily backups"
    )
    weekly_days: int = Field(
        default=90, ge=1, le=MAX_LIFECYCLE_DAYS, description="days to keep weekly backups"
    )
    monthly_days: int = Field(
        default=365, ge=1, le=MAX_LIFECYCLE_DAYS, description="days to keep monthly backups"
    )
    copy_to_recovery: bool = Field(
        default=True, description="copy backups to the recovery region, if there is one"
    )
    copy_days: int = Field(
        default=35, ge=1, le=MAX_LIFECYCLE_DAYS, description="days to keep copies"
    )
    lock: Literal["none", "governance", "compliance"] = Field(
        default="none",
        description="vault lock: governance can be removed by anybody whom IAM allows; "
        "compliance by nobody after lockGraceDays, not even AWS",
    )
    lock_grace_days: int = Field(
        default=3, ge=3, le=MAX_LIFECYCLE_DAYS, description="days until a compliance lock is final"
    )
    restore_testing: bool = Field(default=True, description="restore a backup weekly as a test")
    restore_test_hours: int = Field(
        default=1, ge=1, le=168, description="hours to keep the database of a restore test"
    )
    journal_days: int = Field(
        default=365,
        ge=30,
        description="days to keep old versions of objects in the operations bucket",
    )
    lifecycles: dict[DataKind, DataLifecycle] = Field(
        default={"checks": DataLifecycle(expire_days=400)},
        description="what becomes of old baselines, checks, drills, exports, incidents, journals, "
        "states and waivers in the operations bucket, by kind",
    )

    @property
    def shortest_retention_days(self) -> int:
        """The shortest retention, which a vault lock can enforce."""
        return min(self.daily_days, self.weekly_days, self.monthly_days)

    @property
    def start_minutes(self) -> range:
        """Minutes of the day in which backups start: AWS Backup's shortest start window."""
        start = parse_daily_window(f"{self.time}-{self.time}").start
        return range(start, start + START_WINDOW_MINUTES)

    @field_validator("lifecycles")
    @classmethod
    def _validate_lifecycles(
        cls, lifecycles: dict[DataKind, DataLifecycle]
    ) -> dict[DataKind, DataLifecycle]:
        if faults := list_lifecycle_faults(lifecycles):
            raise ValueError("; ".join(faults))
        return lifecycles

    @model_validator(mode="after")
    def _validate_retention_order(self) -> "BackupSettings":
        """If two rules apply on a day, AWS Backup keeps one backup, for the longer time."""
        if self.weekly_days < self.daily_days:
            raise ValueError(
                f"weeklyDays is {self.weekly_days}, must be dailyDays ({self.daily_days}) or more"
            )
        if self.monthly_days < self.weekly_days:
            raise ValueError(
                f"monthlyDays is {self.monthly_days}, must be weeklyDays ({self.weekly_days}) "
                "or more"
            )
        return self
