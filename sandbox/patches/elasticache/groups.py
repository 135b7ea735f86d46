"""ElastiCache: parameter groups, and what moto lacks of subnet groups."""

from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.models import CacheSubnetGroup, ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from sandbox.patches.elasticache.replication_groups import groups, parameter_groups
from sandbox.patches.patching import Mend, Refused

mend = Mend()
Record = dict[str, Any]
# ElastiCache user guide, parameter groups.
FAMILIES = frozenset(
    {"memcached1.4", "memcached1.5", "memcached1.6", "redis2.6", "redis2.8", "redis3.2"}
    | {"redis4.0", "redis5.0", "redis6.x", "redis7", "valkey7", "valkey8"}
)


def _parameter_group(backend: ElastiCacheBackend, name: str) -> Record:
    found = parameter_groups(backend).get(name)
    if found is None:
        raise Refused("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    return found


@mend.operation(ElastiCacheResponse, "CreateCacheParameterGroup")
def create(response: ElastiCacheResponse, params: Record) -> Record:
    backend, name = response.elasticache_backend, params["CacheParameterGroupName"].lower()
    if name in parameter_groups(backend):
        raise Refused("CacheParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    if params["CacheParameterGroupFamily"] not in FAMILIES:
        raise Refused(
            "InvalidParameterValue",
            f"CacheParameterGroupFamily {params['CacheParameterGroupFamily']} is not valid.",
        )
    where = f"arn:{backend.partition}:elasticache:{backend.region_name}:{backend.account_id}"
    record = {
        **params,
        "CacheParameterGroupName": name,
        "ARN": f"{where}:parametergroup:{name}",
        "IsGlobal": False,
        "values": {},
    }
    parameter_groups(backend)[name] = record
    if params.get("Tags"):
        backend.tagging_service.tag_resource(record["ARN"], params["Tags"])
    return {"CacheParameterGroup": record}


@mend.operation(ElastiCacheResponse, "DescribeCacheParameterGroups")
def describe(response: ElastiCacheResponse, params: Record) -> Record:
    backend, name = response.elasticache_backend, params.get("CacheParameterGroupName")
    if name:
        return {"CacheParameterGroups": [_parameter_group(backend, name)]}
    return {"CacheParameterGroups": list(parameter_groups(backend).values())}


@mend.operation(ElastiCacheResponse, "ModifyCacheParameterGroup")
def modify(response: ElastiCacheResponse, params: Record) -> Record:
    record = _parameter_group(response.elasticache_backend, params["CacheParameterGroupName"])
    for one in params["ParameterNameValues"]:
        record["values"][one["ParameterName"]] = one.get("ParameterValue")
    return {"CacheParameterGroupName": record["CacheParameterGroupName"]}


@mend.operation(ElastiCacheResponse, "ResetCacheParameterGroup")
def reset(response: ElastiCacheResponse, params: Record) -> Record:
    record = _parameter_group(response.elasticache_backend, params["CacheParameterGroupName"])
    if params.get("ResetAllParameters"):
        record["values"].clear()
    for one in params.get("ParameterNameValues", []):
        record["values"].pop(one["ParameterName"], None)
    return {"CacheParameterGroupName": record["CacheParameterGroupName"]}


@mend.operation(ElastiCacheResponse, "DescribeCacheParameters")
def parameters(response: ElastiCacheResponse, params: Record) -> Record:
    """What was set. The engine's own defaults are not kept here."""
    record = _parameter_group(response.elasticache_backend, params["CacheParameterGroupName"])
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


@mend.operation(ElastiCacheResponse, "DeleteCacheParameterGroup")
def delete(response: ElastiCacheResponse, params: Record) -> None:
    backend, name = response.elasticache_backend, params["CacheParameterGroupName"]
    record = _parameter_group(backend, name)
    if any(group["CacheParameterGroupName"] == name for group in groups(backend).values()):
        raise Refused(
            "InvalidCacheParameterGroupState",
            f"One or more cache clusters are still members of this parameter group {name}, so "
            "the group cannot be deleted.",
        )
    del parameter_groups(backend)[name]
    backend.tagging_service.delete_all_tags_for_resource(record["ARN"])


def _subnet_group(backend: ElastiCacheBackend, name: str) -> CacheSubnetGroup:
    if name not in backend.cache_subnet_groups:
        raise Refused("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")
    return backend.cache_subnet_groups[name]


@mend.operation(ElastiCacheResponse, "ModifyCacheSubnetGroup")
def modify_subnets(response: ElastiCacheResponse, params: Record) -> Record:
    backend = response.elasticache_backend
    group = _subnet_group(backend, params["CacheSubnetGroupName"])
    new = CacheSubnetGroup(
        backend.account_id,
        backend.region_name,
        group.cache_subnet_group_name,
        params.get("CacheSubnetGroupDescription", group.cache_subnet_group_description),
        params.get("SubnetIds", group.subnet_ids),
        group.tags,
    )
    backend.cache_subnet_groups[group.cache_subnet_group_name] = new
    return {"CacheSubnetGroup": new}


@mend.operation(ElastiCacheResponse, "DeleteCacheSubnetGroup")
def delete_subnets(response: ElastiCacheResponse, params: Record) -> None:
    backend, name = response.elasticache_backend, params["CacheSubnetGroupName"]
    group = _subnet_group(backend, name)
    if any(g["CacheSubnetGroupName"] == name for g in groups(backend).values()):
        raise Refused("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use.")
    del backend.cache_subnet_groups[name]
    backend.tagging_service.delete_all_tags_for_resource(group.arn)


@mend.around(ElastiCacheBackend, "create_cache_subnet_group")
def create_subnets(original: Any, backend: ElastiCacheBackend, **given: Any) -> CacheSubnetGroup:
    """Subnets that do not exist, or are of two VPCs, are refused."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    known = {subnet.id: subnet.vpc_id for subnet in ec2.describe_subnets()}
    wanted = given["subnet_ids"]
    if any(s not in known for s in wanted) or len({known[s] for s in wanted}) > 1:
        raise Refused("InvalidSubnet", f"The subnets {wanted} do not exist, or are not of one VPC.")
    group: CacheSubnetGroup = original(backend, **given)
    return group


@mend.around(ElastiCacheBackend, "list_tags_for_resource")
def list_tags(original: Any, backend: ElastiCacheBackend, arn: str) -> Any:
    """Parameter groups have tags too."""
    if any(record["ARN"] == arn for record in parameter_groups(backend).values()):
        return backend.tagging_service.list_tags_for_resource(arn)
    return original(backend, arn)
