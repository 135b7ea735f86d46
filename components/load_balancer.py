"""The load balancer: HTTPS from the world, routed to services and fleet."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.certificate import Certificate, CertificateArgs
from components.component import Component
from components.contract import contract
from components.firewall import security_group
from components.keys import Keys
from components.log_bucket import ALB_PREFIX, LogBucket
from components.network import Network
from components.routing import MAINTENANCE, Route
from components.settings import Settings
from components.waf import Waf, WafArgs
from ops.outputs import LoadBalancerPart

HTTP: Final = 80
HTTPS: Final = 443
DRAIN: Final = 30  # seconds that a leaving target may still finish its requests
# A host name that no client asks for. To close, operations put the path "/*" in its place.
NEVER: Final = "maintenance.invalid"
# At most 1024 bytes.
MAINTENANCE_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Back soon</title></head>
<body style="font-family:sans-serif;text-align:center;padding:15vh 1em">
<h1>Back soon</h1><p>We are at work on this service. Please try again in a few minutes.</p>
</body></html>
"""


@dataclass(frozen=True)
class LoadBalancerArgs:
    settings: Settings
    account: Account
    keys: Keys
    network: Network
    logs: LogBucket | None


@dataclass(frozen=True)
class Target:
    """A target group and the rules that lead to it. What registers targets waits for the rules."""

    group_arn: Output[str]
    group_arn_suffix: Output[str]
    rules: tuple[aws.lb.ListenerRule, ...]


@dataclass(frozen=True)
class _Kind:
    """How the targets of a group are called on and looked after."""

    type: str
    port: int
    health_path: str


