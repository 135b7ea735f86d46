"""Security groups that name each other: who may call whom, on which port."""

import pulumi_aws as aws
from pulumi import Input

from components.component import Component


def security_group(
    component: Component, key: str, description: str, vpc_id: Input[str]
) -> aws.ec2.SecurityGroup:
    """A security group of `component` without any rule: nothing comes in, nothing goes out.

    Its rules are resources of their own, so none is listed here: not even none, which would have
    Pulumi remove theirs. The provider itself takes away the rule by which AWS lets all out.
    """
    return aws.ec2.SecurityGroup(
        component.key(key),
        name_prefix=f"{component.physical(component.name, key)}-",
        description=description,
        vpc_id=vpc_id,
        opts=component.child,
    )


def connect(
    component: Component, key: str, client: Input[str], server: Input[str], port: Input[int]
) -> None:
    """Lets the security group `client` call `server` on a TCP port: a rule at each end."""
    aws.vpc.SecurityGroupEgressRule(
        component.key(key),
        security_group_id=client,
        referenced_security_group_id=server,
        description=key,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.child,
    )
    aws.vpc.SecurityGroupIngressRule(
        component.key(key),
        security_group_id=server,
        referenced_security_group_id=client,
        description=key,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.child,
    )


def allow_out(component: Component, key: str, client: Input[str], cidr: str, port: int) -> None:
    """Lets the security group `client` call any address in `cidr` on a TCP port."""
    aws.vpc.SecurityGroupEgressRule(
        component.key(key),
        security_group_id=client,
        cidr_ipv4=cidr,
        description=key,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.child,
    )
