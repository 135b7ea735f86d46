"""Prod in the in-memory AWS: what the program registered is there, as it was registered."""

import importlib
import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ops.outputs import Outputs
from sandbox import aws
from sandbox.aws import get_client
from sandbox.deploy import CreatedResource, InMemoryDeployment, deploy_in_memory, use_in_memory_aws
from sandbox.program import RegisteredResource, ResourceGraph
from sandbox.resources import get_entry
from sandbox.resources.creation import AwsLocation, ProgramResource, find_created_resource

REGION, RECOVERY_REGION = "eu-north-1", "eu-west-1"
HOSTED_ZONE_ID = "Z0PRODEXAMPLE0000001"
NAME_PREFIX = "bulwark-prod"
# Outputs that the SDK promises and that nobody gets here; each is null or empty on AWS too for
# what the stack makes, or speaks of a time to come.
ABSENT_OUTPUTS = {
    "aws:acm/certificate:Certificate": {
        "notAfter",
        "notBefore",
        "pendingRenewal",
        "renewalEligibility",
        "renewalSummaries",
        "validationEmails",
    },
    "aws:autoscaling/group:Group": {"predictedCapacity", "warmPoolSize"},
    "aws:backup/vault:Vault": {"recoveryPoints"},
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"namePrefix"},
    "aws:ec2/eip:Eip": {
        "associationId",
        "carrierIp",
        "customerOwnedIp",
        "privateDns",
        "privateIp",
        "ptrRecord",
    },
    "aws:sns/topicSubscription:TopicSubscription": {
        "confirmationWasAuthenticated",
        "pendingConfirmation",
    },
    "aws:ec2/natGateway:NatGateway": {
        "autoProvisionZones",
        "autoScalingIps",
        "regionalNatGatewayAddresses",
        "regionalNatGatewayAutoMode",
        "routeTableId",
    },
    "aws:ec2/route:Route": {"instanceId", "instanceOwnerId"},
    "aws:ec2/subnet:Subnet": {"ipv6CidrBlockAssociationId"},
    "aws:ec2/vpc:Vpc": {"ipv6AssociationId"},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"cidrBlocks", "requesterManaged"},
    "aws:lambda/function:Function": {
        "qualifiedInvokeArn",
        "responseStreamingInvokeArn",
        "signingJobArn",
        "signingProfileVersionArn",
    },
    "aws:rds/instance:Instance": {
        "hostedZoneId",
        "latestRestorableTime",
        "listenerEndpoints",
        "masterUserSecrets",
        "upgradeRolloutOrder",
    },
    "aws:s3/bucket:Bucket": {"hostedZoneId", "websiteDomain", "websiteEndpoint"},
    "aws:s3/bucketObjectv2:BucketObjectv2": {
        "checksumCrc32",
        "checksumCrc32C",
        "checksumCrc64Nvme",
        "checksumSha1",
        "checksumSha256",
    },
    "aws:secretsmanager/secretVersion:SecretVersion": {"hasSecretStringWo"},
    "aws:sns/topic:Topic": {"beginningArchiveTime"},
    "aws:ssm/parameter:Parameter": {"hasValueWo"},
    "aws:wafv2/webAcl:WebAcl": {"applicationIntegrationUrl"},
    "random:index/randomPassword:RandomPassword": {"bcryptHash"},
}


@pytest.fixture(scope="module")
def created_resources() -> list[CreatedResource]:
    return []


@pytest.fixture(scope="module")
def prod_deployment(created_resources: list[CreatedResource]) -> Iterator[InMemoryDeployment]:
    """Prod, deployed; its AWS stays until the last test of this file."""
    with use_in_memory_aws(REGION):
        yield deploy_in_memory("prod", progress=created_resources.append)


def list_custom_resources(graph: ResourceGraph) -> list[RegisteredResource]:
    """What is made in AWS, and not only a component or a provider."""
    return [
        resource
        for resource in graph
        if resource.custom and not resource.type.startswith("pulumi:providers:")
    ]


def create_region_client(service: str, region: str = REGION) -> Any:
    return get_client(service, region)


def parse_tag_list(tag_list: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tag_list}


