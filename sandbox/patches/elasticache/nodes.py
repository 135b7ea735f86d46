"""ElastiCache: the nodes of a replication group as described, and how long changes take."""

from typing import Any

ApiRecord = dict[str, Any]
# Simulated seconds. Assumptions: AWS states none; creations seen in practice take 5 to 10 minutes.
CACHE_CREATE_SECONDS, CACHE_CHANGE_SECONDS, CACHE_DELETE_SECONDS = 8 * 60, 2 * 60, 4 * 60
# For a major or major.minor version: the newest patch that AWS lists (2025).
CACHE_VERSIONS = {
    ("valkey", None): "8.0.1",
    ("valkey", "7.2"): "7.2.6",
    ("valkey", "8.0"): "8.0.1",
    ("valkey", "8.1"): "8.1.0",
    ("valkey", "8.2"): "8.2.0",
    ("redis", None): "7.1.0",
    ("redis", "7.0"): "7.0.7",
    ("redis", "7.1"): "7.1.0",
    ("redis", "6.2"): "6.2.6",
}


def get_full_cache_version(engine: str, version: str | None) -> str:
    """The full version of an engine, from major.minor or nothing."""
    return CACHE_VERSIONS.get((engine, version), version or "")


def get_cache_family(engine: str, version: str) -> str:
    """The parameter group family of a version, like valkey8."""
    return f"{engine}{version.split('.')[0]}"


def _get_domain(group: ApiRecord) -> str:
    """The end of a group's node names; the part after the name is one for each account."""
    region = group["Region"].replace("-", "")
    return f"sandbox.{region[:2]}{region[2:3]}{region[-1]}.cache.amazonaws.com"


def build_node_group(group: ApiRecord) -> ApiRecord:
    """The only node group: its endpoints and its primary."""
    name, port, domain = group["ReplicationGroupId"], group["Port"], _get_domain(group)
    tls = group["TransitEncryptionEnabled"]
    primary = f"master.{name}.{domain}" if tls else f"{name}.{domain}"
    reader = f"replica.{name}.{domain}" if tls else f"{name}-ro.{domain}"
    return {
        "NodeGroupId": "0001",
        "Status": "available",
        "PrimaryEndpoint": {"Address": primary, "Port": port},
        "ReaderEndpoint": {"Address": reader, "Port": port},
        "NodeGroupMembers": [
            {
                "CacheClusterId": member,
                "CacheNodeId": "0001",
                "ReadEndpoint": {"Address": f"{member}.{name}.{domain}", "Port": port},
                "PreferredAvailabilityZone": zone,
                "CurrentRole": "primary" if i == 0 else "replica",
            }
            for i, (member, zone) in enumerate(zip(group["Members"], group["Zones"], strict=True))
        ],
    }


def build_cache_cluster(
    account: str, group: ApiRecord, member: str, zone: str, status: str
) -> ApiRecord:
    """A member as DescribeCacheClusters shows it."""
    topic = group["NotificationTopicArn"]
    return {
        "CacheClusterId": member,
        "ARN": f"arn:aws:elasticache:{group['Region']}:{account}:cluster:{member}",
        "CacheClusterStatus": status,
        "ReplicationGroupId": group["ReplicationGroupId"],
        "Engine": group["Engine"],
        "EngineVersion": group["EngineVersion"],
        "CacheNodeType": group["CacheNodeType"],
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": zone,
        "CacheClusterCreateTime": group["ReplicationGroupCreateTime"],
        "PreferredMaintenanceWindow": group["PreferredMaintenanceWindow"],
        "NotificationConfiguration": {"TopicArn": topic, "TopicStatus": "active"}
        if topic
        else None,
        "CacheParameterGroup": {
            "CacheParameterGroupName": group["CacheParameterGroupName"],
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": group["CacheSubnetGroupName"],
        "SecurityGroups": [
            {"SecurityGroupId": g, "Status": "active"} for g in group["SecurityGroupIds"]
        ],
        "AutoMinorVersionUpgrade": group["AutoMinorVersionUpgrade"],
        "SnapshotRetentionLimit": group["SnapshotRetentionLimit"],
        "SnapshotWindow": group["SnapshotWindow"],
        "AuthTokenEnabled": group["AuthTokenEnabled"],
        "TransitEncryptionEnabled": group["TransitEncryptionEnabled"],
        "TransitEncryptionMode": group["TransitEncryptionMode"],
        "AtRestEncryptionEnabled": group["AtRestEncryptionEnabled"],
        "LogDeliveryConfigurations": group["LogDeliveryConfigurations"],
        "NetworkType": group["NetworkType"],
        "IpDiscovery": group["IpDiscovery"],
        "CacheNodes": [
            {
                "CacheNodeId": "0001",
                "CacheNodeStatus": status,
                "CustomerAvailabilityZone": zone,
                "ParameterGroupStatus": "in-sync",
                "Endpoint": {
                    "Address": f"{member}.{group['ReplicationGroupId']}.{_get_domain(group)}",
                    "Port": group["Port"],
                },
            }
        ],
    }
