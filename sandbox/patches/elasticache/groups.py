"""ElastiCache: parameter groups, and the operations of subnet groups that moto lacks."""

from collections.abc import Iterator
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.models import CacheSubnetGroup, ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from sandbox.patches.elasticache.replication_groups import (
    get_cache_parameter_groups,
    get_replication_groups,
)
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()
ApiRecord = dict[str, Any]
# ElastiCache user guide, parameter groups.
CACHE_PARAMETER_FAMILIES = frozenset(
    {"memcached1.4", "memcached1.5", "memcached1.6", "redis2.6", "redis2.8", "redis3.2"}
    | {"redis4.0", "redis5.0", "redis6.x", "redis7", "valkey7", "valkey8"}
)


def _get_parameter_group(backend: ElastiCacheBackend, name: str) -> ApiRecord:
    record = get_cache_parameter_groups(backend).get(name)
    if record is None:
        raise AwsError("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    return record


@patch.add_operation(ElastiCacheResponse, "CreateCacheParameterGroup")
def create_cache_parameter_group(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    backend, name = response.elasticache_backend, params["CacheParameterGroupName"].lower()
    if name in get_cache_parameter_groups(backend):
        raise AwsError("CacheParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    if params["CacheParameterGroupFamily"] not in CACHE_PARAMETER_FAMILIES:
        raise AwsError(
            "InvalidParameterValue",
            f"CacheParameterGroupFamily {params['CacheParameterGroupFamily']} is not valid.",
        )
    arn_prefix = f"arn:{backend.partition}:elasticache:{backend.region_name}:{backend.account_id}"
    record = {
        **params,
        "CacheParameterGroupName": name,
        "ARN": f"{arn_prefix}:parametergroup:{name}",
        "IsGlobal": False,
        "values": {},
    }
    get_cache_parameter_groups(backend)[name] = record
    if params.get("Tags"):
        backend.tagging_service.tag_resource(record["ARN"], params["Tags"])
    return {"CacheParameterGroup": record}


@patch.add_operation(ElastiCacheResponse, "DescribeCacheParameterGroups")
def describe_cache_parameter_groups(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    backend, name = response.elasticache_backend, params.get("CacheParameterGroupName")
    if name:
        return {"CacheParameterGroups": [_get_parameter_group(backend, name)]}
    return {"CacheParameterGroups": list(get_cache_parameter_groups(backend).values())}


@patch.add_operation(ElastiCacheResponse, "ModifyCacheParameterGroup")
def modify_cache_parameter_group(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    record = _get_parameter_group(response.elasticache_backend, params["CacheParameterGroupName"])
    for parameter in params["ParameterNameValues"]:
        record["values"][parameter["ParameterName"]] = parameter.get("ParameterValue")
    return {"CacheParameterGroupName": record["CacheParameterGroupName"]}


@patch.add_operation(ElastiCacheResponse, "ResetCacheParameterGroup")
def reset_cache_parameter_group(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    record = _get_parameter_group(response.elasticache_backend, params["CacheParameterGroupName"])
    if params.get("ResetAllParameters"):
        record["values"].clear()
    for parameter in params.get("ParameterNameValues", []):
        record["values"].pop(parameter["ParameterName"], None)
    return {"CacheParameterGroupName": record["CacheParameterGroupName"]}


@patch.add_operation(ElastiCacheResponse, "DescribeCacheParameters")
def describe_cache_parameters(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    """The parameters that were set; the engine's defaults are not listed."""
    record = _get_parameter_group(response.elasticache_backend, params["CacheParameterGroupName"])
    if params.get("Source") not in (None, "user"):
        return {"Parameters": [], "CacheNodeTypeSpecificParameters": []}
    values = [
        {
            "ParameterName": name,
            "ParameterValue": value,
            "Source": "user",
            "IsModifiable": True,
            "ChangeType": "immediate",
        }
        for name, value in record["values"].items()
    ]
    return {"Parameters": values, "CacheNodeTypeSpecificParameters": []}


@patch.add_operation(ElastiCacheResponse, "DeleteCacheParameterGroup")
def delete_cache_parameter_group(response: ElastiCacheResponse, params: ApiRecord) -> None:
    backend, name = response.elasticache_backend, params["CacheParameterGroupName"]
    record = _get_parameter_group(backend, name)
    if any(
        group["CacheParameterGroupName"] == name
        for group in get_replication_groups(backend).values()
    ):
        raise AwsError(
            "InvalidCacheParameterGroupState",
            f"One or more cache clusters are still members of this parameter group {name}, so "
            "the group cannot be deleted.",
        )
    del get_cache_parameter_groups(backend)[name]
    backend.tagging_service.delete_all_tags_for_resource(record["ARN"])


def _get_subnet_group(backend: ElastiCacheBackend, name: str) -> CacheSubnetGroup:
    if name not in backend.cache_subnet_groups:
        raise AwsError(
            "CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist."
        )
    return backend.cache_subnet_groups[name]


def list_node_subnets(backend: ElastiCacheBackend) -> Iterator[tuple[str, str]]:
    """Yields the name of each node of a replication group, and the id of its subnet."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for record in get_replication_groups(backend).values():
        group = backend.cache_subnet_groups.get(record["CacheSubnetGroupName"])
        subnet_ids = group.subnet_ids if group else []
        subnets = {ec2.get_subnet(id_).availability_zone: id_ for id_ in subnet_ids}
        for node, zone in zip(record["Members"], record["Zones"], strict=True):
            if zone in subnets:
                yield node, subnets[zone]


@patch.add_operation(ElastiCacheResponse, "ModifyCacheSubnetGroup")
def modify_cache_subnet_group(response: ElastiCacheResponse, params: ApiRecord) -> ApiRecord:
    backend = response.elasticache_backend
    group = _get_subnet_group(backend, params["CacheSubnetGroupName"])
    removed_ids = {*group.subnet_ids} - {*params.get("SubnetIds", group.subnet_ids)}
    for node, subnet_id in list_node_subnets(backend):
        if subnet_id in removed_ids:  # API reference, ModifyCacheSubnetGroup, SubnetInUse
            raise AwsError(
                "SubnetInUse", f"The requested subnet {subnet_id} is being used by {node}"
            )
    new_group = CacheSubnetGroup(
        backend.account_id,
        backend.region_name,
        group.cache_subnet_group_name,
        params.get("CacheSubnetGroupDescription", group.cache_subnet_group_description),
        params.get("SubnetIds", group.subnet_ids),
        group.tags,
    )
    backend.cache_subnet_groups[group.cache_subnet_group_name] = new_group
    return {"CacheSubnetGroup": new_group}


@patch.add_operation(ElastiCacheResponse, "DeleteCacheSubnetGroup")
def delete_cache_subnet_group(response: ElastiCacheResponse, params: ApiRecord) -> None:
    backend, name = response.elasticache_backend, params["CacheSubnetGroupName"]
    group = _get_subnet_group(backend, name)
    if any(g["CacheSubnetGroupName"] == name for g in get_replication_groups(backend).values()):
        raise AwsError("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use.")
    del backend.cache_subnet_groups[name]
    backend.tagging_service.delete_all_tags_for_resource(group.arn)


@patch.wrap(ElastiCacheBackend, "create_cache_subnet_group")
def create_cache_subnet_group(
    original: Any, backend: ElastiCacheBackend, **kwargs: Any
) -> CacheSubnetGroup:
    """Subnets that do not exist, or are of two VPCs, are refused."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    vpc_ids = {subnet.id: subnet.vpc_id for subnet in ec2.describe_subnets()}
    subnet_ids = kwargs["subnet_ids"]
    if any(s not in vpc_ids for s in subnet_ids) or len({vpc_ids[s] for s in subnet_ids}) > 1:
        raise AwsError(
            "InvalidSubnet", f"The subnets {subnet_ids} do not exist, or are not of one VPC."
        )
    group: CacheSubnetGroup = original(backend, **kwargs)
    return group


@patch.wrap(CacheSubnetGroup, "__init__")
def name_subnet_zones(original: Any, group: CacheSubnetGroup, *args: Any, **kwargs: Any) -> None:
    """A subnet's zone is a structure with its name (API reference, AvailabilityZone)."""
    original(group, *args, **kwargs)
    for subnet in group.subnets:
        if isinstance(zone := subnet.get("subnet_availability_zone"), str):
            subnet["subnet_availability_zone"] = {"Name": zone}


@patch.wrap(ElastiCacheBackend, "list_tags_for_resource")
def list_cache_tags(original: Any, backend: ElastiCacheBackend, arn: str) -> Any:
    """Parameter groups have tags too."""
    if any(record["ARN"] == arn for record in get_cache_parameter_groups(backend).values()):
        return backend.tagging_service.list_tags_for_resource(arn)
    return original(backend, arn)
