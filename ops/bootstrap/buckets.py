"""The buckets: Pulumi's state, its access logs, and both once more in the recovery region.

Sources: Pulumi, "State and backends"; controls S3.1, S3.5, S3.8, S3.9, S3.12, S3.14 and S3.17 of
AWS Security Hub.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from ops.bootstrap import policies as documents
from ops.bootstrap.names import FoundationNames
from ops.core.plan import Call, JsonObject, Step, Wait

NONCURRENT_VERSION_DAYS: Final = 365  # days that a version that is not the newest is kept
ACCESS_LOG_DAYS: Final = 400  # days of access logs: a year, and time to look at it
ACCESS_LOG_PREFIX: Final = "state/"
DEFAULT_BUCKET_REGION: Final = (
    "us-east-1"  # the region that CreateBucket does not want named (API reference)
)
LIFECYCLE_RULE_ID: Final = "old"
REPLICATION_RULE_ID: Final = "copy"


@dataclass(frozen=True)
class BucketSetting:
    """One setting of a bucket: how it is put and read, and what must then be seen.

    `absent` is S3's error where it is not set; `documents` are texts of JSON in what is read.
    """

    name: str
    description: str
    put_operation: str
    params: JsonObject
    get_operation: str
    expected: JsonObject
    absent_errors: tuple[str, ...] = ()
    json_fields: tuple[str, ...] = ()
    delete_operation: str | None = None  # the call that takes it away, where an undo must


@dataclass(frozen=True)
class FoundationBucket:
    """A bucket of the foundation. `label` is what its steps are called.

    One of access logs stays when a foundation is undone: who was there stands in it.
    """

    name: str
    region: str
    label: str
    settings: tuple[BucketSetting, ...]
    holds_logs: bool = False

    @property
    def head_call(self) -> Call:
        """The read of whether it is there."""
        return Call(
            api="s3.head_bucket",
            params={"Bucket": self.name},
            expected_errors=("404",),
            region=self.region,
        )


def list_foundation_buckets(names: FoundationNames) -> Iterator[FoundationBucket]:
    """All of them; the logs' before those that log there, the copy before what is copied."""
    for region in reversed(names.regions):
        suffix = "" if region == names.region else "_away"
        yield FoundationBucket(
            names.get_log_bucket(region),
            region,
            f"logs{suffix}",
            _build_log_bucket_settings(names, region),
            holds_logs=True,
        )
        yield FoundationBucket(
            names.get_state_bucket(region),
            region,
            f"state{suffix}",
            _build_state_bucket_settings(names, region),
        )


def build_bucket_steps(names: FoundationNames, existing_names: Collection[str]) -> list[Step]:
    """All buckets with all their settings. `there` are the names of those that there are already,
    of which nothing is taken away by an undo."""
    bucket_steps: list[Step] = []
    for bucket in list_foundation_buckets(names):
        is_new = bucket.name not in existing_names
        bucket_steps += [_build_bucket_step(bucket)] * is_new
        bucket_steps += [
            _build_setting_step(bucket, setting, is_new=is_new) for setting in bucket.settings
        ]
    return bucket_steps


def _build_bucket_step(bucket: FoundationBucket) -> Step:
    name, region, label, head_call = bucket.name, bucket.region, bucket.label, bucket.head_call
    constraint: JsonValue = {"LocationConstraint": region}
    configuration: JsonObject = (
        {} if region == DEFAULT_BUCKET_REGION else {"CreateBucketConfiguration": constraint}
    )
    return Step(
        name=f"bucket_{label}",
        description=f"make the bucket {name} in {region}",
        action=Call(
            api="s3.create_bucket",
            params={"Bucket": name, **configuration},
            expected_errors=("BucketAlreadyOwnedByYou",),
            region=region,
        ),
        goal=Wait(read=head_call, met={"answer": None}, every=2, within=120),
        undo=() if bucket.holds_logs else (_build_bucket_deletion_step(bucket),),
    )


def _build_bucket_deletion_step(bucket: FoundationBucket) -> Step:
    return Step(
        name=f"unbucket_{bucket.label}",
        description=f"delete the bucket {bucket.name}, which S3 does only where it is empty",
        action=Call(
            api="s3.delete_bucket",
            params={"Bucket": bucket.name},
            expected_errors=("NoSuchBucket",),
            region=bucket.region,
        ),
        goal=Wait(read=bucket.head_call, met={"answer": "404"}, every=2, within=120),
    )


