"""Which target answers which request: listener rules and their priorities, as plain data.

A route is one host (or any) and one path pattern. Its priority is computed from itself alone,
so that adding a service never moves the rules of another: AWS refuses two rules of one
priority, also for the moment between two updates.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, combinations
from typing import Final, TypeAlias

Targets: TypeAlias = Mapping[str, tuple[Sequence[str], Sequence[str]]]

# Quotas of an Application Load Balancer: a rule's wildcards, and rules beside the default ones.
WILDCARDS: Final = 5
RULES: Final = 100
MAINTENANCE: Final = 1  # priority of the rule that operations switch on; before all others

FIRST: Final = 1000  # what is lower stays free for rules made by hand in an emergency
LAST: Final = 50_000  # the highest priority that AWS takes
LENGTHS: Final = 40  # literal characters of a path that are told apart
HOSTS: Final = 4  # exact; wildcards with a long and with a short literal part; any
LONG_HOST: Final = 12  # literal characters
BANDS: Final = HOSTS * (LENGTHS + 2)
SLOTS: Final = (LAST - FIRST) // BANDS

PATH: Final = re.compile(r"^[/*][A-Za-z0-9_\-.$/~\"'@:+&*?]{0,127}$")
HOST: Final = re.compile(r"^(?=.{1,128}$)[A-Za-z0-9\-.*?]*\.[A-Za-z]+$")


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
        band = _host_rank(self.host) * (LENGTHS + 2) + _path_rank(self.path)
        text = "\n".join((self.target, self.host or "", self.path, str(self.seed)))
        slot = int.from_bytes(sha256(text.encode()).digest()[:8], "big") % SLOTS
        return FIRST + band * SLOTS + slot

    @property
    def label(self) -> str:
        """What the route is called: readable, and unlike any other's of the same target."""
        text = f"{self.host or ''}{self.path}"
        words = re.findall(r"[a-z0-9]+|\*", text.lower())
        readable = "-".join("any" if word == "*" else word for word in words)
        return f"{readable[:40] or 'root'}-{sha256(text.encode()).hexdigest()[:4]}"

    def covers(self, other: "Route") -> bool:
        """Whether every request of `other` would also fit this route."""
        return _covers(self.host or "*", other.host or "*") and _covers(self.path, other.path)


def routes(targets: Targets, seeds: Mapping[str, int]) -> tuple[Route, ...]:
    """The routes to targets, given as name to (hosts, paths). No hosts means any host."""
    return tuple(
        Route(target, host.lower() if host else None, path, seeds.get(target, 0))
        for target, (hosts, paths) in sorted(targets.items())
        for host in (hosts or (None,))
        for path in paths
    )


def fault(targets: Targets, seeds: Mapping[str, int]) -> str | None:
    """The first reason why these targets cannot be told apart, or AWS refuses their rules."""
    if unknown := sorted(seeds.keys() - targets.keys()):
        known = ", ".join(sorted(targets)) or "nothing"
        return f"loadBalancer.prioritySeeds names {unknown[0]!r}, may name {known}"
    for target, (_, paths) in sorted(targets.items()):
        if not paths:
            return f"{key(target)}.paths is empty, may hold at least one path pattern"
    table = routes(targets, seeds)
    if len(table) >= RULES:
        return (
            f"services have {len(table)} pairs of host and path in all, may have {RULES - 1}: a "
            f"load balancer takes {RULES} rules, and one is for maintenance"
        )
    pairs = (_clash(a, b) for a, b in combinations(table, 2))
    return next((text for text in chain(map(_malformed, table), pairs) if text), None)


def key(target: str) -> str:
    """Where a target stands in the settings."""
    return "fleet" if target == "fleet" else f"services.{target}"


def _malformed(route: Route) -> str | None:
    """Why AWS refuses the patterns of a route."""
    where = key(route.target)
    if not PATH.match(route.path):
        return (
            f"{where}.paths holds {route.path!r}, may hold patterns like /api/*: at most 128 of "
            "the characters that AWS takes, the first of them /"
        )
    if route.host is not None and not HOST.match(route.host):
        return (
            f"{where}.hosts holds {route.host!r}, may hold host names, also with wildcards before "
            "the last dot"
        )
    if (count := _wildcards(route)) > WILDCARDS:
        return (
            f"{where}.paths holds {route.path!r}, may have with its host at most {WILDCARDS} "
            f"wildcards ({count} now): a rule of a load balancer takes no more"
        )
    return None


def _clash(a: Route, b: Route) -> str | None:
    where = b.path if b.host is None else f"{b.host}{b.path}"
    if (a.host, a.path) == (b.host, b.path):
        if a.target == b.target:
            return f"{key(b.target)}.paths holds {where!r} twice, may hold it once"
        return (
            f"{key(b.target)}.paths holds {where!r}, which {key(a.target)} answers already: "
            "each pair of host and path may lead to one target"
        )
    same = a.priority == b.priority
    hidden = a.target != b.target and (
        (a.covers(b) and a.priority < b.priority) or (b.covers(a) and b.priority < a.priority)
    )
    if not (same or hidden):
        return None
    return (
        f"{key(b.target)}.paths holds {where!r}, whose rule falls "
        f"{'on the priority' if same else 'on the wrong side'} of that for {a.path!r} of "
        f"{key(a.target)}: set loadBalancer.prioritySeeds to {{{b.target!r}: {b.seed + 1}}}"
    )


def _host_rank(host: str | None) -> int:
    if host is None:
        return HOSTS - 1
    if not _wild(host):
        return 0
    return 1 if _literal(host) >= LONG_HOST else 2


def _path_rank(path: str) -> int:
    return 0 if not _wild(path) else 1 + LENGTHS - min(_literal(path), LENGTHS)


def _wild(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _literal(pattern: str) -> int:
    return sum(character not in "*?" for character in pattern)


def _wildcards(route: Route) -> int:
    return sum(character in "*?" for character in f"{route.host or ''}{route.path}")


def _covers(wide: str, narrow: str) -> bool:
    """Whether `wide` matches all that `narrow` does; a wildcard is only covered by a wider one."""
    # `?` takes one character, so it covers `?` but not `*`
    parts = (".*" if c == "*" else r"[^*]" if c == "?" else re.escape(c) for c in wide)
    return re.fullmatch("".join(parts), narrow) is not None
