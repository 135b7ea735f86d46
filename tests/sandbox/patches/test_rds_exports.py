"""RDS exports in the sandbox: they take their time, five at once, by a role that is there."""

import json
from typing import Any

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import REGION, Clients, Refusal
from tests.sandbox.patches.test_rds import create

ROLE = "arn:aws:iam::123456789012:role/export"


@pytest.fixture
def rds(mended: Clients, held: ManualClock) -> Any:
    """A database with a snapshot, and the role and the bucket of exports."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    mended("iam").create_role(RoleName="export", AssumeRolePolicyDocument=trust)
    mended("s3").create_bucket(
        Bucket="exports", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    made = mended("rds")
    create(made)
    held.advance(3600)
    made.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="copy")
    held.advance(3600)
    return made


def given(name: str, **other: str) -> dict[str, str]:
    return {
        "ExportTaskIdentifier": name,
        "S3BucketName": "exports",
        "IamRoleArn": ROLE,
        "SourceArn": "arn:aws:rds:eu-north-1:123456789012:snapshot:copy",
        "KmsKeyId": "key",
        "S3Prefix": "exports",
        **other,
    }


def state(rds: Any, name: str) -> tuple[str, int]:
    (task,) = rds.describe_export_tasks(ExportTaskIdentifier=name)["ExportTasks"]
    return task["Status"], task["PercentProgress"]


def test_an_export_starts_writes_and_is_complete(
    rds: Any, mended: Clients, held: ManualClock
) -> None:
    rds.start_export_task(**given("one"))
    assert state(rds, "one") == ("STARTING", 0)
    held.advance(2 * 60 + 10 * 60)
    assert state(rds, "one") == ("IN_PROGRESS", 50)
    assert "Contents" not in mended("s3").list_objects_v2(Bucket="exports")
    held.advance(10 * 60)
    assert state(rds, "one") == ("COMPLETE", 100)
    (file,) = mended("s3").list_objects_v2(Bucket="exports")["Contents"]
    assert file["Key"] == "exports/one/export_info_one.json"


def test_five_run_at_once_and_one_more_is_refused(
    rds: Any, held: ManualClock, refused: Refusal
) -> None:
    for number in range(5):
        rds.start_export_task(**given(f"export-{number}"))
    assert refused(rds.start_export_task, **given("more"))[0] == "ExportTaskLimitReachedFault"
    assert refused(rds.start_export_task, **given("export-0"))[0] == "ExportTaskAlreadyExists"
    held.advance(3600)
    rds.start_export_task(**given("more"))


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"IamRoleArn": f"{ROLE}-of-nobody"}, "IamRoleNotFound"),
        ({"S3BucketName": "no-such"}, "InvalidS3BucketFault"),
    ],
)
def test_role_and_bucket_must_be_there(
    rds: Any, refused: Refusal, other: dict[str, str], code: str
) -> None:
    assert refused(rds.start_export_task, **given("one", **other))[0] == code
