"""ElastiCache: replication groups with their member clusters, parameter and subnet groups.

moto's own replication group stays beside ours for what moto makes from it (snapshots, tags).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.models import ElastiCacheBackend, ReplicationGroup
from moto.elasticache.responses import ElastiCacheResponse

from sandbox.clock import clock, pending
from sandbox.patches.elasticache.nodes import (
    CHANGE,
    CREATE,
    DELETE,
    cluster,
    endpoints,
    family,
    version,
)
from sandbox.patches.patching import Mend, Refused, kept

mend = Mend()
Record = dict[str, Any]
# What ModifyReplicationGroup changes, and what it is called where it is described.
MODIFIED = {
    "ReplicationGroupDescription": "Description",
    "CacheNodeType": "CacheNodeType",
    "SnapshotRetentionLimit": "SnapshotRetentionLimit",
    "SnapshotWindow": "SnapshotWindow",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "CacheParameterGroupName": "CacheParameterGroupName",
    "SecurityGroupIds": "SecurityGroupIds",
    "NotificationTopicArn": "NotificationTopicArn",
    "TransitEncryptionEnabled": "TransitEncryptionEnabled",
    "TransitEncryptionMode": "TransitEncryptionMode",
    "Engine": "Engine",
    "EngineVersion": "EngineVersion",
}
DEFAULTS: Record = {
    "Engine": "redis",
    "Port": 6379,
    "CacheNodeType": "cache.t4g.micro",
    "SnapshotRetentionLimit": 0,
    "SnapshotWindow": "05:00-06:00",
    "PreferredMaintenanceWindow": "sun:23:00-mon:01:30",
    "AutoMinorVersionUpgrade": True,
    "NetworkType": "ipv4",
    "IpDiscovery": "ipv4",
    "ClusterMode": "disabled",
    "TransitEncryptionEnabled": False,
    "AtRestEncryptionEnabled": False,
    "SecurityGroupIds": [],
    "NotificationTopicArn": None,
    "CacheSubnetGroupName": "default",
}


def groups(backend: ElastiCacheBackend) -> dict[str, Record]:
    """Replication groups by id, without those whose deletion is done."""
    groups: dict[str, Record] = kept(backend, "groups", dict)
    for name in [n for n, g in groups.items() if g["Gone"] and not pending(g["Gone"])]:
        del groups[name]
        backend.replication_groups.pop(name, None)
    return groups


def parameter_groups(backend: ElastiCacheBackend) -> dict[str, Record]:
    """Parameter groups by name; what was set stands under `values`."""
    return kept(backend, "parameter_groups", dict)


def _group(backend: ElastiCacheBackend, name: str) -> Record:
    found = groups(backend).get(name)
    if found is None:
        raise Refused("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
    return found


def _available(backend: ElastiCacheBackend, name: str) -> Record:
    group = _group(backend, name)
    if (status := _status(group)) != "available":
        raise Refused(
            "InvalidReplicationGroupState", f"Replication group {name} is {status}, not available."
        )
    return group


def _status(group: Record) -> str:
    if group["Gone"]:
        return "deleting"
    return str(group["Doing"]) if pending(group["Until"]) else "available"


def _shown(backend: ElastiCacheBackend, name: str) -> Record:
    """A replication group as DescribeReplicationGroups shows it."""
    group = _group(backend, name)
    status = _status(group)
    members = list(group["Members"])
    return {
        **group,
        "Status": status,
        "MemberClusters": members,
        "NodeGroups": [endpoints(group)] if status != "creating" else [],
        "ClusterEnabled": False,
        "PendingModifiedValues": {},
        "DataTiering": "disabled",
        "SnapshottingClusterId": members[-1] if group["SnapshotRetentionLimit"] else None,
    }


def _check(backend: ElastiCacheBackend, wanted: Record, count: int) -> None:
    """The combinations that CreateReplicationGroup refuses."""
    subnets = wanted["CacheSubnetGroupName"]
    if subnets != "default" and subnets not in backend.cache_subnet_groups:
        raise Refused(
            "CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {subnets} does not exist."
        )
    parameters = wanted["CacheParameterGroupName"]
    if not parameters.startswith("default.") and parameters not in parameter_groups(backend):
        raise Refused("CacheParameterGroupNotFound", f"CacheParameterGroup {parameters} not found.")
    if wanted.get("AuthToken") and not wanted["TransitEncryptionEnabled"]:
        raise Refused(
            "InvalidParameterCombination",
            "AuthToken is only supported when encryption-in-transit is enabled.",
        )
    if wanted.get("AutomaticFailoverEnabled") and count < 2:
        raise Refused(
            "InvalidParameterValue",
            "Automatic failover is not supported for replication groups without replicas.",
        )
    if wanted.get("MultiAZEnabled") and not wanted.get("AutomaticFailoverEnabled"):
        raise Refused(
            "InvalidParameterCombination", "Multi-AZ needs automatic failover to be enabled."
        )
    _security_groups(backend, wanted["SecurityGroupIds"])


def _security_groups(backend: ElastiCacheBackend, ids: Iterable[str]) -> None:
    known = ec2_backends[backend.account_id][backend.region_name]
    for group in ids:
        if known.get_security_group_from_id(group) is None:
            raise Refused("InvalidParameterValue", f"Security group {group} does not exist.")


def _logs(given: Iterable[Record]) -> list[Record]:
    """Log deliveries as they are described: active, and without those turned off."""
    return [
        {key: value for key, value in one.items() if key != "Enabled"} | {"Status": "active"}
        for one in given
        if one.get("Enabled", True)
    ]


@mend.operation(ElastiCacheResponse, "CreateReplicationGroup")
def create_group(response: ElastiCacheResponse, params: Record) -> Record:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"].lower()
    if name in groups(backend):
        raise Refused("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")
    count = params.get("NumCacheClusters") or 1 + (params.get("ReplicasPerNodeGroup") or 0)
    wanted = {**DEFAULTS, **params}
    wanted["EngineVersion"] = version(wanted["Engine"], params.get("EngineVersion"))
    wanted.setdefault(
        "CacheParameterGroupName", f"default.{family(wanted['Engine'], wanted['EngineVersion'])}"
    )
    _check(backend, wanted, count)
    # An AUTH token is not part of what is described, nor are the parameters moto's object needs.
    token, tags = wanted.pop("AuthToken", None), wanted.pop("Tags", None)
    where = f"arn:{backend.partition}:elasticache:{backend.region_name}:{backend.account_id}"
    groups(backend)[name] = {
        **wanted,
        "ReplicationGroupId": name,
        "Description": params["ReplicationGroupDescription"],
        "ARN": f"{where}:replicationgroup:{name}",
        "ReplicationGroupCreateTime": datetime.now(UTC),
        "AuthTokenEnabled": bool(token),
        "AutomaticFailover": "enabled" if params.get("AutomaticFailoverEnabled") else "disabled",
        "MultiAZ": "enabled" if params.get("MultiAZEnabled") else "disabled",
        "TransitEncryptionMode": "required" if wanted["TransitEncryptionEnabled"] else None,
        "LogDeliveryConfigurations": _logs(params.get("LogDeliveryConfigurations", [])),
        "UserGroupIds": params.get("UserGroupIds", []),
        "Region": backend.region_name,
        "Members": [f"{name}-{i:03}" for i in range(1, count + 1)],
        "Zones": _zones(backend, wanted, count),
        "Doing": "creating",
        "Until": clock().ready(CREATE),
        "Gone": None,
    }
    for member in _group(backend, name)["Members"]:
        backend.tagging_service.tag_resource(f"{where}:cluster:{member}", tags or [])
    if tags:
        backend.tagging_service.tag_resource(f"{where}:replicationgroup:{name}", tags)
    backend.replication_groups[name] = _for_moto(backend, name)
    return {"ReplicationGroup": _shown(backend, name)}


def _zones(backend: ElastiCacheBackend, wanted: Record, count: int) -> list[str]:
    """The zone of each member: as preferred, else over the subnets' zones in turn."""
    if wanted.get("PreferredCacheClusterAZs"):
        return list(wanted["PreferredCacheClusterAZs"])
    group = backend.cache_subnet_groups.get(wanted["CacheSubnetGroupName"])
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    zones = sorted({ec2.get_subnet(s).availability_zone for s in group.subnet_ids} if group else {})
    zones = zones or [f"{backend.region_name}a"]
    return [zones[i % len(zones)] for i in range(count)]


