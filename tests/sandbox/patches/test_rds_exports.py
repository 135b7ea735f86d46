"""RDS exports in the sandbox: they take their time, five at once, by a role that is there."""

import json
from typing import Any

import pytest

from sandbox.clock import ManualClock
from tests.sandbox.conftest import REGION, ClientFactory, RefusalGetter
from tests.sandbox.patches.test_rds import create_main_database

EXPORT_ROLE_ARN = "arn:aws:iam::123456789012:role/export"


@pytest.fixture
def rds_client(aws_client: ClientFactory, held_clock: ManualClock) -> Any:
    """A database with a snapshot, and the role and the bucket of exports."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    aws_client("iam").create_role(RoleName="export", AssumeRolePolicyDocument=trust)
    aws_client("s3").create_bucket(
        Bucket="exports", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    created_client = aws_client("rds")
    create_main_database(created_client)
    held_clock.advance(3600)
    created_client.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="copy")
    held_clock.advance(3600)
    return created_client


def build_export_parameters(name: str, **overrides: str) -> dict[str, str]:
    return {
        "ExportTaskIdentifier": name,
        "S3BucketName": "exports",
        "IamRoleArn": EXPORT_ROLE_ARN,
        "SourceArn": "arn:aws:rds:eu-north-1:123456789012:snapshot:copy",
        "KmsKeyId": "key",
        "S3Prefix": "exports",
        **overrides,
    }


def get_export_state(rds_client: Any, name: str) -> tuple[str, int]:
    (task,) = rds_client.describe_export_tasks(ExportTaskIdentifier=name)["ExportTasks"]
    return task["Status"], task["PercentProgress"]


def test_an_export_starts_writes_and_is_complete(
    rds_client: Any, aws_client: ClientFactory, held_clock: ManualClock
) -> None:
    rds_client.start_export_task(**build_export_parameters("one"))
    assert get_export_state(rds_client, "one") == ("STARTING", 0)
    held_clock.advance(2 * 60 + 10 * 60)
    assert get_export_state(rds_client, "one") == ("IN_PROGRESS", 50)
    assert "Contents" not in aws_client("s3").list_objects_v2(Bucket="exports")
    held_clock.advance(10 * 60)
    assert get_export_state(rds_client, "one") == ("COMPLETE", 100)
    (file,) = aws_client("s3").list_objects_v2(Bucket="exports")["Contents"]
    assert file["Key"] == "exports/one/export_info_one.json"


def test_five_exports_run_at_once_and_a_sixth_is_refused(
    rds_client: Any, held_clock: ManualClock, get_refusal: RefusalGetter
) -> None:
    for number in range(5):
        rds_client.start_export_task(**build_export_parameters(f"export-{number}"))
    assert (
        get_refusal(rds_client.start_export_task, **build_export_parameters("more"))[0]
        == "ExportTaskLimitReachedFault"
    )
    assert (
        get_refusal(rds_client.start_export_task, **build_export_parameters("export-0"))[0]
        == "ExportTaskAlreadyExists"
    )
    held_clock.advance(3600)
    rds_client.start_export_task(**build_export_parameters("more"))


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"IamRoleArn": f"{EXPORT_ROLE_ARN}-of-nobody"}, "IamRoleNotFound"),
        ({"S3BucketName": "no-such"}, "InvalidS3BucketFault"),
    ],
)
def test_role_and_bucket_must_be_there(
    rds_client: Any, get_refusal: RefusalGetter, other: dict[str, str], code: str
) -> None:
    assert (
        get_refusal(rds_client.start_export_task, **build_export_parameters("one", **other))[0]
        == code
    )
