"""The load balancer: what it answers, to whom, and how it is protected."""

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from pydantic import JsonValue

from components.account import Account
from components.keys import Keys, KeysArgs
from components.load_balancer import MAINTENANCE_PAGE_HTML, LoadBalancer, LoadBalancerArgs
from components.log_bucket import LogBucket, LogBucketArgs
from components.network import Network
from components.routing import assign_priorities
from ops.outputs import LoadBalancerPart
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

LOAD_BALANCER_TYPE = "aws:lb/loadBalancer:LoadBalancer"
LISTENER_TYPE = "aws:lb/listener:Listener"
LISTENER_RULE_TYPE = "aws:lb/listenerRule:ListenerRule"
TARGET_GROUP_TYPE = "aws:lb/targetGroup:TargetGroup"
INGRESS_RULE_TYPE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ZONED_VALUES: dict[str, JsonValue] = {"domain": "app.example.com", "zoneId": "Z1"}
TWO_ROUTED_SERVICES: dict[str, JsonValue] = {
    "backend": {"paths": ["/api/*"], "port": 9000, "healthPath": "/api/health"},
    "frontend": {},
}


def _create_load_balancer(
    values: Mapping[str, JsonValue] | None = None, *, profile: str = "prod"
) -> LoadBalancer:
    settings, account = build_settings(values, profile=profile), Account.get_current()
    keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
    network = SimpleNamespace(
        vpc_id=pulumi.Output.from_input("vpc-1"),
        public_subnets={
            zone: pulumi.Output.from_input(f"subnet-{zone}") for zone in settings.network.zones
        },
        private_subnets={
            zone: pulumi.Output.from_input(f"private-{zone}") for zone in settings.network.zones
        },
    )
    log_bucket = (
        LogBucket("logs", args=LogBucketArgs(settings=settings, account=account))
        if settings.has_log_bucket
        else None
    )
    return LoadBalancer(
        "alb",
        args=LoadBalancerArgs(
            settings=settings, keys=keys, network=cast(Network, network), log_bucket=log_bucket
        ),
    )


def build_load_balancer_graph(
    build: Build, values: Mapping[str, JsonValue] | None = None, *, profile: str = "prod"
) -> ResourceGraph:
    return build(lambda: _create_load_balancer(values, profile=profile))


def _load_load_balancer_part(
    build: Build, values: Mapping[str, JsonValue] | None = None, *, profile: str = "prod"
) -> LoadBalancerPart:
    parts: list[dict[str, Any]] = []
    build(lambda: _create_load_balancer(values, profile=profile).part.apply(parts.append))
    return LoadBalancerPart.model_validate(parts[0])


@pytest.mark.parametrize(
    ("control", "attribute", "value"),
    [
        ("ELB.4", "dropInvalidHeaderFields", True),
        ("ELB.6", "enableDeletionProtection", True),
        ("ELB.12", "desyncMitigationMode", "defensive"),
        ("ELB.13", "subnets", ["subnet-a", "subnet-b", "subnet-c"]),
    ],
)
def test_the_load_balancer_is_protected(
    build: Build, control: str, attribute: str, value: JsonValue
) -> None:
    balancer = build_load_balancer_graph(build).get_resource(LOAD_BALANCER_TYPE)
    assert balancer.inputs[attribute] == value, control
    assert balancer.protect
    assert balancer.inputs["internal"] is False


def test_elb_1_http_only_redirects_to_https(build: Build) -> None:
    plain = build_load_balancer_graph(build).get_resource(LISTENER_TYPE, "alb-http").inputs
    assert (plain["port"], plain["protocol"]) == (80, "HTTP")
    (action,) = plain["defaultActions"]
    assert action["type"] == "redirect"
    assert action["redirect"] == {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}


def test_elb_5_access_logs_go_to_the_bucket_of_logs(build: Build) -> None:
    graph = build_load_balancer_graph(build)
    logs = graph.get_resource(LOAD_BALANCER_TYPE).inputs["accessLogs"]
    policy = graph.get_resource("aws:s3/bucketPolicy:BucketPolicy").inputs
    assert logs == {"bucket": policy["bucket"], "prefix": "alb", "enabled": True}
    without = build_load_balancer_graph(
        build, {"loadBalancer": {**ZONED_VALUES, "accessLogs": False}}
    )
    assert "accessLogs" not in without.get_resource(LOAD_BALANCER_TYPE).inputs


