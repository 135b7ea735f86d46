"""The load balancer: HTTPS from the world, routed to services and fleet."""

from dataclasses import dataclass, field
from typing import Any, Final

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.certificate import Certificate, CertificateArgs
from components.component import Component
from components.contract import build_contract_part
from components.facts.load_balancer import BALANCER_LOG_PREFIX, UNMATCHED_HOST
from components.firewall import create_security_group
from components.internet import HTTP_PORT, HTTPS_PORT
from components.keys import Keys
from components.log_bucket import LogBucket
from components.network import Network
from components.routing import (
    MAINTENANCE_PRIORITY,
    DeployedPriorities,
    Route,
    assign_priorities,
)
from components.settings import Settings
from components.settings.container import ContainerSettings
from components.waf import Waf, WafArgs
from ops.outputs import LoadBalancerPart

DEFAULT_STICKY_SECONDS: Final = 86_400  # what an attribute has that nobody set (ELB API reference)
# At most 1024 bytes.
MAINTENANCE_PAGE_HTML: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Back soon</title></head>
<body style="font-family:sans-serif;text-align:center;padding:15vh 1em">
<h1>Back soon</h1><p>We are at work on this service. Please try again in a few minutes.</p>
</body></html>
"""


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    settings: Settings
    keys: Keys
    network: Network
    log_bucket: LogBucket | None
    deployed_priorities: DeployedPriorities = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LoadBalancerTarget:
    """A target group and the rules that lead to it. What registers targets waits for the rules."""

    group_arn: Output[str]
    group_arn_suffix: Output[str]
    rules: tuple[aws.lb.ListenerRule, ...]


@dataclass(frozen=True, kw_only=True)
class _TargetKind:
    """How the targets of a group are called on and looked after."""

    target_type: str
    container: ContainerSettings


class LoadBalancer(Component):
    """`bulwark:index:LoadBalancer`: an Application Load Balancer in the public subnets.

    An internal one is in the private subnets.

    Children: the load balancer `{name}` and its security group `{name}-public`; a `Certificate`
    `{name}-certificate` and a record `{name}-{host name}` for each name; the listeners
    `{name}-https` and `{name}-http`; the rule `{name}-maintenance`; for each target a target
    group `{name}-{target}` and a rule `{name}-{target}-{route}`; unless left out a `Waf`
    `{name}-waf`.
    """

    def __init__(
        self, name: str, *, args: LoadBalancerArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("LoadBalancer", name, settings=args.settings, opts=opts)
        settings, network = args.settings, args.network
        self.security_group_id = self._create_security_group(network.vpc_id)
        load_balancer = self._create_load_balancer(args)
        self.arn, self.arn_suffix = load_balancer.arn, load_balancer.arn_suffix
        self.load_balancer_name, self.dns_name = load_balancer.name, load_balancer.dns_name
        certificate = Certificate(
            self.format_logical_name("certificate"),
            args=CertificateArgs(settings=settings),
            opts=self.child_options,
        )
        self.certificate_arn, self.zone_id = certificate.arn, certificate.zone_id
        if certificate.zone_id is not None:
            self._create_alias_records(load_balancer, certificate.zone_id)
        self.listener_arn = self._create_listeners()
        maintenance_rule = self._create_maintenance_rule()
        self._priorities = assign_priorities(settings.routes, args.deployed_priorities)
        self.targets = self._create_targets(network.vpc_id)
        waf = (
            Waf(
                self.format_logical_name("waf"),
                args=WafArgs(
                    settings=settings, keys=args.keys, load_balancer_arn=load_balancer.arn
                ),
                opts=self.child_options,
            )
            if settings.load_balancer.waf.enabled
            else None
        )
        self.web_acl_name = waf.web_acl_name if waf else None
        self.web_acl_log_group = waf.log_group if waf else None
        load_balancer_settings = settings.load_balancer
        self.part: Output[dict[str, Any]] = build_contract_part(
            LoadBalancerPart,
            arn=self.arn,
            name=load_balancer.name,
            dns_name=self.dns_name,
            url=Output.format(
                "{0}://{1}",
                "https" if load_balancer_settings.has_https else "http",
                load_balancer_settings.domain or self.dns_name,
            ),
            internal=load_balancer_settings.internal,
            security_group_id=self.security_group_id,
            listener_arn=self.listener_arn,
            maintenance_rule_arn=maintenance_rule.arn,
            certificate_arn=certificate.arn,
            zone_id=certificate.zone_id,
            name_servers=certificate.name_servers or (),
            web_acl_arn=waf.arn if waf else None,
            access_log_bucket=args.log_bucket.bucket
            if args.log_bucket and load_balancer_settings.access_logs
            else None,
            targets={
                target_name: {
                    "target_group_arn": target.group_arn,
                    "rule_arns": [rule.arn for rule in target.rules],
                    "health_path": self._get_target_kind(target_name).container.health_path,
                    "priorities": {
                        route.key: priority
                        for route, priority in self._priorities.items()
                        if route.target == target_name
                    },
                }
                for target_name, target in self.targets.items()
            },
        )
        self.register_outputs({"arn": self.arn, "dns_name": self.dns_name})

    def _create_security_group(self, vpc_id: Input[str]) -> Output[str]:
        """Opens only the listeners' ports, to the internet or the settings' ranges (EC2.18)."""
        group = create_security_group(
            self, "public", description="From clients to the load balancer", vpc_id=vpc_id
        )
        load_balancer_settings = self.settings.load_balancer
        for port in (HTTP_PORT, HTTPS_PORT) if load_balancer_settings.has_https else (HTTP_PORT,):
            for cidr in self.settings.balancer_cidrs:
                aws.vpc.SecurityGroupIngressRule(
                    self.format_logical_name("public", str(port), str(cidr)),
                    security_group_id=group.id,
                    cidr_ipv4=str(cidr),
                    description=f"clients to port {port}",
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    opts=self.child_options,
                )
        return group.id

    def _create_load_balancer(self, args: LoadBalancerArgs) -> aws.lb.LoadBalancer:
        load_balancer_settings = self.settings.load_balancer
        access_logs: aws.lb.LoadBalancerAccessLogsArgsDict | None = (
            {"bucket": args.log_bucket.bucket, "prefix": BALANCER_LOG_PREFIX, "enabled": True}
            if args.log_bucket and load_balancer_settings.access_logs
            else None
        )
        network = args.network
        subnets = (
            network.private_subnets if load_balancer_settings.internal else network.public_subnets
        )
        return aws.lb.LoadBalancer(
            self.name,
            name=self.format_physical_name(self.name),
            load_balancer_type="application",
            internal=load_balancer_settings.internal,
            ip_address_type="ipv4",
            subnets=list(subnets.values()),
            security_groups=[self.security_group_id],
            enable_deletion_protection=self.settings.protect,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=load_balancer_settings.desync,
            enable_http2=True,
            idle_timeout=load_balancer_settings.idle_timeout,
            preserve_host_header=False,
            xff_header_processing_mode="append",
            access_logs=access_logs,
            opts=self.build_protected_options(),
        )

    def _create_alias_records(
        self, load_balancer: aws.lb.LoadBalancer, zone_id: Output[str]
    ) -> None:
        """The names lead to the load balancer, which answers by IPv4 only: no AAAA."""
        for host in self.settings.load_balancer.host_names:
            aws.route53.Record(
                self.format_logical_name(host),
                zone_id=self.settings.load_balancer.find_zone_id(host) or zone_id,
                name=host,
                type="A",
                aliases=[
                    {
                        "name": load_balancer.dns_name,
                        "zone_id": load_balancer.zone_id,
                        "evaluate_target_health": False,
                    }
                ],
                opts=self.child_options,
            )

    def _create_listeners(self) -> Output[str]:
        """The listener that serves, and with HTTPS another that redirects to it (ELB.1)."""
        not_found_action: aws.lb.ListenerDefaultActionArgsDict = {
            "type": "fixed-response",
            "fixed_response": {
                "content_type": "text/plain",
                "message_body": "Not found",
                "status_code": "404",
            },
        }
        redirect_action: aws.lb.ListenerDefaultActionArgsDict = {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": str(HTTPS_PORT), "status_code": "HTTP_301"},
        }
        has_https = self.settings.load_balancer.has_https
        http_listener = aws.lb.Listener(
            self.format_logical_name("http"),
            load_balancer_arn=self.arn,
            port=HTTP_PORT,
            protocol="HTTP",
            default_actions=[redirect_action if has_https else not_found_action],
            opts=self.child_options,
        )
        if not has_https:
            return http_listener.arn
        return aws.lb.Listener(
            self.format_logical_name("https"),
            load_balancer_arn=self.arn,
            port=HTTPS_PORT,
            protocol="HTTPS",
            ssl_policy=self.settings.load_balancer.tls_policy,
            certificate_arn=self.certificate_arn,
            default_actions=[not_found_action],
            opts=self.child_options,
        ).arn

    def _create_maintenance_rule(self) -> aws.lb.ListenerRule:
        """Before all other rules, and never met: operations own its condition."""
        return aws.lb.ListenerRule(
            self.format_logical_name("maintenance"),
            listener_arn=self.listener_arn,
            priority=MAINTENANCE_PRIORITY,
            conditions=[{"host_header": {"values": [UNMATCHED_HOST]}}],
            actions=[
                {
                    "type": "fixed-response",
                    "fixed_response": {
                        "content_type": "text/html",
                        "message_body": MAINTENANCE_PAGE_HTML,
                        "status_code": "503",
                    },
                }
            ],
            opts=self.build_child_options(ignore_changes=["conditions"]),
        )

    def _create_targets(self, vpc_id: Input[str]) -> dict[str, LoadBalancerTarget]:
        targets: dict[str, LoadBalancerTarget] = {}
        for target_name in self.settings.target_patterns:
            target_group = self._create_target_group(target_name, vpc_id)
            rules = tuple(
                self._create_rule(route, target_group)
                for route in self.settings.routes
                if route.target == target_name
            )
            targets[target_name] = LoadBalancerTarget(
                group_arn=target_group.arn, group_arn_suffix=target_group.arn_suffix, rules=rules
            )
        return targets

    def _create_target_group(self, target_name: str, vpc_id: Input[str]) -> aws.lb.TargetGroup:
        """Named by Pulumi (at most 32 letters), so that a replacement can exist beside it."""
        kind = self._get_target_kind(target_name)
        container, health_check = kind.container, kind.container.health_check
        return aws.lb.TargetGroup(
            self.format_logical_name(target_name),
            vpc_id=vpc_id,
            target_type=kind.target_type,
            port=container.port,
            protocol="HTTP",
            deregistration_delay=container.drain_seconds,
            slow_start=0,
            load_balancing_algorithm_type="least_outstanding_requests",
            # Said in either case: the provider keeps what AWS has if it is left out.
            stickiness={
                "enabled": container.sticky_seconds is not None,
                "type": "lb_cookie",
                "cookie_duration": container.sticky_seconds or DEFAULT_STICKY_SECONDS,
            },
            health_check={
                "enabled": True,
                "path": container.health_path,
                "port": "traffic-port",
                "protocol": "HTTP",
                "matcher": health_check.matcher,
                "interval": health_check.interval_seconds,
                "timeout": health_check.timeout_seconds,
                "healthy_threshold": health_check.healthy_threshold,
                "unhealthy_threshold": health_check.unhealthy_threshold,
            },
            opts=self.child_options,
        )

    def _get_target_kind(self, target_name: str) -> _TargetKind:
        if target_name == "fleet":
            return _TargetKind(target_type="instance", container=self.settings.fleet)
        return _TargetKind(target_type="ip", container=self.settings.services[target_name])

    def _create_rule(self, route: Route, target_group: aws.lb.TargetGroup) -> aws.lb.ListenerRule:
        conditions: list[aws.lb.ListenerRuleConditionArgsDict] = [
            {"path_pattern": {"values": [route.path]}}
        ]
        if route.host is not None:
            conditions.append({"host_header": {"values": [route.host]}})
        return aws.lb.ListenerRule(
            self.format_logical_name(route.target, route.label),
            listener_arn=self.listener_arn,
            priority=self._priorities[route],
            conditions=conditions,
            actions=[{"type": "forward", "target_group_arn": target_group.arn}],
            opts=self.child_options,
        )
