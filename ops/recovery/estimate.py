"""Estimates how long a recovery takes now and what would be lost, with sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from ops.alarms.mute_state import parse_time
from ops.cli.render import format_duration
from ops.core.errors import OpsError
from ops.outputs import Outputs
from ops.recovery.drill_history import DrillRecord
from ops.recovery.restore import (
    TYPICAL_CONFIGURE_SECONDS,
    TYPICAL_FIRST_QUERY_SECONDS,
    TYPICAL_PASSWORD_RESET_SECONDS,
    TYPICAL_RESTORE_SECONDS,
)
from ops.recovery.volume_fill import VOLUME_FILL_MIB_PER_SECOND

# Seconds to deploy a stack of this size into an empty region, without its database. An assumption
# from the provider's waits: a balancer takes three minutes, NAT gateways two, services five.
ESTIMATED_DEPLOY_SECONDS: Final = 15 * 60
ESTIMATE_SOURCE: Final = "an assumption: not measured by a drill yet"
# A description by RDS; None if it does not exist, an error if it could not be read.
DescriptionOrError: TypeAlias = dict[str, Any] | OpsError | None


@dataclass(frozen=True)
class RecoveryEstimate:
    """One phase of a recovery, in seconds, with its source; None if unknown."""

    way: str
    phase: str
    seconds: float | None
    source: str


def estimate_recovery(
    outputs: Outputs,
    history: Sequence[DrillRecord],
    primary: DescriptionOrError,
    replicated_backups: DescriptionOrError,
    now: datetime,
) -> list[RecoveryEstimate]:
    """Estimates the phases of a restore here and of a rebuild in the recovery region.

    `replicated_backups` are the primary's backups in the recovery region.
    """
    timed_drills = [
        drill for drill in history if drill.outcome == "done" and drill.rto_seconds is not None
    ]
    newest = timed_drills[-1] if timed_drills else None
    restore_seconds, configure_seconds = _estimate_phases(newest)
    source = f"the drill {newest.run}" if newest else ESTIMATE_SOURCE
    rto_seconds = newest.rto_seconds if newest else restore_seconds + configure_seconds
    storage_gib = primary.get("AllocatedStorage") if isinstance(primary, dict) else None
    estimates = [
        RecoveryEstimate("here", "restore", restore_seconds, source),
        RecoveryEstimate("here", "settings, password, first query", configure_seconds, source),
        RecoveryEstimate("here", "RTO: until a query is answered", rto_seconds, source),
        RecoveryEstimate(
            "here",
            "until its volume is loaded",
            storage_gib and storage_gib * 1024 / VOLUME_FILL_MIB_PER_SECOND,
            f"{storage_gib} GiB at {VOLUME_FILL_MIB_PER_SECOND} MiB/s, an assumption"
            if storage_gib
            else _describe_unknown(primary),
        ),
        _estimate_data_loss(
            "here", primary, ("LatestRestorableTime",), now, "the latest restorable time"
        ),
    ]
    if recovery_region := outputs.stack.recovery_region:
        estimates += [
            RecoveryEstimate(
                recovery_region,
                "deployment without the database",
                ESTIMATED_DEPLOY_SECONDS,
                ESTIMATE_SOURCE,
            ),
            RecoveryEstimate(recovery_region, "restore", restore_seconds, source),
            RecoveryEstimate(
                recovery_region, "settings, password, first query", configure_seconds, source
            ),
            RecoveryEstimate(
                recovery_region,
                "RTO: the stack deployed, and a query answered",
                ESTIMATED_DEPLOY_SECONDS + restore_seconds + configure_seconds,
                f"an assumption of {format_duration(ESTIMATED_DEPLOY_SECONDS)} for the "
                f"deployment, and {source}",
            ),
            _estimate_data_loss(
                recovery_region,
                replicated_backups,
                ("RestoreWindow", "LatestTime"),
                now,
                "the replicated backups' latest time",
            ),
        ]
    return estimates


def _estimate_phases(drill: DrillRecord | None) -> tuple[float, float]:
    """Returns the seconds of the restore, and from there until a query is answered."""
    if drill is None:
        return float(TYPICAL_RESTORE_SECONDS), float(
            TYPICAL_CONFIGURE_SECONDS + TYPICAL_PASSWORD_RESET_SECONDS + TYPICAL_FIRST_QUERY_SECONDS
        )
    phases = drill.phases
    restore_seconds = (
        phases.restore
        if phases.restore is not None
        else float(drill.rto_seconds or TYPICAL_RESTORE_SECONDS)
    )
    return restore_seconds, (phases.configure or 0.0) + (phases.first_query or 0.0)


def _estimate_data_loss(
    way: str, description: DescriptionOrError, path: tuple[str, ...], now: datetime, source: str
) -> RecoveryEstimate:
    phase = "RPO: writes that would be lost"
    latest_time: Any = description if isinstance(description, dict) else None
    for key in path:
        latest_time = (latest_time or {}).get(key)
    if latest_time is None:
        return RecoveryEstimate(way, phase, None, _describe_unknown(description))
    return RecoveryEstimate(
        way, phase, max(now.timestamp() - parse_time(latest_time).timestamp(), 0), source
    )


def _describe_unknown(description: DescriptionOrError) -> str:
    return f"unknown: {description}" if isinstance(description, OpsError) else "does not exist"