def test_elb_16_a_web_acl_stands_before_it_unless_the_settings_leave_it_out(build: Build) -> None:
    kind = "aws:wafv2/webAclAssociation:WebAclAssociation"
    graph = build_load_balancer_graph(build)
    assert (
        graph.get_resource(kind).inputs["resourceArn"]
        == graph.get_resource(LOAD_BALANCER_TYPE).outputs["arn"]
    )
    without = build_load_balancer_graph(
        build, {"loadBalancer": {**ZONED_VALUES, "waf": {"enabled": False}}}
    )
    assert (
        without.list_resources(kind)
        == build_load_balancer_graph(build, profile="dev").list_resources(kind)
        == []
    )


def test_elb_17_https_has_the_tls_policy_and_the_proved_certificate(build: Build) -> None:
    graph = build_load_balancer_graph(build)
    listener = graph.get_resource(LISTENER_TYPE, "alb-https").inputs
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09"
    validation = graph.get_resource("aws:acm/certificateValidation:CertificateValidation")
    assert listener["certificateArn"] == validation.inputs["certificateArn"]


def test_a_request_that_matches_no_rule_gets_404(build: Build) -> None:
    for graph, name in (
        (build_load_balancer_graph(build), "alb-https"),
        (build_load_balancer_graph(build, profile="dev"), "alb-http"),
    ):
        (action,) = graph.get_resource(LISTENER_TYPE, name).inputs["defaultActions"]
        assert action["fixedResponse"]["statusCode"] == "404"


@pytest.mark.parametrize(
    ("values", "profile", "open_to"),
    [
        (None, "prod", {(80, "0.0.0.0/0"), (443, "0.0.0.0/0")}),
        (None, "dev", {(80, "0.0.0.0/0")}),
        (
            {"loadBalancer": {**ZONED_VALUES, "allowedCidrs": ["192.0.2.0/24"]}},
            "prod",
            {(80, "192.0.2.0/24"), (443, "192.0.2.0/24")},
        ),
        (
            {"loadBalancer": {**ZONED_VALUES, "internal": True}},
            "prod",
            {(80, "10.0.0.0/16"), (443, "10.0.0.0/16")},
        ),
        (
            {"loadBalancer": {"internal": True, "allowedCidrs": ["10.0.0.0/8"]}},
            "dev",
            {(80, "10.0.0.0/8")},
        ),
    ],
)
def test_ec2_18_only_the_listeners_ports_are_open_and_only_to_those_allowed(
    build: Build,
    values: dict[str, JsonValue] | None,
    profile: str,
    open_to: set[tuple[int, str]],
) -> None:
    rules = [
        r.inputs
        for r in build_load_balancer_graph(build, values, profile=profile).list_resources(
            INGRESS_RULE_TYPE
        )
    ]
    assert {(rule["fromPort"], rule["cidrIpv4"]) for rule in rules} == open_to
    assert all(rule["fromPort"] == rule["toPort"] for rule in rules)


@pytest.mark.parametrize(
    ("internal", "subnets"), [(False, "subnet-a subnet-b"), (True, "private-a private-b")]
)
def test_an_internal_load_balancer_is_in_the_private_subnets(
    build: Build, internal: bool, subnets: str
) -> None:
    values: dict[str, JsonValue] = {
        "loadBalancer": {"internal": internal},
        "network": {"zones": ["a", "b"]},
    }
    graph = build_load_balancer_graph(build, values, profile="dev")
    inputs = graph.get_resource(LOAD_BALANCER_TYPE).inputs
    assert (inputs["internal"], " ".join(inputs["subnets"])) == (internal, subnets)
    assert _load_load_balancer_part(build, values, profile="dev").internal is internal


