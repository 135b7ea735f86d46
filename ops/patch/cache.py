"""The check of the cache's patches: service updates, minor versions, and its version's support."""

import shlex
from collections.abc import Mapping
from typing import Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ResponseItem,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.times import format_aws_minute
from ops.findings.model import (
    FindingSeverity,
    ResourceFinding,
    build_finding_id,
    summarize_findings,
)
from ops.findings.waivers import apply_waivers
from ops.health.cache import CACHE_CLUSTERS_API
from ops.patch.cache_versions import (
    describe_newer_versions,
    judge_cache_versions,
    list_offered_versions,
)
from ops.patch.check_records import PATCH_AREA

_CACHE_KEY: Final = "patch-cache"
_UPDATES_API: Final = "elasticache.describe_update_actions"
# Of an update action that is not over (API reference, UpdateAction).
OPEN_UPDATE_STATUSES: Final = ["not-applied", "waiting-to-start", "scheduling", "scheduled"]
CACHE_VERSIONS_API: Final = "elasticache.describe_cache_engine_versions"
UPDATE_SEVERITIES: Final[Mapping[str, FindingSeverity]] = {
    "critical": "critical",
    "important": "high",
    "medium": "medium",
    "low": "low",
}
UPDATES_REASON: Final = "ElastiCache User Guide, Service updates"
CACHE_UPGRADE_CONTROL: Final = "FSBP ElastiCache.2"


def check_cache_patches(facts: CheckFacts) -> CheckRoutine:
    """Checks that no service update waits, and that nodes take minor versions and have support."""
    cache = facts.outputs.cache
    assert cache is not None
    answers = yield [
        build_read(
            _UPDATES_API,
            "UpdateActions",
            ReplicationGroupIds=[cache.identifier],
            UpdateActionStatus=OPEN_UPDATE_STATUSES,
        ),
        build_read(CACHE_CLUSTERS_API, "CacheClusters"),
        build_read(CACHE_VERSIONS_API, "CacheEngineVersions", Engine=cache.engine),
    ]
    nodes = [
        node
        for node in get_answer_items(answers[1])
        if node.get("ReplicationGroupId") == cache.identifier
    ]
    if not nodes:
        return [CheckFinding("unknown", PATCH_AREA, cache.identifier, "has no nodes that are read")]
    findings = [
        *(_build_update_finding(facts, action) for action in get_answer_items(answers[0])),
        *_judge_nodes(facts, nodes),
    ]
    offered = list_offered_versions(get_answer_items(answers[2]))
    if not offered:
        raise UnknownAnswerError(f"ElastiCache names no version of {cache.engine}")
    findings += judge_cache_versions(facts, nodes, offered)
    versions = ", ".join(sorted({str(node.get("EngineVersion")) for node in nodes}))
    looked_at = (
        f"{cache.engine} {versions}, {describe_newer_versions(nodes, offered)}; "
        "no service update waits"
    )
    return (
        yield from apply_waivers(
            facts, summarize_findings(PATCH_AREA, cache.identifier, findings, looked_at)
        )
    )


def _build_update_finding(facts: CheckFacts, action: ResponseItem) -> ResourceFinding:
    name, group = str(action["ServiceUpdateName"]), str(action["ReplicationGroupId"])
    due = action.get("ServiceUpdateRecommendedApplyByDate")
    return ResourceFinding(
        "failing",
        PATCH_AREA,
        group,
        f"{name} ({action.get('ServiceUpdateType') or 'update'}) is {action['UpdateActionStatus']}"
        + (f", to be applied by {format_aws_minute(due)}" if due else ""),
        shlex.join(
            (
                *("aws", "elasticache", "batch-apply-update-action"),
                *("--region", facts.outputs.stack.region),
                *("--service-update-name", name, "--replication-group-ids", group),
            )
        ),
        id=build_finding_id(_CACHE_KEY, f"{group}/{name}"),
        severity=UPDATE_SEVERITIES.get(str(action.get("ServiceUpdateSeverity")), "medium"),
        reason=UPDATES_REASON,
        since=str(action.get("ServiceUpdateReleaseDate") or ""),
    )


def _judge_nodes(facts: CheckFacts, nodes: list[ResponseItem]) -> list[ResourceFinding]:
    """A finding if a node takes no minor versions by itself."""
    names = sorted(
        str(node["CacheClusterId"]) for node in nodes if not node.get("AutoMinorVersionUpgrade")
    )
    if not names:
        return []
    stack, cache = facts.outputs.stack, facts.outputs.cache
    assert cache is not None
    return [
        ResourceFinding(
            "failing",
            PATCH_AREA,
            cache.identifier,
            f"takes no minor versions by itself (cache.autoMinorUpgrade): {', '.join(names)}",
            f"pulumi config set --stack {stack.stack} --path "
            f"{stack.project}:cache.autoMinorUpgrade true",
            id=build_finding_id(_CACHE_KEY, f"{cache.identifier}/auto-upgrade"),
            severity="low",
            reason=CACHE_UPGRADE_CONTROL,
        )
    ]
