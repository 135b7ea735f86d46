"""The Graviton size of the same vCPUs and memory, if it costs less."""

from collections.abc import Callable, Mapping

from ops.core.checks import CheckFinding
from ops.cost.rightsizing.loads import Proposal, find_hourly_saving, judge_proposal
from ops.cost.rightsizing.rules import GENERATION_REASON, GRAVITON_FAMILIES, GRAVITON_SIZES

SAME_SIZE_TEXT = "Graviton of the same size"


def find_graviton_size(name: str) -> str | None:
    """The Graviton size of `t3.small`, `db.t3.small` or `cache.t3.small`.

    None if it is Graviton's already, or Graviton has none of that size.
    """
    *prefix, family, size = name.split(".")
    graviton = GRAVITON_FAMILIES.get(family)
    if graviton is None or size not in GRAVITON_SIZES:
        return None
    return ".".join([*prefix, graviton, size])


def judge_generation(
    check: str,
    subject: str,
    current: str,
    *,
    prices: Mapping[str, float],
    count: float,
    risk: str,
    build_command: Callable[[str], str],
) -> list[CheckFinding]:
    """The finding of so many of a size that Graviton has for less; none if they are Graviton."""
    proposed = find_graviton_size(current)
    if proposed is None:
        return []
    return [
        judge_proposal(
            check,
            Proposal(
                subject=subject,
                current=current,
                proposed=proposed,
                loads=SAME_SIZE_TEXT,
                headrooms=(),
                saving=find_hourly_saving(prices, current, proposed, count),
                risk=risk,
                command=build_command(proposed),
                reason=GENERATION_REASON,
            ),
        )
    ]
