"""Which target answers which request: listener rules and their priorities, as plain data.

A route is one host (or any) and one path pattern. A deployed rule keeps its priority, so that
adding a service never moves the rules of another. A new one gets the priority that its hash
names or, if that is taken, the next one: AWS refuses two rules of one priority, also for the
moment between two updates.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, combinations
from typing import Final, TypeAlias

TargetPatterns: TypeAlias = Mapping[str, tuple[Sequence[str], Sequence[str]]]
# Of each deployed target the priorities of its rules, by route key. None: deployed when nothing
# was taken, so that each rule has the priority of its hash.
DeployedPriorities: TypeAlias = Mapping[str, Mapping[str, int] | None]

# Quotas of an Application Load Balancer: a rule's wildcards, and rules beside the default ones.
MAX_RULE_WILDCARDS: Final = 5
MAX_LISTENER_RULES: Final = 100
# The ARNs and priorities of a target's rules are one SSM parameter, of at most 8 KB: 158 characters
# an ARN at most (ELB API reference), and 20 for its key and priority.
MAX_TARGET_ROUTES: Final = 40
MAINTENANCE_PRIORITY: Final = 1  # priority of the rule that operations switch on; before all others

FIRST_PRIORITY: Final = 1000  # what is lower stays free for rules made by hand in an emergency
LAST_PRIORITY: Final = 50_000  # the highest priority that AWS takes
PATH_LENGTH_RANKS: Final = 40  # literal characters of a path that count
HOST_RANKS: Final = 4  # exact; wildcards with a long and with a short literal part; any
LONG_HOST_CHARACTERS: Final = 12  # literal characters
PRIORITY_BANDS: Final = HOST_RANKS * (PATH_LENGTH_RANKS + 2)
SLOTS_PER_BAND: Final = (LAST_PRIORITY - FIRST_PRIORITY) // PRIORITY_BANDS

PATH_PATTERN: Final = re.compile(r"^[/*][A-Za-z0-9_\-.$/~\"'@:+&*?]{0,127}$")
HOST_PATTERN: Final = re.compile(r"^(?=.{1,128}$)[A-Za-z0-9\-.*?]*\.[A-Za-z]+$")


@dataclass(frozen=True)
class Route:
    """Requests for `host` (None: any) and `path` go to `target`. A new `seed` moves its rule."""

    target: str
    host: str | None
    path: str
    seed: int = 0

    @property
    def preferred_priority(self) -> int:
        """The priority if it is free: its place in the band is a hash of the route."""
        text = "\n".join((self.target, self.host or "", self.path, str(self.seed)))
        slot = int.from_bytes(sha256(text.encode()).digest()[:8], "big") % SLOTS_PER_BAND
        return self.band_start + slot

    @property
    def band_start(self) -> int:
        """The first priority of its band: the more specific first, by host, then by path."""
        band = _compute_host_rank(self.host) * (PATH_LENGTH_RANKS + 2) + _compute_path_rank(
            self.path
        )
        return FIRST_PRIORITY + band * SLOTS_PER_BAND

    @property
    def key(self) -> str:
        """A short name, unique among the routes of the same target; with another seed another."""
        text = "\n".join((self.host or "", self.path, str(self.seed)))
        return sha256(text.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """A readable name, unique among the routes of the same target."""
        text = f"{self.host or ''}{self.path}"
        words = re.findall(r"[a-z0-9]+|\*", text.lower())
        readable_text = "-".join("any" if word == "*" else word for word in words)
        return f"{readable_text[:40] or 'root'}-{sha256(text.encode()).hexdigest()[:4]}"

    def covers_route(self, other: "Route") -> bool:
        """True if every request of `other` would also fit this route."""
        return _covers_pattern(self.host or "*", other.host or "*") and _covers_pattern(
            self.path, other.path
        )


def build_routes(targets: TargetPatterns, seeds: Mapping[str, int]) -> tuple[Route, ...]:
    """The routes to targets, given as name to (hosts, paths). No hosts means any host."""
    return tuple(
        Route(target, None if host is None else host.lower(), path, seeds.get(target, 0))
        for target, (hosts, paths) in sorted(targets.items())
        for host in (hosts or (None,))
        for path in paths
    )


def assign_priorities(
    routes: Sequence[Route], deployed: DeployedPriorities | None = None
) -> dict[Route, int]:
    """The priority of each route's rule: deployed ones keep theirs, new ones get free ones.

    The narrower of two routes comes first. A rule that goes keeps its priority reserved, since it
    is deleted after new ones are made. Raises ValueError if there is no free priority between the
    deployed rules that must come before a new one and those that must come after.
    """
    deployed = deployed or {}
    reserved = {number for keys in deployed.values() for number in (keys or {}).values()}
    priorities: dict[Route, int] = {}
    for route in routes:
        deployed_keys = deployed.get(route.target)
        if deployed_keys and route.key in deployed_keys:
            priorities[route] = deployed_keys[route.key]
    # Rules whose deployed priority is unknown come before new ones: it is that of the hash.
    for route in sorted(routes, key=lambda route: deployed.get(route.target, {}) is not None):
        if route not in priorities:
            priorities[route] = _choose_priority(route, placed=priorities, reserved=reserved)
            reserved.add(priorities[route])
    return priorities


def find_routing_fault(targets: TargetPatterns, seeds: Mapping[str, int]) -> str | None:
    """The first reason why two routes match the same requests, or AWS refuses their rules."""
    if unknown_targets := sorted(seeds.keys() - targets.keys()):
        target_names = ", ".join(sorted(targets)) or "nothing"
        return f"loadBalancer.prioritySeeds names {unknown_targets[0]!r}, must name {target_names}"
    for target, (hosts, paths) in sorted(targets.items()):
        target_key = format_target_key(target)
        if not paths:
            return f"{target_key}.paths is empty, must hold at least one path pattern"
        for key, patterns in (("hosts", [host.lower() for host in hosts]), ("paths", paths)):
            if repeated := next(
                (item for item, count in Counter(patterns).items() if count > 1), None
            ):
                return f"{target_key}.{key} holds {repeated!r} twice, must hold it once"
    routes = build_routes(targets, seeds)
    if len(routes) >= MAX_LISTENER_RULES:
        return (
            f"services have {len(routes)} pairs of host and path in all, must have at most "
            f"{MAX_LISTENER_RULES - 1}: a "
            f"load balancer takes {MAX_LISTENER_RULES} rules, and one is for maintenance"
        )
    for target, count in Counter(route.target for route in routes).items():
        if count > MAX_TARGET_ROUTES:
            return (
                f"{format_target_key(target)}.paths makes {count} pairs of host and path, must "
                f"make at most {MAX_TARGET_ROUTES}: what is published of a service's rules is one "
                "SSM parameter of 8 KB. Give some paths to another service, or use wildcards"
            )
    clashes = (_find_clash(first, second) for first, second in combinations(routes, 2))
    return next(
        (reason for reason in chain(map(_find_pattern_fault, routes), clashes) if reason), None
    )


def format_target_key(target: str) -> str:
    """The path of a target in the settings."""
    return "fleet" if target == "fleet" else f"services.{target}"


def _find_pattern_fault(route: Route) -> str | None:
    """Why AWS refuses the patterns of a route."""
    target_key = format_target_key(route.target)
    if not PATH_PATTERN.match(route.path):
        return (
            f"{target_key}.paths holds {route.path!r}, must hold patterns like /api/*: at "
            "most 128 of "
            "the characters that AWS takes, the first of them /"
        )
    if route.host is not None and not HOST_PATTERN.match(route.host):
        return (
            f"{target_key}.hosts holds {route.host!r}, must hold host names, also with "
            "wildcards before "
            "the last dot"
        )
    if (count := _count_wildcards(route)) > MAX_RULE_WILDCARDS:
        return (
            f"{target_key}.paths holds {route.path!r}, must have with its host at most "
            f"{MAX_RULE_WILDCARDS} "
            f"wildcards ({count} now): a rule of a load balancer takes no more"
        )
    return None


def _find_clash(first: Route, second: Route) -> str | None:
    pattern = second.path if second.host is None else f"{second.host}{second.path}"
    if (first.host, first.path) == (second.host, second.path):
        return (
            f"{format_target_key(second.target)}.paths holds {pattern!r}, which "
            f"{format_target_key(first.target)} answers already: "
            "each pair of host and path may lead to one target"
        )
    return None


def _choose_priority(
    route: Route, *, placed: Mapping[Route, int], reserved: Collection[int]
) -> int:
    """A free priority behind the narrower routes and before the wider ones, in the route's band
    if there is one."""
    after = max((placed[other] for other in placed if route.covers_route(other)), default=0)
    before = min(
        (placed[other] for other in placed if other.covers_route(route)), default=LAST_PRIORITY + 1
    )
    first_slot = route.preferred_priority - route.band_start
    band_priorities = (
        route.band_start + (first_slot + offset) % SLOTS_PER_BAND
        for offset in range(SLOTS_PER_BAND)
    )
    other_priorities = range(max(after + 1, FIRST_PRIORITY), before)
    for priority in chain(band_priorities, other_priorities):
        if after < priority < before and priority not in reserved:
            return priority
    raise ValueError(
        f"{format_target_key(route.target)}.paths holds {route.path!r}, must be another pattern: "
        f"its rule must come after priority {after} and before {before}, and none is free between"
    )


def _compute_host_rank(host: str | None) -> int:
    if host is None:
        return HOST_RANKS - 1
    if not _has_wildcard(host):
        return 0
    return 1 if _count_literals(host) >= LONG_HOST_CHARACTERS else 2


def _compute_path_rank(path: str) -> int:
    return (
        0
        if not _has_wildcard(path)
        else 1 + PATH_LENGTH_RANKS - min(_count_literals(path), PATH_LENGTH_RANKS)
    )


def _has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _count_literals(pattern: str) -> int:
    return sum(character not in "*?" for character in pattern)


def _count_wildcards(route: Route) -> int:
    return sum(character in "*?" for character in f"{route.host or ''}{route.path}")


def _covers_pattern(wide: str, narrow: str) -> bool:
    """True if `wide` matches all that `narrow` does; a wildcard is only covered by a wider one."""
    # `?` takes one character, so it covers `?` but not `*`
    regex_parts = (
        ".*" if character == "*" else r"[^*]" if character == "?" else re.escape(character)
        for character in wide
    )
    return re.fullmatch("".join(regex_parts), narrow) is not None
