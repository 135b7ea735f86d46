"""Cases of the rules of policy/rules/transport.py: inputs alone."""

from typing import Final

from tests.policy.cases.model import (
    BUCKET_POLICY_TYPE,
    DENY_PLAINTEXT_STATEMENT,
    LISTENER_TYPE,
    LOAD_BALANCER_TYPE,
    REDIRECT_ACTION,
    TLS_LISTENER_PROPERTIES,
    RuleCase,
    build_flag_case,
    build_policy_properties,
)

TRANSPORT_CASES: Final[dict[str, RuleCase]] = {
    "listener-tls": RuleCase(
        LISTENER_TYPE,
        TLS_LISTENER_PROPERTIES,
        {
            "sslPolicy is 'ELBSecurityPolicy-2016-08'": {
                **TLS_LISTENER_PROPERTIES,
                "sslPolicy": "ELBSecurityPolicy-2016-08",
            },
            "certificateArn is not set": {
                k: v for k, v in TLS_LISTENER_PROPERTIES.items() if k != "certificateArn"
            },
        },
    ),
    "listener-redirects": RuleCase(
        LISTENER_TYPE,
        {"protocol": "HTTP", "defaultActions": [REDIRECT_ACTION]},
        {
            "defaultActions.0.type is 'forward'": {
                "protocol": "HTTP",
                "defaultActions": [{"type": "forward"}],
            },
            "defaultActions.0.redirect.protocol is 'HTTP'": {
                "protocol": "HTTP",
                "defaultActions": [{"type": "redirect", "redirect": {"protocol": "HTTP"}}],
            },
        },
    ),
    "balancer-drops-invalid-headers": build_flag_case(
        LOAD_BALANCER_TYPE, "dropInvalidHeaderFields", True
    ),
    "bucket-tls": RuleCase(
        BUCKET_POLICY_TYPE,
        build_policy_properties(DENY_PLAINTEXT_STATEMENT),
        {
            "policy is 'without it'": build_policy_properties(
                {**DENY_PLAINTEXT_STATEMENT, "Effect": "Allow"}
            ),
            "policy is": build_policy_properties(
                {**DENY_PLAINTEXT_STATEMENT, "Action": "s3:GetObject"}
            ),
            "policy ": build_policy_properties(
                {**DENY_PLAINTEXT_STATEMENT, "Principal": {"AWS": "arn:aws:iam::1:root"}}
            ),
        },
    ),
    "database-tls": RuleCase(
        "aws:rds/parameterGroup:ParameterGroup",
        {"family": "postgres16", "parameters": [{"name": "rds.force_ssl", "value": "1"}]},
        {
            "parameters.rds.force_ssl is not set": {"family": "postgres16", "parameters": []},
            "parameters.rds.force_ssl is '0'": {
                "family": "postgres16",
                "parameters": [{"name": "rds.force_ssl", "value": "0"}],
            },
        },
    ),
}
