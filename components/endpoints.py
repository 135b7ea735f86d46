"""VPC endpoints: private access to AWS's services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.account import Account
from components.component import Component
from components.firewall import create_security_group
from components.internet import HTTPS_PORT
from components.policies import Statement, build_policy_document
from components.settings import Settings


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """`route_table_ids` get the gateways; `subnet_ids`, one per zone, hold the interfaces."""

    settings: Settings
    account: Account
    vpc_id: Input[str]
    route_table_ids: Sequence[Input[str]]
    subnet_ids: Sequence[Input[str]]


class Endpoints(Component):
    """`bulwark:index:Endpoints`: gateways to S3 and DynamoDB, interfaces of the settings.

    Children: `{name}-s3`, `{name}-dynamodb`; for each interface endpoint `{name}-{service}`, and
    for all of them `{name}-https`, a security group and its rule.
    """

    def __init__(
        self, name: str, *, args: EndpointsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Endpoints", name, settings=args.settings, opts=opts)
        for service, statements in self._build_gateway_policies(args.account).items():
            aws.ec2.VpcEndpoint(
                self.format_logical_name(service),
                vpc_id=args.vpc_id,
                service_name=self._format_service_name(service),
                vpc_endpoint_type="Gateway",
                route_table_ids=args.route_table_ids,
                policy=build_policy_document(*statements),
                opts=self.child_options,
            )
        if args.settings.network.interface_endpoints:
            self._create_interface_endpoints(args)
        self.register_outputs({})

    def _format_service_name(self, service: str) -> str:
        return f"com.amazonaws.{self.settings.region}.{service}"

    def _build_gateway_policies(self, account: Account) -> Mapping[str, Sequence[Statement]]:
        """Allows reads from any bucket, and writes only to buckets of known accounts.

        Images of ECR and packages of Amazon Linux and SSM come from AWS's own buckets, read with
        AWS's credentials, so neither reader nor owner can be limited to this account.
        """
        account_ids: list[Input[str]] = [account.id, *self.settings.network.s3_accounts]
        any_principal: Mapping[str, Sequence[Input[str]]] = {"*": ["*"]}
        return {
            "s3": (
                Statement(
                    sid="ReadAnywhere",
                    actions=["s3:Get*", "s3:List*"],
                    resources=["*"],
                    principals=any_principal,
                ),
                Statement(
                    sid="WriteToKnownAccounts",
                    actions=["s3:*"],
                    resources=["*"],
                    principals=any_principal,
                    conditions={"StringEquals": {"aws:ResourceAccount": account_ids}},
                ),
            ),
            "dynamodb": (
                Statement(
                    sid="OwnTables",
                    actions=["dynamodb:*"],
                    resources=["*"],
                    principals=any_principal,
                    conditions={"StringEquals": {"aws:ResourceAccount": account.id}},
                ),
            ),
        }

    def _create_interface_endpoints(self, args: EndpointsArgs) -> None:
        group = create_security_group(
            self, "https", description="Interface endpoints", vpc_id=args.vpc_id
        )
        aws.vpc.SecurityGroupIngressRule(
            self.format_logical_name("https"),
            security_group_id=group.id,
            cidr_ipv4=str(args.settings.network.cidr),
            description="HTTPS from the VPC",
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            opts=self.child_options,
        )
        for service in args.settings.network.interface_endpoints:
            aws.ec2.VpcEndpoint(
                self.format_logical_name(service),
                vpc_id=args.vpc_id,
                service_name=self._format_service_name(service),
                vpc_endpoint_type="Interface",
                subnet_ids=args.subnet_ids,
                security_group_ids=[group.id],
                private_dns_enabled=True,
                opts=self.child_options,
            )
