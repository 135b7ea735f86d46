"""Replication groups and their subnet and parameter groups."""

from typing import Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

_REPLICATION_GROUP: Final = "seen.ReplicationGroups[0]"


def _prepare_log_delivery(inputs: EntryInputs) -> EntryInputs:
    """Where a log goes is a name in Pulumi, and one of two blocks in AWS."""
    blocks = {
        "cloudwatch-logs": ("cloudWatchLogsDetails", "logGroup"),
        "kinesis-firehose": ("kinesisFirehoseDetails", "deliveryStream"),
    }
    deliveries = []
    for delivery_input in inputs.pop("logDeliveryConfigurations", None) or []:
        delivery = dict(delivery_input)
        block, member = blocks[delivery["destinationType"]]
        delivery["destinationDetails"] = {block: {member: delivery.pop("destination")}}
        deliveries.append(delivery)
    return inputs | ({"logDeliveryConfigurations": deliveries} if deliveries else {})


ENTRIES: EntryTable = {
    "aws:elasticache/replicationGroup:ReplicationGroup": ResourceEntry(
        EntryCall(
            "elasticache.create_replication_group",
            inputs=REMAINING_INPUTS,
            rename={
                "nodeType": "CacheNodeType",
                "parameterGroupName": "CacheParameterGroupName",
                "subnetGroupName": "CacheSubnetGroupName",
                "maintenanceWindow": "PreferredMaintenanceWindow",
            },
        ),
        id="out.ReplicationGroup.ReplicationGroupId",
        naming=PhysicalNaming("replicationGroupId", None, max_length=40),
        prepare=_prepare_log_delivery,
        ignored_inputs={
            "applyImmediately": "it is for a change",
            "authTokenUpdateStrategy": "it is for a change",
            "finalSnapshotIdentifier": "it is for the deletion",
        },
        waiter="elasticache.replication_group_available",
        waiter_params={"ReplicationGroupId": "id"},
        later_calls=(
            EntryCall(
                "elasticache.describe_replication_groups",
                {"ReplicationGroupId": "id"},
                result_name="seen",
            ),
        ),
        outputs={
            "arn": f"{_REPLICATION_GROUP}.ARN",
            "primaryEndpointAddress": f"{_REPLICATION_GROUP}.NodeGroups[0].PrimaryEndpoint.Address",
            "readerEndpointAddress": f"{_REPLICATION_GROUP}.NodeGroups[0].ReaderEndpoint.Address",
            "clusterEnabled": False,
            "engineVersionActual": "in.engineVersion",
            "memberClusters": f"{_REPLICATION_GROUP}.MemberClusters",
        },
        find_call=EntryCall(
            "elasticache.describe_replication_groups", {"ReplicationGroupId": "id"}
        ),
        find_result="out.ReplicationGroups",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": ResourceEntry(
        EntryCall(
            "elasticache.create_cache_subnet_group",
            {"CacheSubnetGroupDescription": "in.description || 'Managed by Pulumi'"},
            inputs=REMAINING_INPUTS,
        ),
        id="out.CacheSubnetGroup.CacheSubnetGroupName",
        naming=PhysicalNaming(prefix=None),
        outputs={"arn": "out.CacheSubnetGroup.ARN", "vpcId": "out.CacheSubnetGroup.VpcId"},
        find_call=EntryCall(
            "elasticache.describe_cache_subnet_groups", {"CacheSubnetGroupName": "id"}
        ),
        find_result="out.CacheSubnetGroups",
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": ResourceEntry(
        EntryCall(
            "elasticache.create_cache_parameter_group",
            {"Description": "in.description || 'Managed by Pulumi'"},
            inputs=REMAINING_INPUTS,
            rename={"family": "CacheParameterGroupFamily"},
        ),
        id="out.CacheParameterGroup.CacheParameterGroupName",
        naming=PhysicalNaming(prefix=None),
        later_calls=(
            EntryCall(
                "elasticache.modify_cache_parameter_group",
                {
                    "CacheParameterGroupName": "id",
                    "ParameterNameValues": "in.parameters[].{ParameterName: name, "
                    "ParameterValue: value}",
                },
                condition="in.parameters[0]",
            ),
        ),
        outputs={"arn": "out.CacheParameterGroup.ARN"},
        find_call=EntryCall(
            "elasticache.describe_cache_parameter_groups", {"CacheParameterGroupName": "id"}
        ),
        find_result="out.CacheParameterGroups",
    ),
}
