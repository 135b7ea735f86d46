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

REGION, RECOVERY = "eu-north-1", "eu-west-1"
ZONE = "Z0PRODEXAMPLE0000001"
PREFIX = "bulwark-prod"
# Outputs that the SDK promises and that nobody gets here; each is null or empty on AWS too for
# what the stack makes, or speaks of a time to come.
ABSENT = {
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
def progress() -> list[CreatedResource]:
    return []


@pytest.fixture(scope="module")
def prod(progress: list[CreatedResource]) -> Iterator[InMemoryDeployment]:
    """Prod, deployed; its AWS stays until the last test of this file."""
    with use_in_memory_aws(REGION):
        yield deploy_in_memory("prod", progress=progress.append)


def custom(graph: ResourceGraph) -> list[RegisteredResource]:
    """What is made in AWS, and not only a component or a provider."""
    return [r for r in graph if r.custom and not r.type.startswith("pulumi:providers:")]


def of(service: str, region: str = REGION) -> Any:
    return get_client(service, region)


def tags(listed: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in listed}


def test_everything_that_was_registered_can_be_found(prod: InMemoryDeployment) -> None:
    place = AwsLocation(aws.ACCOUNT_ID, aws.AWS_PARTITION, REGION, get_client)
    looked_for = [
        r for r in custom(prod.graph) if get_entry(r.type, r.inputs).find_call is not None
    ]
    assert len(looked_for) > 200
    for made in looked_for:
        resource = ProgramResource(made.type, made.name, dict(made.inputs))
        found = find_created_resource(get_entry(made.type, made.inputs), resource, made.id, place)
        assert found, f"{made.type} {made.name} {made.id}"


def test_the_exports_are_the_contract(prod: InMemoryDeployment) -> None:
    outputs = Outputs.model_validate(prod.exports)
    assert outputs.database.identifier == f"{PREFIX}-database"
    assert (
        outputs.network.vpc_id
        == of("ec2").describe_vpcs(Filters=[{"Name": "tag:Project", "Values": ["bulwark"]}])[
            "Vpcs"
        ][0]["VpcId"]
    )


def test_outputs_are_all_that_the_sdk_promises(prod: InMemoryDeployment) -> None:
    for resource in custom(prod.graph):
        missing = promised(resource.type) - set(resource.outputs)
        assert missing <= ABSENT.get(resource.type, set()), resource.type


def promised(type_: str) -> set[str]:
    """Names of the outputs of a type's class that are no inputs."""
    package, module, name = type_.split(":")
    inside = {"lambda": "lambda_"}.get(found := module.split("/")[0], found)
    path = f"pulumi_{package}" if inside == "index" else f"pulumi_{package}.{inside}"
    cls = getattr(importlib.import_module(path), name)
    inputs = inspect.signature(cls._internal_init).parameters
    outputs = (n for n, v in vars(cls).items() if isinstance(v, property) and n not in inputs)
    return {camel(name) for name in outputs}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def test_progress_is_told_of_each_resource(
    prod: InMemoryDeployment, progress: list[CreatedResource]
) -> None:
    assert [made.number for made in progress] == list(range(1, len(custom(prod.graph)) + 1))
    assert {made.type for made in progress} == set(prod.seconds)


def test_the_network_is_there(prod: InMemoryDeployment) -> None:
    vpc = prod.exports["network"]["vpcId"]
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    assert len(of("ec2").describe_subnets(Filters=inside)["Subnets"]) == 9
    gateways = of("ec2").describe_nat_gateways(Filters=inside)["NatGateways"]
    assert len({g["SubnetId"] for g in gateways}) == 3
    assert all(g["NatGatewayAddresses"][0]["PublicIp"] for g in gateways)
    default = of("ec2").describe_security_groups(
        Filters=[*inside, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"][0]
    assert (default["IpPermissions"], default["IpPermissionsEgress"]) == ([], [])
    assert of("ec2").describe_flow_logs()["FlowLogs"][0]["ResourceId"] == vpc


def test_a_security_group_lets_out_only_what_it_says(prod: InMemoryDeployment) -> None:
    group = prod.exports["loadBalancer"]["securityGroupId"]
    rules = of("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group]}]
    )["SecurityGroupRules"]
    assert {r["FromPort"] for r in rules if not r["IsEgress"]} == {80, 443}
    assert not [r for r in rules if r["IsEgress"] and r.get("CidrIpv4") == "0.0.0.0/0"]


def test_the_database_is_as_prod_wants_it(prod: InMemoryDeployment) -> None:
    database = of("rds").describe_db_instances(DBInstanceIdentifier=f"{PREFIX}-database")[
        "DBInstances"
    ][0]
    assert database["MultiAZ"]
    assert database["StorageEncrypted"]
    assert database["KmsKeyId"] == prod.exports["stack"]["dataKeyArn"]
    assert database["DeletionProtection"]
    assert database["BackupRetentionPeriod"] == 30
    assert database["DBInstanceStatus"] == "available"
    assert tags(database["TagList"])["Environment"] == "prod"
    assert prod.exports["database"]["endpoint"] == database["Endpoint"]["Address"]


def test_the_credentials_can_be_read(prod: InMemoryDeployment) -> None:
    arn = prod.exports["database"]["secretArn"]
    secret = json.loads(of("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    assert secret["host"] == prod.exports["database"]["endpoint"]
    assert of("secretsmanager").describe_secret(SecretId=arn)["RotationEnabled"]


def test_the_load_balancer_is_there(prod: InMemoryDeployment) -> None:
    arn = prod.exports["loadBalancer"]["arn"]
    attributes = tags(
        of("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    )
    assert attributes["deletion_protection.enabled"] == "true"
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    listeners = of("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
    assert {(entry["Port"], entry["Protocol"]) for entry in listeners} == {
        (80, "HTTP"),
        (443, "HTTPS"),
    }
    assert len(prod.exports["loadBalancer"]["targets"]) == 2


def test_the_services_run_in_the_cluster(prod: InMemoryDeployment) -> None:
    found = of("ecs").describe_services(cluster=PREFIX, services=["backend", "frontend"])
    services = {s["serviceName"]: s for s in found["services"]}
    assert set(services) == {"backend", "frontend"}
    backend = services["backend"]
    assert backend["desiredCount"] == 2
    assert backend["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert (
        backend["loadBalancers"][0]["targetGroupArn"]
        == (prod.exports["loadBalancer"]["targets"]["backend"]["targetGroupArn"])
    )


def test_there_are_as_many_alarms_as_were_registered(prod: InMemoryDeployment) -> None:
    kinds = {
        "MetricAlarms": "aws:cloudwatch/metricAlarm:MetricAlarm",
        "CompositeAlarms": "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    }
    pages = (
        of("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    found: dict[str, set[str]] = {kind: set() for kind in kinds}
    for page in pages:
        for kind in kinds:
            found[kind] |= {alarm["AlarmName"] for alarm in page.get(kind, [])}
    for kind, type_ in kinds.items():
        # Auto Scaling makes alarms of its own for target tracking.
        own = {name for name in found[kind] if not name.startswith("TargetTracking-")}
        assert own == {r.id for r in prod.graph.list_resources(type_)} != set()


def test_the_zone_that_the_settings_name_was_there_and_holds_the_domain(
    prod: InMemoryDeployment,
) -> None:
    records = of("route53").list_resource_record_sets(HostedZoneId=ZONE)["ResourceRecordSets"]
    assert "app.example.com." in {r["Name"] for r in records if r["Type"] == "A"}
    arn = prod.exports["loadBalancer"]["certificateArn"]
    assert of("acm").describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED"


@pytest.mark.parametrize("region", [REGION, RECOVERY])
def test_the_outputs_are_kept_in_both_regions(prod: InMemoryDeployment, region: str) -> None:
    names = [
        p["Name"]
        for page in of("ssm", region).get_paginator("describe_parameters").paginate()
        for p in page["Parameters"]
    ]
    assert any(name.startswith(prod.exports["backups"]["outputsPath"]) for name in names)


def test_the_recovery_region_has_its_key_vault_and_bucket(prod: InMemoryDeployment) -> None:
    vault = prod.exports["backups"]["recoveryVaultArn"]
    vaults = of("backup", RECOVERY).list_backup_vaults()["BackupVaultList"]
    assert vault in {v["BackupVaultArn"] for v in vaults}
    bucket = prod.exports["backups"]["recoveryBucket"]
    where = of("s3", RECOVERY).get_bucket_location(Bucket=bucket)
    assert where["LocationConstraint"] == RECOVERY
