"""ElastiCache: replication groups with their member clusters, parameter and subnet groups.

moto's own replication group is created too, for what moto derives from it (snapshots, tags).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.models import ElastiCacheBackend, ReplicationGroup
from moto.elasticache.responses import ElastiCacheResponse

from sandbox.cache_server import CacheStore
from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.patches.elasticache.nodes import (
    CACHE_CHANGE_SECONDS,
    CACHE_CREATE_SECONDS,
    CACHE_DELETE_SECONDS,
    build_cache_cluster,
    build_node_group,
    get_cache_family,
    get_full_cache_version,
)
from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
# Parameters of ModifyReplicationGroup, and their names in descriptions.
MODIFIABLE_SETTINGS = {
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
REPLICATION_GROUP_DEFAULTS: ApiRecord = {
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


def get_replication_groups(backend: ElastiCacheBackend) -> dict[str, ApiRecord]:
    """Replication groups by id, without those whose deletion is done."""
    groups: dict[str, ApiRecord] = backend_state(backend, "groups", dict)
    for name in [n for n, g in groups.items() if g["Gone"] and not is_in_future(g["Gone"])]:
        del groups[name]
        backend.replication_groups.pop(name, None)
    return groups


def get_cache_stores(backend: ElastiCacheBackend) -> dict[str, CacheStore]:
    """What the replication groups hold, by name: their keys and tokens."""
    return backend_state(backend, "stores", dict)


def find_cache_store(backend: ElastiCacheBackend, host: str) -> CacheStore | None:
    """The store of the group whose primary endpoint is at a host."""
    for name, group in get_replication_groups(backend).items():
        if build_node_group(group)["PrimaryEndpoint"]["Address"] == host:
            return get_cache_stores(backend).setdefault(name, CacheStore())
    return None


def get_cache_parameter_groups(backend: ElastiCacheBackend) -> dict[str, ApiRecord]:
    """Parameter groups by name; set parameters are under `values`."""
    return backend_state(backend, "parameter_groups", dict)


def _get_group(backend: ElastiCacheBackend, name: str) -> ApiRecord:
    group = get_replication_groups(backend).get(name)
    if group is None:
        raise AwsError("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
    return group


def _get_available_group(backend: ElastiCacheBackend, name: str) -> ApiRecord:
    group = _get_group(backend, name)
    if (status := _get_status(group)) != "available":
        raise AwsError(
            "InvalidReplicationGroupState", f"Replication group {name} is {status}, not available."
        )
    return group


def _get_status(group: ApiRecord) -> str:
    if group["Gone"]:
        return "deleting"
    return str(group["Doing"]) if is_in_future(group["Until"]) else "available"


def _describe_group(backend: ElastiCacheBackend, name: str) -> ApiRecord:
    """A replication group as DescribeReplicationGroups shows it."""
    group = _get_group(backend, name)
    status = _get_status(group)
    members = list(group["Members"])
    return {
        **group,
        "Status": status,
        "MemberClusters": members,
        "NodeGroups": [build_node_group(group)] if status != "creating" else [],
        "ClusterEnabled": False,
        "PendingModifiedValues": {},
        "DataTiering": "disabled",
        "SnapshottingClusterId": members[-1] if group["SnapshotRetentionLimit"] else None,
    }


def _require_valid_group(backend: ElastiCacheBackend, settings: ApiRecord, count: int) -> None:
    """The combinations that CreateReplicationGroup refuses."""
    subnets = settings["CacheSubnetGroupName"]
    if subnets != "default" and subnets not in backend.cache_subnet_groups:
        raise AwsError(
            "CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {subnets} does not exist."
        )
    parameters = settings["CacheParameterGroupName"]
    if not parameters.startswith("default.") and parameters not in get_cache_parameter_groups(
        backend
    ):
        raise AwsError(
            "CacheParameterGroupNotFound", f"CacheParameterGroup {parameters} not found."
        )
    if settings.get("AuthToken") and not settings["TransitEncryptionEnabled"]:
        raise AwsError(
            "InvalidParameterCombination",
            "AuthToken is only supported when encryption-in-transit is enabled.",
        )
    if settings.get("AutomaticFailoverEnabled") and count < 2:
        raise AwsError(
            "InvalidParameterValue",
            "Automatic failover is not supported for replication groups without replicas.",
        )
    if settings.get("MultiAZEnabled") and not settings.get("AutomaticFailoverEnabled"):
        raise AwsError(
            "InvalidParameterCombination", "Multi-AZ needs automatic failover to be enabled."
        )
    _require_security_groups(backend, settings["SecurityGroupIds"])


def _require_security_groups(backend: ElastiCacheBackend, ids: Iterable[str]) -> None:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for group in ids:
        if ec2.get_security_group_from_id(group) is None:
            raise AwsError("InvalidParameterValue", f"Security group {group} does not exist.")


def _format_log_deliveries(deliveries: Iterable[ApiRecord]) -> list[ApiRecord]:
    """Log deliveries as described: active, without those that are turned off."""
    return [
        {key: value for key, value in delivery.items() if key != "Enabled"} | {"Status": "active"}
        for delivery in deliveries
        if delivery.get("Enabled", True)
    ]


@patch.replace_operation(ElastiCacheResponse, "CreateReplicationGroup")
def create_replication_group(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"].lower()
    if name in get_replication_groups(backend):
        raise AwsError("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")
    count = params.get("NumCacheClusters") or 1 + (params.get("ReplicasPerNodeGroup") or 0)
    settings = {**REPLICATION_GROUP_DEFAULTS, **params}
    settings["EngineVersion"] = get_full_cache_version(
        settings["Engine"], params.get("EngineVersion")
    )
    settings.setdefault(
        "CacheParameterGroupName",
        f"default.{get_cache_family(settings['Engine'], settings['EngineVersion'])}",
    )
    _require_valid_group(backend, settings, count)
    # An AUTH token is not part of what is described, nor are the parameters moto's object needs.
    token, tags = settings.pop("AuthToken", None), settings.pop("Tags", None)
    arn_prefix = f"arn:{backend.partition}:elasticache:{backend.region_name}:{backend.account_id}"
    get_replication_groups(backend)[name] = {
        **settings,
        "ReplicationGroupId": name,
        "Description": params["ReplicationGroupDescription"],
        "ARN": f"{arn_prefix}:replicationgroup:{name}",
        "ReplicationGroupCreateTime": datetime.now(UTC),
        "AuthTokenEnabled": bool(token),
        "AutomaticFailover": "enabled" if params.get("AutomaticFailoverEnabled") else "disabled",
        "MultiAZ": "enabled" if params.get("MultiAZEnabled") else "disabled",
        "TransitEncryptionMode": "required" if settings["TransitEncryptionEnabled"] else None,
        "LogDeliveryConfigurations": _format_log_deliveries(
            params.get("LogDeliveryConfigurations", [])
        ),
        "UserGroupIds": params.get("UserGroupIds", []),
        "Region": backend.region_name,
        "Members": [f"{name}-{i:03}" for i in range(1, count + 1)],
        "Zones": _assign_zones(backend, settings, count),
        "Doing": "creating",
        "Until": get_sandbox_clock().get_completion_time(CACHE_CREATE_SECONDS),
        "Gone": None,
    }
    get_cache_stores(backend)[name] = CacheStore(tokens=[token] if token else [])
    for member in _get_group(backend, name)["Members"]:
        backend.tagging_service.tag_resource(f"{arn_prefix}:cluster:{member}", tags or [])
    if tags:
        backend.tagging_service.tag_resource(f"{arn_prefix}:replicationgroup:{name}", tags)
    backend.replication_groups[name] = _build_moto_group(backend, name)
    return {"ReplicationGroup": _describe_group(backend, name)}


def _assign_zones(backend: ElastiCacheBackend, settings: ApiRecord, count: int) -> list[str]:
    """The zone of each member: as preferred, else over the subnets' zones in turn."""
    if settings.get("PreferredCacheClusterAZs"):
        return list(settings["PreferredCacheClusterAZs"])
    group = backend.cache_subnet_groups.get(settings["CacheSubnetGroupName"])
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    zones = sorted({ec2.get_subnet(s).availability_zone for s in group.subnet_ids} if group else {})
    zones = zones or [f"{backend.region_name}a"]
    return [zones[i % len(zones)] for i in range(count)]


