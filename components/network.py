"""The network: a VPC in tiers and zones, its ways out, its gates and its flow logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import pulumi_aws as aws
from pulumi import Output, Resource, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import contract
from components.endpoints import Endpoints, EndpointsArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.keys import Keys
from components.log_bucket import LogBucket
from components.nat import Nat, NatArgs
from components.network_acls import WORLD, network_acl, rules
from components.settings import Settings
from components.subnets import blocks, subnets
from ops.outputs import NetworkPart

Tier = Literal["public", "private", "database"]


@dataclass(frozen=True)
class NetworkArgs:
    settings: Settings
    account: Account
    keys: Keys
    logs: LogBucket | None


class Network(Component):
    """`bulwark:index:Network`: public, private and database subnets, one of each a zone.

    Children: `{name}` (VPC, internet gateway), `{name}-default` (what AWS makes with a VPC,
    emptied), `{name}-{tier}` (network ACL, shared route table), `{name}-{tier}-{zone}` (subnet,
    private route table, routes), `{name}-nat`, `{name}-endpoint`, `{name}-flow-logs`.

    The ids in `public_subnets`, `private_subnets` and `database_subnets`, by zone letter, are
    known only once their subnet has its routes, its ACL and its endpoints: what starts there
    reaches what it needs.
    """

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Network", name, args.settings, opts)
        network = self.settings.network
        tiers = blocks(network.cidr)
        self._vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(network.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            opts=self.guarded(),
        )
        self.vpc_id = self._vpc.id
        self._empty_defaults()
        self._subnets: dict[Tier, dict[str, aws.ec2.Subnet]] = {}
        self._acls: dict[Tier, aws.ec2.NetworkAcl] = {}
        self._tiers()

        self.public_subnets = self._public()
        self._nat = Nat(
            self.key("nat"),
            NatArgs(
                self.settings,
                args.keys.data,
                self.vpc_id,
                self.public_subnets,
                str(tiers["private"]),
            ),
            opts=self.child,
        )
        self.nat_gateways, self.nat_instances = self._nat.gateways, self._nat.instances

        private = {zone: self._table("private", zone) for zone in network.zones}
        database = self._table("database")
        endpoints = Endpoints(
            self.key("endpoint"),
            EndpointsArgs(
                self.settings,
                args.account,
                self.vpc_id,
                [*(table.id for table in private.values()), database.id],
                [subnet.id for subnet in self._subnets["private"].values()],
            ),
            opts=self.child,
        )
        self.private_subnets: dict[str, Output[str]] = {}
        for zone, table in private.items():
            ready = [*self._nat.route(self, zone, table.id), endpoints]
            self.private_subnets[zone] = self._attach("private", zone, table, ready)
        self.database_subnets = {
            zone: self._attach("database", zone, database, [endpoints]) for zone in network.zones
        }

        logs = FlowLogs(
            self.key("flow-logs"),
            FlowLogsArgs(
                self.settings,
                args.account,
                self.vpc_id,
                args.keys.logs,
                args.logs.arn if args.logs else None,
            ),
            opts=self.child,
        )
        self.flow_log_group = logs.log_group
        self.part = contract(
            NetworkPart,
            vpc_id=self.vpc_id,
            cidr=str(network.cidr),
            public_subnets=self.public_subnets,
            private_subnets=self.private_subnets,
            database_subnets=self.database_subnets,
            nat_gateways=self.nat_gateways,
            nat_instances=self._nat.instances,
            nat_addresses=self._nat.addresses,
            flow_log_group=self.flow_log_group,
        )
        self.register_outputs({"vpcId": self.vpc_id, "part": self.part})

    def _empty_defaults(self) -> None:
        """Takes every rule and route from what AWS makes with a VPC (EC2.2): nobody uses it."""
        vpc, name = self._vpc, self.key("default")
        aws.ec2.DefaultSecurityGroup(name, vpc_id=vpc.id, ingress=[], egress=[], opts=self.child)
        aws.ec2.DefaultRouteTable(
            name, default_route_table_id=vpc.default_route_table_id, routes=[], opts=self.child
        )
        # Subnets fall back to it while their own ACL is replaced; that is no change of ours.
        aws.ec2.DefaultNetworkAcl(
            name,
            default_network_acl_id=vpc.default_network_acl_id,
            ingress=[],
            egress=[],
            opts=self.options(ignore_changes=["subnetIds"]),
        )

    def _tiers(self) -> None:
        """Subnets without public addresses (EC2.15), and for each tier an ACL in use (EC2.16)."""
        settings = self.settings
        layout = subnets(settings.network.cidr, settings.network.zones)
        by_tier = rules(settings.network.cidr, blocks(settings.network.cidr))
        tiers: tuple[Tier, ...] = ("public", "private", "database")
        for tier in tiers:
            made = {
                zone: aws.ec2.Subnet(
                    self.key(tier, zone),
                    vpc_id=self.vpc_id,
                    availability_zone=settings.availability_zones[zone],
                    cidr_block=str(cidr),
                    map_public_ip_on_launch=False,
                    tags={"Tier": tier},
                    opts=self.child,
                )
                for zone, cidr in layout[tier].items()
            }
            ids = [subnet.id for subnet in made.values()]
            self._subnets[tier] = made
            self._acls[tier] = network_acl(self, tier, self.vpc_id, ids, by_tier[tier])

    def _public(self) -> Mapping[str, Output[str]]:
        """The public tier: the only route table that leads to the internet gateway (RDS.46)."""
        gateway = aws.ec2.InternetGateway(self.name, vpc_id=self.vpc_id, opts=self.child)
        table = self._table("public")
        route = aws.ec2.Route(
            self.key("public"),
            route_table_id=table.id,
            destination_cidr_block=WORLD,
            gateway_id=gateway.id,
            opts=self.child,
        )
        zones = self._subnets["public"]
        return {zone: self._attach("public", zone, table, [route]) for zone in zones}

    def _table(self, *key: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(self.key(*key), vpc_id=self.vpc_id, opts=self.child)

    def _attach(
        self, tier: Tier, zone: str, table: aws.ec2.RouteTable, ready: Sequence[Resource]
    ) -> Output[str]:
        """Gives a subnet its route table; returns its id, known once `ready` and the ACL stand."""
        association = aws.ec2.RouteTableAssociation(
            self.key(tier, zone),
            route_table_id=table.id,
            subnet_id=self._subnets[tier][zone].id,
            opts=self.options(depends_on=[self._acls[tier], *ready]),
        )
        return cast(Output[str], association.subnet_id)  # a gateway would have none
