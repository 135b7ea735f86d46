"""Routing: which rule comes first, and that no rule moves another."""

import string
from collections.abc import Mapping
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.routing import (
    FIRST_PRIORITY,
    LAST_PRIORITY,
    MAINTENANCE_PRIORITY,
    MAX_LISTENER_RULES,
    MAX_TARGET_ROUTES,
    SLOTS_PER_BAND,
    DeployedPriorities,
    Route,
    assign_priorities,
    build_routes,
    find_routing_fault,
)

PATTERN_WORDS = st.text(string.ascii_lowercase + "*", min_size=1, max_size=12)
PATH_LISTS = st.lists(
    PATTERN_WORDS.map(lambda word: f"/{word}"), min_size=1, max_size=4, unique=True
)
HOST_LISTS = st.lists(
    PATTERN_WORDS.map(lambda word: f"{word}.example.com"), max_size=2, unique=True
)
TARGET_NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)
ROUTED_TARGETS = st.dictionaries(
    TARGET_NAMES, st.tuples(HOST_LISTS, PATH_LISTS), min_size=1, max_size=6
)


def deploy(
    targets: Mapping[str, tuple[list[str], list[str]]],
    deployed: DeployedPriorities | None = None,
    seeds: Mapping[str, int] | None = None,
) -> dict[str, dict[str, int]]:
    """The priorities that a deployment publishes, by target and route key."""
    published: dict[str, dict[str, int]] = {name: {} for name in targets}
    priorities = assign_priorities(build_routes(targets, seeds or {}), deployed)
    for route, priority in priorities.items():
        published[route.target][route.key] = priority
    return published


@given(ROUTED_TARGETS, TARGET_NAMES, st.tuples(HOST_LISTS, PATH_LISTS))
def test_adding_a_service_keeps_the_priorities_of_existing_rules(
    targets: dict[str, tuple[list[str], list[str]]],
    name: str,
    new_target: tuple[list[str], list[str]],
) -> None:
    new_targets = {name: new_target} | targets
    if find_routing_fault(new_targets, {}) is not None:
        return
    before = deploy(targets)
    after = deploy(new_targets, before)
    assert before.items() <= after.items()
    assert len({*chain(*(keys.values() for keys in after.values()))}) == sum(
        map(len, after.values())
    )


@given(ROUTED_TARGETS)
def test_an_accepted_table_has_one_priority_a_rule_and_the_narrower_rule_first(
    targets: dict[str, tuple[list[str], list[str]]],
) -> None:
    if find_routing_fault(targets, {}) is not None:
        return
    priorities = assign_priorities(build_routes(targets, {}))
    assert len({*priorities.values()}) == len(priorities)
    assert len({(route.target, route.label) for route in priorities}) == len(priorities)
    for a, b in combinations(priorities, 2):
        for wide, narrow in ((a, b), (b, a)):
            if wide.covers_route(narrow):
                assert priorities[narrow] < priorities[wide]


@given(ROUTED_TARGETS)
def test_priorities_are_those_that_aws_takes_and_maintenance_comes_before(
    targets: dict[str, tuple[list[str], list[str]]],
) -> None:
    priorities = [route.preferred_priority for route in build_routes(targets, {})]
    assert all(
        MAINTENANCE_PRIORITY < FIRST_PRIORITY <= priority <= LAST_PRIORITY
        for priority in priorities
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Route("a", None, "/api/v1/*"), Route("b", None, "/api/*")),
        (Route("a", None, "/api/*"), Route("b", None, "/*")),
        (Route("a", None, "/*"), Route("b", None, "*")),
        (Route("a", None, "/health"), Route("b", None, "/healthy/*")),
        (Route("a", "api.example.com", "/*"), Route("b", None, "/api/v1/users/*")),
        (Route("a", "api.example.com", "/*"), Route("b", "*.example.com", "/v1/*")),
        (Route("a", "*.eu.example.com", "/*"), Route("b", "*.io.com", "/*")),
        (Route("a", "*.example.com", "/*"), Route("b", None, "/*")),
    ],
)
def test_more_specific_rules_come_first_by_host_and_then_by_path(
    first: Route, second: Route
) -> None:
    assert first.preferred_priority < second.preferred_priority


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("/*", "/api/*", True),
        ("/a?c", "/abc", True),
        ("/a?c", "/a*c", False),
        ("/api/*", "/*", False),
        ("/api", "/api/*", False),
        ("/a.c", "/abc", False),
    ],
)
def test_a_pattern_covers_what_it_matches_and_narrower_patterns(
    wide: str, narrow: str, covers: bool
) -> None:
    assert Route("a", None, wide).covers_route(Route("b", None, narrow)) is covers


