"""Cases of the rules of policy/rules/resource_policies.py and endpoints.py: inputs alone."""

from typing import Any, Final

from tests.policy.cases.model import (
    ALLOW_ANYBODY_STATEMENT,
    DENY_PLAINTEXT_STATEMENT,
    TOPIC_TYPE,
    RuleCase,
    build_allow_statement,
    build_policy_properties,
)

SOURCE_BOUND: Final = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
OWN_ACCOUNT: Final = {"StringEquals": {"aws:ResourceAccount": "123456789012"}}
RULE_ARN: Final = "arn:aws:events:eu-north-1:123456789012:rule/daily"
LAMBDA_PERMISSION_TYPE: Final = "aws:lambda/permission:Permission"
ENDPOINT_TYPE: Final = "aws:ec2/vpcEndpoint:VpcEndpoint"


def build_service_statement(service: str, **extra_keys: Any) -> dict[str, Any]:
    return build_allow_statement(
        "sns:Publish", "*", Principal={"Service": f"{service}.amazonaws.com"}, **extra_keys
    )


RESOURCE_POLICY_CASES: Final[dict[str, RuleCase]] = {
    "policy-not-public": RuleCase(
        TOPIC_TYPE,
        build_policy_properties(
            {**ALLOW_ANYBODY_STATEMENT, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}
        ),
        {
            "policy.Statement.0.Principal is '*'": build_policy_properties(ALLOW_ANYBODY_STATEMENT),
            "policy.Statement.1.Principal is '*'": build_policy_properties(
                DENY_PLAINTEXT_STATEMENT, {**ALLOW_ANYBODY_STATEMENT, "Principal": "*"}
            ),
        },
    ),
    "service-bounded": RuleCase(
        TOPIC_TYPE,
        build_policy_properties(
            build_service_statement("cloudwatch", Condition=SOURCE_BOUND),
            build_service_statement("events"),
        ),
        {
            "policy.Statement.0.Principal.Service is 'cloudwatch.amazonaws.com'": (
                build_policy_properties(build_service_statement("cloudwatch"))
            ),
            "policy.Statement.1.Principal.Service is 'budgets.amazonaws.com'": (
                build_policy_properties(
                    build_service_statement("events"),
                    build_service_statement(
                        "budgets", Condition={"StringEqualsIfExists": {"aws:SourceAccount": "1"}}
                    ),
                )
            ),
        },
    ),
    "function-not-public": RuleCase(
        LAMBDA_PERMISSION_TYPE,
        {"principal": "events.amazonaws.com", "sourceArn": RULE_ARN},
        {
            "principal is '*'": {"principal": "*"},
            "principal is 'events.amazonaws.com' without a source": {
                "principal": "events.amazonaws.com"
            },
            # A bucket's ARN has no account: the name may pass to somebody else.
            "principal is 's3.amazonaws.com' without a source": {
                "principal": "s3.amazonaws.com",
                "sourceArn": "arn:aws:s3:::uploads",
            },
            "functionUrlAuthType is 'NONE'": {
                "principal": "*",
                "principalOrgId": "o-1",
                "functionUrlAuthType": "NONE",
            },
        },
    ),
    "share-not-public": RuleCase(
        "aws:rds/snapshot:Snapshot",
        {"sharedAccounts": ["123456789012"]},
        {"sharedAccounts is 'all'": {"sharedAccounts": ["123456789012", "all"]}},
    ),
    "endpoint-bounded": RuleCase(
        ENDPOINT_TYPE,
        build_policy_properties(
            build_allow_statement(["s3:Get*", "s3:List*"], "*", Principal="*"),
            build_allow_statement("s3:*", "*", Principal="*", Condition=OWN_ACCOUNT),
            build_allow_statement("s3:PutObject", "arn:aws:s3:::uploads/*", Principal="*"),
        ),
        {
            "policy is not set": {"vpcEndpointType": "Gateway"},
            "policy.Statement.1.Resource is '*' for writes": build_policy_properties(
                build_allow_statement("s3:GetObject", "*", Principal="*"),
                build_allow_statement(["s3:GetObject", "s3:PutObject"], "*", Principal="*"),
            ),
        },
    ),
}
