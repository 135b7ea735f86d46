"""The check of the database's patches: pending maintenance, and minor versions that it lacks.

When support of the major version ends, and when certificates do, `ops health` checks already: the
checks of these are part of the view.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ResponseItem,
    UnknownAnswerError,
    build_read,
    get_answer_items,
)
from ops.core.counts import format_count
from ops.core.times import format_aws_minute
from ops.database.health import build_instances_read
from ops.database.pending_actions import APPLY_COMMAND, PENDING_ACTIONS_API, get_due_date
from ops.database.pending_maintenance import describe_outage
from ops.findings.model import ResourceFinding, build_finding_id, summarize_findings
from ops.findings.waivers import apply_waivers
from ops.patch.check_records import PATCH_AREA

_DATABASE_KEY: Final = "patch-database"
_ENGINE_VERSIONS_API: Final = "rds.describe_db_engine_versions"
# A minor version has fixes alone, also of vulnerabilities (PostgreSQL's versioning policy).
MINOR_REASON: Final = "minor versions are bug and security fixes (PostgreSQL versioning policy)"
MAINTENANCE_REASON: Final = "RDS User Guide, Maintaining a DB instance"
# How many minor versions an instance that takes them by itself may be behind: RDS upgrades to those
# that it marks, in the instance's window, often months after they are released (RDS User Guide,
# "Automatic minor version upgrades"); PostgreSQL releases one a quarter.
MINORS_LEFT_TO_RDS: Final = 1
AUTO_UPGRADE_CONTROL: Final = "FSBP RDS.13"


def check_database_patches(facts: CheckFacts) -> CheckRoutine:
    """Checks that nothing is pending for the instances, and that they have the newest minor."""
    answers = yield [
        build_instances_read(facts),
        build_read(PENDING_ACTIONS_API, "PendingMaintenanceActions"),
    ]
    instances = get_answer_items(answers[0])
    if not instances:
        identifier = facts.outputs.database.identifier
        return [CheckFinding("unknown", PATCH_AREA, identifier, "is gone", "ops db status")]
    versions = sorted({str(instance["EngineVersion"]) for instance in instances})
    version_answers = yield [
        build_read(
            _ENGINE_VERSIONS_API,
            "DBEngineVersions",
            Engine="postgres",
            EngineVersion=version,
            IncludeAll=True,  # its own may be deprecated
        )
        for version in versions
    ]
    unread = [v for v, a in zip(versions, version_answers, strict=True) if not get_answer_items(a)]
    if unread:
        raise UnknownAnswerError(f"RDS describes no version {', '.join(unread)} of PostgreSQL")
    newer_versions = {
        version: _list_newer_minors(get_answer_items(answer))
        for version, answer in zip(versions, version_answers, strict=True)
    }
    pending = {item["ResourceIdentifier"]: item for item in get_answer_items(answers[1])}
    findings = [
        finding
        for instance in instances
        for finding in (
            *_judge_pending(instance, pending.get(instance["DBInstanceArn"])),
            *_judge_version(facts, instance, newer_versions[str(instance["EngineVersion"])]),
        )
    ]
    waiting = sorted({newer[-1] for newer in newer_versions.values() if newer})
    versions_text = (
        f"RDS upgrades to {', '.join(waiting)} by itself" if waiting else "the newest minor version"
    )
    looked_at = (
        f"{format_count(len(instances), 'instance')} of PostgreSQL {', '.join(versions)}, "
        f"{versions_text}; no maintenance is pending"
    )
    subject = facts.outputs.database.identifier
    return (
        yield from apply_waivers(
            facts, summarize_findings(PATCH_AREA, subject, findings, looked_at)
        )
    )


def _list_newer_minors(engine_versions: Sequence[ResponseItem]) -> list[str]:
    """The minor versions that an instance can be upgraded to, the oldest first."""
    targets = {
        str(target["EngineVersion"])
        for engine_version in engine_versions
        for target in engine_version.get("ValidUpgradeTarget") or ()
        if not target.get("IsMajorVersionUpgrade")
    }
    return sorted(targets, key=lambda text: [int(part) for part in re.findall(r"\d+", text)])


def _judge_pending(
    instance: ResponseItem, resource: Mapping[str, Any] | None
) -> list[ResourceFinding]:
    identifier = str(instance["DBInstanceIdentifier"])
    findings = []
    for action in (resource or {}).get("PendingMaintenanceActionDetails") or ():
        due = get_due_date(action)
        outage = describe_outage(action["Action"], multi_az=bool(instance.get("MultiAZ")))
        findings.append(
            ResourceFinding(
                "failing",
                PATCH_AREA,
                identifier,
                f"{action['Action']} is pending, "
                f"{f'by itself on {format_aws_minute(due)}' if due else 'undated'}: "
                f"{action.get('Description') or 'not described'}; it stops {outage.text}",
                APPLY_COMMAND,
                id=build_finding_id(_DATABASE_KEY, f"{identifier}/{action['Action']}"),
                severity="medium" if due else "low",
                reason=MAINTENANCE_REASON,
            )
        )
    return findings


def _judge_version(
    facts: CheckFacts, instance: ResponseItem, newer: Sequence[str]
) -> list[ResourceFinding]:
    identifier = str(instance["DBInstanceIdentifier"])
    is_automatic = bool(instance.get("AutoMinorVersionUpgrade"))
    findings = []
    if len(newer) > (MINORS_LEFT_TO_RDS if is_automatic else 0):
        newest = newer[-1]
        by_itself = f"takes {'some' if is_automatic else 'none'} by itself, in its window"
        findings.append(
            ResourceFinding(
                "failing",
                PATCH_AREA,
                identifier,
                f"runs PostgreSQL {instance['EngineVersion']}, the newest minor version is "
                f"{newest}, {len(newer)} ahead; it {by_itself}",
                f"ops db upgrade {newest}",
                id=build_finding_id(_DATABASE_KEY, f"{identifier}/version"),
                severity="medium",
                reason=MINOR_REASON,
            )
        )
    if not is_automatic:
        stack = facts.outputs.stack
        findings.append(
            ResourceFinding(
                "failing",
                PATCH_AREA,
                identifier,
                "takes no minor versions by itself (database.autoMinorUpgrade)",
                f"pulumi config set --stack {stack.stack} --path "
                f"{stack.project}:database.autoMinorUpgrade true",
                id=build_finding_id(_DATABASE_KEY, f"{identifier}/auto-upgrade"),
                severity="low",
                reason=AUTO_UPGRADE_CONTROL,
            )
        )
    return findings
