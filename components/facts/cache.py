"""Facts of the cache."""

from collections.abc import Iterable
from typing import Final

from components.facts.billing import Charge, PricedResource, StackResources, build_entry_charge
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
        count=inputs.get("numCacheClusters") or 1,
        factor="valkey" if inputs.get("engine") == "valkey" else None,
    )


FACTS: Final = (
    ResourceFact(type="aws:elasticache/parameterGroup:ParameterGroup", is_taggable=True),
    ResourceFact(
        type="aws:elasticache/replicationGroup:ReplicationGroup",
        list_charges=_list_cache_charges,
        price_properties=("engine", "nodeType", "numCacheClusters"),
        class_price=("nodeType", "caches"),
        data_loss=DataLoss(
            "everything cached, including sessions",
            "an assumption, AWS states none: 10-15 min, then a cold cache",
            "ElastiCache User Guide, Deleting a replication group",
            (("finalSnapshotIdentifier", True, "a final snapshot is taken first"),),
        ),
        updates={
            "nodeType": CACHE_NODES_EFFECT,
            "engineVersion": CACHE_NODES_EFFECT,
            "engine": CACHE_NODES_EFFECT,
            "parameterGroupName": ChangeEffect(
                "some parameters need a reboot of each node",
                "that of a reboot, if one is done",
                "ElastiCache User Guide, Parameter management",
            ),
        },
        protections=(
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
    ResourceFact(type="aws:elasticache/subnetGroup:SubnetGroup", is_taggable=True),
)
