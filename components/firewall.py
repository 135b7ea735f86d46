"""Security groups that name each other: who may call whom, on which port."""

import pulumi_aws as aws
from pulumi import Input

from components.component import Component


def create_security_group(
    component: Component, key: str, *, description: str, vpc_id: Input[str]
) -> aws.ec2.SecurityGroup:
    """A security group of `component` without any rule: nothing comes in, nothing goes out.

    Its rules are resources of their own, so none is listed here: not even none, which would have
    Pulumi remove theirs. The provider itself takes away the rule by which AWS lets all out.
    """
    return aws.ec2.SecurityGroup(
        component.format_logical_name(key),
        name_prefix=f"{component.format_physical_name(component.name, key)}-",
        description=description,
        vpc_id=vpc_id,
        opts=component.child_options,
    )


def allow_connection(
    component: Component,
    key: str,
    *,
    client_group_id: Input[str],
    server_group_id: Input[str],
    port: Input[int],
) -> None:
    """Lets the security group `client` call `server` on a TCP port: a rule at each end."""
    aws.vpc.SecurityGroupEgressRule(
        component.format_logical_name(key),
        security_group_id=client_group_id,
        referenced_security_group_id=server_group_id,
        description=key,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.child_options,
    )
    aws.vpc.SecurityGroupIngressRule(
        component.format_logical_name(key),
        security_group_id=server_group_id,
        referenced_security_group_id=client_group_id,
        description=key,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.child_options,
    )


def allow_outbound(
    component: Component, key: str, *, client_group_id: Input[str], cidr: str, port: int
) -> None:
    """Lets the security group `client` call any address in `cidr` on a TCP port."""
    aws.vpc.SecurityGroupEgressRule(
        component.format_logical_name(key),
        security_group_id=client_group_id,
        cidr_ipv4=cidr,
        description=key,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.child_options,
    )


def allow_inbound(
    component: Component, key: str, *, server_group_id: Input[str], cidr: str, port: int
) -> None:
    """Lets any address in `cidr` call the security group `server` on a TCP port."""
    aws.vpc.SecurityGroupIngressRule(
        component.format_logical_name(key),
        security_group_id=server_group_id,
        cidr_ipv4=cidr,
        description=key,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.child_options,
    )