def _build_setting_step(bucket: FoundationBucket, setting: BucketSetting, *, is_new: bool) -> Step:
    bucket_name, region, label = bucket.name, bucket.region, bucket.label
    get_call = Call(
        api=f"s3.{setting.get_operation}",
        params={"Bucket": bucket_name},
        expected_errors=("NoSuchBucket", *setting.absent_errors),
        json_fields=setting.json_fields,
        region=region,
    )
    undo: tuple[Step, ...] = ()
    if setting.delete_operation and is_new and not bucket.holds_logs:
        delete_call = Call(
            api=f"s3.{setting.delete_operation}",
            params={"Bucket": bucket_name},
            expected_errors=("NoSuchBucket",),
            region=region,
        )
        conditions: JsonObject = {
            f"contains({[*setting.absent_errors, 'NoSuchBucket']}, answer || '')": True
        }
        undo = (
            Step(
                name=f"un{setting.name}_{label}",
                description=f"{bucket_name}: not any more: {setting.description}",
                action=delete_call,
                goal=Wait(read=get_call, met=conditions, every=2, within=120),
            ),
        )
    return Step(
        name=f"{setting.name}_{label}",
        description=f"{bucket_name}: {setting.description}",
        action=Call(
            api=f"s3.{setting.put_operation}",
            params={"Bucket": bucket_name, **setting.params},
            region=region,
        ),
        goal=Wait(read=get_call, met=setting.expected, every=2, within=300),
        undo=undo,
    )


def _build_log_bucket_settings(names: FoundationNames, region: str) -> tuple[BucketSetting, ...]:
    expiration: JsonObject = {"Expiration": {"Days": ACCESS_LOG_DAYS}}
    return (
        *_build_common_settings(documents.build_bucket_policy(names, region, logs=True)),
        _build_encryption_setting(
            "AES256"
        ),  # the delivery of logs takes no key of one's own (S3 User Guide)
        _build_lifecycle_setting(expiration),
    )


def _build_state_bucket_settings(names: FoundationNames, region: str) -> tuple[BucketSetting, ...]:
    settings = [
        *_build_common_settings(documents.build_bucket_policy(names, region)),
        _build_encryption_setting("aws:kms", names.build_alias_arn("state", region)),
        _build_lifecycle_setting({}),
        BucketSetting(
            "logging",
            f"log who reads and writes it in {names.get_log_bucket(region)}",
            "put_bucket_logging",
            {
                "BucketLoggingStatus": {
                    "LoggingEnabled": {
                        "TargetBucket": names.get_log_bucket(region),
                        "TargetPrefix": ACCESS_LOG_PREFIX,
                    }
                }
            },
            "get_bucket_logging",
            {
                "LoggingEnabled.TargetBucket": names.get_log_bucket(region),
                "LoggingEnabled.TargetPrefix": ACCESS_LOG_PREFIX,
            },
        ),
    ]
    if region == names.region and names.recovery_region:
        settings.append(_build_replication_setting(names, names.recovery_region))
    return tuple(settings)


def _build_common_settings(policy: documents.PolicyDocument) -> list[BucketSetting]:
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    ownership: JsonValue = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    return [
        BucketSetting(
            "ownership",
            "no access lists: whatever is in it is the account's",
            "put_bucket_ownership_controls",
            {"OwnershipControls": ownership},
            "get_bucket_ownership_controls",
            {"OwnershipControls.Rules[0].ObjectOwnership": "BucketOwnerEnforced"},
            ("OwnershipControlsNotFoundError",),
        ),
        BucketSetting(
            "closed",
            "public to nobody",
            "put_public_access_block",
            {"PublicAccessBlockConfiguration": dict.fromkeys(flags, True)},
            "get_public_access_block",
            {f"PublicAccessBlockConfiguration.{flag}": True for flag in flags},
            ("NoSuchPublicAccessBlockConfiguration",),
        ),
        BucketSetting(
            "versions",
            "keep every version of what is in it",
            "put_bucket_versioning",
            {"VersioningConfiguration": {"Status": "Enabled"}},
            "get_bucket_versioning",
            {"Status": "Enabled"},
        ),
        BucketSetting(
            "policy",
            "by TLS only, and nobody deletes it or a version in it",
            "put_bucket_policy",
            {"Policy": documents.format_policy_document(policy)},
            "get_bucket_policy",
            {"Policy": policy},
            ("NoSuchBucketPolicy",),
            ("Policy",),
            delete_operation="delete_bucket_policy",
        ),
    ]


