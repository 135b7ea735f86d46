"""Unused data beside the disks: log groups, secrets, database snapshots, images of containers."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

from components.facts.units import GIB_BYTES
from ops.core.checks import (
    CheckFacts,
    CheckRoutine,
    ResponseItem,
    UnknownAnswerError,
    build_read,
)
from ops.core.counts import format_count
from ops.core.plan import RUN_TAG
from ops.core.stack_scope import list_stack_regions
from ops.cost.unused.findings import (
    MAX_UNUSED_DAYS,
    UnusedReport,
    UnusedResource,
    conclude,
    format_aws_line,
    get_age_days,
    guard_by_state,
)
from ops.cost.unused.ownership import Owner, find_owner, parse_tags
from ops.database.health import DB_SNAPSHOTS_API
from ops.database.snapshots import get_snapshot_data_time, get_snapshot_name
from ops.prices.price_table import DEFAULT_PRICE_TABLE

LOG_GROUPS_API: Final = "logs.describe_log_groups"
LOG_GROUP_TAGS_API: Final = "logs.list_tags_for_resource"
SECRETS_API: Final = "secretsmanager.list_secrets"
REPOSITORIES_API: Final = "ecr.describe_repositories"
REPOSITORY_IMAGES_API: Final = "ecr.describe_images"
REPOSITORY_POLICY_API: Final = "ecr.get_lifecycle_policy"
REPOSITORY_TAGS_API: Final = "ecr.list_tags_for_resource"
# Days: CloudWatch.16 (FSBP) asks for a year at least, so that less is never proposed.
MIN_LOG_RETENTION_DAYS: Final = 365
MAX_TAG_READS: Final = 100  # log groups whose tags one look reads: a call each
# The snapshots that `ops db snapshot prune` is told to keep, as the old-snapshots check has it.
KEPT_SNAPSHOTS: Final = 7
SNAPSHOT_PRUNE_COMMAND: Final = (
    f"ops db snapshot prune --keep {KEPT_SNAPSHOTS} --older-than {MAX_UNUSED_DAYS}"
)
# Archived images can be restored, deleted ones cannot (ECR User Guide, "Archiving an image").
_ARCHIVE_POLICY: Final = {
    "rules": [
        {
            "rulePriority": 1,
            "description": f"archived {MAX_UNUSED_DAYS} days after the last pull",
            "selection": {
                "tagStatus": "any",
                "countType": "sinceImagePulled",
                "countUnit": "days",
                "countNumber": MAX_UNUSED_DAYS,
            },
            "action": {"type": "transition", "targetStorageClass": "archive"},
        }
    ]
}


def check_log_groups_without_retention(facts: CheckFacts) -> CheckRoutine:
    """No log group keeps its lines for ever."""
    report = UnusedReport("endless-log-groups", "log groups")
    stack, regions = facts.outputs.stack, list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(LOG_GROUPS_API, "logGroups", region=region) for region in regions]
    for region, answer in zip(regions, answers, strict=True):
        groups = report.read_items(answer, region)
        report.looked_at.append(f"{format_count(len(groups), 'log group')} in {region}")
        # A delivery class group is never stored, and takes no retention (CloudWatch Logs User
        # Guide, "Log classes").
        endless = [
            g
            for g in groups
            if not g.get("retentionInDays") and g.get("logGroupClass") != "DELIVERY"
        ]
        endless.sort(key=lambda group: -int(group.get("storedBytes") or 0))
        days = _find_usual_retention(groups, f"/{stack.project}/{stack.stack}/")
        named, unread = endless[:MAX_TAG_READS], endless[MAX_TAG_READS:]
        if unread:
            text = f"{len(unread)} smaller groups without retention were not looked at"
            report.read_items(UnknownAnswerError(text), region)
        tag_answers = yield [
            build_read(
                LOG_GROUP_TAGS_API,
                "",
                region=region,
                resourceArn=str(group["arn"]).removesuffix(":*"),
                absent_codes=("ResourceNotFoundException",),
            )
            for group in named
        ]
        for group, tag_answer in zip(named, tag_answers, strict=True):
            items = report.read_items(tag_answer, region)
            if isinstance(tag_answer, UnknownAnswerError) or not items:
                continue  # whose it is, is not known; or it is gone
            owner = _find_log_group_owner(facts, str(group["logGroupName"]), items[0])
            report.unused.append(_build_endless_group(group, owner, days, region))
    return (yield from conclude(facts, report))


def _find_usual_retention(groups: Sequence[ResponseItem], prefix: str) -> int:
    """The days that most of the stack's groups have, and never less than a year."""
    days = Counter(
        int(group["retentionInDays"])
        for group in groups
        if group.get("retentionInDays") and str(group["logGroupName"]).startswith(prefix)
    )
    usual = days.most_common(1)[0][0] if days else 0
    return max(usual, MIN_LOG_RETENTION_DAYS)