def _for_moto(backend: ElastiCacheBackend, name: str) -> ReplicationGroup:
    """The object that moto's snapshots and tags are made from."""
    group = _group(backend, name)
    found: ReplicationGroup = object.__new__(ReplicationGroup)
    vars(found).update(
        replication_group_id=name,
        arn=group["ARN"],
        description=group["Description"],
        automatic_failover=group["AutomaticFailover"],
        auto_minor_version_upgrade=group["AutoMinorVersionUpgrade"],
        cache_node_type=group["CacheNodeType"],
        engine=group["Engine"],
        engine_version=group["EngineVersion"],
        port=group["Port"],
        kms_key_id=group.get("KmsKeyId"),
        member_clusters=group["Members"],
        node_groups=[{"node_group_id": "0001"}],
        snapshot_retention_limit=group["SnapshotRetentionLimit"],
        snapshot_window=group["SnapshotWindow"],
        primary_cluster_id=group["Members"][0],
        status="available",
    )
    return found


@mend.operation(ElastiCacheResponse, "DescribeReplicationGroups")
def describe_groups(response: ElastiCacheResponse, params: Record) -> Record:
    backend = response.elasticache_backend
    names = [params["ReplicationGroupId"]] if params.get("ReplicationGroupId") else groups(backend)
    return {"ReplicationGroups": [_shown(backend, name) for name in list(names)]}


