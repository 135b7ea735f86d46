"""Routing: which rule comes first, and that no rule moves another."""

import string
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.routing import (
    FIRST_PRIORITY,
    LAST_PRIORITY,
    MAINTENANCE_PRIORITY,
    MAX_LISTENER_RULES,
    Route,
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


@given(ROUTED_TARGETS, TARGET_NAMES, st.tuples(HOST_LISTS, PATH_LISTS))
def test_another_service_never_moves_the_rules_of_those_there_are(
    targets: dict[str, tuple[list[str], list[str]]],
    name: str,
    new_target: tuple[list[str], list[str]],
) -> None:
    before = {(r.target, r.label): r.priority for r in build_routes(targets, {})}
    after = {
        (r.target, r.label): r.priority for r in build_routes({name: new_target} | targets, {})
    }
    assert before.items() <= after.items()


@given(ROUTED_TARGETS)
def test_an_accepted_table_has_one_priority_a_rule_and_the_narrower_rule_first(
    targets: dict[str, tuple[list[str], list[str]]],
) -> None:
    if find_routing_fault(targets, {}) is not None:
        return
    table = build_routes(targets, {})
    assert len({route.priority for route in table}) == len(table)
    assert len({(route.target, route.label) for route in table}) == len(table)
    for a, b in combinations(table, 2):
        for wide, narrow in ((a, b), (b, a)):
            if wide.target != narrow.target and wide.covers_route(narrow):
                assert narrow.priority < wide.priority


@given(ROUTED_TARGETS)
def test_priorities_are_those_that_aws_takes_and_maintenance_comes_before(
    targets: dict[str, tuple[list[str], list[str]]],
) -> None:
    priorities = [route.priority for route in build_routes(targets, {})]
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
def test_the_more_specific_comes_first_by_host_and_then_by_path(
    first: Route, second: Route
) -> None:
    assert first.priority < second.priority


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
            {"a": ([], [f"/{i}" for i in range(MAX_LISTENER_RULES)])},
            {},
            "services have 100 pairs of host and path in all, must have 99: a load balancer takes "
            "100 rules, and one is for maintenance",
        ),
        (
            {"a": ([], ["/*"])},
            {"c": 1},
            "loadBalancer.prioritySeeds names 'c', must name a",
        ),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_the_reason(
    targets: dict[str, tuple[list[str], list[str]]], seeds: dict[str, int], message: str
) -> None:
    assert find_routing_fault(targets, seeds) == message


def test_two_rules_of_one_priority_are_refused_and_a_seed_parts_them() -> None:
    path_by_priority: dict[int, str] = {}
    for number in range(10_000):
        path = f"/{number:04}"
        priority = Route("b" if number % 2 else "a", None, path).priority
        if (
            (other := path_by_priority.get(priority)) is not None
            and int(other[1:]) % 2 == 0
            and number % 2
        ):
            break
        path_by_priority[priority] = path
    else:
        pytest.fail("no two rules of one priority found")
    targets: dict[str, tuple[list[str], list[str]]] = {"a": ([], [other]), "b": ([], [path])}
    assert find_routing_fault(targets, {}) == (
        f"services.b.paths holds {path!r}, whose rule falls on the priority of that for "
        f"{other!r} of services.a: set loadBalancer.prioritySeeds to {{'b': 1}}"
    )
    assert find_routing_fault(targets, {"b": 1}) is None


def test_a_rule_hidden_behind_a_wider_one_is_refused() -> None:
    """Paths longer than those told apart fall in one band, in any order."""
    stem = "/" + "x" * 50
    for number in range(1000):
        wide, narrow = Route("a", None, f"{stem}{number}*"), Route("b", None, f"{stem}{number}/y*")
        if wide.priority < narrow.priority:
            break
    text = find_routing_fault({"a": ([], [wide.path]), "b": ([], [narrow.path])}, {})
    assert text is not None
    assert "falls on the wrong side of that for" in text
    assert "set loadBalancer.prioritySeeds to {'b': 1}" in text
