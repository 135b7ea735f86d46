"""Buckets: what every bucket of the stack has."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws
import pytest
from pydantic import JsonValue

from components.buckets import Bucket, BucketArgs, PrefixLifecycle
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

S3_TYPE_PREFIX = "aws:s3/"
KMS_KEY_ARN = "arn:aws:kms:eu-north-1:123456789012:key/1"


def _get_inputs(graph: ResourceGraph, kind: str) -> Mapping[str, Any]:
    return graph.get_resource(f"{S3_TYPE_PREFIX}{kind[0].lower()}{kind[1:]}:{kind}").inputs


def _build_bucket_graph(build: Build, **args: Any) -> ResourceGraph:
    return build(
        lambda: Bucket(
            "data", args=BucketArgs(settings=build_settings(), bucket="bulwark-test-data", **args)
        )
    )


@pytest.mark.parametrize("control", ["S3.1", "S3.2", "S3.3", "S3.8"])
def test_a_bucket_blocks_all_public_access(build: Build, control: str) -> None:
    block = _get_inputs(_build_bucket_graph(build), "BucketPublicAccessBlock")
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(block[flag] is True for flag in flags), control


def test_s3_5_a_bucket_denies_requests_without_tls(build: Build) -> None:
    policy = json.loads(_get_inputs(_build_bucket_graph(build), "BucketPolicy")["policy"])
    (deny,) = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    assert (deny["Principal"], deny["Action"]) == ("*", ["s3:*"])
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert [r.removesuffix("/*") for r in deny["Resource"]] == [deny["Resource"][0]] * 2
    assert deny["Resource"][1].endswith("/*")


def test_s3_9_access_to_a_bucket_is_logged_if_there_is_a_log_bucket(build: Build) -> None:
    logging = _get_inputs(
        _build_bucket_graph(build, access_log_bucket="bulwark-test-logs"), "BucketLogging"
    )
    assert logging["targetBucket"] == "bulwark-test-logs"
    assert logging["targetPrefix"] == "s3/data/"


def test_s3_12_a_bucket_has_acls_disabled(build: Build) -> None:
    rule = _get_inputs(_build_bucket_graph(build), "BucketOwnershipControls")["rule"]
    assert rule == {"objectOwnership": "BucketOwnerEnforced"}


@pytest.mark.parametrize("control", ["S3.10", "S3.13"])
def test_unfinished_uploads_and_old_versions_expire(build: Build, control: str) -> None:
    rules = _get_inputs(_build_bucket_graph(build), "BucketLifecycleConfiguration")["rules"]
    by_id = {rule["id"]: rule for rule in rules}
    assert by_id["unfinished-uploads"]["abortIncompleteMultipartUpload"], control
    assert by_id["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert all(rule["status"] == "Enabled" for rule in rules)


def test_delete_markers_expire(build: Build) -> None:
    lifecycle_rules = _get_inputs(_build_bucket_graph(build), "BucketLifecycleConfiguration")[
        "rules"
    ]
    assert [r["expiration"] for r in lifecycle_rules if "expiration" in r] == [
        {"expiredObjectDeleteMarker": True}
    ]
    lifecycle_rules = _get_inputs(
        _build_bucket_graph(build, expire_days=30), "BucketLifecycleConfiguration"
    )["rules"]
    assert [r["expiration"] for r in lifecycle_rules if "expiration" in r] == [{"days": 30}]


def test_s3_14_a_bucket_keeps_versions(build: Build) -> None:
    versioning_inputs = _get_inputs(_build_bucket_graph(build), "BucketVersioning")
    assert versioning_inputs["versioningConfiguration"] == {"status": "Enabled"}


@pytest.mark.parametrize(("key", "algorithm"), [(KMS_KEY_ARN, "aws:kms"), (None, "AES256")])
def test_s3_17_a_bucket_is_encrypted_with_the_given_key(
    build: Build, key: str | None, algorithm: str
) -> None:
    (rule,) = _get_inputs(
        _build_bucket_graph(build, kms_key=key), "BucketServerSideEncryptionConfiguration"
    )["rules"]
    default = rule["applyServerSideEncryptionByDefault"]
    assert default["sseAlgorithm"] == algorithm
    assert default.get("kmsMasterKeyId") == key


@pytest.mark.parametrize(
    ("values", "protected", "discarded"),
    [
        ({}, True, False),
        ({"protect": False}, False, False),
        ({"protect": False, "deletion": {"discard": ["buckets"]}}, False, True),
    ],
)
def test_a_bucket_and_its_guards_are_retained_unless_discarded(
    build: Build, values: dict[str, JsonValue], *, protected: bool, discarded: bool
) -> None:
    settings = build_settings(values)
    graph = build(lambda: Bucket("data", args=BucketArgs(settings=settings, bucket="b")))
    bucket = graph.get_resource("aws:s3/bucket:Bucket")
    assert (bucket.protect, bucket.inputs["forceDestroy"]) == (protected, discarded)
    in_aws = [r for r in graph if r.is_in_aws]
    assert len(in_aws) == 7
    assert {r.retain_on_delete for r in in_aws} == {not discarded}


def test_a_bucket_and_its_guards_are_created_in_the_given_region(build: Build) -> None:
    def program() -> None:
        args = BucketArgs(
            settings=build_settings(),
            bucket="b",
            access_log_bucket="logs",
            region="eu-west-1",
            provider=aws.Provider("there", region="eu-west-1"),
        )
        Bucket("data", args=args)

    bucket_resources = [r for r in build(program) if r.type.startswith(S3_TYPE_PREFIX)]
    assert len(bucket_resources) > 5
    assert {r.inputs["region"] for r in bucket_resources} == {"eu-west-1"}


def test_old_objects_below_a_prefix_move_and_end_as_is_said(build: Build) -> None:
    lifecycle = PrefixLifecycle(prefix="exports/", tier_days=30, archive_days=90, expire_days=400)
    graph = _build_bucket_graph(build, prefix_lifecycles={"old-exports": lifecycle})
    rules = _get_inputs(graph, "BucketLifecycleConfiguration")["rules"]
    (rule,) = [rule for rule in rules if rule["id"] == "old-exports"]
    assert rule["filter"] == {"prefix": "exports/"}
    assert rule["transitions"] == [
        {"days": 30, "storageClass": "INTELLIGENT_TIERING"},
        {"days": 90, "storageClass": "DEEP_ARCHIVE"},
    ]
    assert rule["expiration"] == {"days": 400}
