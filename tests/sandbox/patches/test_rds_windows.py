"""RDS in the sandbox: the windows of backups and of maintenance."""

import pytest

from tests.sandbox.conftest import ClientFactory, RefusalGetter
from tests.sandbox.patches.test_rds import create_main_database, read_database

BACKUP_WINDOW = "03:00-04:00"
ADJACENT_WINDOWS = ["Sun:04:00-Sun:05:00", "sun:02:00-sun:03:00"]
OVERLAPPING_WINDOWS = ["sun:03:59-sun:04:59", "Sun:02:01-Sun:03:01"]


@pytest.mark.parametrize("window", ADJACENT_WINDOWS)
def test_adjacent_windows_are_accepted_and_days_kept_in_lower_case(
    aws_client: ClientFactory, window: str
) -> None:
    rds = aws_client("rds")
    windows = {
        "PreferredBackupWindow": BACKUP_WINDOW,
        "PreferredMaintenanceWindow": window,
    }
    create_main_database(rds, **windows)
    assert read_database(rds)["PreferredMaintenanceWindow"] == window.lower()
    create_main_database(rds, "other", PreferredBackupWindow=BACKUP_WINDOW)
    rds.modify_db_instance(DBInstanceIdentifier="other", PreferredMaintenanceWindow=window)
    assert read_database(rds, "other")["PreferredMaintenanceWindow"] == window.lower()


@pytest.mark.parametrize("window", OVERLAPPING_WINDOWS)
def test_overlapping_windows_are_refused(
    aws_client: ClientFactory, get_refusal: RefusalGetter, window: str
) -> None:
    rds = aws_client("rds")
    create_main_database(rds, PreferredBackupWindow=BACKUP_WINDOW)
    assert get_refusal(
        rds.modify_db_instance, DBInstanceIdentifier="main", PreferredMaintenanceWindow=window
    ) == (
        "InvalidParameterValue",
        "The backup window and maintenance window must not overlap.",
    )
