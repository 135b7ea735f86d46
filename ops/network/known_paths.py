"""The ways that a stack needs: from its load balancer to its services, and from these on.

The network is read once for all of them. A service is where its settings place it: its tasks need
not run. What a service is not meant to call the contract does not say: it then has no rule at
either end, which is not reported as long as another caller gets through.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.checks import split_into_chunks
from ops.core.errors import OpsError
from ops.network.ends import ENDPOINT_PORT, End
from ops.network.model import PUBLIC_NETWORKS, Check, NetworkState, Path, Place
from ops.network.places import PlaceFinder
from ops.network.reach import (
    evaluate_from_outside,
    evaluate_inside,
    evaluate_service,
)
from ops.network.reading import UNREAD_ERRORS, NetworkReader, describe_unread
from ops.outputs import Outputs
from ops.services.model import DESCRIBE_SERVICES_LIMIT

# What a task needs before its code runs: its image with its layers, its secrets, its log.
_NEEDED_SERVICES: Final = ("ecr.api", "ecr.dkr", "s3", "secretsmanager", "logs")
_GROUP_CHECK: Final = "security group"
_INTERNET: Final = "internet"


@dataclass(frozen=True)
class KnownPath:
    """One way that the stack needs, between two of its parts, and how it was evaluated."""

    source: str
    target: str
    port: int
    path: Path

    @property
    def stops(self) -> list[Check]:
        """What stops it."""
        return [check for check in self.path.checks if check.verdict == "stopped"]

    @property
    def group_stops(self) -> list[Check]:
        """The security groups that stop it."""
        return [check for check in self.stops if check.name.startswith(_GROUP_CHECK)]


@dataclass(frozen=True)
class Caller:
    """A part that calls others, and the places that it calls from."""

    name: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class DetachedGroup:
    """A part that has not the security group that the stack made for it."""

    part: str
    group: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class KnownPaths:
    """All ways, the network that they were evaluated on, and what could not be found.

    `doubtful` are ways without a rule at either end, though no caller gets through to their target.
    """

    state: NetworkState
    paths: tuple[KnownPath, ...]
    doubtful: tuple[KnownPath, ...] = ()
    detached: tuple[DetachedGroup, ...] = ()
    unread: tuple[str, ...] = ()


class KnownPathReader:
    """Reads the network and the stack's parts in it, and evaluates the ways between them."""

    def __init__(self, aws: Aws, outputs: Outputs) -> None:
        self.aws, self.outputs = aws, outputs
        self.unread: list[str] = []
        self.detached: list[DetachedGroup] = []

    def read(self) -> KnownPaths:
        """All ways. What cannot be read is in the answer."""
        state = NetworkReader(self.aws, self.outputs).read()
        finder = PlaceFinder(self.aws, self.outputs, state)
        callers = [*self._list_services(finder), *self._list_fleet(finder)]
        balancers = self._find(finder, "load-balancer")
        paths: list[KnownPath] = []
        doubtful: list[KnownPath] = []
        paths += self._list_balancer_paths(state, balancers, callers)
        for part, port in self._list_targets():
            expected, unlinked = _select_expected(
                self._list_inside_paths(state, callers, part, port, self._find(finder, part))
            )
            paths += expected
            doubtful += unlinked
        for caller in callers:
            for place in _list_distinct(caller.places):
                for service in _NEEDED_SERVICES:
                    ways = evaluate_service(state, place, service, ENDPOINT_PORT, ())
                    paths += [KnownPath(caller.name, service, ENDPOINT_PORT, way) for way in ways]
        return KnownPaths(
            state, tuple(paths), tuple(doubtful), tuple(self.detached), tuple(self.unread)
        )

    def _try(self, subject: str, read: Callable[[], Sequence[Place]]) -> tuple[Place, ...]:
        try:
            return tuple(read())
        except (*UNREAD_ERRORS, OpsError, LookupError) as error:
            self.unread.append(f"where {subject} is could not be read: {describe_unread(error)}")
            return ()

    def _find(self, finder: PlaceFinder, part: str) -> tuple[Place, ...]:
        """The places of a part beside services and fleet, and whether it has its own group."""
        ends = self._get_ends()
        if part not in ends:
            return ()
        end, group = ends[part]
        places = self._try(part, lambda: finder.find(end, "TO").places)
        self._note_detached(part, group, places)
        return places

    def _get_ends(self) -> dict[str, tuple[End, str]]:
        database, cache = self.outputs.database, self.outputs.cache
        balancer = self.outputs.load_balancer
        ends = {"database": (End("database", database.identifier), database.security_group_id)}
        if cache is not None:
            ends["cache"] = (End("cache", cache.identifier), cache.security_group_id)
        if balancer is not None:
            ends["load-balancer"] = (
                End("load-balancer", balancer.name),
                balancer.security_group_id,
            )
        return ends

    def _note_detached(self, part: str, group: str, places: Sequence[Place]) -> None:
        groups = next((place.groups for place in places if place.groups is not None), None)
        if groups is not None and group not in groups:
            self.detached.append(DetachedGroup(part, group, groups))

    def _list_targets(self) -> Iterator[tuple[str, int]]:
        yield "database", self.outputs.database.port
        if self.outputs.cache is not None:
            yield "cache", self.outputs.cache.port

    def _list_services(self, finder: PlaceFinder) -> list[Caller]:
        """Where each service's settings place its tasks: ten services a call."""
        services = self.outputs.services
        callers: list[Caller] = []
        if services is None:
            return callers
        for names in split_into_chunks(list(services.services), DESCRIBE_SERVICES_LIMIT):
            try:
                answer: Any = self.aws.call(
                    "ecs.describe_services", {"cluster": services.cluster, "services": [*names]}
                )
            except UNREAD_ERRORS as error:
                reason = describe_unread(error)
                self.unread.append(f"where {', '.join(names)} is could not be read: {reason}")
                continue
            for item in answer["services"]:
                if item["status"] == "ACTIVE":
                    callers.append(self._build_service(finder, item))
        return callers

    def _build_service(self, finder: PlaceFinder, item: Any) -> Caller:
        assert self.outputs.services is not None
        name = str(item["serviceName"])
        settings = (item.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        groups = tuple(settings.get("securityGroups") or ())
        places = tuple(
            Place(f"{name} in {subnet}", finder.get_networks(subnet), subnet, groups)
            for subnet in settings.get("subnets") or ()
        )
        group = self.outputs.services.services[name].security_group_id
        self._note_detached(name, group, places)
        return Caller(name, places)

    def _list_fleet(self, finder: PlaceFinder) -> list[Caller]:
        """The instances in service: those of one subnet and the same groups are alike."""
        fleet = self.outputs.fleet
        if fleet is None:
            return []
        places = self._try("fleet", lambda: finder.find(End("fleet", fleet.group), "FROM").places)
        # No interface of EC2 is without a group (VPC User Guide): what tells none has that of the
        # launch template.
        places = tuple(
            place if place.groups else replace(place, groups=(fleet.security_group_id,))
            for place in places
        )
        self._note_detached("fleet", fleet.security_group_id, places)
        return [Caller("fleet", tuple(_list_distinct(places)))] if places else []

    def _list_balancer_paths(
        self, state: NetworkState, balancers: Sequence[Place], callers: Sequence[Caller]
    ) -> Iterator[KnownPath]:
        part = self.outputs.load_balancer
        if part is None or not balancers:
            return
        port = 443 if part.url.startswith("https:") else 80
        for place in balancers:
            if not part.internal:
                source = Place(_INTERNET, PUBLIC_NETWORKS)
                path = evaluate_from_outside(state, source, place, port)
                yield KnownPath(
                    _INTERNET, "load-balancer", port, _keep_certain(state, path, place, port)
                )
            for caller in callers:
                target_port = self._get_port(caller.name)
                if caller.name in part.targets and target_port is not None:
                    for end in _list_distinct(caller.places):
                        path = evaluate_inside(state, place, end, target_port)
                        yield KnownPath("load-balancer", caller.name, target_port, path)

    def _get_port(self, name: str) -> int | None:
        if name == "fleet" and self.outputs.fleet is not None:
            return self.outputs.fleet.port
        assert self.outputs.services is not None
        return self.outputs.services.services[name].port

    def _list_inside_paths(
        self,
        state: NetworkState,
        callers: Sequence[Caller],
        part: str,
        port: int,
        targets: Sequence[Place],
    ) -> Iterator[KnownPath]:
        for caller in callers:
            for start in _list_distinct(caller.places):
                for end in targets:
                    path = evaluate_inside(state, start, end, port, is_named=True)
                    yield KnownPath(caller.name, part, port, path)


def _select_expected(
    paths: Iterator[KnownPath],
) -> tuple[list[KnownPath], list[KnownPath]]:
    """The ways that are meant to be, and those of which that is not known.

    The program makes a rule at each end: one of both that is there shows that it was meant.
    """
    all_paths = list(paths)
    unlinked = [path for path in all_paths if len(path.group_stops) > 1]
    expected = [path for path in all_paths if len(path.group_stops) <= 1]
    return expected, [] if expected else unlinked


def _list_distinct(places: Sequence[Place]) -> list[Place]:
    """A place of each subnet and set of groups: others are alike."""
    return list({(place.subnet, place.groups): place for place in places}.values())


def _keep_certain(state: NetworkState, path: Path, place: Place, port: int) -> Path:
    """Without the check of the load balancer's group if it lets some addresses in: settings may."""
    groups = [state.groups[name] for name in place.groups or () if name in state.groups]
    has_rule = any(
        rule.ports[0] <= port <= rule.ports[1] and rule.protocol in ("tcp", "6", "-1")
        for group in groups
        for rule in group.ingress
    )
    if not has_rule:
        return path
    checks = tuple(check for check in path.checks if not check.name.startswith(_GROUP_CHECK))
    return Path(path.source, path.target, checks)
