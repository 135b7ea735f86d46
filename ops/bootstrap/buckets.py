"""The buckets of Pulumi's state and of its access logs, in both regions.

Sources: Pulumi, "State and backends"; controls S3.1, S3.5, S3.8, S3.9, S3.12, S3.14 and S3.17 of
AWS Security Hub.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from ops.bootstrap.names import FoundationNames
from ops.bootstrap.policies import PolicyDocument, build_bucket_policy, format_policy_document
from ops.core.plan import Call, JsonObject, Step, Wait

NONCURRENT_VERSION_DAYS: Final = 365  # days that noncurrent versions are kept
ACCESS_LOG_DAYS: Final = 400  # days that access logs are kept: a year and a margin
ACCESS_LOG_PREFIX: Final = "state/"
DEFAULT_BUCKET_REGION: Final = (
    "us-east-1"  # CreateBucket refuses a LocationConstraint of this region (API reference)
)
LIFECYCLE_RULE_ID: Final = "old"
REPLICATION_RULE_ID: Final = "copy"


@dataclass(frozen=True)
class BucketSetting:
    """One setting of a bucket: the calls that put and read it, and the values to expect.

    `absent_errors` are S3's errors if it is not set; `json_fields` are response fields that hold
    JSON as text.
    """

    name: str
    description: str
    put_operation: str
    params: JsonObject
    get_operation: str
    expected: JsonObject
    absent_errors: tuple[str, ...] = ()
    json_fields: tuple[str, ...] = ()
    delete_operation: str | None = None  # for the undo


@dataclass(frozen=True)
class FoundationBucket:
    """A bucket of the foundation. `label` is the suffix of its steps' names.

    Buckets of access logs are kept by an undo: they are the audit trail.
    """

    name: str
    region: str
    label: str
    settings: tuple[BucketSetting, ...]
    holds_logs: bool = False

    @property
    def head_call(self) -> Call:
        """The call that checks whether it exists."""
        return Call(
            api="s3.head_bucket",
            params={"Bucket": self.name},
            expected_errors=("404",),
            region=self.region,
        )


def list_foundation_buckets(names: FoundationNames) -> Iterator[FoundationBucket]:
    """Yields all buckets: log buckets before those that log to them, replicas before sources."""
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
    """Builds the steps of all buckets and their settings. An undo keeps existing buckets."""
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
        description=f"create the bucket {name} in {region}",
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
        description=f"delete the bucket {bucket.name}; S3 refuses unless it is empty",
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
                description=f"{bucket_name}: remove: {setting.description}",
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
        *_build_common_settings(build_bucket_policy(names, region, logs=True)),
        _build_encryption_setting(
            "AES256"
        ),  # log delivery does not support customer managed keys (S3 User Guide)
        _build_lifecycle_setting(expiration),
    )


def _build_state_bucket_settings(names: FoundationNames, region: str) -> tuple[BucketSetting, ...]:
    settings = [
        *_build_common_settings(build_bucket_policy(names, region)),
        _build_encryption_setting("aws:kms", names.build_alias_arn("state", region)),
        _build_lifecycle_setting({}),
        BucketSetting(
            "logging",
            f"write access logs to {names.get_log_bucket(region)}",
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


def _build_common_settings(policy: PolicyDocument) -> list[BucketSetting]:
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    ownership: JsonValue = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    return [
        BucketSetting(
            "ownership",
            "disable ACLs; the account owns every object",
            "put_bucket_ownership_controls",
            {"OwnershipControls": ownership},
            "get_bucket_ownership_controls",
            {"OwnershipControls.Rules[0].ObjectOwnership": "BucketOwnerEnforced"},
            ("OwnershipControlsNotFoundError",),
        ),
        BucketSetting(
            "closed",
            "block public access",
            "put_public_access_block",
            {"PublicAccessBlockConfiguration": dict.fromkeys(flags, True)},
            "get_public_access_block",
            {f"PublicAccessBlockConfiguration.{flag}": True for flag in flags},
            ("NoSuchPublicAccessBlockConfiguration",),
        ),
        BucketSetting(
            "versions",
            "keep versions of every object",
            "put_bucket_versioning",
            {"VersioningConfiguration": {"Status": "Enabled"}},
            "get_bucket_versioning",
            {"Status": "Enabled"},
        ),
        BucketSetting(
            "policy",
            "require TLS; deny deletion of the bucket and of versions",
            "put_bucket_policy",
            {"Policy": format_policy_document(policy)},
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
        f"encrypt objects with {key or 'a key of S3'}",
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
        f"delete noncurrent versions after {NONCURRENT_VERSION_DAYS} days",
        "put_bucket_lifecycle_configuration",
        {"LifecycleConfiguration": {"Rules": [rule]}},
        "get_bucket_lifecycle_configuration",
        conditions,
        ("NoSuchLifecycleConfiguration",),
    )


def _build_replication_setting(names: FoundationNames, recovery_region: str) -> BucketSetting:
    """Builds replication with delete markers: without, Pulumi's locks would stay in the copy."""
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
        f"replicate objects to {names.get_state_bucket(recovery_region)}",
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
