"""What the program may ask AWS: Pulumi's invokes, answered by the same AWS in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.resources.creation import AwsLocation
from sandbox.resources.expressions import Template, evaluate_template


@dataclass(frozen=True)
class ProviderInvoke:
    """One invoke: the call behind it, if any, and what of its answer the program gets."""

    outputs: Mapping[str, Template]
    operation: str | None = None
    params: Template = field(default_factory=dict)


PROVIDER_INVOKES: Final[Mapping[str, ProviderInvoke]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": ProviderInvoke(
        operation="sts.get_caller_identity",
        outputs={
            "accountId": "out.Account",
            "arn": "out.Arn",
            "userId": "out.UserId",
            "id": "out.Account",
        },
    ),
    "aws:index/getAvailabilityZones:getAvailabilityZones": ProviderInvoke(
        operation="ec2.describe_availability_zones",
        outputs={"id": "region", "names": "out.AvailabilityZones[].ZoneName"},
    ),
    "aws:ec2/getNetworkInterfaces:getNetworkInterfaces": ProviderInvoke(
        operation="ec2.describe_network_interfaces",
        params={"Filters": "in.filters[].{Name: name, Values: values}"},
        outputs={"id": "region", "ids": "out.NetworkInterfaces[].NetworkInterfaceId"},
    ),
    "aws:index/getPartition:getPartition": ProviderInvoke(
        outputs={
            "partition": "partition",
            "dnsSuffix": "'amazonaws.com'",
            "reverseDnsPrefix": "'com.amazonaws'",
            "id": "partition",
        }
    ),
    "aws:index/getRegion:getRegion": ProviderInvoke(
        outputs={"name": "region", "region": "region", "id": "region"}
    ),
    "aws:autoscaling/getGroup:getGroup": ProviderInvoke(
        operation="autoscaling.describe_auto_scaling_groups",
        params={"AutoScalingGroupNames": ["in.name"]},
        outputs={
            "id": "in.name",
            "name": "in.name",
            "mixedInstancesPolicies": (
                "out.AutoScalingGroups[].MixedInstancesPolicy.{launchTemplates: [LaunchTemplate.{"
                "launchTemplateSpecifications: [LaunchTemplateSpecification.{version: Version}], "
                "overrides: Overrides[].{instanceType: InstanceType}}]}"
            ),
        },
    ),
    "aws:elasticache/getCluster:getCluster": ProviderInvoke(
        operation="elasticache.describe_cache_clusters",
        params={"CacheClusterId": "in.clusterId"},
        outputs={
            "id": "in.clusterId",
            "clusterId": "in.clusterId",
            "engineVersion": "out.CacheClusters[0].EngineVersion",
        },
    ),
    "aws:elasticache/getReplicationGroup:getReplicationGroup": ProviderInvoke(
        operation="elasticache.describe_replication_groups",
        params={"ReplicationGroupId": "in.replicationGroupId"},
        outputs={
            "id": "in.replicationGroupId",
            "replicationGroupId": "in.replicationGroupId",
            "arn": "out.ReplicationGroups[0].ARN",
            "automaticFailoverEnabled": "out.ReplicationGroups[0].AutomaticFailover == 'enabled'",
            "memberClusters": "out.ReplicationGroups[0].MemberClusters",
        },
    ),
    "aws:rds/getInstance:getInstance": ProviderInvoke(
        operation="rds.describe_db_instances",
        params={"DBInstanceIdentifier": "in.dbInstanceIdentifier"},
        outputs={
            "id": "in.dbInstanceIdentifier",
            "dbInstanceIdentifier": "in.dbInstanceIdentifier",
            "availabilityZone": "out.DBInstances[0].AvailabilityZone",
            "multiAz": "out.DBInstances[0].MultiAZ",
            "allocatedStorage": "out.DBInstances[0].AllocatedStorage",
            "maxAllocatedStorage": "out.DBInstances[0].MaxAllocatedStorage",
            "databaseInsightsMode": "out.DBInstances[0].DatabaseInsightsMode",
            "dbName": "out.DBInstances[0].DBName",
            "engineVersion": "out.DBInstances[0].EngineVersion",
            "masterUsername": "out.DBInstances[0].MasterUsername",
            "port": "out.DBInstances[0].Endpoint.Port",
        },
    ),
    "aws:route53/getZone:getZone": ProviderInvoke(
        operation="route53.get_hosted_zone",
        params={"Id": "in.zoneId"},
        outputs={"id": "in.zoneId", "zoneId": "in.zoneId", "name": "out.HostedZone.Name"},
    ),
    "aws:route53/getZones:getZones": ProviderInvoke(
        operation="route53.list_hosted_zones",
        params={},
        outputs={"ids": "out.HostedZones[].Id"},
    ),
    "aws:ssm/getParameter:getParameter": ProviderInvoke(
        operation="ssm.get_parameter",
        params={"Name": "in.name", "WithDecryption": "in.withDecryption"},
        outputs={
            "arn": "out.Parameter.ARN",
            "id": "in.name",
            "name": "in.name",
            "type": "out.Parameter.Type",
            "value": "out.Parameter.Value",
            "insecureValue": "out.Parameter.Value",
            "version": "out.Parameter.Version",
        },
    ),
    "aws:ssm/getParametersByPath:getParametersByPath": ProviderInvoke(
        operation="ssm.get_parameters_by_path",
        params={
            "Path": "in.path",
            "Recursive": "in.recursive",
            "WithDecryption": "in.withDecryption",
        },
        outputs={
            "id": "in.path",
            "path": "in.path",
            "arns": "out.Parameters[].ARN",
            "names": "out.Parameters[].Name",
            "types": "out.Parameters[].Type",
            "values": "out.Parameters[].Value",
        },
    ),
}


def answer_invoke(token: str, inputs: Mapping[str, Any], location: AwsLocation) -> dict[str, Any]:
    """What an invoke answers. Raises LookupError for one that nobody has thought of."""
    invoke = PROVIDER_INVOKES.get(token)
    if invoke is None:
        raise LookupError(f"{token} has no answer: add it to sandbox/resources/invokes.py")
    variables: dict[str, Any] = {
        "in": inputs,
        "account": location.account,
        "partition": location.partition,
        "region": inputs.get("region") or location.region,
    }
    if invoke.operation is not None:
        service, _, method = invoke.operation.partition(".")
        client = location.client(service, variables["region"])
        params = evaluate_template(invoke.params, variables)
        # The provider reads every page.
        variables["out"] = (
            client.get_paginator(method).paginate(**params).build_full_result()
            if client.can_paginate(method)
            else getattr(client, method)(**params)
        )
    return evaluate_template(invoke.outputs, variables)  # type: ignore[no-any-return]
