"""NAT gateways, or small instances that replace them: the private subnets' way out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from components.account import Account
from components.component import Component
from components.firewall import allow_outbound, create_security_group
from components.internet import ANYWHERE_CIDR
from components.naming import build_disk_tags
from components.policies import create_service_role
from components.settings import Settings

WEB_PORTS: Final = {"http": 80, "https": 443}
# ECS's image has what an address translator needs and Amazon Linux's own lacks: iptables (its
# container runtime requires it) beside the SSM agent. Nothing is fetched at boot.
NAT_IMAGE_PARAMETER: Final = (
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"
)
NAT_DISK_GIB: Final = 30  # GiB; the image's snapshot is no smaller

# Ports 32768 and up, because the network ACL lets no answer in to 3389 (EC2.21). The unit runs
# at each boot. Docker is stopped first: where it has run, it has closed forwarding.
NAT_USER_DATA: Final = """\
#!/bin/bash
# Sends what comes from {private} on to the internet, under this host's own address.
set -eu
# ecs.service waits for this script to end: stopped without waiting, its start is called off.
systemctl stop --no-block ecs.service amazon-ecs-volume-plugin.service || true
systemctl stop docker.socket docker.service || true
systemctl mask ecs.service amazon-ecs-volume-plugin.service docker.socket docker.service || true

cat >/etc/sysctl.d/90-nat.conf <<'END'
net.ipv4.ip_forward = 1
net.ipv4.conf.all.send_redirects = 0
net.ipv4.conf.default.send_redirects = 0
END

cat >/usr/local/sbin/nat <<'END'
#!/bin/bash
set -eu
sysctl -q -p /etc/sysctl.d/90-nat.conf
out=$(ip -4 -oneline route show default | sed -n '1s/.* dev \\([^ ]*\\).*/\\1/p')
iptables -w -P FORWARD DROP
iptables -w -F FORWARD
iptables -w -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -w -A FORWARD -s {private} ! -d {vpc} -j ACCEPT
iptables -w -t nat -F POSTROUTING
iptables -w -t nat -A POSTROUTING -o "$out" -s {private} ! -d {vpc} -p tcp \\
  -j MASQUERADE --to-ports 32768-60999
END
chmod 755 /usr/local/sbin/nat