def test_everything_that_was_registered_can_be_found(prod_deployment: InMemoryDeployment) -> None:
    place = AwsLocation(aws.ACCOUNT_ID, aws.AWS_PARTITION, REGION, get_client)
    looked_for = [
        r
        for r in list_custom_resources(prod_deployment.graph)
        if get_entry(r.type, r.inputs).find_call is not None
    ]
    assert len(looked_for) > 200
    for registered in looked_for:
        resource = ProgramResource(registered.type, registered.name, dict(registered.inputs))
        resource_details = find_created_resource(
            get_entry(registered.type, registered.inputs), resource, registered.id, place
        )
        assert resource_details, f"{registered.type} {registered.name} {registered.id}"


def test_the_exports_are_the_contract(prod_deployment: InMemoryDeployment) -> None:
    outputs = Outputs.model_validate(prod_deployment.exports)
    assert outputs.database.identifier == f"{NAME_PREFIX}-database"
    assert (
        outputs.network.vpc_id
        == create_region_client("ec2").describe_vpcs(
            Filters=[{"Name": "tag:Project", "Values": ["bulwark"]}]
        )["Vpcs"][0]["VpcId"]
    )


def test_outputs_are_all_that_the_sdk_promises(prod_deployment: InMemoryDeployment) -> None:
    for resource in list_custom_resources(prod_deployment.graph):
        missing = list_output_names(resource.type) - set(resource.outputs)
        assert missing <= ABSENT_OUTPUTS.get(resource.type, set()), resource.type


def list_output_names(type_: str) -> set[str]:
    """Names of the outputs of a type's class that are no inputs."""
    package, module, name = type_.split(":")
    python_module = {"lambda": "lambda_"}.get(module_name := module.split("/")[0], module_name)
    path = f"pulumi_{package}" if python_module == "index" else f"pulumi_{package}.{python_module}"
    resource_class = getattr(importlib.import_module(path), name)
    inputs = inspect.signature(resource_class._internal_init).parameters
    outputs = (
        n for n, v in vars(resource_class).items() if isinstance(v, property) and n not in inputs
    )
    return {to_camel_case(name) for name in outputs}


def to_camel_case(name: str) -> str:
    head, *other_parts = name.split("_")
    return head + "".join(part.title() for part in other_parts)


def test_progress_is_told_of_each_resource(
    prod_deployment: InMemoryDeployment, created_resources: list[CreatedResource]
) -> None:
    assert [created_resource.number for created_resource in created_resources] == list(
        range(1, len(list_custom_resources(prod_deployment.graph)) + 1)
    )
    assert {created_resource.type for created_resource in created_resources} == set(
        prod_deployment.seconds
    )