def _build_encryption_setting(algorithm: str, key: str | None = None) -> BucketSetting:
    default_encryption: dict[str, JsonValue] = {"SSEAlgorithm": algorithm}
    rule_path = "ServerSideEncryptionConfiguration.Rules[0]"
    conditions: JsonObject = {
        f"{rule_path}.ApplyServerSideEncryptionByDefault.SSEAlgorithm": algorithm
    }
    rule: dict[str, JsonValue] = {"ApplyServerSideEncryptionByDefault": default_encryption}
    if key:
        default_encryption["KMSMasterKeyID"], rule["BucketKeyEnabled"] = key, True
        conditions[f"{rule_path}.ApplyServerSideEncryptionByDefault.KMSMasterKeyID"] = key
        conditions[f"{rule_path}.BucketKeyEnabled"] = True
    return BucketSetting(
        "encryption",
        f"encrypt what is in it with {key or 'a key of S3'}",
        "put_bucket_encryption",
        {"ServerSideEncryptionConfiguration": {"Rules": [rule]}},
        "get_bucket_encryption",
        conditions,
        ("ServerSideEncryptionConfigurationNotFoundError",),
    )


def _build_lifecycle_setting(extra_rule: JsonObject) -> BucketSetting:
    abort_rule: JsonValue = {"DaysAfterInitiation": 7}
    rule: dict[str, JsonValue] = {
        "ID": LIFECYCLE_RULE_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_VERSION_DAYS},
        "AbortIncompleteMultipartUpload": abort_rule,
        **extra_rule,
    }
    rule_path = f"Rules[?ID=='{LIFECYCLE_RULE_ID}'] | [0]"
    conditions: JsonObject = {
        f"{rule_path}.Status": "Enabled",
        f"{rule_path}.NoncurrentVersionExpiration.NoncurrentDays": NONCURRENT_VERSION_DAYS,
    }
    if extra_rule:
        conditions[f"{rule_path}.Expiration.Days"] = ACCESS_LOG_DAYS
    return BucketSetting(
        "lifecycle",
        f"what was replaced goes after {NONCURRENT_VERSION_DAYS} days",
        "put_bucket_lifecycle_configuration",
        {"LifecycleConfiguration": {"Rules": [rule]}},
        "get_bucket_lifecycle_configuration",
        conditions,
        ("NoSuchLifecycleConfiguration",),
    )


def _build_replication_setting(names: FoundationNames, recovery_region: str) -> BucketSetting:
    """Replication; a marker that says "deleted" is copied too, or a lock would stay for ever."""
    role_arn = names.build_iam_arn(f"role/{names.get_role_name('state-replication')}")
    destination_arn = f"arn:{names.partition}:s3:::{names.get_state_bucket(recovery_region)}"
    key_arn = names.build_alias_arn("state", recovery_region)
    rule: JsonValue = {
        "ID": REPLICATION_RULE_ID,
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": destination_arn,
            "EncryptionConfiguration": {"ReplicaKmsKeyID": key_arn},
        },
    }
    rule_path = f"ReplicationConfiguration.Rules[?ID=='{REPLICATION_RULE_ID}'] | [0]"
    return BucketSetting(
        "replication",
        f"copy it to {names.get_state_bucket(recovery_region)}",
        "put_bucket_replication",
        {"ReplicationConfiguration": {"Role": role_arn, "Rules": [rule]}},
        "get_bucket_replication",
        {
            "ReplicationConfiguration.Role": role_arn,
            f"{rule_path}.Status": "Enabled",
            f"{rule_path}.Destination.Bucket": destination_arn,
            f"{rule_path}.Destination.EncryptionConfiguration.ReplicaKmsKeyID": key_arn,
        },
        ("ReplicationConfigurationNotFoundError",),
    )
