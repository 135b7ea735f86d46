"""Settings of AWS Backup and of the operations bucket."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from components.settings.section import Section
from components.settings.windows import parse_daily_window

TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
START_WINDOW_MINUTES = 60  # minutes after which AWS Backup cancels what has not begun; its minimum
MAX_LIFECYCLE_DAYS = 36_500  # AWS Backup's limit of a lifecycle


class BackupSettings(Section):
    """The AWS Backup plan, beside RDS's own automated backups."""

    enabled: bool = Field(default=True, description="have a vault and a plan")
    time: TimeOfDay = Field(
        default="05:00",
        description="when backups start, UTC, hh:mm; not within an hour before or in a window of "
        "the database, as RDS refuses them there",
    )
    daily_days: int = Field(
        default=35, ge=1, le=MAX_LIFECYCLE_DAYS, description="days that daily backups are kept"
    )
    weekly_days: int = Field(
        default=90, ge=1, le=MAX_LIFECYCLE_DAYS, description="days that weekly backups are kept"
    )
    monthly_days: int = Field(
        default=365, ge=1, le=MAX_LIFECYCLE_DAYS, description="days that monthly backups are kept"
    )
    copy_to_recovery: bool = Field(
        default=True, description="copy to the recovery region, where there is one"
    )
    copy_days: int = Field(
        default=35, ge=1, le=MAX_LIFECYCLE_DAYS, description="days that copies are kept"
    )
    lock: Literal["none", "governance", "compliance"] = Field(
        default="none",
        description="vault lock: governance may be lifted by whoever IAM allows; compliance by "
        "nobody once lockGraceDays are over, not even by AWS",
    )
    lock_grace_days: int = Field(
        default=3, ge=3, le=MAX_LIFECYCLE_DAYS, description="days before a compliance lock is final"
    )
    restore_testing: bool = Field(default=True, description="restore a backup weekly as a test")
    restore_test_hours: int = Field(
        default=1, ge=1, le=168, description="hours that a restored test database is kept"
    )
    journal_days: int = Field(
        default=365, ge=30, description="days that old versions in the operations bucket are kept"
    )

    @property
    def shortest_retention_days(self) -> int:
        """The shortest time that a backup is kept: what a vault lock can promise."""
        return min(self.daily_days, self.weekly_days, self.monthly_days)

    @property
    def start_minutes(self) -> range:
        """Minutes of the day in which backups begin: AWS Backup's shortest start window."""
        start = parse_daily_window(f"{self.time}-{self.time}").start
        return range(start, start + START_WINDOW_MINUTES)

    @model_validator(mode="after")
    def _validate_retention_order(self) -> "BackupSettings":
        """Where rules meet on a day AWS Backup keeps one backup, for the longer time."""
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
