"""Settings of the load balancer: each refused value names its key and says what it may be."""

import re

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from tests.world import build_settings

CERTIFICATE_ARN = "arn:aws:acm:eu-north-1:123456789012:certificate/0a1b"
ZONED_VALUES: dict[str, JsonValue] = {"domain": "app.example.com", "zoneId": "Z1"}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"domain": "app"}, ".domain is 'app', must be a host name in lower case of at most 64"),
        (
            {"domain": f"{'a' * 60}.example.com", "zoneId": "Z1"},
            "must be a host name in lower case of at most 64 letters",
        ),
        (
            {"domain": "app.example.com"},
            ".domain is 'app.example.com', must be set with zoneId, createZone or "
            "certificateArn: a "
            "certificate is proved by a record in its zone",
        ),
        (
            {**ZONED_VALUES, "createZone": True},
            ".createZone is True, must be false with zoneId ('Z1'): one zone",
        ),
        (
            {"certificateArn": CERTIFICATE_ARN, "zoneId": "Z1"},
            ".zoneId is 'Z1', must be set only with domain",
        ),
        (
            {"certificateArn": CERTIFICATE_ARN, "createZone": True},
            ".createZone is True, must be set only with domain",
        ),
        (
            {"certificateArn": CERTIFICATE_ARN, "alternativeNames": ["a.example.com"]},
            ".alternativeNames is ('a.example.com',), must be set only with domain",
        ),
        (
            {
                "domain": "a.example.com",
                "certificateArn": CERTIFICATE_ARN,
                "alternativeNames": ["b.a.io"],
            },
            ".alternativeNames is set, must be so only with zoneId or createZone",
        ),
        (
            {**ZONED_VALUES, "alternativeNames": ["app.example.com"]},
            ".alternativeNames holds 'app.example.com', must hold other names than domain",
        ),
        (
            {**ZONED_VALUES, "alternativeNames": ["a.example.com", "a.example.com"]},
            "must hold each name once",
        ),
        (
            {**ZONED_VALUES, "alternativeNames": ["a*.example.com"]},
            "must hold host names in lower case, the first label also '*'",
        ),
        (
            {"domain": "a.example.com", "createZone": True, "alternativeNames": ["example.com"]},
            ".alternativeNames holds 'example.com', must hold names under "
            "'a.example.com': the zone "
            "that createZone makes ends there (alternativeZones names others)",
        ),
        (
            {**ZONED_VALUES, "alternativeZones": {"other.example.org": "Z2"}},
            ".alternativeZones has 'other.example.org', must have names that alternativeNames "
            "holds",
        ),
        (
            {
                **ZONED_VALUES,
                "alternativeNames": ["other.example.org"],
                "alternativeZones": {"other.example.org": "example.org"},
            },
            ".alternativeZones.other.example.org is 'example.org', must",
        ),
        ({"alternativeZones": {"other.example.org": "Z2"}}, "alternativeZones is"),
        ({"domain": "a.example.com", "zoneId": "abc"}, ".zoneId is 'abc', "),
        (
            {"certificateArn": "arn:aws:iam::123456789012:server-certificate/x"},
            ".certificateArn is 'arn:aws:iam::123456789012:server-certificate/x', must be the ARN "
            "of an ACM certificate",
        ),
        (
            {"certificateArn": CERTIFICATE_ARN.replace("eu-north-1", "us-east-1")},
            ".certificateArn is 'arn:aws:acm:us-east-1:123456789012:certificate/0a1b', must be one "
            "of eu-north-1: a load balancer takes certificates of its own region",
        ),
        (
            {**ZONED_VALUES, "tlsPolicy": "ELBSecurityPolicy-2016-08"},
            ".tlsPolicy is 'ELBSecurityPolicy-2016-08', must be 'ELBSecurityPolicy-TLS13-1-2",
        ),
        (
            {**ZONED_VALUES, "desync": "monitor"},
            ".desync is 'monitor', must be 'defensive' or 'strictest'",
        ),
        ({**ZONED_VALUES, "idleTimeout": 0}, ".idleTimeout is 0, "),
        ({**ZONED_VALUES, "allowedCidrs": []}, ".allowedCidrs is [], "),
        ({**ZONED_VALUES, "allowedCidrs": ["10.0.0.1/8"]}, ".allowedCidrs.0 is '10.0.0.1/8', "),
        ({**ZONED_VALUES, "allowedCidrs": ["::/0"]}, ".allowedCidrs.0 is '::/0', "),
        (
            {**ZONED_VALUES, "allowedCidrs": ["10.0.0.0/8", "10.0.0.0/8"]},
            "must hold each range once",
        ),
        (
            {**ZONED_VALUES, "waf": {"managedRules": ["AWSManagedRulesBotControlRuleSet"]}},
            ".waf.managedRules.0 is 'AWSManagedRulesBotControlRuleSet', must be 'AWSManaged",
        ),
        (
            {**ZONED_VALUES, "waf": {"managedRules": ["AWSManagedRulesSQLiRuleSet"] * 2}},
            "must hold each group once",
        ),
        ({**ZONED_VALUES, "waf": {"rateLimit": 9}}, ".waf.rateLimit is 9, "),
        (
            {**ZONED_VALUES, "prioritySeeds": {"api": 1}},
            ".prioritySeeds names 'api', must name web",
        ),
    ],
)
def test_a_refused_value_names_its_key_and_the_reason(
    values: dict[str, JsonValue], line: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(line)) as error:
        build_settings({"loadBalancer": values})
    assert str(error.value).startswith("bulwark:loadBalancer.")


