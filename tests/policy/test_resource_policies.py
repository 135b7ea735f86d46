"""The pack knows every resource policy that the installed provider can write, and judges each."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pulumi_aws
import pytest

from policy.rules import ALL_RULES, RULES_BY_NAME
from policy.rules.model import PolicyResource, ResourceRule, get_canonical_type
from policy.rules.resource_policies import POLICY_PROPERTIES, SHARING_PROPERTIES
from tests.policy.cases.resource_policies import RULE_ARN, SOURCE_BOUND

CLASS_PATTERN: Final = re.compile(
    r'@pulumi\.type_token\("(aws:[^"]+)"\)\nclass \w+\(pulumi\.CustomResource\)'
)
ARGUMENTS_PATTERN: Final = re.compile(
    r"class \w+Args:\n    def __init__\(__self__, \*,(.*?)\):", re.S
)
# A text, or a policy document, under a name that may be a policy's.
POLICY_PATTERN: Final = re.compile(
    r"^ +(\w*(?:policy|policies|policy_document|permissions)): pulumi\.Input\[(?:Optional\[)?"
    r"(?:Union\[)?_builtins\.str",
    re.M,
)
ALIAS_PATTERN: Final = re.compile(r'Alias\(type_="([^"]+)"\)')
# Names of properties, or types, that are no policy of who is let in to the resource.
OTHER_PROPERTIES: Final = {
    "a policy of who has it, which no-action-wildcards and its kind judge": """
        aws:iam/groupPolicy:GroupPolicy aws:iam/policy:Policy aws:iam/rolePolicy:RolePolicy
        aws:iam/userPolicy:UserPolicy
        aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy
    """,
    "limits a session or a device, and lets nobody in": """
        aws:eks/podIdentityAssociation:PodIdentityAssociation aws:iot/policy:Policy
        aws:rolesanywhere/profile:Profile aws:transfer/access:Access aws:transfer/user:User
    """,
    "limits what a network may call, by endpoint-bounded or a service's own": """
        aws:ec2/vpcEndpoint:VpcEndpoint aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy
        aws:odb/network:Network
    """,
    "a language of its own, not IAM's": """
        aws:cloudwatch/logAccountPolicy:LogAccountPolicy
        aws:cloudwatch/logDataProtectionPolicy:LogDataProtectionPolicy
        aws:cloudwatch/logIndexPolicy:LogIndexPolicy aws:ecr/lifecyclePolicy:LifecyclePolicy
        aws:networkmanager/coreNetwork:CoreNetwork
        aws:networkmanager/coreNetworkPolicyAttachment:CoreNetworkPolicyAttachment
        aws:opensearch/serverlessAccessPolicy:ServerlessAccessPolicy
        aws:opensearch/serverlessLifecyclePolicy:ServerlessLifecyclePolicy
        aws:opensearch/serverlessSecurityPolicy:ServerlessSecurityPolicy
        aws:sns/dataProtectionPolicy:DataProtectionPolicy
        aws:verifiedaccess/endpoint:Endpoint aws:verifiedaccess/group:Group
        aws:workspacesweb/browserSettings:BrowserSettings
    """,
    "a word from a list, a name or a number": """
        aws:cloud9/environmentMembership:EnvironmentMembership
        aws:dlm/lifecyclePolicy:LifecyclePolicy aws:ec2/fleet:Fleet
        aws:ec2/spotFleetRequest:SpotFleetRequest aws:eks/capability:Capability
        aws:bedrock/agentDataSource:AgentDataSource
        aws:emr/instanceGroup:InstanceGroup aws:fsx/lustreFileSystem:LustreFileSystem
        aws:fsx/ontapVolume:OntapVolume aws:gamelift/fleet:Fleet
        aws:gamelift/gameServerGroup:GameServerGroup aws:iot/policyAttachment:PolicyAttachment
        aws:kendra/index:Index aws:lb/listener:Listener aws:lb/loadBalancer:LoadBalancer
        aws:mailmanager/ingressPoint:IngressPoint aws:ses/receiptFilter:ReceiptFilter
        aws:ses/receiptRule:ReceiptRule aws:storagegateway/nfsFileShare:NfsFileShare
        aws:storagegateway/smbFileShare:SmbFileShare aws:transfer/webApp:WebApp
    """,
    "how messages are delivered": """
        aws:sns/topicSubscription:TopicSubscription aws:sqs/redrivePolicy:RedrivePolicy
        aws:sqs/redriveAllowPolicy:RedriveAllowPolicy
    """,
}
# Properties of a type that has a resource policy too.
OTHER_PROPERTY_NAMES: Final = {
    "lifecyclePolicy",
    "archivePolicy",
    "deliveryPolicy",
    "redrivePolicy",
    "redriveAllowPolicy",
    "securityPolicy",
}


def list_resource_sources() -> Iterator[tuple[str, str]]:
    """Each type that the provider has a class for, and the source of its module."""
    for file in sorted(Path(pulumi_aws.__file__).parent.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        if (found := CLASS_PATTERN.search(source)) is not None:
            yield found.group(1), source


@cache
def list_policy_properties() -> frozenset[tuple[str, str]]:
    """(type, property) of every text that may be a policy, by the types' canonical names."""
    return frozenset(
        (get_canonical_type(type_), re.sub(r"_(\w)", lambda m: m[1].upper(), name))
        for type_, source in list_resource_sources()
        if (arguments := ARGUMENTS_PATTERN.search(source)) is not None
        for name in POLICY_PATTERN.findall(arguments.group(1))
    )