def test_hosts_are_compared_without_regard_to_case() -> None:
    (route,) = build_routes({"a": (["API.Example.com"], ["/*"])}, {})
    assert route.host == "api.example.com"


def test_each_pair_of_host_and_path_has_its_own_rule() -> None:
    table = build_routes({"a": (["x.example.com", "y.example.com"], ["/1/*", "/2/*"])}, {})
    assert [(r.host, r.path) for r in table] == [
        (host, path) for host in ("x.example.com", "y.example.com") for path in ("/1/*", "/2/*")
    ]


@pytest.mark.parametrize(
    ("targets", "seeds", "message"),
    [
        (
            {"a": ([], ["/api/*"]), "b": ([], ["/api/*"])},
            {},
            "services.b.paths holds '/api/*', which services.a answers already: each pair of host "
            "and path may lead to one target",
        ),
        (
            {"fleet": ([], ["/*"]), "web": ([], ["/*"])},
            {},
            "services.web.paths holds '/*', which fleet answers already: each pair of host and "
            "path may lead to one target",
        ),
        (
            {"a": (["x.example.com"], ["/*"]), "b": (["X.example.com"], ["/*"])},
            {},
            "services.b.paths holds 'x.example.com/*', which services.a answers already: each "
            "pair of host and path may lead to one target",
        ),
        (
            {"a": ([], ["/x", "/x"])},
            {},
            "services.a.paths holds '/x' twice, must hold it once",
        ),
        (
            {"a": (["x.example.com", "X.example.com"], ["/*"])},
            {},
            "services.a.hosts holds 'x.example.com' twice, must hold it once",
        ),
        (
            {"a": (["", ""], ["/*"])},
            {},
            "services.a.hosts holds '', must hold host names, also with wildcards before the last "
            "dot",
        ),
        (
            {"a": ([], [])},
            {},
            "services.a.paths is empty, must hold at least one path pattern",
        ),
        (
            {"a": ([], ["api/*"])},
            {},
            "services.a.paths holds 'api/*', must hold patterns like /api/*: at most 128 of the "
            "characters that AWS takes, the first of them /",
        ),
        (
            {"a": ([], ["/" + "x" * 128])},
            {},
            f"services.a.paths holds '/{'x' * 128}', must hold patterns like /api/*: at "
            "most 128 of "
            "the characters that AWS takes, the first of them /",
        ),
        (
            {"a": (["localhost"], ["/*"])},
            {},
            "services.a.hosts holds 'localhost', must hold host names, also with wildcards before "
            "the last dot",
        ),
        (
            {"fleet": (["*.*.example.com"], ["/*/*/*/*"])},
            {},
            "fleet.paths holds '/*/*/*/*', must have with its host at most 5 wildcards (6 now): a "
            "rule of a load balancer takes no more",
        ),
        (
            {"a": ([], [f"/{i}" for i in range(MAX_TARGET_ROUTES + 1)])},
            {},
            "services.a.paths makes 41 pairs of host and path, must make at most 40: what is "
            "published of a service's rules is one SSM parameter of 8 KB. Give some paths to "
            "another service, or use wildcards",
        ),
        (
            {"a": ([], [f"/{i}" for i in range(MAX_LISTENER_RULES)])},
            {},
            "services have 100 pairs of host and path in all, must have at most 99: a load "
            "balancer takes 100 rules, and one is for maintenance",
        ),
        (
            {"a": ([], ["/*"])},
            {"c": 1},
            "loadBalancer.prioritySeeds names 'c', must name a",
        ),
    ],
)
def test_an_impossible_routing_table_is_refused_with_the_reason(
    targets: dict[str, tuple[list[str], list[str]]], seeds: dict[str, int], message: str
) -> None:
    assert find_routing_fault(targets, seeds) == message