def _find_log_group_owner(facts: CheckFacts, name: str, tags: ResponseItem) -> Owner:
    """The owner by tags; AWS makes some groups of the stack itself, without any, by its name."""
    stack = facts.outputs.stack
    owner = find_owner({str(k): str(v) for k, v in (tags.get("tags") or {}).items()}, stack)
    prefix = f"{stack.project}-{stack.stack}"
    is_own_by_name = owner.kind == "none" and (
        name.startswith(
            (
                f"/{stack.project}/{stack.stack}/",
                f"/aws/lambda/{prefix}-",
                f"/aws/rds/instance/{prefix}-database",
                f"/aws/ecs/containerinsights/{prefix}/",
            )
        )
    )
    return Owner("stack", "this stack, by its name") if is_own_by_name else owner


def _build_endless_group(
    group: ResponseItem, owner: Owner, days: int, region: str
) -> UnusedResource:
    name, size = str(group["logGroupName"]), int(group.get("storedBytes") or 0) / GIB_BYTES
    return UnusedResource(
        id=name,
        owner=owner,
        evidence=f"it keeps its lines for ever, {size:.1f} GiB until now, in {region}",
        command=format_aws_line(
            "logs", "put-retention-policy", region, log_group_name=name, retention_in_days=days
        ),
        monthly_usd=size * DEFAULT_PRICE_TABLE.stored_logs_gb,
        reason="CloudWatch.16",
    )


def check_unread_secrets(facts: CheckFacts) -> CheckRoutine:
    """No secret is read by nobody. The stack's own are read when tasks start: never judged."""
    report = UnusedReport("unread-secrets", "secrets")
    outputs, regions = facts.outputs, list_stack_regions(facts.outputs.stack)
    answers = yield [build_read(SECRETS_API, "SecretList", region=region) for region in regions]
    own = {outputs.database.secret_arn, *([outputs.cache.secret_arn] if outputs.cache else [])}
    for region, answer in zip(regions, answers, strict=True):
        secrets = report.read_items(answer, region)
        report.looked_at.append(f"{format_count(len(secrets), 'secret')} in {region}")
        for secret in secrets:
            arn, name = str(secret["ARN"]), str(secret["Name"])
            is_copy = (secret.get("PrimaryRegion") or region) != region
            if arn in own or secret.get("OwningService") or is_copy or secret.get("DeletedDate"):
                continue
            read_at = secret.get("LastAccessedDate")
            used_at = read_at or secret.get("CreatedDate")
            if get_age_days(facts, used_at) <= MAX_UNUSED_DAYS:
                continue
            owner = find_owner(parse_tags(secret), outputs.stack)
            delete = format_aws_line(
                "secretsmanager",
                "delete-secret",
                region,
                secret_id=arn,
                recovery_window_in_days=30,
            )
            last = f"last read {str(read_at)[:10]}" if read_at else "nobody ever read it"
            report.unused.append(
                UnusedResource(
                    id=name,
                    owner=owner,
                    evidence=f"{last}, in {region}; deleted, it can be restored for 30 days",
                    command=guard_by_state(facts, owner, arn, delete),
                    monthly_usd=DEFAULT_PRICE_TABLE.secret,
                    since=str(used_at),
                    reason="SecretsManager.3",
                )
            )
    return (yield from conclude(facts, report))


def check_unused_database_snapshots(facts: CheckFacts) -> CheckRoutine:
    """No manual snapshot of a database is old and beyond those that are kept.

    Automated ones end with their instance's retention, AWS Backup's with its plan. The newest seven
    of the stack's database, and the newest of each other instance, are kept.
    """
    report = UnusedReport("unused-database-snapshots", "database snapshots")
    regions = list_stack_regions(facts.outputs.stack)
    answers = yield [
        build_read(DB_SNAPSHOTS_API, "DBSnapshots", region=region, SnapshotType="manual")
        for region in regions
    ]
    own = facts.outputs.database.identifier
    for region, answer in zip(regions, answers, strict=True):
        snapshots = [
            s for s in report.read_items(answer, region) if get_snapshot_data_time(s) is not None
        ]
        report.looked_at.append(f"{format_count(len(snapshots), 'manual snapshot')} in {region}")
        snapshots.sort(key=lambda item: str(get_snapshot_data_time(item)), reverse=True)
        newer_counts: Counter[tuple[str, bool]] = Counter()
        kept = 0
        for snapshot in snapshots:
            instance = str(snapshot["DBInstanceIdentifier"])
            is_pruned = instance == own and _is_from_operations(snapshot)
            keep = KEPT_SNAPSHOTS if is_pruned else 1
            if snapshot.get("Status") != "available":
                continue
            newer_counts[instance, is_pruned] += 1
            if get_age_days(facts, get_snapshot_data_time(snapshot)) <= MAX_UNUSED_DAYS:
                continue
            if newer_counts[instance, is_pruned] <= keep:
                kept += 1
                continue
            report.unused.append(_build_unused_snapshot(facts, snapshot, region))
        if kept:
            report.kept.append(f"kept: {kept} older of the newest of their instances")
    return (yield from conclude(facts, report))


