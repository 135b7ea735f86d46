"""VPC endpoints: AWS's services by private ways."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.account import Account
from components.component import Component
from components.firewall import security_group
from components.policies import Statement, document
from components.settings import Settings

HTTPS = 443


@dataclass(frozen=True)
class EndpointsArgs:
    """`route_tables` lead to the gateways; `subnet_ids`, one a zone, hold the interfaces."""

    settings: Settings
    account: Account
    vpc_id: Input[str]
    route_tables: Sequence[Input[str]]
    subnet_ids: Sequence[Input[str]]


class Endpoints(Component):
    """`bulwark:index:Endpoints`: gateways to S3 and DynamoDB, interfaces to what settings name.

    Children: `{name}-s3`, `{name}-dynamodb`; for each interface endpoint `{name}-{service}`, and
    for all of them `{name}-https`, a security group and its rule.
    """

    def __init__(self, name: str, args: EndpointsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Endpoints", name, args.settings, opts)
        for service, statements in self._gateways(args.account).items():
            aws.ec2.VpcEndpoint(
                self.key(service),
                vpc_id=args.vpc_id,
                service_name=self._service(service),
                vpc_endpoint_type="Gateway",
                route_table_ids=args.route_tables,
                policy=document(*statements),
                opts=self.child,
            )
        if args.settings.network.interface_endpoints:
            self._interfaces(args)
        self.register_outputs({})

    def _service(self, service: str) -> str:
        return f"com.amazonaws.{self.settings.region}.{service}"

    def _gateways(self, account: Account) -> Mapping[str, Sequence[Statement]]:
        """What may pass: reading from any bucket, writing only into buckets of known accounts.

        Images of ECR and packages of Amazon Linux and SSM come from AWS's own buckets, read with
        AWS's credentials, so neither reader nor owner can be limited to this account.
        """
        known: list[Input[str]] = [account.id, *self.settings.network.s3_accounts]
        everyone: Mapping[str, Sequence[Input[str]]] = {"*": ["*"]}
        return {
            "s3": (
                Statement(
                    sid="ReadAnywhere",
                    actions=["s3:Get*", "s3:List*"],
                    resources=["*"],
                    principals=everyone,
                ),
                Statement(
                    sid="WriteToKnownAccounts",
                    actions=["s3:*"],
                    resources=["*"],
                    principals=everyone,
                    conditions={"StringEquals": {"aws:ResourceAccount": known}},
                ),
            ),
            "dynamodb": (
                Statement(
                    sid="OwnTables",
                    actions=["dynamodb:*"],
                    resources=["*"],
                    principals=everyone,
                    conditions={"StringEquals": {"aws:ResourceAccount": account.id}},
                ),
            ),
        }

    def _interfaces(self, args: EndpointsArgs) -> None:
        group = security_group(self, "https", "Interface endpoints", args.vpc_id)
        aws.vpc.SecurityGroupIngressRule(
            self.key("https"),
            security_group_id=group.id,
            cidr_ipv4=str(args.settings.network.cidr),
            description="HTTPS from the VPC",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            opts=self.child,
        )
        for service in args.settings.network.interface_endpoints:
            aws.ec2.VpcEndpoint(
                self.key(service),
                vpc_id=args.vpc_id,
                service_name=self._service(service),
                vpc_endpoint_type="Interface",
                subnet_ids=args.subnet_ids,
                security_group_ids=[group.id],
                private_dns_enabled=True,
                opts=self.child,
            )