def list_violations(rule: str, type_: str, inputs: dict[str, Any]) -> list[str]:
    resource_rule = RULES_BY_NAME[rule]
    assert isinstance(resource_rule, ResourceRule)
    return resource_rule.list_violations(PolicyResource(type_, "it", inputs))


def test_every_resource_policy_of_the_provider_is_judged() -> None:
    judged = {(type_, name) for type_, names in POLICY_PROPERTIES.items() for name in names}
    other_types = {type_ for types in OTHER_PROPERTIES.values() for type_ in types.split()}
    provided = list_policy_properties()
    assert len(provided) > 100
    assert judged <= provided, "a property that no type of the provider has"
    left = {
        (type_, name)
        for type_, name in provided - judged
        if type_ not in other_types
        and not (type_ in POLICY_PROPERTIES and name in OTHER_PROPERTY_NAMES)
    }
    assert left == set(), "judge it in POLICY_PROPERTIES, or say here what else it is"
    assert other_types <= {type_ for type_, _ in provided}
    assert not other_types & set(POLICY_PROPERTIES)


def test_no_alias_of_the_provider_hides_a_type_from_a_rule() -> None:
    known_types = {type_ for rule in ALL_RULES for type_ in rule.types}
    aliases = {
        (alias, type_)
        for type_, source in list_resource_sources()
        if get_canonical_type(type_) in known_types
        for alias in ALIAS_PATTERN.findall(source)
    }
    assert len(aliases) > 10
    assert {pair for pair in aliases if get_canonical_type(pair[0]) not in known_types} == set()


@pytest.mark.parametrize("type_", POLICY_PROPERTIES)
def test_a_policy_for_everybody_is_seen_in_each_of_them(type_: str) -> None:
    for name in POLICY_PROPERTIES[type_]:
        everybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*"}
        service = {"Effect": "Allow", "Principal": {"Service": ["sns.amazonaws.com"]}}
        inputs = {name: {"Statement": [everybody, service]}}
        (text,) = list_violations("policy-not-public", type_, inputs)
        assert text.startswith(f"{name}.Statement.0.Principal is '*'")
        (text,) = list_violations("service-bounded", type_, inputs)
        assert text.startswith(f"{name}.Statement.1.Principal.Service is 'sns.amazonaws.com'")
        bound = {"Statement": [{**everybody, "Condition": SOURCE_BOUND}]}
        assert list_violations("policy-not-public", type_, {name: bound}) == []


@pytest.mark.parametrize("type_", SHARING_PROPERTIES)
def test_what_is_shared_with_everybody_is_seen(type_: str) -> None:
    path, everybody = SHARING_PROPERTIES[type_]
    value: Any = everybody.title()
    for key in reversed(path.split(".")):
        value = {key: value}
    (text,) = list_violations("share-not-public", type_, value)
    assert text.startswith(f"{path} is {everybody.title()!r}, must be accounts by their number")


@pytest.mark.parametrize(
    ("type_", "inputs", "start"),
    [
        ("lambda/functionUrl:FunctionUrl", {"authorizationType": "NONE"}, "authorizationType"),
        ("lambda/layerVersionPermission:LayerVersionPermission", {"principal": "*"}, "organiz"),
    ],
)
def test_a_public_function_is_found_in_every_permission_type(
    type_: str, inputs: dict[str, Any], start: str
) -> None:
    (text,) = list_violations("function-not-public", f"aws:{type_}", inputs)
    assert text.startswith(start)


@pytest.mark.parametrize(
    "inputs",
    [
        {"principal": "123456789012"},
        {"principal": "*", "principalOrgId": "o-1"},
        {"principal": "s3.amazonaws.com", "sourceAccount": "123456789012"},
        {"principal": "events.amazonaws.com", "sourceArn": RULE_ARN},
        {"principal": "alexa-appkit.amazon.com", "eventSourceToken": "amzn1.ask.skill.1"},
    ],
)
def test_a_permission_for_a_named_source_passes(inputs: dict[str, Any]) -> None:
    assert list_violations("function-not-public", "aws:lambda/permission:Permission", inputs) == []


@pytest.mark.parametrize(
    "arn", ["*", "arn:aws:sns:*:*:*", "arn:aws:s3:::*", "arn:aws:sns:eu-north-1:*:alarms"]
)
def test_a_source_that_is_anybodys_bounds_nothing(arn: str) -> None:
    inputs = {"principal": "sns.amazonaws.com", "sourceArn": arn}
    (text,) = list_violations("function-not-public", "aws:lambda/permission:Permission", inputs)
    assert text.startswith("principal is 'sns.amazonaws.com' without a source")


def test_a_bus_for_everybody_needs_an_organization() -> None:
    type_ = "aws:cloudwatch/eventPermission:EventPermission"
    (text,) = list_violations("share-not-public", type_, {"principal": "*"})
    assert text.startswith("condition is not set, must be an organization")
    condition = {"key": "aws:PrincipalOrgID", "type": "StringEquals", "value": "o-1"}
    assert not list_violations(
        "share-not-public", type_, {"principal": "*", "condition": condition}
    )
