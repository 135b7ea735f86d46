"""The buckets: Pulumi's state, its access logs, and both once more in the recovery region.

Sources: Pulumi, "State and backends"; controls S3.1, S3.5, S3.8, S3.9, S3.12, S3.14 and S3.17 of
AWS Security Hub.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from ops.bootstrap import policies as documents
from ops.bootstrap.names import Given
from ops.core.plan import Call, State, Step, Wait

OLD: Final = 365  # days that a version that is not the newest is kept
LOGGED: Final = 400  # days of access logs: a year, and time to look at it
PREFIX: Final = "state/"
DEFAULT: Final = "us-east-1"  # the region that CreateBucket does not want named (API reference)
RULE: Final = "old"
COPY: Final = "copy"


@dataclass(frozen=True)
class Setting:
    """One setting of a bucket: how it is put and read, and what must then be seen.

    `absent` is S3's error where it is not set; `documents` are texts of JSON in what is read.
    """

    name: str
    says: str
    put: str
    params: State
    read: str
    met: State
    absent: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    removed: str | None = None  # the call that takes it away, where an undo must


@dataclass(frozen=True)
class Bucket:
    """A bucket of the foundation. `label` is what its steps are called.

    One of access logs stays when a foundation is undone: who was there stands in it.
    """

    name: str
    region: str
    label: str
    settings: tuple[Setting, ...]
    logs: bool = False

    @property
    def look(self) -> Call:
        """The read of whether it is there."""
        return Call(
            api="s3.head_bucket",
            params={"Bucket": self.name},
            answers=("404",),
            region=self.region,
        )


def buckets(given: Given) -> Iterator[Bucket]:
    """All of them; the logs' before those that log there, the copy before what is copied."""
    for region in reversed(given.regions):
        away = "" if region == given.region else "_away"
        yield Bucket(given.logs(region), region, f"logs{away}", _logs(given, region), logs=True)
        yield Bucket(given.bucket(region), region, f"state{away}", _state(given, region))


def steps(given: Given, there: Collection[str]) -> list[Step]:
    """All buckets with all their settings. `there` are the names of those that there are already,
    of which nothing is taken away by an undo."""
    found: list[Step] = []
    for one in buckets(given):
        new = one.name not in there
        found += [_made(one)] * new
        found += [_set(one, setting, new=new) for setting in one.settings]
    return found


def _made(one: Bucket) -> Step:
    name, region, label, look = one.name, one.region, one.label, one.look
    constraint: JsonValue = {"LocationConstraint": region}
    where: State = {} if region == DEFAULT else {"CreateBucketConfiguration": constraint}
    return Step(
        name=f"bucket_{label}",
        says=f"make the bucket {name} in {region}",
        do=Call(
            api="s3.create_bucket",
            params={"Bucket": name, **where},
            answers=("BucketAlreadyOwnedByYou",),
            region=region,
        ),
        goal=Wait(read=look, met={"answer": None}, every=2, within=120),
        undo=() if one.logs else (_gone(one),),
    )


def _gone(one: Bucket) -> Step:
    return Step(
        name=f"unbucket_{one.label}",
        says=f"delete the bucket {one.name}, which S3 does only where it is empty",
        do=Call(
            api="s3.delete_bucket",
            params={"Bucket": one.name},
            answers=("NoSuchBucket",),
            region=one.region,
        ),
        goal=Wait(read=one.look, met={"answer": "404"}, every=2, within=120),
    )


def _set(of: Bucket, one: Setting, *, new: bool) -> Step:
    bucket, region, label = of.name, of.region, of.label
    look = Call(
        api=f"s3.{one.read}",
        params={"Bucket": bucket},
        answers=("NoSuchBucket", *one.absent),
        documents=one.documents,
        region=region,
    )
    undo: tuple[Step, ...] = ()
    if one.removed and new and not of.logs:
        gone = Call(
            api=f"s3.{one.removed}",
            params={"Bucket": bucket},
            answers=("NoSuchBucket",),
            region=region,
        )
        met: State = {f"contains({[*one.absent, 'NoSuchBucket']}, answer || '')": True}
        undo = (
            Step(
                name=f"un{one.name}_{label}",
                says=f"{bucket}: not any more: {one.says}",
                do=gone,
                goal=Wait(read=look, met=met, every=2, within=120),
            ),
        )
    return Step(
        name=f"{one.name}_{label}",
        says=f"{bucket}: {one.says}",
        do=Call(api=f"s3.{one.put}", params={"Bucket": bucket, **one.params}, region=region),
        goal=Wait(read=look, met=one.met, every=2, within=300),
        undo=undo,
    )


def _logs(given: Given, region: str) -> tuple[Setting, ...]:
    expired: State = {"Expiration": {"Days": LOGGED}}
    return (
        *_closed(documents.bucket(given, region, logs=True)),
        _encrypted("AES256"),  # the delivery of logs takes no key of one's own (S3 User Guide)
        _kept(expired),
    )


