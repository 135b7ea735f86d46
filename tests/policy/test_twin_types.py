"""Rules see the same thing under every name of its type, and in resources of their own."""

from typing import Any, get_args

import pytest

from components.settings.load_balancer import TlsPolicy
from policy.rules import ALL_RULES, RULES_BY_NAME
from policy.rules.conditions import bounds_principals
from policy.rules.model import PolicyResource, ResourceRule, get_canonical_type
from policy.rules.transport import SAFE_TLS_POLICIES
from tests.policy.cases import RULE_CASES

OPEN_POLICY = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}]}
ADMINISTRATOR_ARN = "arn:aws:iam::aws:policy/AdministratorAccess"
INGRESS_TYPE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ALIASES = {
    "aws:lb/": ("aws:alb/", "aws:applicationloadbalancing/", "aws:elasticloadbalancingv2/"),
}


def list_violations(rule: str, type_: str, inputs: dict[str, Any]) -> list[str]:
    resource_rule = RULES_BY_NAME[rule]
    assert isinstance(resource_rule, ResourceRule)
    return resource_rule.list_violations(PolicyResource(type_, "it", inputs))


def list_aliases(type_: str) -> list[str]:
    """Every other name of a type."""
    aliases = [
        type_.replace(prefix, alias)
        for prefix, module_aliases in ALIASES.items()
        for alias in module_aliases
        if type_.startswith(prefix)
    ]
    if type_.startswith("aws:s3/bucket"):
        module, name, class_name = type_.split(":")
        aliases.append(f"{module}:{name}V2:{class_name}V2")
    return aliases


@pytest.mark.parametrize("name", RULE_CASES)
def test_a_rule_sees_its_types_under_every_alias(name: str) -> None:
    rule, case = RULES_BY_NAME[name], RULE_CASES[name]
    assert isinstance(rule, ResourceRule)
    for start, bad in case.bad.items():
        resource = case.build_resource(bad, good=False, protect=name != "protected")
        expected = rule.list_violations(resource)
        assert expected, start
        for alias in list_aliases(resource.type):
            twin = PolicyResource(alias, resource.name, resource.inputs, resource.protect)
            assert rule.list_violations(twin) == expected, alias


def test_an_alias_is_never_a_rule_s_own_name_of_a_type() -> None:
    for rule in ALL_RULES:
        assert all(get_canonical_type(type_) == type_ for type_ in rule.types), rule.name


@pytest.mark.parametrize(
    "type_",
    [
        "aws:sqs/queue:Queue",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:kms/keyPolicy:KeyPolicy",
        "aws:secretsmanager/secret:Secret",
        "aws:secretsmanager/secretPolicy:SecretPolicy",
        "aws:backup/vaultPolicy:VaultPolicy",
        "aws:ecr/registryPolicy:RegistryPolicy",
        "aws:s3/bucketPolicy:BucketPolicy",
    ],
)
def test_a_policy_is_public_wherever_it_is_written(type_: str) -> None:
    (text,) = list_violations("policy-not-public", type_, {"policy": OPEN_POLICY})
    assert text.startswith("policy.Statement.0.Principal is '*', must be")


def test_a_role_that_anyone_may_assume_is_public() -> None:
    (text,) = list_violations(
        "policy-not-public", "aws:iam/role:Role", {"assumeRolePolicy": OPEN_POLICY}
    )
    assert text.startswith("assumeRolePolicy.Statement.0.Principal")


def test_not_principal_lets_everyone_else_in() -> None:
    statement = {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}
    (text,) = list_violations(
        "policy-not-public", "aws:sqs/queue:Queue", {"policy": {"Statement": [statement]}}
    )
    assert text.startswith("policy.Statement.0.NotPrincipal is set, must be Principal")


@pytest.mark.parametrize(
    ("condition", "bounds"),
    [
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ({"StringEquals": {"AWS:SourceAccount": ["123456789012"]}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": "o-1/r-1/"}}, True),
        ({}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringLike": {"aws:PrincipalArn": "*"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}, False),
        ({"StringEquals": {"aws:SourceAccount": ["123456789012", "*"]}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "123456789012"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}}, False),
        ({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/"}}, False),
        ({"Null": {"aws:SourceAccount": "false"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}, False),
        ({"IpAddress": {"aws:SourceIp": "0::/0"}}, False),
        ({"StringEquals": {"kms:ViaService": "s3.eu-north-1.amazonaws.com"}}, False),
    ],
)
def test_a_condition_bounds_who_may_come_or_counts_for_nothing(
    condition: dict[str, Any], bounds: bool
) -> None:
    assert bounds_principals(condition) is bounds


@pytest.mark.parametrize(
    ("key", "cidr"),
    [
        ("cidrIpv6", "0::/0"),
        ("cidrIpv6", "::0/0"),
        ("cidrIpv6", "0000:0000:0000:0000:0000:0000:0000:0000/0"),
        ("cidrIpv6", "8000::/1"),
        ("cidrIpv4", "0.0.0.0/0"),
        ("cidrIpv4", "0.0.0.0/1"),
        ("cidrIpv4", "128.0.0.0/1"),
        ("cidrIpv4", "64.0.0.0/2"),
    ],
)
def test_every_notation_of_the_whole_internet_is_recognised(key: str, cidr: str) -> None:
    inputs = {key: cidr, "fromPort": 22, "toPort": 22, "ipProtocol": "tcp"}
    (text,) = list_violations("world-only-to-balancer", INGRESS_TYPE, inputs)
    assert text.startswith("fromPort is 22, must be 80 or 443 of the load balancer")


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "203.0.113.0/24", "172.16.0.0/12"])
def test_a_network_is_not_the_world(cidr: str) -> None:
    inputs = {"cidrIpv4": cidr, "fromPort": 22, "toPort": 22, "ipProtocol": "tcp"}
    assert list_violations("world-only-to-balancer", INGRESS_TYPE, inputs) == []


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        ("aws:iam/policyAttachment:PolicyAttachment", {"policyArn": ADMINISTRATOR_ARN}),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"policyArn": ADMINISTRATOR_ARN}),
        ("aws:iam/userPolicyAttachment:UserPolicyAttachment", {"policyArn": ADMINISTRATOR_ARN}),
        ("aws:iam/groupPolicyAttachment:GroupPolicyAttachment", {"policyArn": ADMINISTRATOR_ARN}),
        (
            "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
            {"policyArns": [ADMINISTRATOR_ARN]},
        ),
        (
            "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
            {"managedPolicyArn": ADMINISTRATOR_ARN},
        ),
        ("aws:iam/role:Role", {"managedPolicyArns": [ADMINISTRATOR_ARN]}),
    ],
)
def test_administrator_access_is_found_in_every_attachment_type(
    type_: str, inputs: dict[str, Any]
) -> None:
    (text,) = list_violations("no-administrators", type_, inputs)
    assert "AdministratorAccess" in text


def test_the_pack_takes_every_tls_policy_that_the_settings_take() -> None:
    assert set(get_args(TlsPolicy)) <= set(SAFE_TLS_POLICIES)
    assert "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09" in SAFE_TLS_POLICIES
