"""Each rule passes what it may and names what it may not; each word of the tables holds."""

import re

import pytest

from components.naming import build_stack_tags
from policy.rules import BY_NAME, NAMES, RULES, STACK_RULES
from policy.rules.exposure import BESIDE_A_BUCKET
from policy.rules.housekeeping import TAGGED, TAGS
from policy.rules.model import UNKNOWN, Resource, Rule
from tests.policy.cases import BLOCK, BUCKET, CACHE, CASES, DATABASE, INSTANCE, POLICY
from tests.test_controls import CONTROLS
from tests.world import settings, whole

BESIDE_THE_LIST = {"KMS.3", "CloudWatch.16"}  # of AWS Security Hub, but not of the page's list
BAD = [(rule, start) for rule, case in CASES.items() for start in case.bad]


def rule(name: str) -> Rule:
    found = BY_NAME[name]
    assert isinstance(found, Rule)
    return found


def test_every_rule_has_its_cases_and_a_name_of_its_own() -> None:
    assert sorted(CASES) == sorted(r.name for r in RULES)
    assert len(set(NAMES)) == len(NAMES) == len(RULES) + len(STACK_RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_good_resource_passes(name: str) -> None:
    case = CASES[name]
    assert rule(name).violations(case.resource(case.good, good=True)) == []


@pytest.mark.parametrize(("name", "start"), BAD)
def test_a_bad_one_does_not_and_the_line_names_the_property(name: str, start: str) -> None:
    case = CASES[name]
    bad = case.resource(case.bad[start], good=False, protect=name != "protected")
    found = rule(name).violations(bad)
    assert any(text.startswith(start) for text in found), found
    assert all(", may be " in text for text in found)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_looks_at_its_types_only(name: str) -> None:
    start = next(iter(CASES[name].bad))
    other = Resource("aws:other/thing:Thing", "database-open", CASES[name].bad[start])
    assert rule(name).violations(other) == []


@pytest.mark.parametrize("name", sorted(set(CASES) - {"world-only-to-balancer", "protected"}))
def test_what_is_not_known_yet_is_not_judged(name: str) -> None:
    case = CASES[name]
    props = dict.fromkeys(case.good, UNKNOWN)
    assert rule(name).violations(case.resource(props, good=True)) == []


@pytest.mark.parametrize("given", RULES + STACK_RULES, ids=lambda r: r.name)
def test_a_rule_says_which_control_it_is_of(given: Rule) -> None:
    assert given.controls
    for control in given.controls:
        assert control == "house" or control in {*CONTROLS, *BESIDE_THE_LIST}
    assert given.what.endswith(".")
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", given.name)


def test_the_tags_are_those_that_the_components_set() -> None:
    assert set(TAGS) == set(build_stack_tags(settings(), "x"))


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_type_with_tags_is_looked_at(stack: str) -> None:
    for resource in whole(stack, {"compute": "both", "cache": {"enabled": True}}):
        if resource.is_in_aws and "tags" in resource.inputs:
            assert resource.type in TAGGED, resource.urn


@pytest.mark.parametrize("missing", BESIDE_A_BUCKET)
def test_a_bucket_has_all_that_belongs_to_it(missing: str) -> None:
    (between,) = STACK_RULES
    bucket = Resource(BUCKET, "things", {"bucket": "b"})
    beside = [Resource(t, "things", {"bucket": "b"}) for t in BESIDE_A_BUCKET]
    assert between.violations([bucket, *beside]) == []
    left = [r for r in beside if r.type != missing]
    ((broken, text),) = between.violations([bucket, *left])
    assert broken is bucket
    assert missing.rsplit(":", 1)[1] in text
    of_another = Resource(missing, "others", {"bucket": "other"})
    assert between.violations([bucket, *left, of_another])
    not_known = Resource(missing, "others", {"bucket": UNKNOWN})
    assert between.violations([bucket, *left, not_known]) == []


def test_a_disk_of_an_instance_is_encrypted_too() -> None:
    looked = rule("disk-encrypted").violations
    good = {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": True}]}
    assert looked(Resource(INSTANCE, "nat", good)) == []
    bad = {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": False}]}
    assert looked(Resource(INSTANCE, "nat", bad)) == [
        "ebsBlockDevices.encrypted is false, may be true"
    ]


def test_a_replica_has_neither_backups_nor_a_last_snapshot_of_its_own() -> None:
    replica = Resource(DATABASE, "replica", {"replicateSourceDb": "x", "skipFinalSnapshot": True})
    for name in ("database-backups", "final-snapshot"):
        assert rule(name).violations(replica) == []


def test_an_inline_policy_of_a_role_is_looked_at() -> None:
    inline = CASES["no-action-wildcards"].bad["policy.Statement.0.Action is '*'"]
    role = Resource("aws:iam/role:Role", "role", {"inlinePolicies": [inline]})
    (text,) = rule("no-action-wildcards").violations(role)
    assert text.startswith("inlinePolicies.0.policy.Statement.0.Action is '*'")


@pytest.mark.parametrize("type_", [BLOCK, CACHE, DATABASE, POLICY])
def test_no_rule_fails_on_a_resource_that_says_nothing(type_: str) -> None:
    for each in RULES:
        for text in each.violations(Resource(type_, "empty", {})):
            assert ", may be " in text