cat >/etc/systemd/system/nat.service <<'END'
[Unit]
Description=Address translation for the private subnets
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/nat
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl enable --now nat.service
"""


@dataclass(frozen=True, kw_only=True)
class NatArgs:
    """`subnets` are the public ones by zone letter; `private` is the block of those served."""

    settings: Settings
    account: Account
    kms_key: Input[str] | None
    vpc_id: Input[str]
    public_subnets: Mapping[str, Input[str]]
    private_cidr: str


class Nat(Component):
    """`bulwark:index:Nat`: as many devices as the settings say, each with its own address.

    Children by zone letter: `{name}-{zone}`, an elastic IP and a NAT gateway; or
    `{name}-instance-{zone}`, an elastic IP and an instance, and for all instances
    `{name}-instance` (security group, role, profile). The two have addresses of their own, so
    that one device can take over from the other while both stand.
    """

    def __init__(self, name: str, *, args: NatArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Nat", name, settings=args.settings, opts=opts)
        self.gateways: dict[str, Output[str]] = {}
        self.instances: dict[str, Output[str]] = {}
        self.addresses: dict[str, Output[str]] = {}
        self._interfaces: dict[str, Output[str]] = {}
        zones = self.settings.nat_zones
        if self.settings.network.nat_device == "gateway":
            for zone in zones:
                self._create_gateway(args, zone)
        elif zones:
            self._create_instances(args, zones)
        self.register_outputs(
            {"gateways": self.gateways, "instances": self.instances, "addresses": self.addresses}
        )

    def create_route(
        self, component: Component, zone: str, *, route_table_id: Input[str]
    ) -> list[Resource]:
        """Routes a zone's traffic to its device, or to the first; creates nothing without NAT."""
        zones = self.settings.nat_zones
        if not zones:
            return []
        device_zone = zone if zone in zones else zones[0]
        route = aws.ec2.Route(
            component.format_logical_name("private", zone),
            route_table_id=route_table_id,
            destination_cidr_block=ANYWHERE_CIDR,
            nat_gateway_id=self.gateways.get(device_zone),
            network_interface_id=self._interfaces.get(device_zone),
            opts=component.child_options,
        )
        return [route]

    def _create_address(
        self, *name_parts: str, instance_id: Input[str] | None = None
    ) -> aws.ec2.Eip:
        """Creates a protected address: third parties may have allowed it in their firewalls."""
        return aws.ec2.Eip(
            self.format_logical_name(*name_parts),
            domain="vpc",
            instance=instance_id,
            opts=self.build_protected_options(),
        )

    def _create_gateway(self, args: NatArgs, zone: str) -> None:
        address = self._create_address(zone)
        gateway = aws.ec2.NatGateway(
            self.format_logical_name(zone),
            allocation_id=address.allocation_id,
            subnet_id=args.public_subnets[zone],
            opts=self.child_options,
        )
        self.gateways[zone], self.addresses[zone] = gateway.id, address.public_ip

    def _create_instances(self, args: NatArgs, zones: tuple[str, ...]) -> None:
        security_group = self._create_security_group(args)
        role = create_service_role(
            self,
            "instance",
            service="ec2.amazonaws.com",
            account=args.account,
            statements=[],
            managed_policies=["AmazonSSMManagedInstanceCore"],
        )
        profile = aws.iam.InstanceProfile(
            self.format_logical_name("instance"),
            name=self.format_physical_name(self.name, "instance"),
            role=role.name,
            opts=self.child_options,
        )
        image_id = Output.unsecret(aws.ssm.get_parameter_output(name=NAT_IMAGE_PARAMETER).value)
        for zone in zones:
            instance = aws.ec2.Instance(
                self.format_logical_name("instance", zone),
                ami=image_id,
                instance_type="t4g.nano",
                subnet_id=args.public_subnets[zone],
                vpc_security_group_ids=[security_group.id],
                source_dest_check=False,
                iam_instance_profile=profile.name,
                metadata_options={
                    "http_endpoint": "enabled",
                    "http_tokens": "required",
                    "http_put_response_hop_limit": 1,
                },
                root_block_device={
                    "encrypted": True,
                    "kms_key_id": args.kms_key,
                    "volume_type": "gp3",
                    "volume_size": NAT_DISK_GIB,
                    "tags": build_disk_tags(
                        self.settings,
                        "network",
                        name=self.format_physical_name(self.name, "instance", zone),
                    ),
                },
                # Out of credits it is slow; "unlimited" would cost more than a NAT gateway.
                credit_specification={"cpu_credits": "standard"},
                user_data=NAT_USER_DATA.format(
                    private=args.private_cidr, vpc=self.settings.network.cidr
                ),
                user_data_replace_on_change=True,
                # A newer image waits for a replacement that somebody asks for.
                opts=self.build_child_options(ignore_changes=["ami"]),
            )
            address = self._create_address("instance", zone, instance_id=instance.id)
            self.instances[zone], self.addresses[zone] = instance.id, address.public_ip
            self._interfaces[zone] = instance.primary_network_interface_id

    def _create_security_group(self, args: NatArgs) -> aws.ec2.SecurityGroup:
        """The web out; in, only the same from the private subnets."""
        group = create_security_group(
            self, "instance", description="NAT instances", vpc_id=args.vpc_id
        )
        for protocol, port in WEB_PORTS.items():
            allow_outbound(
                self,
                f"instance-{protocol}",
                client_group_id=group.id,
                cidr=ANYWHERE_CIDR,
                port=port,
            )
            aws.vpc.SecurityGroupIngressRule(
                self.format_logical_name("instance", protocol),
                security_group_id=group.id,
                cidr_ipv4=args.private_cidr,
                description=f"{protocol} from the private subnets",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=self.child_options,
            )
        return group
