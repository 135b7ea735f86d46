"""Fitting: Pulumi's inputs as the parameters of an operation, by the operation's own model."""

from typing import Any

import pytest
from botocore.model import StructureShape

from sandbox.aws import _create_client
from sandbox.resources.type_conversion import UnknownInputError, convert_inputs, get_operation_noun


def get_operation_shape(service: str, operation: str) -> StructureShape:
    """The parameters of an operation."""
    model = _create_client(service, "eu-north-1").meta.service_model
    return model.operation_model(operation).input_shape  # type: ignore[no-any-return]


def fit_inputs(
    service: str, operation: str, inputs: dict[str, Any], **fit_options: Any
) -> dict[str, Any]:
    return convert_inputs(
        get_operation_shape(service, operation),
        inputs,
        noun=get_operation_noun(operation),
        **fit_options,
    )


def test_a_name_is_found_whatever_its_case_and_number() -> None:
    inputs = {"vpcZoneIdentifier": "subnet-1", "targetGroupArns": ["arn"], "minSize": 1}
    assert fit_inputs("autoscaling", "CreateAutoScalingGroup", inputs) == {
        "VPCZoneIdentifier": "subnet-1",
        "TargetGroupARNs": ["arn"],
        "MinSize": 1,
    }


def test_a_name_may_be_what_the_operation_makes_and_the_name() -> None:
    assert fit_inputs("logs", "CreateLogGroup", {"name": "/a"}) == {"logGroupName": "/a"}


def test_a_rename_is_for_what_aws_calls_by_another_name() -> None:
    rename = {"instanceClass": "DBInstanceClass"}
    inputs = {"instanceClass": "db.t4g.small"}
    assert fit_inputs("rds", "CreateDBInstance", inputs, rename=rename) == {
        "DBInstanceClass": "db.t4g.small"
    }


def test_a_single_block_becomes_the_list_that_aws_has() -> None:
    inputs = {"encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": "k"}]}
    assert fit_inputs("ecr", "CreateRepository", inputs) == {
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "k"}
    }
    assert fit_inputs("ec2", "CreateVpcEndpoint", {"subnetIds": "one"}) == {"SubnetIds": ["one"]}


@pytest.mark.parametrize(
    ("service", "operation", "tags"),
    [
        ("ecs", "CreateCluster", [{"key": "Owner", "value": "me"}]),
        ("rds", "CreateDBInstance", [{"Key": "Owner", "Value": "me"}]),
        ("kms", "CreateKey", [{"TagKey": "Owner", "TagValue": "me"}]),
        ("logs", "CreateLogGroup", {"Owner": "me"}),
    ],
)
def test_tags_take_the_form_that_the_service_wants(
    service: str, operation: str, tags: object
) -> None:
    assert (
        fit_inputs(service, operation, {"tags": {"Owner": "me"}})[
            "tags" if service in ("ecs", "logs") else "Tags"
        ]
        == tags
    )


def test_tags_of_ec2_name_the_type_that_they_are_for() -> None:
    assert fit_inputs("ec2", "CreateVpc", {"tags": {"Owner": "me"}}, tag_resource_type="vpc") == {
        "TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "Owner", "Value": "me"}]}]
    }


def test_a_value_becomes_of_the_type_that_the_operation_wants() -> None:
    health = fit_inputs("elbv2", "CreateTargetGroup", {"healthCheckPort": 8080, "port": "80"})
    assert health == {"HealthCheckPort": "8080", "Port": 80}
    interface = {"networkInterfaces": [{"associatePublicIpAddress": "false"}]}
    expected = {"NetworkInterfaces": [{"AssociatePublicIpAddress": False}]}
    assert fit_inputs("ec2", "RunInstances", interface) == expected
    assert fit_inputs("s3", "PutObject", {"metadata": {"a": 1}}) == {"Metadata": {"a": "1"}}


def test_an_input_without_a_place_is_an_error_with_its_path() -> None:
    with pytest.raises(UnknownInputError, match=r"^metadataOptions\.colour$"):
        fit_inputs("ec2", "RunInstances", {"metadataOptions": {"colour": "red"}})


def test_absent_inputs_are_not_sent() -> None:
    assert fit_inputs(
        "ec2", "CreateVpc", {"cidrBlock": "10.0.0.0/16", "instanceTenancy": None}
    ) == {"CidrBlock": "10.0.0.0/16"}