def test_prod_does_not_serve_plain_http() -> None:
    with pytest.raises(
        SettingsError, match=r"loadBalancer\.domain is not set, must be a host name"
    ):
        build_settings({"loadBalancer": {}})


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"services": {"a": {}, "b": {}}},
            "bulwark:services.b.paths holds '/*', which services.a answers already: each pair of "
            "host and path may lead to one target",
        ),
        (
            {"services": {"a": {"paths": []}}},
            "bulwark:services.a.paths is empty, must hold at least one path pattern",
        ),
        (
            {"compute": "both", "services": {"fleet": {}}},
            "bulwark:services.fleet is set, must have another name: that is the EC2 fleet's",
        ),
        (
            {"compute": "both", "fleet": {"paths": ["/*"]}},
            "bulwark:services.web.paths holds '/*', which fleet answers already",
        ),
    ],
)
def test_services_with_the_same_host_and_path_are_refused(
    values: dict[str, JsonValue], line: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(line)):
        build_settings(values)


@pytest.mark.parametrize(
    ("compute", "paths"),
    [
        ("services", {"web": "/*"}),
        ("fleet", {"fleet": "/*"}),
        ("both", {"web": "/*", "fleet": "/fleet/*"}),
        ("none", {}),
    ],
)
def test_the_fleet_serves_all_paths_alone_and_its_own_beside_services(
    compute: str, paths: dict[str, str]
) -> None:
    assert {r.target: r.path for r in build_settings({"compute": compute}).routes} == paths


def test_count_only_rules_must_belong_to_enabled_groups() -> None:
    waf: dict[str, JsonValue] = {
        "managedRules": ["AWSManagedRulesSQLiRuleSet"],
        "countedRules": {
            "AWSManagedRulesSQLiRuleSet": ["SQLi_BODY"],
            "AWSManagedRulesCommonRuleSet": ["NoUserAgent_HEADER"],
        },
    }
    settings = build_settings({"loadBalancer": {**ZONED_VALUES, "waf": waf}})
    assert settings.load_balancer.waf.active_counted_rules == {
        "AWSManagedRulesSQLiRuleSet": ("SQLi_BODY",)
    }


def test_a_stack_whose_names_would_be_too_long_is_refused() -> None:
    from components.settings import parse_settings

    config = {"bulwark:profile": "dev", "bulwark:owner": "a", "bulwark:costCenter": "b"}
    with pytest.raises(SettingsError, match=r"stack is 'a-very-long-stack-name', must be lower"):
        parse_settings(
            "bulwark", stack="a-very-long-stack-name", region="eu-north-1", config=config
        )
