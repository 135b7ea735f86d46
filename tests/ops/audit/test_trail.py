"""CloudTrail: each fault of a trail and its bucket found, mended by its line, and gone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.cloudtrail.models import cloudtrail_backends

from sandbox.account_guards import TRAIL_BUCKET, TRAIL_NAME, record_account
from sandbox.faults import DeniedFault, inject_faults
from tests.ops.audit.looks import mend, read_items, read_open
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, Stage

KEY = "account-trail"
NAME = {"Name": TRAIL_NAME}


def put_trail(_: Stage) -> None:
    record_account(REGION)


def stop(stage: Stage) -> None:
    stage.client("cloudtrail").stop_logging(**NAME)


def update(**parameters: Any) -> Callable[[Stage], None]:
    return lambda stage: stage.client("cloudtrail").update_trail(**NAME, **parameters)


def record_writes(stage: Stage) -> None:
    stage.client("cloudtrail").put_event_selectors(
        TrailName=TRAIL_NAME,
        EventSelectors=[{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}],
    )


def record_without_keys(stage: Stage) -> None:
    selector = {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    }
    stage.client("cloudtrail").put_event_selectors(TrailName=TRAIL_NAME, EventSelectors=[selector])


def record_reads_by_advanced_selectors(stage: Stage) -> None:
    fields = [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "readOnly", "Equals": ["true"]},
    ]
    stage.client("cloudtrail").put_event_selectors(
        TrailName=TRAIL_NAME, AdvancedEventSelectors=[{"FieldSelectors": fields}]
    )


def take_policy(stage: Stage) -> None:
    stage.client("s3").delete_bucket_policy(Bucket=TRAIL_BUCKET)


def open_bucket(stage: Stage) -> None:
    stage.client("s3").delete_public_access_block(Bucket=TRAIL_BUCKET)


def publish_bucket(stage: Stage) -> None:
    open_bucket(stage)
    s3 = stage.client("s3")
    policy = json.loads(s3.get_bucket_policy(Bucket=TRAIL_BUCKET)["Policy"])
    policy["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{TRAIL_BUCKET}/*",
        }
    )
    s3.put_bucket_policy(Bucket=TRAIL_BUCKET, Policy=json.dumps(policy))


def move_to_plain_bucket(stage: Stage) -> None:
    """A bucket without versions and locks."""
    s3 = stage.client("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_public_access_block(
        Bucket="plain",
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    policy = s3.get_bucket_policy(Bucket=TRAIL_BUCKET)["Policy"]
    s3.put_bucket_policy(Bucket="plain", Policy=policy.replace(TRAIL_BUCKET, "plain"))
    stage.client("cloudtrail").update_trail(**NAME, S3BucketName="plain")


FAULTS: dict[str, tuple[Callable[[Stage], None], str, str]] = {
    "logging": (stop, "high", "is stopped"),
    "regions": (update(IsMultiRegionTrail=False), "high", f"records {REGION} alone"),
    "validation": (update(EnableLogFileValidation=False), "medium", "no log file validation"),
    "key": (update(KmsKeyId=""), "medium", "without a KMS key"),
    "events": (record_writes, "high", "no management events that are reads"),
    "delivery": (take_policy, "high", f"cannot write to its bucket {TRAIL_BUCKET}: AccessDenied"),
    "bucket-public": (open_bucket, "medium", "does not block public access"),
}
MORE_FAULTS: dict[str, tuple[Callable[[Stage], None], str, str]] = {
    "events": (record_without_keys, "high", "leaves out the events of kms.amazonaws.com"),
    "bucket-public": (publish_bucket, "critical", "everybody can read its bucket"),
}


def test_a_guarded_account_is_fine_and_its_bucket_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_trail) as (_, run_line):
        (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert item["state"] == "ok"
        assert f"its bucket {TRAIL_BUCKET} is of this account, {ACCOUNT}" in item["evidence"]


@pytest.mark.parametrize(
    ("key", "fault"), [*FAULTS.items(), *MORE_FAULTS.items()], ids=lambda value: str(value)[:20]
)
def test_a_fault_is_found_and_mended_by_its_line(
    key: str,
    fault: tuple[Callable[[Stage], None], str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    make, severity, evidence = fault
    with open_command_line(put_trail) as (stage, run_line):
        make(stage)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["id"] == f"{KEY}/{TRAIL_NAME}/{key}"
        assert (found["severity"], evidence in found["evidence"]) == (severity, True)
        assert found["reason"]
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_advanced_selectors_of_reads_alone_lack_writes(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_trail) as (stage, run_line):
        record_reads_by_advanced_selectors(stage)
        (found,) = read_open(run_line, capsys, KEY).values()
        assert "no management events that are writes" in found["evidence"]
        mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_bucket_without_versions_gets_them_and_then_a_lock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_trail) as (stage, run_line):
        move_to_plain_bucket(stage)
        for key in ("bucket-versioning", "bucket-lock"):
            (found,) = read_open(run_line, capsys, KEY).values()
            assert found["id"] == f"{KEY}/{TRAIL_NAME}/{key}"
            mend(stage, found)
        assert read_open(run_line, capsys, KEY) == {}


def test_an_account_without_a_trail_gets_one(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(lambda _: None) as (stage, run_line):
        (found,) = read_open(run_line, capsys, KEY).values()
        assert (found["id"], found["severity"]) == (f"{KEY}/none", "high")
        mend(stage, found)
        # A key is chosen by somebody who owns one.
        assert set(read_open(run_line, capsys, KEY)) == {f"{KEY}/management-events/key"}


def test_a_second_trail_that_is_whole_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_trail) as (stage, run_line):
        trails = stage.client("cloudtrail")
        trails.create_trail(Name="by-hand", S3BucketName=TRAIL_BUCKET)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_bucket_of_another_account_is_said_and_not_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_command_line(put_trail) as (stage, run_line):
        trail = cloudtrail_backends[ACCOUNT][REGION].trails[TRAIL_NAME]
        stop(stage)
        trail.bucket_name = "log-archive"
        (found,) = read_open(run_line, capsys, KEY).values()
        assert found["id"] == f"{KEY}/{TRAIL_NAME}/logging"


@pytest.mark.parametrize(
    "api",
    [
        "cloudtrail.describe_trails",
        "cloudtrail.get_trail_status",
        "cloudtrail.get_event_selectors",
        "s3.list_buckets",
        "s3.get_bucket_versioning",
        "s3.get_object_lock_configuration",
    ],
)
def test_what_may_not_be_read_is_unknown(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_trail) as (_, run_line), inject_faults(DeniedFault((api,))):
        (item,) = read_items(run_line, capsys, f"audit --only {KEY}")
        assert (item["state"], f"{api} was denied" in item["evidence"]) == ("unknown", True)
