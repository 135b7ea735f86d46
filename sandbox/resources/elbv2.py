"""Load balancers, target groups, listeners and rules."""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)
from sandbox.resources.type_conversion import require_only_inputs

# Inputs that are attributes in AWS, by their key (ELB API, LoadBalancerAttribute).
_LOAD_BALANCER_ATTRIBUTES: Final = {
    "clientKeepAlive": "client_keep_alive.seconds",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "enableTlsVersionAndCipherSuiteHeaders": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",  # noqa: E501
    "enableWafFailOpen": "waf.fail_open.enabled",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "enableZonalShift": "zonal_shift.config.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
    "accessLogs.enabled": "access_logs.s3.enabled",
    "accessLogs.bucket": "access_logs.s3.bucket",
    "accessLogs.prefix": "access_logs.s3.prefix",
    "connectionLogs.enabled": "connection_logs.s3.enabled",
    "connectionLogs.bucket": "connection_logs.s3.bucket",
    "connectionLogs.prefix": "connection_logs.s3.prefix",
}
# The same of target groups (ELB API, TargetGroupAttribute).
_TARGET_GROUP_ATTRIBUTES: Final = {
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "loadBalancingAnomalyMitigation": "load_balancing.algorithm.anomaly_mitigation",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "slowStart": "slow_start.duration_seconds",
    "stickiness.enabled": "stickiness.enabled",
    "stickiness.type": "stickiness.type",
    "stickiness.cookieDuration": "stickiness.lb_cookie.duration_seconds",
    "stickiness.cookieName": "stickiness.app_cookie.cookie_name",
}
_HEALTH_CHECK_NAMES: Final = {
    "enabled": "healthCheckEnabled",
    "healthyThreshold": "healthyThresholdCount",
    "interval": "healthCheckIntervalSeconds",
    "path": "healthCheckPath",
    "port": "healthCheckPort",
    "protocol": "healthCheckProtocol",
    "timeout": "healthCheckTimeoutSeconds",
    "unhealthyThreshold": "unhealthyThresholdCount",
}
_CONDITION_FIELDS: Final = {
    "hostHeader": "host-header",
    "httpHeader": "http-header",
    "httpRequestMethod": "http-request-method",
    "pathPattern": "path-pattern",
    "queryStrings": "query-string",
    "sourceIp": "source-ip",
}
_ACTION_NAMES: Final = {
    "redirect": "RedirectConfig",
    "fixedResponse": "FixedResponseConfig",
    "forward": "ForwardConfig",
    "arn": "TargetGroupArn",
    "stickiness": "TargetGroupStickinessConfig",
    "duration": "DurationSeconds",
    "authenticateOidc": "AuthenticateOidcConfig",
    "authenticateCognito": "AuthenticateCognitoConfig",
}
# Provider's own defaults of a redirect (terraform-provider-aws, aws_lb_listener).
_REDIRECT_DEFAULTS: Final = {
    "host": "#{host}",
    "path": "/#{path}",
    "port": "#{port}",
    "protocol": "#{protocol}",
    "query": "#{query}",
}


def _take_attributes(inputs: EntryInputs, keys: Mapping[str, str]) -> list[dict[str, str]]:
    """Takes the inputs that are attributes out of `inputs`."""
    attributes = []
    for name, key in keys.items():
        block, _, member = name.partition(".")
        value = (inputs.get(block) or {}).get(member) if member else inputs.get(block)
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            attributes.append({"Key": key, "Value": text})
    for block in {name.partition(".")[0] for name in keys}:
        if isinstance(block_inputs := inputs.pop(block, None), Mapping):
            require_only_inputs(
                block_inputs, *(attribute_name.removeprefix(f"{block}.") for attribute_name in keys)
            )
    return attributes


def _prepare_load_balancer(inputs: EntryInputs) -> EntryInputs:
    inputs["attributes"] = _take_attributes(inputs, _LOAD_BALANCER_ATTRIBUTES)
    inputs["scheme"] = "internal" if inputs.pop("internal", False) else "internet-facing"
    inputs.setdefault("type", inputs.pop("loadBalancerType", "application"))
    return inputs


