"""What a case of a rule is, and the properties that cases of several themes are built from."""

import json
from dataclasses import dataclass
from typing import Any

from components.facts.model import STACK_TAG_KEYS
from policy.rules.model import PolicyResource

KMS_KEY_ARN = "arn:aws:kms:eu-north-1:123456789012:key/k"
DATABASE_TYPE, INGRESS_RULE_TYPE = (
    "aws:rds/instance:Instance",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
LAUNCH_TEMPLATE_TYPE, EC2_INSTANCE_RESOURCE_TYPE = (
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/instance:Instance",
)
REPLICATION_GROUP_TYPE, BUCKET_TYPE = (
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:s3/bucket:Bucket",
)
SECRET_TYPE, TOPIC_TYPE = "aws:secretsmanager/secret:Secret", "aws:sns/topic:Topic"
LOG_GROUP_TYPE, BACKUP_VAULT_TYPE = "aws:cloudwatch/logGroup:LogGroup", "aws:backup/vault:Vault"
LISTENER_TYPE, LOAD_BALANCER_TYPE = "aws:lb/listener:Listener", "aws:lb/loadBalancer:LoadBalancer"
BUCKET_ENCRYPTION_TYPE = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
PUBLIC_ACCESS_BLOCK_TYPE = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
IAM_POLICY_TYPE, ROLE_POLICY_ATTACHMENT_TYPE = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
)
BUCKET_POLICY_TYPE, BACKUP_PLAN_TYPE = "aws:s3/bucketPolicy:BucketPolicy", "aws:backup/plan:Plan"
NETWORK_ACL_TYPE = "aws:ec2/networkAcl:NetworkAcl"

ALL_ROLES = "arn:aws:iam::123456789012:role/*"


@dataclass(frozen=True)
class RuleCase:
    """A resource that a rule passes, and those that it reports, by the start of the report."""

    type: str
    good: dict[str, Any]
    bad: dict[str, dict[str, Any]]
    name: str = "thing"
    bad_name: str = "thing"

    def build_resource(
        self, props: dict[str, Any], *, good: bool, protect: bool = True
    ) -> PolicyResource:
        return PolicyResource(self.type, self.name if good else self.bad_name, props, protect)


def build_flag_case(type_: str, key: str, good: bool, *, may_be_unset: bool = False) -> RuleCase:
    """A switch that must have one value; with `may_be_unset` it may also be missing."""
    bad: dict[str, dict[str, Any]] = {f"{key} is {str(not good).lower()}": {key: not good}}
    return RuleCase(type_, {key: good}, bad if may_be_unset else bad | {f"{key} is not set": {}})


def build_policy_properties(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}


def build_allow_statement(action: Any, resource: Any, **extra_keys: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **extra_keys}


def build_acl_entry(
    number: int, port: int, action: str, source: str = "0.0.0.0/0"
) -> dict[str, Any]:
    return {
        "ruleNo": number,
        "protocol": "6",
        "fromPort": port,
        "toPort": port,
        "action": action,
        "cidrBlock": source,
    }


def build_ingress_rule(from_port: int, to_port: int, source: str = "0.0.0.0/0") -> dict[str, Any]:
    return {"ipProtocol": "tcp", "fromPort": from_port, "toPort": to_port, "cidrIpv4": source}


DENY_PLAINTEXT_STATEMENT = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ALLOW_ANYBODY_STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": "*"},
    "Action": "sns:Publish",
    "Resource": "*",
}
ALL_REQUIRED_TAGS = dict.fromkeys(STACK_TAG_KEYS, "x")
TLS_LISTENER_PROPERTIES = {
    "protocol": "HTTPS",
    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "certificateArn": "arn:aws:acm:eu-north-1:123456789012:certificate/c",
}
REDIRECT_ACTION = {"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}
FINAL_SNAPSHOT_PROPERTIES = {"skipFinalSnapshot": False, "finalSnapshotIdentifier": "last"}
