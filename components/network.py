"""The network: a VPC in tiers and zones, its ways out, its gates and its flow logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import pulumi_aws as aws
from pulumi import Output, Resource, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import build_contract_part
from components.endpoints import Endpoints, EndpointsArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.internet import ANYWHERE_CIDR
from components.keys import Keys
from components.log_bucket import LogBucket
from components.nat import Nat, NatArgs
from components.network_acls import build_acl_rules, create_network_acl
from components.settings import Settings
from components.subnets import compute_subnets, compute_tier_blocks
from ops.outputs import NetworkPart

TierName = Literal["public", "private", "database"]


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    settings: Settings
    account: Account
    keys: Keys
    log_bucket: LogBucket | None


class Network(Component):
    """`bulwark:index:Network`: public, private and database subnets, one of each a zone.

    Children: `{name}` (VPC, internet gateway), `{name}-default` (what AWS makes with a VPC,
    emptied), `{name}-{tier}` (network ACL, shared route table), `{name}-{tier}-{zone}` (subnet,
    private route table, routes), `{name}-nat`, `{name}-endpoint`, `{name}-flow-logs`.

    The ids in `public_subnets`, `private_subnets` and `database_subnets`, by zone letter, are
    known only once their subnet has its routes, its ACL and its endpoints: what starts there
    reaches what it needs.
    """

    def __init__(
        self, name: str, *, args: NetworkArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Network", name, settings=args.settings, opts=opts)
        network_settings = self.settings.network
        tier_blocks = compute_tier_blocks(network_settings.cidr)
        self._vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(network_settings.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            opts=self.build_protected_options(),
        )
        self.vpc_id = self._vpc.id
        self._create_empty_defaults()
        self._subnets: dict[TierName, dict[str, aws.ec2.Subnet]] = {}
        self._acls: dict[TierName, aws.ec2.NetworkAcl] = {}
        self._create_tiers()

        self.public_subnets = self._create_public_tier()
        self._nat = Nat(
            self.format_logical_name("nat"),
            args=NatArgs(
                settings=self.settings,
                account=args.account,
                kms_key=args.keys.data,
                vpc_id=self.vpc_id,
                public_subnets=self.public_subnets,
                private_cidr=str(tier_blocks["private"]),
            ),
            opts=self.child_options,
        )
        self.nat_gateways, self.nat_instances = self._nat.gateways, self._nat.instances

        private_tables = {
            zone: self._create_route_table("private", zone) for zone in network_settings.zones
        }
        database_table = self._create_route_table("database")
        endpoints = Endpoints(
            self.format_logical_name("endpoint"),
            args=EndpointsArgs(
                settings=self.settings,
                account=args.account,
                vpc_id=self.vpc_id,
                route_table_ids=[
                    *(table.id for table in private_tables.values()),
                    database_table.id,
                ],
                subnet_ids=[subnet.id for subnet in self._subnets["private"].values()],
            ),
            opts=self.child_options,
        )
        self.private_subnets: dict[str, Output[str]] = {}
        for zone, table in private_tables.items():
            prerequisites = [
                *self._nat.create_route(self, zone, route_table_id=table.id),
                endpoints,
            ]
            self.private_subnets[zone] = self._attach_route_table(
                "private", zone=zone, table=table, prerequisites=prerequisites
            )
        self.database_subnets = {
            zone: self._attach_route_table(
                "database", zone=zone, table=database_table, prerequisites=[endpoints]
            )
            for zone in network_settings.zones
        }

        flow_logs = FlowLogs(
            self.format_logical_name("flow-logs"),
            args=FlowLogsArgs(
                settings=self.settings,
                account=args.account,
                vpc_id=self.vpc_id,
                kms_key=args.keys.logs,
                bucket_arn=args.log_bucket.arn if args.log_bucket else None,
            ),
            opts=self.child_options,
        )
        self.flow_log_group = flow_logs.log_group
        self.part = build_contract_part(
            NetworkPart,
            vpc_id=self.vpc_id,
            cidr=str(network_settings.cidr),
            public_subnets=self.public_subnets,
            private_subnets=self.private_subnets,
            database_subnets=self.database_subnets,
            nat_gateways=self.nat_gateways,
            nat_instances=self._nat.instances,
            nat_addresses=self._nat.addresses,
            flow_log_group=self.flow_log_group,
        )
        self.register_outputs({"vpcId": self.vpc_id, "part": self.part})

    def _create_empty_defaults(self) -> None:
        """Takes every rule and route from what AWS makes with a VPC (EC2.2): nobody uses it."""
        vpc, name = self._vpc, self.format_logical_name("default")
        aws.ec2.DefaultSecurityGroup(
            name, vpc_id=vpc.id, ingress=[], egress=[], opts=self.child_options
        )
        aws.ec2.DefaultRouteTable(
            name,
            default_route_table_id=vpc.default_route_table_id,
            routes=[],
            opts=self.child_options,
        )
        # Subnets fall back to it while their own ACL is replaced; that is no change of ours.
        aws.ec2.DefaultNetworkAcl(
            name,
            default_network_acl_id=vpc.default_network_acl_id,
            ingress=[],
            egress=[],
            opts=self.build_child_options(ignore_changes=["subnetIds"]),
        )

    def _create_tiers(self) -> None:
        """Subnets without public addresses (EC2.15), and for each tier an ACL in use (EC2.16)."""
        settings = self.settings
        layout = compute_subnets(settings.network.cidr, zones=settings.network.zones)
        rules_by_tier = build_acl_rules(
            settings.network.cidr,
            compute_tier_blocks(settings.network.cidr),
            has_private_clients=settings.has_balancer_clients_outside,
            database_clients=settings.database.allowed_cidrs,
            database_port=settings.database.port,
        )
        tiers: tuple[TierName, ...] = ("public", "private", "database")
        for tier in tiers:
            tier_subnets = {
                zone: aws.ec2.Subnet(
                    self.format_logical_name(tier, zone),
                    vpc_id=self.vpc_id,
                    availability_zone=settings.availability_zones[zone],
                    cidr_block=str(cidr),
                    map_public_ip_on_launch=False,
                    tags={"Tier": tier},
                    opts=self.child_options,
                )
                for zone, cidr in layout[tier].items()
            }
            ids = [subnet.id for subnet in tier_subnets.values()]
            self._subnets[tier] = tier_subnets
            self._acls[tier] = create_network_acl(
                self, tier, vpc_id=self.vpc_id, subnet_ids=ids, rules=rules_by_tier[tier]
            )

    def _create_public_tier(self) -> Mapping[str, Output[str]]:
        """The public tier: the only route table that leads to the internet gateway (RDS.46)."""
        gateway = aws.ec2.InternetGateway(self.name, vpc_id=self.vpc_id, opts=self.child_options)
        table = self._create_route_table("public")
        route = aws.ec2.Route(
            self.format_logical_name("public"),
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE_CIDR,
            gateway_id=gateway.id,
            opts=self.child_options,
        )
        zones = self._subnets["public"]
        return {
            zone: self._attach_route_table("public", zone=zone, table=table, prerequisites=[route])
            for zone in zones
        }

    def _create_route_table(self, *name_parts: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(
            self.format_logical_name(*name_parts), vpc_id=self.vpc_id, opts=self.child_options
        )

    def _attach_route_table(
        self,
        tier: TierName,
        *,
        zone: str,
        table: aws.ec2.RouteTable,
        prerequisites: Sequence[Resource],
    ) -> Output[str]:
        """Gives a subnet its route table; returns its id, known once `ready` and the ACL stand."""
        association = aws.ec2.RouteTableAssociation(
            self.format_logical_name(tier, zone),
            route_table_id=table.id,
            subnet_id=self._subnets[tier][zone].id,
            opts=self.build_child_options(depends_on=[self._acls[tier], *prerequisites]),
        )
        return cast(Output[str], association.subnet_id)  # a gateway would have none
