"""Which target answers which request: listener rules and their priorities, as plain data.

A route is one host (or any) and one path pattern. Its priority is computed from itself alone,
so that adding a service never moves the rules of another: AWS refuses two rules of one
priority, also for the moment between two updates.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, combinations
from typing import Final, TypeAlias

TargetPatterns: TypeAlias = Mapping[str, tuple[Sequence[str], Sequence[str]]]

# Quotas of an Application Load Balancer: a rule's wildcards, and rules beside the default ones.
MAX_RULE_WILDCARDS: Final = 5
MAX_LISTENER_RULES: Final = 100
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
    """Requests for `host` (None: any) and `path` go to `target`. `seed` moves its priority."""

    target: str
    host: str | None
    path: str
    seed: int = 0

    @property
    def priority(self) -> int:
        """The more specific first: by host, then by path, then by a hash of the route."""
        band = _compute_host_rank(self.host) * (PATH_LENGTH_RANKS + 2) + _compute_path_rank(
            self.path
        )
        text = "\n".join((self.target, self.host or "", self.path, str(self.seed)))
        slot = int.from_bytes(sha256(text.encode()).digest()[:8], "big") % SLOTS_PER_BAND
        return FIRST_PRIORITY + band * SLOTS_PER_BAND + slot

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
            f"services have {len(routes)} pairs of host and path in all, must have "
            f"{MAX_LISTENER_RULES - 1}: a "
            f"load balancer takes {MAX_LISTENER_RULES} rules, and one is for maintenance"
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
    is_same_priority = first.priority == second.priority
    is_hidden = first.target != second.target and (
        (first.covers_route(second) and first.priority < second.priority)
        or (second.covers_route(first) and second.priority < first.priority)
    )
    if not (is_same_priority or is_hidden):
        return None
    return (
        f"{format_target_key(second.target)}.paths holds {pattern!r}, whose rule falls "
        f"{'on the priority' if is_same_priority else 'on the wrong side'} of that for "
        f"{first.path!r} of "
        f"{format_target_key(first.target)}: set loadBalancer.prioritySeeds to "
        f"{{{second.target!r}: {second.seed + 1}}}"
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