def test_the_network_is_there(prod_deployment: InMemoryDeployment) -> None:
    vpc = prod_deployment.exports["network"]["vpcId"]
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    assert len(create_region_client("ec2").describe_subnets(Filters=inside)["Subnets"]) == 9
    gateways = create_region_client("ec2").describe_nat_gateways(Filters=inside)["NatGateways"]
    assert len({g["SubnetId"] for g in gateways}) == 3
    assert all(g["NatGatewayAddresses"][0]["PublicIp"] for g in gateways)
    default = create_region_client("ec2").describe_security_groups(
        Filters=[*inside, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"][0]
    assert (default["IpPermissions"], default["IpPermissionsEgress"]) == ([], [])
    assert create_region_client("ec2").describe_flow_logs()["FlowLogs"][0]["ResourceId"] == vpc


def test_a_security_group_lets_out_only_what_it_says(prod_deployment: InMemoryDeployment) -> None:
    group = prod_deployment.exports["loadBalancer"]["securityGroupId"]
    rules = create_region_client("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group]}]
    )["SecurityGroupRules"]
    assert {r["FromPort"] for r in rules if not r["IsEgress"]} == {80, 443}
    assert not [r for r in rules if r["IsEgress"] and r.get("CidrIpv4") == "0.0.0.0/0"]


def test_the_database_is_as_prod_wants_it(prod_deployment: InMemoryDeployment) -> None:
    database = create_region_client("rds").describe_db_instances(
        DBInstanceIdentifier=f"{NAME_PREFIX}-database"
    )["DBInstances"][0]
    assert database["MultiAZ"]
    assert database["StorageEncrypted"]
    assert database["KmsKeyId"] == prod_deployment.exports["stack"]["dataKeyArn"]
    assert database["DeletionProtection"]
    assert database["BackupRetentionPeriod"] == 30
    assert database["DBInstanceStatus"] == "available"
    assert parse_tag_list(database["TagList"])["Environment"] == "prod"
    assert prod_deployment.exports["database"]["endpoint"] == database["Endpoint"]["Address"]


def test_the_credentials_can_be_read(prod_deployment: InMemoryDeployment) -> None:
    arn = prod_deployment.exports["database"]["secretArn"]
    secret = json.loads(
        create_region_client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    )
    assert secret["host"] == prod_deployment.exports["database"]["endpoint"]
    assert create_region_client("secretsmanager").describe_secret(SecretId=arn)["RotationEnabled"]


def test_the_load_balancer_is_there(prod_deployment: InMemoryDeployment) -> None:
    arn = prod_deployment.exports["loadBalancer"]["arn"]
    attributes = parse_tag_list(
        create_region_client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)[
            "Attributes"
        ]
    )
    assert attributes["deletion_protection.enabled"] == "true"
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    listeners = create_region_client("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
    assert {(entry["Port"], entry["Protocol"]) for entry in listeners} == {
        (80, "HTTP"),
        (443, "HTTPS"),
    }
    assert len(prod_deployment.exports["loadBalancer"]["targets"]) == 2


def test_the_services_run_in_the_cluster(prod_deployment: InMemoryDeployment) -> None:
    response = create_region_client("ecs").describe_services(
        cluster=NAME_PREFIX, services=["backend", "frontend"]
    )
    services = {s["serviceName"]: s for s in response["services"]}
    assert set(services) == {"backend", "frontend"}
    backend = services["backend"]
    assert backend["desiredCount"] == 2
    assert backend["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert (
        backend["loadBalancers"][0]["targetGroupArn"]
        == (prod_deployment.exports["loadBalancer"]["targets"]["backend"]["targetGroupArn"])
    )


def test_there_are_as_many_alarms_as_were_registered(prod_deployment: InMemoryDeployment) -> None:
    kinds = {
        "MetricAlarms": "aws:cloudwatch/metricAlarm:MetricAlarm",
        "CompositeAlarms": "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    }
    pages = (
        create_region_client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    names_by_kind: dict[str, set[str]] = {kind: set() for kind in kinds}
    for page in pages:
        for kind in kinds:
            names_by_kind[kind] |= {alarm["AlarmName"] for alarm in page.get(kind, [])}
    for kind, type_ in kinds.items():
        # Auto Scaling makes alarms of its own for target tracking.
        own_names = {name for name in names_by_kind[kind] if not name.startswith("TargetTracking-")}
        assert own_names == {r.id for r in prod_deployment.graph.list_resources(type_)} != set()


def test_the_zone_that_the_settings_name_was_there_and_holds_the_domain(
    prod_deployment: InMemoryDeployment,
) -> None:
    records = create_region_client("route53").list_resource_record_sets(
        HostedZoneId=HOSTED_ZONE_ID
    )["ResourceRecordSets"]
    assert "app.example.com." in {r["Name"] for r in records if r["Type"] == "A"}
    arn = prod_deployment.exports["loadBalancer"]["certificateArn"]
    assert (
        create_region_client("acm").describe_certificate(CertificateArn=arn)["Certificate"][
            "Status"
        ]
        == "ISSUED"
    )


@pytest.mark.parametrize("region", [REGION, RECOVERY_REGION])
def test_the_outputs_are_kept_in_both_regions(
    prod_deployment: InMemoryDeployment, region: str
) -> None:
    names = [
        p["Name"]
        for page in create_region_client("ssm", region)
        .get_paginator("describe_parameters")
        .paginate()
        for p in page["Parameters"]
    ]
    assert any(name.startswith(prod_deployment.exports["backups"]["outputsPath"]) for name in names)


def test_the_recovery_region_has_its_key_vault_and_bucket(
    prod_deployment: InMemoryDeployment,
) -> None:
    vault = prod_deployment.exports["backups"]["recoveryVaultArn"]
    vaults = create_region_client("backup", RECOVERY_REGION).list_backup_vaults()["BackupVaultList"]
    assert vault in {v["BackupVaultArn"] for v in vaults}
    bucket = prod_deployment.exports["backups"]["recoveryBucket"]
    where = create_region_client("s3", RECOVERY_REGION).get_bucket_location(Bucket=bucket)
    assert where["LocationConstraint"] == RECOVERY_REGION