def test_dev_without_a_name_serves_http(build: Build) -> None:
    graph = build_load_balancer_graph(build, profile="dev")
    assert [listener.name for listener in graph.list_resources(LISTENER_TYPE)] == ["alb-http"]
    listener = graph.get_resource(LISTENER_TYPE).outputs["arn"]
    assert {rule.inputs["listenerArn"] for rule in graph.list_resources(LISTENER_RULE_TYPE)} == {
        listener
    }
    assert graph.get_resource(LOAD_BALANCER_TYPE).inputs["enableDeletionProtection"] is False
    assert not graph.get_resource(LOAD_BALANCER_TYPE).protect


def test_each_name_leads_to_the_load_balancer(build: Build) -> None:
    graph = build_load_balancer_graph(
        build, {"loadBalancer": {**ZONED_VALUES, "certificateArn": CERTIFICATE_ARN}}
    )
    record = graph.get_resource("aws:route53/record:Record", "alb-app.example.com").inputs
    (alias,) = record["aliases"]
    balancer = graph.get_resource(LOAD_BALANCER_TYPE).outputs
    assert (record["type"], record["zoneId"]) == ("A", "Z1")
    assert (alias["name"], alias["zoneId"]) == (balancer["dnsName"], balancer["zoneId"])


CERTIFICATE_ARN = "arn:aws:acm:eu-north-1:123456789012:certificate/0a1b"


def test_requests_are_routed_to_services_and_fleet(build: Build) -> None:
    graph = build_load_balancer_graph(build, {"compute": "both", "services": TWO_ROUTED_SERVICES})
    groups = {g.outputs["arn"]: g.name for g in graph.list_resources(TARGET_GROUP_TYPE)}
    targets_by_path = {}
    for rule in graph.list_resources(LISTENER_RULE_TYPE):
        (action,) = rule.inputs["actions"]
        if action["type"] == "forward":
            (condition,) = rule.inputs["conditions"]
            (path,) = condition["pathPattern"]["values"]
            targets_by_path[path] = groups[action["targetGroupArn"]]
    assert targets_by_path == {
        "/api/*": "alb-backend",
        "/*": "alb-frontend",
        "/fleet/*": "alb-fleet",
    }
    https = graph.get_resource(LISTENER_TYPE, "alb-https").outputs["arn"]
    assert {rule.inputs["listenerArn"] for rule in graph.list_resources(LISTENER_RULE_TYPE)} == {
        https
    }


def test_a_host_is_a_condition_beside_the_path(build: Build) -> None:
    services: dict[str, JsonValue] = {"api": {"hosts": ["api.example.com"]}, "web": {}}
    graph = build_load_balancer_graph(build, {"services": services})
    (rule,) = [r for r in graph.list_resources(LISTENER_RULE_TYPE) if r.name.startswith("alb-api-")]
    assert rule.inputs["conditions"] == [
        {"pathPattern": {"values": ["/*"]}},
        {"hostHeader": {"values": ["api.example.com"]}},
    ]


def test_adding_a_service_changes_no_rule_and_no_group_of_another(build: Build) -> None:
    def list_rules_and_groups(services: JsonValue) -> dict[tuple[str, str], Any]:
        graph = build_load_balancer_graph(build, {"services": services})
        return {
            (r.type, r.name): r.inputs
            for r in (
                *graph.list_resources(LISTENER_RULE_TYPE),
                *graph.list_resources(TARGET_GROUP_TYPE),
            )
        }

    before = list_rules_and_groups(TWO_ROUTED_SERVICES)
    after = list_rules_and_groups({**TWO_ROUTED_SERVICES, "admin": {"paths": ["/admin/*"]}})
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2


@pytest.mark.parametrize(
    ("target", "type_", "port", "health_path"),
    [("backend", "ip", 9000, "/api/health"), ("fleet", "instance", 8081, "/up")],
)
def test_a_target_group_fits_its_targets(
    build: Build, target: str, type_: str, port: int, health_path: str
) -> None:
    fleet: JsonValue = {"port": 8081, "healthPath": "/up"}
    graph = build_load_balancer_graph(
        build, {"compute": "both", "services": TWO_ROUTED_SERVICES, "fleet": fleet}
    )
    group = graph.get_resource(TARGET_GROUP_TYPE, f"alb-{target}").inputs
    assert (group["targetType"], group["port"]) == (type_, port)
    assert group["healthCheck"]["path"] == health_path
    assert group["healthCheck"]["matcher"] == "200-399"
    assert group["deregistrationDelay"] == 30