def _prepare_target_group(inputs: EntryInputs) -> EntryInputs:
    inputs["attributes"] = _take_attributes(inputs, _TARGET_GROUP_ATTRIBUTES)
    health = inputs.pop("healthCheck", None) or {}
    if (matcher := health.pop("matcher", None)) is not None:
        inputs["matcher"] = {"httpCode": matcher}
    require_only_inputs(health, *_HEALTH_CHECK_NAMES)
    return inputs | {_HEALTH_CHECK_NAMES[name]: value for name, value in health.items()}


def _prepare_listener(inputs: EntryInputs) -> EntryInputs:
    inputs["defaultActions"] = [
        _add_redirect_defaults(action) for action in inputs["defaultActions"]
    ]
    if (certificate := inputs.pop("certificateArn", None)) is not None:
        inputs["certificates"] = [{"certificateArn": certificate}]
    return inputs


def _prepare_rule(inputs: EntryInputs) -> EntryInputs:
    inputs["actions"] = [_add_redirect_defaults(action) for action in inputs["actions"]]
    conditions = []
    for condition in inputs["conditions"]:
        for name, block in condition.items():
            if name == "queryStrings":
                block = {"values": block}
            conditions.append(
                {"field": _CONDITION_FIELDS[name], f"{name.rstrip('s')}Config": block}
            )
    return inputs | {"conditions": conditions}


def _add_redirect_defaults(action: dict[str, Any]) -> dict[str, Any]:
    if "redirect" in action:
        return {**action, "redirect": _REDIRECT_DEFAULTS | action["redirect"]}
    return action


ENTRIES: EntryTable = {
    "aws:lb/loadBalancer:LoadBalancer": ResourceEntry(
        "elbv2.create_load_balancer",
        id="out.LoadBalancers[0].LoadBalancerArn",
        naming=PhysicalNaming(max_length=32),
        prepare=_prepare_load_balancer,
        waiter="elbv2.load_balancer_available",
        waiter_params={"LoadBalancerArns": ["id"]},
        later_calls=(
            EntryCall(
                "elbv2.modify_load_balancer_attributes",
                {"LoadBalancerArn": "id", "Attributes": "in.attributes"},
                condition="in.attributes[0]",
            ),
        ),
        outputs={
            "arn": "id",
            "arnSuffix": "split(id, ':loadbalancer/')[1]",
            "dnsName": "out.LoadBalancers[0].DNSName",
            "zoneId": "out.LoadBalancers[0].CanonicalHostedZoneId",
            "vpcId": "out.LoadBalancers[0].VpcId",
        },
        find_call=EntryCall("elbv2.describe_load_balancers", {"LoadBalancerArns": ["id"]}),
        find_result="out.LoadBalancers",
    ),
    "aws:lb/targetGroup:TargetGroup": ResourceEntry(
        "elbv2.create_target_group",
        id="out.TargetGroups[0].TargetGroupArn",
        naming=PhysicalNaming(max_length=32),
        prepare=_prepare_target_group,
        later_calls=(
            EntryCall(
                "elbv2.modify_target_group_attributes",
                {"TargetGroupArn": "id", "Attributes": "in.attributes"},
                condition="in.attributes[0]",
            ),
        ),
        outputs={
            "arn": "id",
            "arnSuffix": "join('', ['targetgroup', split(id, ':targetgroup')[1]])",
            "loadBalancerArns": "out.TargetGroups[0].LoadBalancerArns || `[]`",
        },
        find_call=EntryCall("elbv2.describe_target_groups", {"TargetGroupArns": ["id"]}),
        find_result="out.TargetGroups",
    ),
    "aws:lb/listener:Listener": ResourceEntry(
        EntryCall("elbv2.create_listener", inputs=REMAINING_INPUTS, rename=_ACTION_NAMES),
        id="out.Listeners[0].ListenerArn",
        prepare=_prepare_listener,
        outputs={"arn": "id"},
        find_call=EntryCall("elbv2.describe_listeners", {"ListenerArns": ["id"]}),
        find_result="out.Listeners",
    ),
    "aws:lb/listenerRule:ListenerRule": ResourceEntry(
        EntryCall("elbv2.create_rule", inputs=REMAINING_INPUTS, rename=_ACTION_NAMES),
        id="out.Rules[0].RuleArn",
        prepare=_prepare_rule,
        outputs={"arn": "id"},
        find_call=EntryCall("elbv2.describe_rules", {"RuleArns": ["id"]}),
        find_result="out.Rules",
    ),
}
