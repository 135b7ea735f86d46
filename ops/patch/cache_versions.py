"""The version of the cache's engine: whether AWS still offers it, what is newer, when support ends.

Upgrades to a newer major.minor version are made by hand, by the stack's setting; patches come as
service updates.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ops.core.checks import CheckFacts, ResponseItem
from ops.findings.model import ResourceFinding, build_finding_id
from ops.patch.check_records import PATCH_AREA

CacheVersion = tuple[int, ...]
# Redis OSS, by major version (ElastiCache User Guide, "ElastiCache Extended Support versions"; the
# end of 6 is assumed: the page was not to be had). AWS has announced no end of 7, nor of Valkey.
REDIS_SUPPORT_ENDS: Final[Mapping[int, datetime]] = {
    4: datetime(2026, 1, 31, tzinfo=UTC),
    5: datetime(2026, 1, 31, tzinfo=UTC),
    6: datetime(2027, 1, 31, tzinfo=UTC),
}
SUPPORT_NOTICE: Final = timedelta(days=180)  # time to test an upgrade: an assumption
SUPPORT_REASON: Final = "ElastiCache User Guide, Extended Support: it is billed per hour then"
OFFER_REASON: Final = "ElastiCache User Guide, Engine versions and upgrading"


def list_offered_versions(items: Sequence[ResponseItem]) -> list[CacheVersion]:
    """The major.minor versions of DescribeCacheEngineVersions, the oldest first."""
    return sorted({_parse_version(str(item["EngineVersion"]))[:2] for item in items})


def _parse_version(text: str) -> CacheVersion:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _format_version(version: CacheVersion) -> str:
    return ".".join(str(part) for part in version)


def describe_newer_versions(nodes: Sequence[ResponseItem], offered: Sequence[CacheVersion]) -> str:
    """What is newer than the oldest of the nodes."""
    oldest = min(_parse_version(str(node.get("EngineVersion")))[:2] for node in nodes)
    newer = [_format_version(version) for version in offered if version > oldest]
    return f"newer: {', '.join(newer)}" if newer else "the newest version"


def judge_cache_versions(
    facts: CheckFacts, nodes: Sequence[ResponseItem], offered: Sequence[CacheVersion]
) -> list[ResourceFinding]:
    """A finding for each version that AWS no longer offers, or whose standard support ends."""
    cache, stack = facts.outputs.cache, facts.outputs.stack
    assert cache is not None
    findings = []
    for version in sorted({_parse_version(str(node.get("EngineVersion")))[:2] for node in nodes}):
        end = REDIS_SUPPORT_ENDS.get(version[0]) if cache.engine == "redis" else None
        is_ending = end is not None and end - facts.now <= SUPPORT_NOTICE
        if not is_ending and version in offered:
            continue
        name = f"{cache.engine} {_format_version(version)}"
        problems = [] if version in offered else [f"AWS no longer offers {name}"]
        if end is not None and is_ending:
            verb = "ended" if end < facts.now else "ends"
            problems.append(f"standard support of {name} {verb} on {end:%Y-%m-%d}")
        newest = _format_version(offered[-1])
        findings.append(
            ResourceFinding(
                "failing",
                PATCH_AREA,
                cache.identifier,
                f"{'; '.join(problems)}; the newest is {newest}",
                f"pulumi config set --stack {stack.stack} --path "
                f"{stack.project}:cache.engineVersion {newest}",
                id=build_finding_id(
                    "patch-cache", f"{cache.identifier}/{_format_version(version)}"
                ),
                severity="high" if end is not None and end < facts.now else "medium",
                reason=SUPPORT_REASON if is_ending else OFFER_REASON,
                since=end.isoformat() if end is not None and end < facts.now else "",
            )
        )
    return findings