def _is_from_operations(snapshot: ResponseItem) -> bool:
    """True if ops made it, so that `ops db snapshot prune` deletes it."""
    run = parse_tags(snapshot, "TagList").get(RUN_TAG)
    instance = str(snapshot["DBInstanceIdentifier"])
    return run is not None and snapshot["DBSnapshotIdentifier"] == get_snapshot_name(instance, run)


def _build_unused_snapshot(
    facts: CheckFacts, snapshot: ResponseItem, region: str
) -> UnusedResource:
    name, instance = str(snapshot["DBSnapshotIdentifier"]), str(snapshot["DBInstanceIdentifier"])
    size, own = int(snapshot.get("AllocatedStorage") or 0), facts.outputs.database.identifier
    owner = find_owner(parse_tags(snapshot, "TagList"), facts.outputs.stack)
    if instance == own and owner.kind == "none":
        owner = Owner("stack", "this stack, of its database")
    delete = format_aws_line("rds", "delete-db-snapshot", region, db_snapshot_identifier=name)
    where = "" if region == facts.outputs.stack.region else f" --where {region}"
    is_pruned = instance == own and _is_from_operations(snapshot)
    created_at = str(get_snapshot_data_time(snapshot))
    return UnusedResource(
        id=name,
        owner=owner,
        evidence=(
            f"of {instance}, {size} GiB in {region}, {get_age_days(facts, created_at):.0f} days "
            "old, and newer ones are there"
        ),
        command=f"{SNAPSHOT_PRUNE_COMMAND}{where}" if is_pruned else delete,
        monthly_usd=size * DEFAULT_PRICE_TABLE.rds_backup_gb,
        is_upper_bound=True,
        since=created_at,
        reason="COST04-BP05",
    )


def check_endless_repositories(facts: CheckFacts) -> CheckRoutine:
    """No repository keeps images that nobody pulls for ever: one with a policy has a plan."""
    report = UnusedReport("endless-repositories", "repositories")
    region = facts.outputs.stack.region
    (answer,) = yield [build_read(REPOSITORIES_API, "repositories")]
    repositories = report.read_items(answer, region)
    report.looked_at.append(f"repositories in {region}: {len(repositories)}")
    policy_answers = yield [
        build_read(
            REPOSITORY_POLICY_API,
            "",
            repositoryName=str(repository["repositoryName"]),
            absent_codes=("LifecyclePolicyNotFoundException", "RepositoryNotFoundException"),
        )
        for repository in repositories
    ]
    endless = [
        repository
        for repository, policy_answer in zip(repositories, policy_answers, strict=True)
        if not report.read_items(policy_answer, region)
        and not isinstance(policy_answer, UnknownAnswerError)
    ]
    answers = yield [
        read
        for repository in endless
        for read in (
            build_read(
                REPOSITORY_IMAGES_API,
                "imageDetails",
                repositoryName=str(repository["repositoryName"]),
            ),
            build_read(REPOSITORY_TAGS_API, "tags", resourceArn=str(repository["repositoryArn"])),
        )
    ]
    for repository, image_answer, tag_answer in zip(
        endless, answers[::2], answers[1::2], strict=True
    ):
        images = report.read_items(image_answer, region)
        tags = report.read_items(tag_answer, region)
        if isinstance(tag_answer, UnknownAnswerError):
            continue
        old = [
            image
            for image in images
            if get_age_days(facts, image.get("lastRecordedPullTime") or image.get("imagePushedAt"))
            > MAX_UNUSED_DAYS
        ]
        if old:
            owner = find_owner(parse_tags({"Tags": tags}), facts.outputs.stack)
            report.unused.append(
                _build_endless_repository(str(repository["repositoryName"]), owner, old, region)
            )
    return (yield from conclude(facts, report))


def _build_endless_repository(
    name: str, owner: Owner, old_images: Sequence[ResponseItem], region: str
) -> UnusedResource:
    size = sum(int(image.get("imageSizeInBytes") or 0) for image in old_images) / GIB_BYTES
    dates = [str(i.get("lastRecordedPullTime") or i.get("imagePushedAt")) for i in old_images]
    policy = json.dumps(_ARCHIVE_POLICY, separators=(",", ":"))
    put = format_aws_line(
        "ecr",
        "put-lifecycle-policy",
        region,
        repository_name=name,
        lifecycle_policy_text=policy,
    )
    return UnusedResource(
        id=name,
        owner=owner,
        evidence=(
            f"{format_count(len(old_images), 'image')} of {size:.1f} GiB were not pulled for "
            f"{MAX_UNUSED_DAYS} days, and no lifecycle policy ends them; archived ones can be "
            "restored, so see first that no long-running task needs one to start"
        ),
        command="pulumi up --refresh" if owner.kind == "stack" else put,
        monthly_usd=size * DEFAULT_PRICE_TABLE.ecr_gb,
        since=min(dates),
        reason="ECR.3",
    )
