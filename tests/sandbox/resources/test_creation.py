"""Making one resource: names, regions, tags, and what is said when it fails."""

from typing import Any

import pytest

from sandbox import aws
from sandbox.resources import PhysicalNaming, get_entry
from sandbox.resources.creation import (
    AwsLocation,
    CreationError,
    ProgramResource,
    add_physical_name,
    convert_whole_numbers,
    create_resource,
)
from tests.sandbox.conftest import REGION, ClientFactory

TEST_PLACE = AwsLocation(aws.ACCOUNT_ID, aws.AWS_PARTITION, REGION, aws.get_client)


def make_resource(type_: str, name: str = "it", **inputs: Any) -> tuple[str, dict[str, Any]]:
    return create_resource(
        get_entry(type_, inputs), ProgramResource(type_, name, inputs), TEST_PLACE
    )


def build_resource_name(naming: PhysicalNaming, name: str = "web") -> str:
    resource_name: str = add_physical_name(naming, ProgramResource("a:b:c", name, {}))[naming.name]
    return resource_name


def test_an_explicit_name_is_kept() -> None:
    assert (
        add_physical_name(PhysicalNaming(), ProgramResource("a:b:c", "web", {"name": "mine"}))[
            "name"
        ]
        == "mine"
    )


def test_a_name_that_is_not_given_is_the_logical_one_and_seven_characters() -> None:
    first, second = build_resource_name(PhysicalNaming()), build_resource_name(PhysicalNaming())
    assert first.startswith("web-")
    assert len(first) == len("web-") + 7
    assert first == second, "the same resource has the same name"


def test_a_prefix_is_followed_by_26_characters() -> None:
    resource = ProgramResource("a:b:c", "web", {"namePrefix": "pre-"})
    inputs = add_physical_name(PhysicalNaming(), resource)
    assert inputs["name"].startswith("pre-")
    assert len(inputs["name"]) == len("pre-") + 26
    assert "namePrefix" not in inputs


def test_a_name_that_aws_would_not_take_is_refused() -> None:
    with pytest.raises(CreationError, match=r"name is a{30}-\w{7}, must have 32 characters"):
        build_resource_name(PhysicalNaming(max_length=32), "a" * 30)


def test_whole_numbers_come_back_from_the_wire_as_such() -> None:
    assert convert_whole_numbers({"a": 443.0, "b": [1.5, None], "c": None}) == {
        "a": 443,
        "b": [1.5, None],
    }


def test_a_resource_is_made_in_the_region_that_it_says(aws_client: ClientFactory) -> None:
    id_, outputs = make_resource("aws:kms/key:Key", description="there", region="eu-west-1")
    assert outputs["region"] == "eu-west-1"
    assert outputs["arn"].startswith("arn:aws:kms:eu-west-1:123456789012:key/")
    assert aws_client("kms", "eu-west-1").describe_key(KeyId=id_)["KeyMetadata"]["KeyId"] == id_
    assert aws_client("kms").list_keys()["Keys"] == []


def test_tags_are_applied_and_come_back(aws_client: ClientFactory) -> None:
    id_, outputs = make_resource("aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16", tags={"Owner": "me"})
    vpc = aws_client("ec2").describe_vpcs(VpcIds=[id_])["Vpcs"][0]
    assert vpc["Tags"] == [{"Key": "Owner", "Value": "me"}]
    assert outputs["tagsAll"] == {"Owner": "me"}


def test_what_aws_refuses_says_the_type_the_name_and_the_call(aws_client: ClientFactory) -> None:
    with pytest.raises(
        CreationError,
        match=r"^aws:ec2/subnet:Subnet private-a: ec2\.create_subnet: ClientError: .*vpc-none",
    ):
        make_resource(
            "aws:ec2/subnet:Subnet", "private-a", vpcId="vpc-none", cidrBlock="10.0.0.0/24"
        )


@pytest.mark.parametrize(
    ("type_", "inputs", "path"),
    [
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16", "colour": "red"}, "colour"),
        ("aws:iam/rolePolicy:RolePolicy", {"role": "r", "policy": "{}", "colour": 1}, "colour"),
        (
            "aws:ec2/networkAcl:NetworkAcl",
            {"vpcId": "v", "ingress": [{"protocol": "-1", "ruleNo": 1, "colour": 1}]},
            "colour",
        ),
        ("aws:lb/loadBalancer:LoadBalancer", {"accessLogs": {"bucket": "b", "x": 1}}, "x"),
    ],
)
def test_an_input_that_no_call_takes_is_an_error(
    aws_client: ClientFactory,
    type_: str,
    inputs: dict[str, Any],
    path: str,
) -> None:
    with pytest.raises(CreationError, match=f"input {path} is in no call: say in the entry where"):
        make_resource(type_, **inputs)


def test_inputs_converted_for_aws_stay_unchanged_for_the_program(aws_client: ClientFactory) -> None:
    id_, _ = make_resource("aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16")
    health = {"path": "/health", "matcher": "200-399"}
    arn, outputs = make_resource(
        "aws:lb/targetGroup:TargetGroup", port=80, protocol="HTTP", vpcId=id_, healthCheck=health
    )
    assert outputs["healthCheck"] == health
    group = aws_client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/health", {"HttpCode": "200-399"})


def test_a_password_is_as_it_was_asked_for_and_the_same_each_time() -> None:
    password_inputs: dict[str, Any] = {
        "length": 32,
        "overrideSpecial": "!#",
        "minUpper": 2,
        "minSpecial": 1,
    }
    password = make_resource("random:index/randomPassword:RandomPassword", "a", **password_inputs)[
        1
    ]["result"]
    again = make_resource("random:index/randomPassword:RandomPassword", "a", **password_inputs)[1][
        "result"
    ]
    other = make_resource("random:index/randomPassword:RandomPassword", "b", **password_inputs)[1][
        "result"
    ]
    assert password == again != other
    assert len(password) == 32
    assert sum(c.isupper() for c in password) >= 2
    assert {c for c in password if not c.isalnum()} <= {"!", "#"}
    assert any(not c.isalnum() for c in password)