def _build_moto_group(backend: ElastiCacheBackend, name: str) -> ReplicationGroup:
    """Creates the object from which moto makes snapshots and tags."""
    group = _get_group(backend, name)
    moto_group: ReplicationGroup = object.__new__(ReplicationGroup)
    vars(moto_group).update(
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
    return moto_group


@patch.replace_operation(ElastiCacheResponse, "DescribeReplicationGroups")
def describe_replication_groups(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    backend = response.elasticache_backend
    names = (
        [params["ReplicationGroupId"]]
        if params.get("ReplicationGroupId")
        else get_replication_groups(backend)
    )
    return {"ReplicationGroups": [_describe_group(backend, name) for name in list(names)]}


@patch.replace_operation(ElastiCacheResponse, "ModifyReplicationGroup")
def modify_replication_group(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"]
    group = _get_available_group(backend, name)
    _require_security_groups(backend, params.get("SecurityGroupIds", []))
    changes = {
        attribute: params[parameter]
        for parameter, attribute in MODIFIABLE_SETTINGS.items()
        if parameter in params
    }
    if "EngineVersion" in changes or "Engine" in changes:
        engine = str(changes.get("Engine", group["Engine"]))
        changes["EngineVersion"] = get_full_cache_version(engine, changes.get("EngineVersion"))
    for parameter, attribute in (
        ("AutomaticFailoverEnabled", "AutomaticFailover"),
        ("MultiAZEnabled", "MultiAZ"),
    ):
        if parameter in params:
            changes[attribute] = "enabled" if params[parameter] else "disabled"
    if changes.get("AutomaticFailover") == "enabled" and len(group["Members"]) < 2:
        raise AwsError(
            "InvalidParameterValue",
            "Automatic failover is not supported for replication groups without replicas.",
        )
    if "AuthToken" in params:
        changes["AuthTokenEnabled"] = params.get("AuthTokenUpdateStrategy") != "DELETE"
        _change_token(get_cache_stores(backend).setdefault(name, CacheStore()), params)
    if "LogDeliveryConfigurations" in params:
        log_types = {delivery["LogType"] for delivery in params["LogDeliveryConfigurations"]}
        unchanged_deliveries = [
            c for c in group["LogDeliveryConfigurations"] if c["LogType"] not in log_types
        ]
        changes["LogDeliveryConfigurations"] = unchanged_deliveries + _format_log_deliveries(
            params["LogDeliveryConfigurations"]
        )
    group.update(
        changes,
        Doing="modifying",
        Until=get_sandbox_clock().get_completion_time(CACHE_CHANGE_SECONDS),
    )
    backend.replication_groups[name] = _build_moto_group(backend, name)
    return {"ReplicationGroup": _describe_group(backend, name)}


def _change_token(store: CacheStore, params: ApiRecord) -> None:
    """ROTATE takes the last two tokens, SET the new one alone, DELETE none (User Guide, AUTH)."""
    strategy = params.get("AuthTokenUpdateStrategy")
    kept_tokens = store.tokens[-1:] if strategy == "ROTATE" else []
    store.tokens = [] if strategy == "DELETE" else [*kept_tokens, params["AuthToken"]]


def _set_replica_count(response: ElastiCacheResponse, params: ApiRecord, grow: bool) -> ApiRecord:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"]
    group = _get_available_group(backend, name)
    target_count = 1 + int(params["NewReplicaCount"])
    current_count = len(group["Members"])
    if (target_count <= current_count) if grow else (target_count >= current_count):
        raise AwsError(
            "InvalidParameterValue", f"The replication group has {current_count - 1} replicas."
        )
    if target_count < 2 and group["AutomaticFailover"] == "enabled":
        raise AwsError("InvalidParameterCombination", "Automatic failover needs a replica.")
    group["Members"] = [f"{name}-{i:03}" for i in range(1, target_count + 1)]
    group["Zones"] = _assign_zones(backend, group, target_count)
    group.update(
        Doing="modifying", Until=get_sandbox_clock().get_completion_time(CACHE_CREATE_SECONDS)
    )
    return {"ReplicationGroup": _describe_group(backend, name)}


@patch.add_operation(ElastiCacheResponse, "IncreaseReplicaCount")
def increase_replica_count(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    return _set_replica_count(response, params, grow=True)


@patch.add_operation(ElastiCacheResponse, "DecreaseReplicaCount")
def decrease_replica_count(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    return _set_replica_count(response, params, grow=False)


@patch.replace_operation(ElastiCacheResponse, "DeleteReplicationGroup")
def delete_replication_group(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    backend, name = response.elasticache_backend, params["ReplicationGroupId"]
    group = _get_available_group(backend, name)
    if params.get("FinalSnapshotIdentifier"):
        snapshot_name = params["FinalSnapshotIdentifier"]
        backend.create_snapshot(snapshot_name, name, None, group.get("KmsKeyId"), tags=None)
    group["Gone"] = get_sandbox_clock().get_completion_time(CACHE_DELETE_SECONDS)
    return {"ReplicationGroup": {**group, "Status": "deleting"}}


@patch.replace_operation(ElastiCacheResponse, "DescribeCacheClusters")
def describe_cache_clusters(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    """The members of the replication groups, then the clusters that moto made."""
    backend, name = response.elasticache_backend, params.get("CacheClusterId")
    members = [
        build_cache_cluster(backend.account_id, group, member, zone, _get_status(group))
        for group in get_replication_groups(backend).values()
        for member, zone in zip(group["Members"], group["Zones"], strict=True)
        if name in (None, member)
    ]
    standalone_clusters = [
        c for c in backend.cache_clusters.values() if name in (None, c.cache_cluster_id)
    ]
    if name and not members and not standalone_clusters:
        raise AwsError("CacheClusterNotFound", f"CacheCluster not found: {name}")
    return {"CacheClusters": [*members, *standalone_clusters]}
