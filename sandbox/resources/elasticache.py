"""Replication groups and their subnet and parameter groups."""

from typing import Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming

_GROUP: Final = "seen.ReplicationGroups[0]"


def _logs(inputs: Inputs) -> Inputs:
    """Where a log goes is a name in Pulumi, and one of two blocks in AWS."""
    blocks = {
        "cloudwatch-logs": ("cloudWatchLogsDetails", "logGroup"),
        "kinesis-firehose": ("kinesisFirehoseDetails", "deliveryStream"),
    }
    deliveries = []
    for given in inputs.pop("logDeliveryConfigurations", None) or []:
        delivery = dict(given)
        block, member = blocks[delivery["destinationType"]]
        delivery["destinationDetails"] = {block: {member: delivery.pop("destination")}}
        deliveries.append(delivery)
    return inputs | ({"logDeliveryConfigurations": deliveries} if deliveries else {})


ENTRIES: Entries = {
    "aws:elasticache/replicationGroup:ReplicationGroup": Entry(
        Call(
            "elasticache.create_replication_group",
            fit=REST,
            rename={
                "nodeType": "CacheNodeType",
                "parameterGroupName": "CacheParameterGroupName",
                "subnetGroupName": "CacheSubnetGroupName",
                "maintenanceWindow": "PreferredMaintenanceWindow",
            },
        ),
        id="out.ReplicationGroup.ReplicationGroupId",
        naming=Naming("replicationGroupId", None, limit=40),
        prepare=_logs,
        left={
            "applyImmediately": "it is for a change",
            "authTokenUpdateStrategy": "it is for a change",
            "finalSnapshotIdentifier": "it is for the deletion",
        },
        wait="elasticache.replication_group_available",
        wait_for={"ReplicationGroupId": "id"},
        then=(
            Call(
                "elasticache.describe_replication_groups", {"ReplicationGroupId": "id"}, keep="seen"
            ),
        ),
        outputs={
            "arn": f"{_GROUP}.ARN",
            "primaryEndpointAddress": f"{_GROUP}.NodeGroups[0].PrimaryEndpoint.Address",
            "readerEndpointAddress": f"{_GROUP}.NodeGroups[0].ReaderEndpoint.Address",
            "clusterEnabled": False,
            "engineVersionActual": "in.engineVersion",
            "memberClusters": f"{_GROUP}.MemberClusters",
        },
        find=Call("elasticache.describe_replication_groups", {"ReplicationGroupId": "id"}),
        found="out.ReplicationGroups",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Entry(
        Call(
            "elasticache.create_cache_subnet_group",
            {"CacheSubnetGroupDescription": "in.description || 'Managed by Pulumi'"},
            fit=REST,
        ),
        id="out.CacheSubnetGroup.CacheSubnetGroupName",
        naming=Naming(prefix=None),
        outputs={"arn": "out.CacheSubnetGroup.ARN", "vpcId": "out.CacheSubnetGroup.VpcId"},
        find=Call("elasticache.describe_cache_subnet_groups", {"CacheSubnetGroupName": "id"}),
        found="out.CacheSubnetGroups",
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Entry(
        Call(
            "elasticache.create_cache_parameter_group",
            {"Description": "in.description || 'Managed by Pulumi'"},
            fit=REST,
            rename={"family": "CacheParameterGroupFamily"},
        ),
        id="out.CacheParameterGroup.CacheParameterGroupName",
        naming=Naming(prefix=None),
        then=(
            Call(
                "elasticache.modify_cache_parameter_group",
                {
                    "CacheParameterGroupName": "id",
                    "ParameterNameValues": "in.parameters[].{ParameterName: name, "
                    "ParameterValue: value}",
                },
                when="in.parameters[0]",
            ),
        ),
        outputs={"arn": "out.CacheParameterGroup.ARN"},
        find=Call("elasticache.describe_cache_parameter_groups", {"CacheParameterGroupName": "id"}),
        found="out.CacheParameterGroups",
    ),
}
