"""How long a recovery takes as things stand, what would be lost, and who says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from ops.alarms.mute_state import parse_time
from ops.cli.render import format_duration
from ops.core.errors import OpsError
from ops.outputs import Outputs
from ops.recovery import drill_history as drills
from ops.recovery.restore import CONFIGURED, FILLED, FIRST, PASSWORD, TYPICAL

# Seconds until a stack of this size is up in a region where nothing of it is. An assumption: the
# provider's own waits, of which the database's are counted apart (a balancer takes three minutes,
# NAT gateways two, services five).
DEPLOY: Final = 15 * 60
ASSUMED: Final = "an assumption: no drill has measured it"
# What RDS describes; None where it is not there, an error where it could not be looked at.
Seen: TypeAlias = dict[str, Any] | OpsError | None


@dataclass(frozen=True)
class Estimate:
    """One phase of a recovery: seconds, and who says so. None is not known."""

    way: str
    phase: str
    seconds: float | None
    source: str


def estimates(
    of: Outputs, history: Sequence[drills.Drill], seen: Seen, replica: Seen, now: datetime
) -> list[Estimate]:
    """The phases of a restore here, and of the stack in its recovery region.

    `seen` is the primary, `replica` its backups in the recovery region.
    """
    timed = [d for d in history if d.outcome == "done" and d.rto_seconds is not None]
    newest = timed[-1] if timed else None
    restore, settled = _phases(newest)
    source = f"the drill {newest.run}" if newest else ASSUMED
    together = newest.rto_seconds if newest else restore + settled
    storage = seen.get("AllocatedStorage") if isinstance(seen, dict) else None
    found = [
        Estimate("here", "restore", restore, source),
        Estimate("here", "settings, password, first query", settled, source),
        Estimate("here", "RTO: until a query is answered", together, source),
        Estimate(
            "here",
            "until its volume is filled",
            storage and storage * 1024 / FILLED,
            f"{storage} GiB at {FILLED} MiB/s, an assumption" if storage else _why(seen),
        ),
        _lost("here", seen, ("LatestRestorableTime",), now, "the latest restorable time"),
    ]
    if there := of.stack.recovery_region:
        found += [
            Estimate(there, "deployment without its database", DEPLOY, ASSUMED),
            Estimate(there, "restore", restore, source),
            Estimate(there, "settings, password, first query", settled, source),
            Estimate(
                there,
                "RTO: the stack deployed, and a query answered",
                DEPLOY + restore + settled,
                f"an assumption of {format_duration(DEPLOY)} for the deployment, and {source}",
            ),
            _lost(
                there,
                replica,
                ("RestoreWindow", "LatestTime"),
                now,
                "the replicated backups' latest time",
            ),
        ]
    return found


def _phases(drill: drills.Drill | None) -> tuple[float, float]:
    """Seconds of the restore, and from then on until a query is answered."""
    if drill is None:
        return float(TYPICAL), float(CONFIGURED + PASSWORD + FIRST)
    own = drill.phases
    restore = own.restore if own.restore is not None else float(drill.rto_seconds or TYPICAL)
    return restore, (own.configure or 0.0) + (own.first_query or 0.0)


def _lost(way: str, seen: Seen, path: tuple[str, ...], now: datetime, source: str) -> Estimate:
    phase = "RPO: writes that would be lost"
    until: Any = seen if isinstance(seen, dict) else None
    for key in path:
        until = (until or {}).get(key)
    if until is None:
        return Estimate(way, phase, None, _why(seen))
    return Estimate(way, phase, max(now.timestamp() - parse_time(until).timestamp(), 0), source)


def _why(seen: Seen) -> str:
    return f"nobody knows: {seen}" if isinstance(seen, OpsError) else "there is none"
