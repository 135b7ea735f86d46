"""EC2 security groups: rules keep their descriptions, a group in use cannot be deleted."""

from collections.abc import Iterator
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule
from moto.ecs.models import ecs_backends
from moto.elasticache.models import elasticache_backends
from moto.elbv2.models import elbv2_backends
from moto.rds.models import rds_backends

from sandbox.patches.elasticache.replication_groups import get_replication_groups
from sandbox.patches.patching import AwsError, ServicePatch

patch = ServicePatch()


@patch.replace(SecurityGroupRule, "description")
def get_rule_description(rule: SecurityGroupRule) -> str | None:
    """The description; moto returns it for address ranges only."""
    sources: tuple[Any, ...] = (rule.ip_range, rule.source_group, rule.prefix_list_id)
    descriptions = [s["Description"] for s in sources if isinstance(s, dict) and "Description" in s]
    return descriptions[0] if descriptions else None


def _list_used_groups(backend: EC2Backend) -> Iterator[str]:
    """The groups of all resources with network interfaces in a region."""
    account, region = backend.account_id, backend.region_name
    for interface in backend.enis.values():
        if interface.instance is None or interface.instance.state_code in (0, 16):
            yield from (group.id for group in interface.group_set)
    for endpoint in backend.vpc_end_points.values():
        if endpoint.state != "deleted":
            yield from endpoint.security_group_ids
    for instance in rds_backends[account][region].describe_db_instances():
        yield from instance.vpc_security_group_ids
    for group in get_replication_groups(elasticache_backends[account][region]).values():
        yield from group["SecurityGroupIds"]
    for balancer in elbv2_backends[account][region].load_balancers.values():
        yield from balancer.security_groups or ()
    for service in ecs_backends[account][region].services.values():
        if service.status == "ACTIVE" and service.network_configuration:
            yield from service.network_configuration["awsvpcConfiguration"]["securityGroups"]
    for function in lambda_backends[account][region].list_functions():
        yield from (function.vpc_config or {}).get("SecurityGroupIds", ())


def _is_referenced(backend: EC2Backend, group_id: str) -> bool:
    """True if another group's rule names a group."""
    others = (
        g for vpc_groups in backend.groups.values() for g in vpc_groups.values() if g.id != group_id
    )
    rules = (rule for group in others for rule in (*group.ingress_rules, *group.egress_rules))
    return any(rule.source_group.get("GroupId") == group_id for rule in rules)


@patch.wrap(SecurityGroupBackend, "delete_security_group")
def delete_unused_security_group(
    original: Any, backend: EC2Backend, name: str | None = None, group_id: str | None = None
) -> None:
    if group_id and (
        group_id in set(_list_used_groups(backend)) or _is_referenced(backend, group_id)
    ):
        raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")
    original(backend, name, group_id)
