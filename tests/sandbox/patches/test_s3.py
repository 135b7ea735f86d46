"""S3 in the sandbox: replication rules as given, log delivery by the target's policy."""

import json
from typing import Any

from tests.sandbox.conftest import ClientFactory, RefusalGetter


def create_versioned_bucket(s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def test_a_replication_rule_is_read_back_as_given(aws_client: ClientFactory) -> None:
    s3 = aws_client("s3")
    create_versioned_bucket(s3, "here")
    create_versioned_bucket(s3, "there")
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": "runs/"},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": "arn:aws:s3:::there",
            "StorageClass": "STANDARD",
            "EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:aws:kms:eu-west-1:1:key/k"},
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
        },
    }
    role = "arn:aws:iam::123456789012:role/replication"
    s3.put_bucket_replication(
        Bucket="here", ReplicationConfiguration={"Role": role, "Rules": [rule]}
    )
    configuration = s3.get_bucket_replication(Bucket="here")["ReplicationConfiguration"]
    assert configuration == {"Role": role, "Rules": [rule]}


def build_policy_json(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


DENY_PLAINTEXT_STATEMENT = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::log-bucket", "arn:aws:s3:::log-bucket/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ALLOW_LOGS_STATEMENT = {
    "Effect": "Allow",
    "Principal": {"Service": ["logging.s3.amazonaws.com"]},
    "Action": ["s3:PutObject"],
    "Resource": ["arn:aws:s3:::log-bucket/s3/*"],
}


def test_logs_are_delivered_where_the_policy_lets_s3_write(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    s3 = aws_client("s3")
    create_versioned_bucket(s3, "log-bucket")
    create_versioned_bucket(s3, "data")
    target = {"TargetBucket": "log-bucket", "TargetPrefix": "s3/data/"}
    parameters = {"Bucket": "data", "BucketLoggingStatus": {"LoggingEnabled": target}}
    s3.put_bucket_policy(Bucket="log-bucket", Policy=build_policy_json(DENY_PLAINTEXT_STATEMENT))
    assert get_refusal(s3.put_bucket_logging, **parameters)[0] == "InvalidTargetBucketForLogging"
    s3.put_bucket_policy(
        Bucket="log-bucket",
        Policy=build_policy_json(DENY_PLAINTEXT_STATEMENT, ALLOW_LOGS_STATEMENT),
    )
    s3.put_bucket_logging(**parameters)
    assert s3.get_bucket_logging(Bucket="data")["LoggingEnabled"] == target


def test_a_policy_for_another_folder_does_not_let_s3_write(
    aws_client: ClientFactory, get_refusal: RefusalGetter
) -> None:
    s3 = aws_client("s3")
    create_versioned_bucket(s3, "log-bucket")
    create_versioned_bucket(s3, "data")
    s3.put_bucket_policy(Bucket="log-bucket", Policy=build_policy_json(ALLOW_LOGS_STATEMENT))
    target = {"TargetBucket": "log-bucket", "TargetPrefix": "elsewhere/"}
    code, _ = get_refusal(
        s3.put_bucket_logging, Bucket="data", BucketLoggingStatus={"LoggingEnabled": target}
    )
    assert code == "InvalidTargetBucketForLogging"
