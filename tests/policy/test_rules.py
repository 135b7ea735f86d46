"""Each rule passes what it may and names what it may not; each word of the tables holds."""

import re

import pytest

from components.facts.model import STACK_TAG_KEYS
from components.naming import build_stack_tags
from policy.rules import RESOURCE_RULES, RULE_NAMES, RULES_BY_NAME, STACK_RULES
from policy.rules.exposure import BUCKET_COMPANION_TYPES
from policy.rules.housekeeping import TAGGABLE_TYPES
from policy.rules.model import UNKNOWN, PolicyResource, ResourceRule, StackRule
from tests.policy.cases import RULE_CASES
from tests.policy.cases.model import (
    BUCKET_TYPE,
    DATABASE_TYPE,
    EC2_INSTANCE_RESOURCE_TYPE,
    IAM_POLICY_TYPE,
    PUBLIC_ACCESS_BLOCK_TYPE,
    REPLICATION_GROUP_TYPE,
)
from tests.test_controls import CONTROL_IDS
from tests.world import build_settings, run_whole_program

UNLISTED_CONTROLS = {
    "KMS.3",
    "CloudWatch.16",
    "Lambda.1",
    "SSM.4",
}  # of AWS Security Hub, but not of the page's list
BAD_CASES = [(name, start) for name, case in RULE_CASES.items() for start in case.bad]


def get_rule(name: str) -> ResourceRule:
    resource_rule = RULES_BY_NAME[name]
    assert isinstance(resource_rule, ResourceRule)
    return resource_rule


def test_every_rule_has_its_cases_and_a_name_of_its_own() -> None:
    assert sorted(RULE_CASES) == sorted(r.name for r in RESOURCE_RULES)
    assert len(set(RULE_NAMES)) == len(RULE_NAMES) == len(RESOURCE_RULES) + len(STACK_RULES)


@pytest.mark.parametrize("name", RULE_CASES)
def test_a_compliant_resource_passes_its_rule(name: str) -> None:
    case = RULE_CASES[name]
    assert get_rule(name).list_violations(case.build_resource(case.good, good=True)) == []


@pytest.mark.parametrize(("name", "start"), BAD_CASES)
def test_a_violating_resource_is_reported_by_its_property(name: str, start: str) -> None:
    case = RULE_CASES[name]
    bad = case.build_resource(case.bad[start], good=False, protect=name != "protected")
    violations = get_rule(name).list_violations(bad)
    assert any(text.startswith(start) for text in violations), violations
    assert all(", must be " in text for text in violations)


@pytest.mark.parametrize("name", RULE_CASES)
def test_a_rule_looks_at_its_types_only(name: str) -> None:
    start = next(iter(RULE_CASES[name].bad))
    other = PolicyResource("aws:other/thing:Thing", "database-open", RULE_CASES[name].bad[start])
    assert get_rule(name).list_violations(other) == []


@pytest.mark.parametrize("name", sorted(set(RULE_CASES) - {"world-only-to-balancer", "protected"}))
def test_unknown_values_are_not_judged(name: str) -> None:
    case = RULE_CASES[name]
    props = dict.fromkeys(case.good, UNKNOWN)
    assert get_rule(name).list_violations(case.build_resource(props, good=True)) == []


@pytest.mark.parametrize("policy_rule", RESOURCE_RULES + STACK_RULES, ids=lambda r: r.name)
def test_a_rule_says_which_control_it_is_of(policy_rule: ResourceRule) -> None:
    assert policy_rule.controls
    for control in policy_rule.controls:
        assert control == "house" or control in {*CONTROL_IDS, *UNLISTED_CONTROLS}
    assert policy_rule.description.endswith(".")
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", policy_rule.name)


def test_the_tags_are_those_that_the_components_set() -> None:
    assert set(STACK_TAG_KEYS) == set(build_stack_tags(build_settings(), "x"))


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_type_with_tags_is_looked_at(stack: str) -> None:
    for resource in run_whole_program(stack, {"compute": "both", "cache": {"enabled": True}}):
        if resource.is_in_aws and "tags" in resource.inputs:
            assert resource.type in TAGGABLE_TYPES, resource.urn


@pytest.mark.parametrize("missing", BUCKET_COMPANION_TYPES)
def test_a_bucket_has_all_that_belongs_to_it(missing: str) -> None:
    between = RULES_BY_NAME["bucket-complete"]
    assert isinstance(between, StackRule)
    bucket = PolicyResource(BUCKET_TYPE, "things", {"bucket": "b"})
    beside = [PolicyResource(t, "things", {"bucket": "b"}) for t in BUCKET_COMPANION_TYPES]
    assert between.list_violations([bucket, *beside]) == []
    remaining = [r for r in beside if r.type != missing]
    ((broken, text),) = between.list_violations([bucket, *remaining])
    assert broken is bucket
    assert missing.rsplit(":", 1)[1] in text
    of_another = PolicyResource(missing, "others", {"bucket": "other"})
    assert between.list_violations([bucket, *remaining, of_another])
    not_known = PolicyResource(missing, "others", {"bucket": UNKNOWN})
    assert between.list_violations([bucket, *remaining, not_known]) == []


def test_a_disk_of_an_instance_is_encrypted_too() -> None:
    list_violations = get_rule("disk-encrypted").list_violations
    good = {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": True}]}
    assert list_violations(PolicyResource(EC2_INSTANCE_RESOURCE_TYPE, "nat", good)) == []
    bad = {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": False}]}
    assert list_violations(PolicyResource(EC2_INSTANCE_RESOURCE_TYPE, "nat", bad)) == [
        "ebsBlockDevices.encrypted is false, must be true"
    ]


def test_a_replica_has_neither_backups_nor_a_last_snapshot_of_its_own() -> None:
    replica = PolicyResource(
        DATABASE_TYPE, "replica", {"replicateSourceDb": "x", "skipFinalSnapshot": True}
    )
    for name in ("database-backups", "final-snapshot"):
        assert get_rule(name).list_violations(replica) == []


def test_an_inline_policy_of_a_role_is_looked_at() -> None:
    inline = RULE_CASES["no-action-wildcards"].bad["policy.Statement.0.Action is '*'"]
    role = PolicyResource("aws:iam/role:Role", "role", {"inlinePolicies": [inline]})
    (text,) = get_rule("no-action-wildcards").list_violations(role)
    assert text.startswith("inlinePolicies.0.policy.Statement.0.Action is '*'")


def test_the_inline_policy_of_a_permission_set_is_looked_at() -> None:
    bad = RULE_CASES["no-action-wildcards"].bad["policy.Statement.0.Action is '*'"]
    type_ = "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy"
    permission_set = PolicyResource(type_, "it", {"inlinePolicy": bad["policy"]})
    (text,) = get_rule("no-action-wildcards").list_violations(permission_set)
    assert text.startswith("inlinePolicy.Statement.0.Action is '*'")


@pytest.mark.parametrize(
    "type_", [PUBLIC_ACCESS_BLOCK_TYPE, REPLICATION_GROUP_TYPE, DATABASE_TYPE, IAM_POLICY_TYPE]
)
def test_no_rule_fails_on_a_resource_that_says_nothing(type_: str) -> None:
    for each in RESOURCE_RULES:
        for text in each.list_violations(PolicyResource(type_, "empty", {})):
            assert ", must be " in text
