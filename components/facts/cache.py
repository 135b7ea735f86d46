"""Facts of the cache."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import (
    Charge,
    PricedResource,
    ResourceInputs,
    StackResources,
    build_entry_charge,
)
from components.facts.model import ChangeEffect, DataLoss, Encryption, ProtectionRule, ResourceFact

CACHE_NODES_EFFECT: Final = ChangeEffect(
    "the cache nodes are replaced one by one, with failovers",
    "seconds to some minutes of failing writes; without a replica the cache is empty and down",
    "ElastiCache User Guide, Scaling and upgrading; times are an assumption",
)


def _list_cache_charges(resource: PricedResource, _stack: StackResources) -> Iterable[Charge]:
    inputs = resource.inputs
    yield build_entry_charge(
        "cache",
        price="caches",
        entry=inputs["nodeType"],
        count=_count_nodes(inputs),
        factor="valkey" if inputs.get("engine") == "valkey" else None,
    )


def _count_nodes(inputs: ResourceInputs) -> int:
    """The primary and the replicas of each node group; without node groups, the nodes."""
    groups = inputs.get("numNodeGroups")
    if groups:
        return int(groups * (1 + (inputs.get("replicasPerNodeGroup") or 0)))
    return int(inputs.get("numCacheClusters") or 1)


FACTS: Final = (
    ResourceFact(
        type="aws:elasticache/parameterGroup:ParameterGroup",
        replacing=("family",),
        updates={
            "parameters": ChangeEffect(
                "parameters take effect at once, or at the reboot of each node",
                "that of a reboot, if one is needed",
                "ElastiCache User Guide, Parameter management",
            ),
        },
        removal=ChangeEffect(
            "the cache uses another group",
            "that of a reboot, if one is needed",
            "ElastiCache User Guide, Parameter management",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:elasticache/replicationGroup:ReplicationGroup",
        replacing=(
            "atRestEncryptionEnabled",
            "kmsKeyId",
            "networkType",
            "replicationGroupId",
            "subnetGroupName",
        ),
        harmless=(
            "applyImmediately",
            "authTokenUpdateStrategy",
            "maintenanceWindow",
            "snapshotWindow",
            "autoMinorVersionUpgrade",
            "ipDiscovery",
        ),
        list_charges=_list_cache_charges,
        price_properties=(
            "engine",
            "nodeType",
            "numCacheClusters",
            "numNodeGroups",
            "replicasPerNodeGroup",
        ),
        class_price=("nodeType", "caches"),
        data_loss=DataLoss(
            "everything cached, including sessions",
            "an assumption, AWS states none: 10-15 min, then a cold cache",
            "ElastiCache User Guide, Deleting a replication group",
            (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
        ),
        updates={
            "authToken": ChangeEffect(
                "clients need the new token",
                "until they have read the new value",
                "ElastiCache User Guide, AUTH",
            ),
            "port": ChangeEffect(
                "the cache answers on another port",
                "until clients use it",
                "ElastiCache User Guide, Modifying a replication group",
            ),
            "securityGroupIds": ChangeEffect(
                "who may connect changes",
                "none, unless a client is no longer let in",
                "ElastiCache User Guide, Security groups",
            ),
            "numCacheClusters": ChangeEffect(
                "nodes are added or removed: clients of a removed one are refused",
                "none for the primary",
                "ElastiCache User Guide, Changing the number of replicas",
            ),
            "transitEncryptionEnabled": ChangeEffect(
                "clients must connect in another way",
                "until they do",
                "ElastiCache User Guide, In-transit encryption",
            ),
            "transitEncryptionMode": ChangeEffect(
                "clients without TLS are refused, or let in",
                "until they use it",
                "ElastiCache User Guide, In-transit encryption",
            ),
            "logDeliveryConfigurations": ChangeEffect(
                "its logs go elsewhere, or nowhere", "none", "ElastiCache User Guide, Log delivery"
            ),
            "nodeType": CACHE_NODES_EFFECT,
            "engineVersion": CACHE_NODES_EFFECT,
            "engine": CACHE_NODES_EFFECT,
            "parameterGroupName": ChangeEffect(
                "some parameters need a reboot of each node",
                "that of a reboot, if there is one",
                "ElastiCache User Guide, Parameter management",
            ),
        },
        protections=(
            ProtectionRule(
                "automaticFailoverEnabled",
                "off",
                "a failed primary is not replaced by a replica",
                "ElastiCache User Guide, Multi-AZ",
            ),
            ProtectionRule(
                "multiAzEnabled",
                "off",
                "its nodes may be in one zone",
                "ElastiCache User Guide, Multi-AZ",
            ),
            ProtectionRule(
                "finalSnapshotIdentifier",
                "off",
                "a later deletion takes no final snapshot",
                "ElastiCache User Guide, Final backups",
            ),
            ProtectionRule(
                "numCacheClusters",
                "lower",
                "fewer replicas are left to take over",
                "ElastiCache User Guide, Multi-AZ",
            ),
            ProtectionRule(
                "snapshotRetentionLimit",
                "zero",
                "no more snapshots are made, and the automatic ones are deleted",
                "ElastiCache User Guide, Scheduling automatic backups",
            ),
            ProtectionRule(
                "snapshotRetentionLimit",
                "lower",
                "snapshots older than that are deleted",
                "ElastiCache User Guide, Scheduling automatic backups",
            ),
        ),
        encryption=Encryption(
            rule="cache-encrypted",
            description="A cache is encrypted at rest and in transit.",
            controls=("ElastiCache.4", "ElastiCache.5"),
            true_properties=("atRestEncryptionEnabled", "transitEncryptionEnabled"),
        ),
        has_maintenance_window=True,
        must_be_protected=True,
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:elasticache/subnetGroup:SubnetGroup",
        updates={
            "subnetIds": ChangeEffect(
                "new nodes are in other subnets",
                "none for running nodes",
                "ElastiCache User Guide, Subnets and subnet groups",
            ),
        },
        removal=ChangeEffect(
            "a cache in it is replaced too, or AWS refuses",
            "until it is created again",
            "ElastiCache User Guide, Subnets and subnet groups",
        ),
        is_taggable=True,
    ),
)