class LoadBalancer(Component):
    """`bulwark:index:LoadBalancer`: an Application Load Balancer in the public subnets.

    Children: the load balancer `{name}` and its security group `{name}-public`; a `Certificate`
    `{name}-certificate` and a record `{name}-{host name}` for each name; the listeners
    `{name}-https` and `{name}-http`; the rule `{name}-maintenance`; for each target a target
    group `{name}-{target}` and a rule `{name}-{target}-{route}`; unless left out a `Waf`
    `{name}-waf`.
    """

    def __init__(
        self, name: str, args: LoadBalancerArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("LoadBalancer", name, args.settings, opts)
        settings, network = args.settings, args.network
        self.security_group_id = self._firewall(network.vpc_id)
        balancer = self._balancer(args)
        self.arn, self.arn_suffix = balancer.arn, balancer.arn_suffix
        self.load_balancer_name, self.dns_name = balancer.name, balancer.dns_name
        certificate = Certificate(self.key("certificate"), CertificateArgs(settings), self.child)
        self.certificate_arn = certificate.arn
        if certificate.zone_id is not None:
            self._records(balancer, certificate.zone_id)
        self.listener_arn = self._listeners()
        maintenance = self._maintenance()
        self.targets = self._targets(network.vpc_id)
        waf = (
            Waf(self.key("waf"), WafArgs(settings, args.keys, balancer.arn), self.child)
            if settings.load_balancer.waf.enabled
            else None
        )
        self.web_acl_name = waf.web_acl_name if waf else None
        wanted = settings.load_balancer
        self.part: Output[dict[str, Any]] = contract(
            LoadBalancerPart,
            arn=self.arn,
            name=balancer.name,
            dns_name=self.dns_name,
            url=Output.format(
                "{0}://{1}", "https" if wanted.https else "http", wanted.domain or self.dns_name
            ),
            security_group_id=self.security_group_id,
            listener_arn=self.listener_arn,
            maintenance_rule_arn=maintenance.arn,
            certificate_arn=certificate.arn,
            zone_id=certificate.zone_id,
            name_servers=certificate.name_servers or (),
            web_acl_arn=waf.arn if waf else None,
            access_log_bucket=args.logs.bucket if args.logs and wanted.access_logs else None,
            targets={
                target: {
                    "target_group_arn": made.group_arn,
                    "rule_arns": [rule.arn for rule in made.rules],
                    "health_path": self._kind(target).health_path,
                }
                for target, made in self.targets.items()
            },
        )
        self.register_outputs({"arn": self.arn, "dns_name": self.dns_name})

    def _firewall(self, vpc_id: Input[str]) -> Output[str]:
        """The world, or whom the settings allow, to the listeners' ports only (EC2.18)."""
        group = security_group(self, "public", "From clients to the load balancer", vpc_id)
        wanted = self.settings.load_balancer
        for port in (HTTP, HTTPS) if wanted.https else (HTTP,):
            for cidr in wanted.allowed_cidrs:
                aws.vpc.SecurityGroupIngressRule(
                    self.key("public", str(port), str(cidr)),
                    security_group_id=group.id,
                    cidr_ipv4=str(cidr),
                    description=f"clients to port {port}",
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    opts=self.child,
                )
        return group.id

    def _balancer(self, args: LoadBalancerArgs) -> aws.lb.LoadBalancer:
        wanted = self.settings.load_balancer
        logs: aws.lb.LoadBalancerAccessLogsArgsDict | None = (
            {"bucket": args.logs.bucket, "prefix": ALB_PREFIX, "enabled": True}
            if args.logs and wanted.access_logs
            else None
        )
        return aws.lb.LoadBalancer(
            self.name,
            name=self.physical(self.name),
            load_balancer_type="application",
            internal=False,
            ip_address_type="ipv4",
            subnets=list(args.network.public_subnets.values()),
            security_groups=[self.security_group_id],
            enable_deletion_protection=self.settings.protect,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=wanted.desync,
            enable_http2=True,
            idle_timeout=wanted.idle_timeout,
            preserve_host_header=False,
            xff_header_processing_mode="append",
            access_logs=logs,
            opts=self.guarded(),
        )

    def _records(self, balancer: aws.lb.LoadBalancer, zone_id: Output[str]) -> None:
        """The names lead to the load balancer, which answers by IPv4 only: no AAAA."""
        for host in self.settings.load_balancer.names:
            aws.route53.Record(
                self.key(host),
                zone_id=zone_id,
                name=host,
                type="A",
                aliases=[
                    {
                        "name": balancer.dns_name,
                        "zone_id": balancer.zone_id,
                        "evaluate_target_health": False,
                    }
                ],
                opts=self.child,
            )

    def _listeners(self) -> Output[str]:
        """The listener that serves, and with HTTPS another that redirects to it (ELB.1)."""
        unknown: aws.lb.ListenerDefaultActionArgsDict = {
            "type": "fixed-response",
            "fixed_response": {
                "content_type": "text/plain",
                "message_body": "Not found",
                "status_code": "404",
            },
        }
        redirect: aws.lb.ListenerDefaultActionArgsDict = {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": str(HTTPS), "status_code": "HTTP_301"},
        }
        https = self.settings.load_balancer.https
        plain = aws.lb.Listener(
            self.key("http"),
            load_balancer_arn=self.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=[redirect if https else unknown],
            opts=self.child,
        )
        if not https:
            return plain.arn
        return aws.lb.Listener(
            self.key("https"),
            load_balancer_arn=self.arn,
            port=HTTPS,
            protocol="HTTPS",
            ssl_policy=self.settings.load_balancer.tls_policy,
            certificate_arn=self.certificate_arn,
            default_actions=[unknown],
            opts=self.child,
        ).arn

    def _maintenance(self) -> aws.lb.ListenerRule:
        """Before all other rules, and never met: operations own its condition."""
        return aws.lb.ListenerRule(
            self.key("maintenance"),
            listener_arn=self.listener_arn,
            priority=MAINTENANCE,
            conditions=[{"host_header": {"values": [NEVER]}}],
            actions=[
                {
                    "type": "fixed-response",
                    "fixed_response": {
                        "content_type": "text/html",
                        "message_body": MAINTENANCE_PAGE,
                        "status_code": "503",
                    },
                }
            ],
            opts=self.options(ignore_changes=["conditions"]),
        )

    def _targets(self, vpc_id: Input[str]) -> dict[str, Target]:
        made: dict[str, Target] = {}
        for target in self.settings.targets:
            group = self._group(target, vpc_id)
            rules = tuple(
                self._rule(route, group) for route in self.settings.routes if route.target == target
            )
            made[target] = Target(group.arn, group.arn_suffix, rules)
        return made

    def _group(self, target: str, vpc_id: Input[str]) -> aws.lb.TargetGroup:
        """Named by Pulumi (at most 32 letters), so that a replacement can stand beside it."""
        kind = self._kind(target)
        return aws.lb.TargetGroup(
            self.key(target),
            vpc_id=vpc_id,
            target_type=kind.type,
            port=kind.port,
            protocol="HTTP",
            deregistration_delay=DRAIN,
            slow_start=0,
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check={
                "enabled": True,
                "path": kind.health_path,
                "port": "traffic-port",
                "protocol": "HTTP",
                "matcher": "200-399",
                "interval": 15,
                "timeout": 5,
                "healthy_threshold": 2,
                "unhealthy_threshold": 3,
            },
            opts=self.child,
        )

    def _kind(self, target: str) -> _Kind:
        if target == "fleet":
            fleet = self.settings.fleet
            return _Kind("instance", fleet.port, fleet.health_path)
        service = self.settings.services[target]
        return _Kind("ip", service.port, service.health_path)

    def _rule(self, route: Route, group: aws.lb.TargetGroup) -> aws.lb.ListenerRule:
        conditions: list[aws.lb.ListenerRuleConditionArgsDict] = [
            {"path_pattern": {"values": [route.path]}}
        ]
        if route.host is not None:
            conditions.append({"host_header": {"values": [route.host]}})
        return aws.lb.ListenerRule(
            self.key(route.target, route.label),
            listener_arn=self.listener_arn,
            priority=route.priority,
            conditions=conditions,
            actions=[{"type": "forward", "target_group_arn": group.arn}],
            opts=self.child,
        )