def test_a_target_group_has_an_auto_name_so_that_it_can_be_replaced(
    build: Build,
) -> None:
    name = "a" * 20  # the longest name of a service
    group = build_load_balancer_graph(build, {"services": {name: {}}}).get_resource(
        TARGET_GROUP_TYPE
    )
    assert not group.inputs.keys() & {"name", "namePrefix"}
    assert len(f"{group.name}-0123abc") <= 32


def test_the_maintenance_rule_is_first_and_pulumi_ignores_its_condition(build: Build) -> None:
    graph = build_load_balancer_graph(build)
    rule = graph.get_resource(LISTENER_RULE_TYPE, "alb-maintenance")
    assert rule.inputs["conditions"] == [{"hostHeader": {"values": ["maintenance.invalid"]}}]
    assert rule.ignore_changes == ("conditions",)
    (action,) = rule.inputs["actions"]
    assert action["fixedResponse"]["statusCode"] == "503"
    assert action["fixedResponse"]["contentType"] == "text/html"
    assert rule.inputs["priority"] == min(
        r.inputs["priority"] for r in graph.list_resources(LISTENER_RULE_TYPE)
    )


def test_the_maintenance_page_fits_a_fixed_response() -> None:
    assert len(MAINTENANCE_PAGE_HTML.encode()) <= 1024


def test_targets_depend_on_the_listener_rules(build: Build) -> None:
    load_balancers: list[LoadBalancer] = []
    graph = build(
        lambda: load_balancers.append(
            _create_load_balancer({"compute": "both", "services": TWO_ROUTED_SERVICES})
        )
    )
    assert sorted(load_balancers[0].targets) == ["backend", "fleet", "frontend"]
    assert all(len(target.rules) == 1 for target in load_balancers[0].targets.values())
    assert len(graph.list_resources(LISTENER_RULE_TYPE)) == 4


@pytest.mark.parametrize(
    ("profile", "url"),
    [("prod", "https://app.example.com"), ("dev", "http://alb.elb.amazonaws.com")],
)
def test_the_load_balancer_part_has_the_urls_of_the_stack(
    build: Build, profile: str, url: str
) -> None:
    part = _load_load_balancer_part(build, profile=profile)
    assert part.url == url
    assert part.name == "bulwark-test-alb"
    assert (part.certificate_arn is None) == (part.zone_id is None) == (profile == "dev")
    assert (part.access_log_bucket is None) == (profile == "dev")
    assert part.maintenance_rule_arn.endswith("alb-maintenance")
    assert part.targets["web"].health_path == build_settings().services["web"].health_path
    assert len(part.targets["web"].rule_arns) == 1
    priorities = assign_priorities(build_settings(profile=profile).routes)
    assert part.targets["web"].priorities == {
        route.key: priority for route, priority in priorities.items()
    }


def test_the_part_names_the_web_acl_and_the_servers_of_a_zone_of_its_own(build: Build) -> None:
    load_balancer_values: JsonValue = {"domain": "app.example.com", "createZone": True}
    part = _load_load_balancer_part(build, {"loadBalancer": load_balancer_values})
    assert part.name_servers == ("ns-1.example.org", "ns-2.example.org")
    assert part.web_acl_arn is not None


def test_each_child_is_parented_named_from_the_component_and_tagged(build: Build) -> None:
    graph = build_load_balancer_graph(build)
    component_resources = [
        r
        for r in graph
        if r.custom and (component := graph.find_component(r)) and component.name == "alb"
    ]
    assert len(component_resources) > 15
    for resource in component_resources:
        assert re.match(r"alb($|-)", resource.name), resource.name
        if "tags" in resource.inputs:
            tags = resource.inputs["tags"]
            assert tags["Component"] == "alb"
            # Elastic Load Balancing takes fewer characters than most, and no asterisk.
            assert all(re.fullmatch(r"[\w .:/=+@-]{1,256}", value) for value in tags.values())
