"""Buckets that anybody can read: by policy, by ACL, by a block that is off."""

import json

import pytest

from tests.ops.audit.looks import mend, read_open
from tests.ops.audit_stage import put_guarded_bucket
from tests.ops.every_command import open_command_line
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, Stage

KEY, PROTECTION_KEY = "open-buckets", "bucket-protection"


def get_bucket(stage: Stage) -> str:
    return stage.outputs.backups.operations_bucket


def open_blocks(stage: Stage, bucket: str) -> None:
    stage.client("s3").delete_public_access_block(Bucket=bucket)
    stage.client("s3control").delete_public_access_block(AccountId=ACCOUNT)


def test_a_guarded_bucket_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_guarded_bucket) as (_, run_line):
        assert read_open(run_line, capsys, KEY) == {}
        assert read_open(run_line, capsys, PROTECTION_KEY) == {}


def test_a_public_policy_is_found_and_blocked(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_guarded_bucket) as (stage, run_line):
        bucket = get_bucket(stage)
        open_blocks(stage, bucket)
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        stage.client("s3").put_bucket_policy(
            Bucket=bucket, Policy=json.dumps({"Statement": [statement]})
        )
        found = read_open(run_line, capsys, KEY)
        assert set(found) == {f"{KEY}/{bucket}/policy", f"{KEY}/{bucket}/block", f"{KEY}/{ACCOUNT}"}
        assert found[f"{KEY}/{bucket}/policy"]["severity"] == "critical"
        assert "account-wide" in found[f"{KEY}/{ACCOUNT}"]["evidence"]
        # The block of the bucket makes its policy void, whatever it says.
        mend(stage, found[f"{KEY}/{bucket}/policy"])
        (left,) = read_open(run_line, capsys, KEY).values()
        assert left["id"] == f"{KEY}/{ACCOUNT}"
        mend(stage, left)
        assert read_open(run_line, capsys, KEY) == {}


@pytest.mark.parametrize("acl", ["public-read", "authenticated-read"])
def test_a_public_acl_is_found_and_blocked(acl: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_guarded_bucket) as (stage, run_line):
        bucket = get_bucket(stage)
        open_blocks(stage, bucket)
        stage.client("s3").put_bucket_acl(Bucket=bucket, ACL=acl)
        found = read_open(run_line, capsys, KEY)
        assert f"{KEY}/{bucket}/acl/read" in found
        for finding in found.values():
            mend(stage, finding)
        assert read_open(run_line, capsys, KEY) == {}


def test_a_bucket_by_hand_is_the_stacks_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_guarded_bucket) as (stage, run_line):
        s3 = stage.client("s3")
        place = {"LocationConstraint": REGION}
        for name, environment in (("by-hand", None), ("ours", "test"), ("theirs-eu", "test-eu")):
            bucket = f"{STACK_PREFIX}-{name}"
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
            if environment is not None:
                tags = [
                    {"Key": "Project", "Value": "bulwark"},
                    {"Key": "Environment", "Value": environment},
                ]
                s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        s3.create_bucket(Bucket="somebody", CreateBucketConfiguration=place)
        found = read_open(run_line, capsys, KEY)
        assert set(found) == {
            f"{KEY}/{STACK_PREFIX}-by-hand/block",
            f"{KEY}/{STACK_PREFIX}-ours/block",
        }


def test_versions_and_tls_are_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    with open_command_line(put_guarded_bucket) as (stage, run_line):
        s3, bucket = stage.client("s3"), get_bucket(stage)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)
        found = read_open(run_line, capsys, PROTECTION_KEY)
        assert set(found) == {
            f"{PROTECTION_KEY}/{bucket}/tls",
            f"{PROTECTION_KEY}/{bucket}/versioning",
        }
        mend(stage, found[f"{PROTECTION_KEY}/{bucket}/versioning"])
        # What `pulumi up --refresh` does.
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
        assert read_open(run_line, capsys, PROTECTION_KEY) == {}