def _state(given: Given, region: str) -> tuple[Setting, ...]:
    found = [
        *_closed(documents.bucket(given, region)),
        _encrypted("aws:kms", given.alias_arn("state", region)),
        _kept({}),
        Setting(
            "logging",
            f"log who reads and writes it in {given.logs(region)}",
            "put_bucket_logging",
            {
                "BucketLoggingStatus": {
                    "LoggingEnabled": {"TargetBucket": given.logs(region), "TargetPrefix": PREFIX}
                }
            },
            "get_bucket_logging",
            {
                "LoggingEnabled.TargetBucket": given.logs(region),
                "LoggingEnabled.TargetPrefix": PREFIX,
            },
        ),
    ]
    if region == given.region and given.recovery:
        found.append(_copied(given, given.recovery))
    return tuple(found)


def _closed(policy: documents.Document) -> list[Setting]:
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    owned: JsonValue = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    return [
        Setting(
            "ownership",
            "no access lists: whatever is in it is the account's",
            "put_bucket_ownership_controls",
            {"OwnershipControls": owned},
            "get_bucket_ownership_controls",
            {"OwnershipControls.Rules[0].ObjectOwnership": "BucketOwnerEnforced"},
            ("OwnershipControlsNotFoundError",),
        ),
        Setting(
            "closed",
            "public to nobody",
            "put_public_access_block",
            {"PublicAccessBlockConfiguration": dict.fromkeys(flags, True)},
            "get_public_access_block",
            {f"PublicAccessBlockConfiguration.{flag}": True for flag in flags},
            ("NoSuchPublicAccessBlockConfiguration",),
        ),
        Setting(
            "versions",
            "keep every version of what is in it",
            "put_bucket_versioning",
            {"VersioningConfiguration": {"Status": "Enabled"}},
            "get_bucket_versioning",
            {"Status": "Enabled"},
        ),
        Setting(
            "policy",
            "by TLS only, and nobody deletes it or a version in it",
            "put_bucket_policy",
            {"Policy": documents.text(policy)},
            "get_bucket_policy",
            {"Policy": policy},
            ("NoSuchBucketPolicy",),
            ("Policy",),
            removed="delete_bucket_policy",
        ),
    ]


def _encrypted(algorithm: str, key: str | None = None) -> Setting:
    by: dict[str, JsonValue] = {"SSEAlgorithm": algorithm}
    path = "ServerSideEncryptionConfiguration.Rules[0]"
    met: State = {f"{path}.ApplyServerSideEncryptionByDefault.SSEAlgorithm": algorithm}
    rule: dict[str, JsonValue] = {"ApplyServerSideEncryptionByDefault": by}
    if key:
        by["KMSMasterKeyID"], rule["BucketKeyEnabled"] = key, True
        met[f"{path}.ApplyServerSideEncryptionByDefault.KMSMasterKeyID"] = key
        met[f"{path}.BucketKeyEnabled"] = True
    return Setting(
        "encryption",
        f"encrypt what is in it with {key or 'a key of S3'}",
        "put_bucket_encryption",
        {"ServerSideEncryptionConfiguration": {"Rules": [rule]}},
        "get_bucket_encryption",
        met,
        ("ServerSideEncryptionConfigurationNotFoundError",),
    )


def _kept(more: State) -> Setting:
    aborted: JsonValue = {"DaysAfterInitiation": 7}
    rule: dict[str, JsonValue] = {
        "ID": RULE,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": OLD},
        "AbortIncompleteMultipartUpload": aborted,
        **more,
    }
    at = f"Rules[?ID=='{RULE}'] | [0]"
    met: State = {
        f"{at}.Status": "Enabled",
        f"{at}.NoncurrentVersionExpiration.NoncurrentDays": OLD,
    }
    if more:
        met[f"{at}.Expiration.Days"] = LOGGED
    return Setting(
        "lifecycle",
        f"what was replaced goes after {OLD} days",
        "put_bucket_lifecycle_configuration",
        {"LifecycleConfiguration": {"Rules": [rule]}},
        "get_bucket_lifecycle_configuration",
        met,
        ("NoSuchLifecycleConfiguration",),
    )


def _copied(given: Given, there: str) -> Setting:
    """Replication; a marker that says "deleted" is copied too, or a lock would stay for ever."""
    role = given.iam(f"role/{given.role('state-replication')}")
    to = f"arn:{given.partition}:s3:::{given.bucket(there)}"
    key = given.alias_arn("state", there)
    rule: JsonValue = {
        "ID": COPY,
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {"Bucket": to, "EncryptionConfiguration": {"ReplicaKmsKeyID": key}},
    }
    at = f"ReplicationConfiguration.Rules[?ID=='{COPY}'] | [0]"
    return Setting(
        "replication",
        f"copy it to {given.bucket(there)}",
        "put_bucket_replication",
        {"ReplicationConfiguration": {"Role": role, "Rules": [rule]}},
        "get_bucket_replication",
        {
            "ReplicationConfiguration.Role": role,
            f"{at}.Status": "Enabled",
            f"{at}.Destination.Bucket": to,
            f"{at}.Destination.EncryptionConfiguration.ReplicaKmsKeyID": key,
        },
        ("ReplicationConfigurationNotFoundError",),
    )
