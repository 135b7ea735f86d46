"""The operations bucket: guarded, kept, and copied to the recovery region."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import JsonValue

from components.account import Account
from components.keys import Keys, KeysArgs
from components.log_bucket import LogBucket, LogBucketArgs
from components.operations import Operations, OperationsArgs
from components.settings import Settings
from components.settings.lifecycles import DATA_KIND_RULES
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

PREFIX_PATTERN: Final = re.compile(r'^[A-Z_]+_PREFIX: Final = "([a-z-]+/)"', re.MULTILINE)
# Prefixes of ARNs and namespaces, and of the logs of the state's bucket, which is not the stack's.
OTHER_PREFIXES: Final = ("function/", "service/", "state/")
BUCKET_TYPE = "aws:s3/bucket:Bucket"
BUCKET_REPLICATION_TYPE = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"


def build_operations_graph(build: Build, settings: Settings) -> ResourceGraph:
    """What the component registers with these settings."""

    def program() -> None:
        account = Account.get_current()
        log_bucket = (
            LogBucket("logs", args=LogBucketArgs(settings=settings, account=account))
            if settings.has_log_bucket
            else None
        )
        keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
        Operations(
            "operations",
            args=OperationsArgs(
                settings=settings, account=account, keys=keys, log_bucket=log_bucket
            ),
        )

    return build(program)


def get_bucket_guard_inputs(graph: ResourceGraph, kind: str, name: str) -> Any:
    """The inputs of what guards a bucket."""
    return graph.get_resource(f"aws:s3/bucket{kind}:Bucket{kind}", name).inputs


@pytest.fixture(scope="module")
def prod(build: Build) -> ResourceGraph:
    return build_operations_graph(build, build_settings())


both_buckets = pytest.mark.parametrize("name", ["operations", "operations-recovery"])


def test_the_operations_bucket_is_named_for_stack_account_and_region(prod: ResourceGraph) -> None:
    names = {
        b.name: b.inputs["bucket"]
        for b in prod.list_resources(BUCKET_TYPE)
        if "operations" in b.name
    }
    assert names == {
        "operations": "bulwark-test-operations-123456789012-eu-north-1",
        "operations-recovery": "bulwark-test-operations-123456789012-eu-west-1",
    }


@both_buckets
def test_s3_1_and_s3_8_the_operations_bucket_is_not_public(prod: ResourceGraph, name: str) -> None:
    block = get_bucket_guard_inputs(prod, "PublicAccessBlock", name)
    assert all(
        block[key]
        for key in (
            "blockPublicAcls",
            "blockPublicPolicy",
            "ignorePublicAcls",
            "restrictPublicBuckets",
        )
    )


@both_buckets
@pytest.mark.parametrize("control", ["S3.2", "S3.3", "S3.5", "S3.6"])
def test_the_operations_buckets_policy_denies_requests_without_tls(
    prod: ResourceGraph, name: str, control: str
) -> None:
    policy = json.loads(get_bucket_guard_inputs(prod, "Policy", name)["policy"])
    assert {s["Effect"] for s in policy["Statement"]} == {"Deny"}, control
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_s3_9_reads_of_the_operations_bucket_are_logged(prod: ResourceGraph) -> None:
    logging = get_bucket_guard_inputs(prod, "Logging", "operations")
    assert logging["targetBucket"] == "bulwark-test-logs-123456789012-eu-north-1"


@both_buckets
@pytest.mark.parametrize("control", ["S3.10", "S3.13"])
def test_old_versions_of_journals_expire(prod: ResourceGraph, name: str, control: str) -> None:
    rules = {
        r["id"]: r for r in get_bucket_guard_inputs(prod, "LifecycleConfiguration", name)["rules"]
    }
    assert rules["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 365}, control
    assert "expire" not in rules  # the journal itself stays


@both_buckets
def test_s3_12_acls_are_off(prod: ResourceGraph, name: str) -> None:
    controls = get_bucket_guard_inputs(prod, "OwnershipControls", name)
    assert controls["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@both_buckets
def test_s3_14_versions_are_kept(prod: ResourceGraph, name: str) -> None:
    versioning_inputs = get_bucket_guard_inputs(prod, "Versioning", name)
    assert versioning_inputs["versioningConfiguration"] == {"status": "Enabled"}


@pytest.mark.parametrize(
    ("name", "key"), [("operations", "keys-data"), ("operations-recovery", "keys-recovery")]
)
def test_s3_17_the_operations_bucket_is_encrypted_with_the_regions_own_key(
    prod: ResourceGraph, name: str, key: str
) -> None:
    rule = get_bucket_guard_inputs(prod, "ServerSideEncryptionConfiguration", name)["rules"][0]
    encryption = rule["applyServerSideEncryptionByDefault"]
    assert encryption["sseAlgorithm"] == "aws:kms"
    assert encryption["kmsMasterKeyId"] == prod.get_resource("aws:kms/key:Key", key).outputs["arn"]


@both_buckets
def test_the_operations_bucket_is_protected_if_the_stack_is(
    prod: ResourceGraph, build: Build, name: str
) -> None:
    assert prod.get_resource(BUCKET_TYPE, name).protect
    loose = build_operations_graph(build, build_settings({"protect": False})).get_resource(
        BUCKET_TYPE, name
    )
    assert not loose.protect
    assert not loose.inputs["forceDestroy"]
    assert loose.retain_on_delete


def test_all_objects_and_delete_markers_are_replicated(prod: ResourceGraph) -> None:
    replication = prod.get_resource(BUCKET_REPLICATION_TYPE, "operations-replication")
    recovery_bucket = prod.get_resource(BUCKET_TYPE, "operations-recovery")
    [rule] = replication.inputs["rules"]
    assert (
        replication.inputs["bucket"]
        == prod.get_resource(BUCKET_TYPE, "operations").outputs["bucket"]
    )
    assert rule["filter"] == {"prefix": ""}
    assert rule["deleteMarkerReplication"] == {"status": "Enabled"}
    assert rule["destination"]["bucket"] == recovery_bucket.outputs["arn"]
    assert recovery_bucket.inputs["region"] == "eu-west-1"


def test_replicas_are_encrypted_with_the_other_regions_key(prod: ResourceGraph) -> None:
    [rule] = prod.get_resource(BUCKET_REPLICATION_TYPE).inputs["rules"]
    key = prod.get_resource("aws:kms/key:Key", "keys-recovery").outputs["arn"]
    assert rule["destination"]["encryptionConfiguration"] == {"replicaKmsKeyId": key}
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}


@pytest.mark.parametrize("control", ["KMS.1", "KMS.2", "IAM.1", "IAM.21"])
def test_the_replication_role_reaches_these_buckets_and_keys_only(
    prod: ResourceGraph, control: str
) -> None:
    policy = prod.get_resource("aws:iam/rolePolicy:RolePolicy", "operations-replication").inputs[
        "policy"
    ]
    exact = {
        prod.get_resource(BUCKET_TYPE, name).outputs["arn"]
        for name in ("operations", "operations-recovery")
    } | {
        prod.get_resource("aws:kms/key:Key", name).outputs["arn"]
        for name in ("keys-data", "keys-recovery")
    }
    for statement in json.loads(policy)["Statement"]:
        assert not any("*" in action for action in statement["Action"]), control
        assert {arn.removesuffix("/*") for arn in statement["Resource"]} <= exact, control
        if statement["Action"][0].startswith("kms:"):
            assert statement["Condition"]["StringEquals"]["kms:ViaService"].startswith("s3.eu-")


def test_without_a_recovery_region_there_is_one_bucket(build: Build) -> None:
    graph = build_operations_graph(build, build_settings(profile="dev"))
    assert [b.name for b in graph.list_resources(BUCKET_TYPE)] == ["operations"]
    assert graph.list_resources(BUCKET_REPLICATION_TYPE) == []


@pytest.mark.parametrize("values", [{}, {"recoveryRegion": "eu-west-1"}])
def test_without_own_keys_buckets_use_sse_s3(build: Build, values: dict[str, JsonValue]) -> None:
    graph = build_operations_graph(build, build_settings(values, profile="dev"))
    for encryption in graph.list_resources(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ):
        rule = encryption.inputs["rules"][0]["applyServerSideEncryptionByDefault"]
        assert rule == {"sseAlgorithm": "AES256"}
    for replication in graph.list_resources(BUCKET_REPLICATION_TYPE):
        assert "sourceSelectionCriteria" not in replication.inputs["rules"][0]


@both_buckets
def test_a_line_of_a_journal_and_a_waiver_cannot_be_overwritten(
    prod: ResourceGraph, name: str
) -> None:
    """Not over another, which wants If-None-Match of every put, nor after a deletion."""
    policy = json.loads(get_bucket_guard_inputs(prod, "Policy", name)["policy"])
    statements = {statement.get("Sid"): statement for statement in policy["Statement"]}
    bucket = prod.get_resource(BUCKET_TYPE, name).inputs["bucket"]
    write_once_statement, keep_statement = statements["JournalWriteOnce"], statements["JournalKept"]
    for statement in (write_once_statement, keep_statement):
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Resource"] == [
            f"arn:aws:s3:::{bucket}/runs/*",
            f"arn:aws:s3:::{bucket}/waivers/*",
        ]
    assert write_once_statement["Action"] == ["s3:PutObject"]
    assert write_once_statement["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    assert keep_statement["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert "Condition" not in keep_statement, "whoever asks, and however"


def list_written_prefixes() -> set[str]:
    """The prefixes below which ops keeps objects in the operations bucket, as its modules say."""
    return {
        match[1]
        for module in sorted(Path("ops").rglob("*.py"))
        for match in PREFIX_PATTERN.finditer(module.read_text(encoding="utf-8"))
    } - set(OTHER_PREFIXES)


def test_all_that_ops_keeps_has_a_lifecycle_that_can_be_set(build: Build) -> None:
    prefixes = {kind: rule.prefix for kind, rule in DATA_KIND_RULES.items()}
    assert set(prefixes.values()) == list_written_prefixes()
    lifecycles: JsonValue = {kind: {"tierDays": 30} for kind in prefixes}
    settings = build_settings({"backups": {"lifecycles": lifecycles}})
    graph = build_operations_graph(build, settings)
    for name in ("operations", "operations-recovery"):
        rules = get_bucket_guard_inputs(graph, "LifecycleConfiguration", name)["rules"]
        filters = {r["id"]: r["filter"] for r in rules if r["id"].startswith("old-")}
        del filters["old-versions"]
        assert filters == {f"old-{kind}": {"prefix": prefix} for kind, prefix in prefixes.items()}