FIFTY_TARGETS: dict[str, tuple[list[str], list[str]]] = {
    **{f"service-{number:02}": ([], [f"/api-{number:02}/*"]) for number in range(50)},
    "fleet": ([], ["/*"]),
}


def test_fifty_services_get_fifty_priorities_in_their_band() -> None:
    routes = build_routes(FIFTY_TARGETS, {})
    assert len({route.preferred_priority for route in routes}) < len(routes), "no two collide"
    priorities = assign_priorities(routes)
    assert len({*priorities.values()}) == len(routes) == 51
    assert find_routing_fault(FIFTY_TARGETS, {}) is None
    for route, priority in priorities.items():
        assert 0 <= priority - route.band_start < SLOTS_PER_BAND


def test_services_that_are_added_one_by_one_never_move_a_rule() -> None:
    """The later ones sort before the earlier ones, so that the order of names decides nothing."""
    targets: dict[str, tuple[list[str], list[str]]] = {}
    deployed: dict[str, dict[str, int]] = {}
    for name in sorted(FIFTY_TARGETS, reverse=True):
        targets[name] = FIFTY_TARGETS[name]
        after = deploy(targets, deployed)
        assert deployed.items() <= after.items()
        deployed = after
    assert len({*chain(*(keys.values() for keys in deployed.values()))}) == 51


def test_a_rule_that_goes_keeps_its_priority_until_it_is_deleted() -> None:
    """New rules are made before old ones are deleted."""
    first, second = find_two_of_one_priority()
    deployed = deploy({"a": ([], [first.path])})
    (old,) = deployed["a"].values()
    (new,) = deploy({"b": ([], [second.path])}, deployed)["b"].values()
    assert new != old == second.preferred_priority


def test_rules_without_published_priorities_keep_their_hashed_ones() -> None:
    first, second = find_two_of_one_priority()
    targets: dict[str, tuple[list[str], list[str]]] = {
        "a": ([], [first.path]),
        "b": ([], [second.path]),
    }
    for old, new in (("a", "b"), ("b", "a")):
        published = deploy(targets, {old: None})
        assert [*published[old].values()] == [first.preferred_priority]
        assert [*published[new].values()] != [first.preferred_priority]


def test_changing_a_services_seed_moves_only_its_own_rules() -> None:
    before = deploy(FIFTY_TARGETS)
    after = deploy(FIFTY_TARGETS, before, {"service-07": 1})
    assert [name for name in before if before[name] != after[name]] == ["service-07"]


def test_a_narrower_rule_that_comes_later_goes_before_the_wider_one() -> None:
    """Paths longer than those that are told apart are in one band, in any order."""
    stem = "/" + "x" * 50
    for number in range(100):
        wide, narrow = Route("a", None, f"{stem}{number}*"), Route("b", None, f"{stem}{number}/y*")
        if wide.preferred_priority < narrow.preferred_priority:
            break
    targets: dict[str, tuple[list[str], list[str]]] = {"a": ([], [wide.path])}
    deployed = deploy(targets)
    priorities = assign_priorities([wide, narrow], deployed)
    assert priorities[narrow] < priorities[wide] == wide.preferred_priority


def test_a_rule_for_which_no_priority_is_left_is_refused() -> None:
    targets: dict[str, tuple[list[str], list[str]]] = {"a": ([], ["/x*"]), "b": ([], ["/xyz*"])}
    wide, narrow = build_routes(targets, {})
    deployed = {"a": {wide.key: 2001}, "b": {narrow.key: 2000}}
    with pytest.raises(ValueError, match="none is free between") as refusal:
        assign_priorities([wide, narrow, Route("c", None, "/xy*")], deployed)
    assert str(refusal.value) == (
        "services.c.paths holds '/xy*', must be another pattern: its rule must come after "
        "priority 2000 and before 2001, and none is free between"
    )


def find_two_of_one_priority() -> tuple[Route, Route]:
    """Routes of the services a and b whose hashes name the same priority."""
    routes_by_priority: dict[int, Route] = {}
    for number in range(10_000):
        route = Route("b" if number % 2 else "a", None, f"/{number:04}")
        other = routes_by_priority.setdefault(route.preferred_priority, route)
        if (other.target, route.target) == ("a", "b"):
            return other, route
    raise AssertionError("no two rules of one priority found")