@mend.operation(ElastiCacheResponse, "ModifyReplicationGroup")
def modify_group(response: ElastiCacheResponse, params: Record) -> Record:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"]
    group = _available(backend, name)
    _security_groups(backend, params.get("SecurityGroupIds", []))
    changes = {shown: params[given] for given, shown in MODIFIED.items() if given in params}
    if "EngineVersion" in changes or "Engine" in changes:
        engine = str(changes.get("Engine", group["Engine"]))
        changes["EngineVersion"] = version(engine, changes.get("EngineVersion"))
    for given, shown in (
        ("AutomaticFailoverEnabled", "AutomaticFailover"),
        ("MultiAZEnabled", "MultiAZ"),
    ):
        if given in params:
            changes[shown] = "enabled" if params[given] else "disabled"
    if changes.get("AutomaticFailover") == "enabled" and len(group["Members"]) < 2:
        raise Refused(
            "InvalidParameterValue",
            "Automatic failover is not supported for replication groups without replicas.",
        )
    if "AuthToken" in params:
        changes["AuthTokenEnabled"] = params.get("AuthTokenUpdateStrategy") != "DELETE"
    if "LogDeliveryConfigurations" in params:
        given_types = {one["LogType"] for one in params["LogDeliveryConfigurations"]}
        rest = [c for c in group["LogDeliveryConfigurations"] if c["LogType"] not in given_types]
        changes["LogDeliveryConfigurations"] = rest + _logs(params["LogDeliveryConfigurations"])
    group.update(changes, Doing="modifying", Until=clock().ready(CHANGE))
    backend.replication_groups[name] = _for_moto(backend, name)
    return {"ReplicationGroup": _shown(backend, name)}


def _resize(response: ElastiCacheResponse, params: Record, grow: bool) -> Record:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"]
    group = _available(backend, name)
    wanted = 1 + int(params["NewReplicaCount"])
    have = len(group["Members"])
    if (wanted <= have) if grow else (wanted >= have):
        raise Refused("InvalidParameterValue", f"The replication group has {have - 1} replicas.")
    if wanted < 2 and group["AutomaticFailover"] == "enabled":
        raise Refused("InvalidParameterCombination", "Automatic failover needs a replica.")
    group["Members"] = [f"{name}-{i:03}" for i in range(1, wanted + 1)]
    group["Zones"] = _zones(backend, group, wanted)
    group.update(Doing="modifying", Until=clock().ready(CREATE))
    return {"ReplicationGroup": _shown(backend, name)}


@mend.operation(ElastiCacheResponse, "IncreaseReplicaCount")
def increase(response: ElastiCacheResponse, params: Record) -> Record:
    return _resize(response, params, grow=True)


@mend.operation(ElastiCacheResponse, "DecreaseReplicaCount")
def decrease(response: ElastiCacheResponse, params: Record) -> Record:
    return _resize(response, params, grow=False)


@mend.operation(ElastiCacheResponse, "DeleteReplicationGroup")
def delete_group(response: ElastiCacheResponse, params: Record) -> Record:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"]
    group = _available(backend, name)
    if params.get("FinalSnapshotIdentifier"):
        final = params["FinalSnapshotIdentifier"]
        backend.create_snapshot(final, name, None, group.get("KmsKeyId"), tags=None)
    group["Gone"] = clock().ready(DELETE)
    return {"ReplicationGroup": {**group, "Status": "deleting"}}


@mend.operation(ElastiCacheResponse, "DescribeCacheClusters")
def describe_clusters(response: ElastiCacheResponse, params: Record) -> Record:
    """The members of the replication groups, then the clusters that moto made."""
    backend, name = response.elasticache_backend, params.get("CacheClusterId")
    members = [
        cluster(backend.account_id, group, member, zone, _status(group))
        for group in groups(backend).values()
        for member, zone in zip(group["Members"], group["Zones"], strict=True)
        if name in (None, member)
    ]
    alone = [c for c in backend.cache_clusters.values() if name in (None, c.cache_cluster_id)]
    if name and not members and not alone:
        raise Refused("CacheClusterNotFound", f"CacheCluster not found: {name}")
    return {"CacheClusters": [*members, *alone]}
