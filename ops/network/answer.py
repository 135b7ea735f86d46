"""The answer of `ops network reach`: every path between two ends, and what is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.network.ends import End
from ops.network.model import Check, NetworkState, Path, Place, Verdict
from ops.network.places import FoundPlaces, PlaceFinder
from ops.network.reach import (
    evaluate_balancer,
    evaluate_from_outside,
    evaluate_inside,
    evaluate_outside,
    evaluate_service,
)
from ops.network.reading import UNREAD_ERRORS, NetworkReader, describe_unread
from ops.outputs import Outputs

NAMED_KINDS = ("database", "cache", "load-balancer")  # called by their names


@dataclass(frozen=True)
class ReachAnswer:
    """The paths from each place of one end to each of the other, and the places that were found."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    sources: tuple[Place, ...] = ()
    targets: tuple[Place, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Stopped if one path is; else unknown if one is unknown."""
        verdicts = {path.verdict for path in self.paths}
        if "stopped" in verdicts:
            return "stopped"
        return "unknown" if "unknown" in verdicts or not self.paths else "allowed"

    def list_shown_paths(self) -> list[Path]:
        """A path of each kind: of those that differ in nothing but their places the first."""
        shown: dict[tuple[Any, ...], Path] = {}
        for path in self.paths:
            key = (
                path.verdict,
                tuple(
                    (check.verdict, check.remedies or check.rule)
                    for check in path.checks
                    if check.verdict != "allowed" or path.verdict == "allowed"
                ),
            )
            # Reachable ones differ in their subnets' rules, which are alike to a person.
            shown.setdefault(("allowed",) if path.verdict == "allowed" else key, path)
        order: dict[Verdict, int] = {"stopped": 0, "unknown": 1, "allowed": 2}
        return sorted(shown.values(), key=lambda path: order[path.verdict])

    def list_faults(self) -> list[Check]:
        """What stops it, or is unknown if nothing does; each rule once."""
        checks = [check for path in self.paths for check in path.checks]
        faults: dict[object, Check] = {}
        for check in checks:
            if check.verdict == self.verdict:
                faults.setdefault(check.remedies[1:] or check.rule, check)
        return list(faults.values()) if self.verdict != "allowed" else []


def read_reach(aws: Aws, outputs: Outputs, source: End, target: End, port: int) -> ReachAnswer:
    """Reads the network and both ends, and evaluates every path.

    What could not be read is in the answer as unknown. Raises UsageError if AWS has no such end.
    """
    state = NetworkReader(aws, outputs).read()
    finder = PlaceFinder(aws, outputs, state)
    located: list[FoundPlaces] = []
    for end, option in ((source, "FROM"), (target, "TO")):
        if end.kind == "aws":
            located.append(FoundPlaces(()))
            continue
        try:
            located.append(finder.find(end, option))
        except UNREAD_ERRORS as error:
            reason = f"{end.name} could not be read: {describe_unread(error)}"
            check = Check(f"where {end.name} is", "unknown", reason)
            return ReachAnswer((Path(source.name, target.name, (check,)),))
    notes = tuple(item.note for item in located if item.note is not None)
    paths = tuple(_evaluate(state, source, target, port, located))
    return ReachAnswer(paths, notes, located[0].places, located[1].places)


def _evaluate(
    state: NetworkState, source: End, target: End, port: int, located: Sequence[FoundPlaces]
) -> list[Path]:
    sources, targets = located[0].places, located[1].places
    is_named = target.kind in NAMED_KINDS
    paths: list[Path] = []
    if target.kind == "aws":
        for place in sources:
            _require_inside(place.subnet)
            paths += evaluate_service(state, place, target.name, port, ())
        return paths
    for start in sources:
        for end in targets:
            if located[1].is_internet_facing:
                paths.append(evaluate_balancer(state, start, end, port))
            elif start.subnet is None:
                _require_inside(end.subnet)
                paths.append(evaluate_from_outside(state, start, end, port))
            elif end.subnet is None:
                paths.append(evaluate_outside(state, start, end, port, is_named=is_named))
            else:
                paths.append(evaluate_inside(state, start, end, port, is_named=is_named))
    return paths


def _require_inside(subnet: str | None) -> None:
    if subnet is None:
        raise UsageError("FROM or TO must be in the stack's VPC: nothing else is read")
