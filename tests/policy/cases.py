"""For each rule a resource that it passes, and those that it does not: inputs alone."""

import json
from dataclasses import dataclass
from typing import Any, Final

from policy.rules.housekeeping import REQUIRED_TAGS
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
    """A good resource of a rule; a bad one by the property that its line begins with."""

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
    """A switch that must stand one way; `unset`: where it may also not be set."""
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
ALL_REQUIRED_TAGS = dict.fromkeys(REQUIRED_TAGS, "x")
TLS_LISTENER_PROPERTIES = {
    "protocol": "HTTPS",
    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "certificateArn": "arn:aws:acm:eu-north-1:123456789012:certificate/c",
}
REDIRECT_ACTION = {"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}
FINAL_SNAPSHOT_PROPERTIES = {"skipFinalSnapshot": False, "finalSnapshotIdentifier": "last"}
RULE_CASES: Final[dict[str, RuleCase]] = {
    "database-encrypted": build_flag_case(DATABASE_TYPE, "storageEncrypted", True),
    "disk-encrypted": RuleCase(
        LAUNCH_TEMPLATE_TYPE,
        {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}]},
        {
            "blockDeviceMappings.0.ebs.encrypted is 'false'": {
                "blockDeviceMappings": [{"ebs": {"encrypted": "false"}}]
            },
            "blockDeviceMappings.0.ebs.encrypted is not set": {
                "blockDeviceMappings": [{"ebs": {"volumeSize": 8}}]
            },
            "blockDeviceMappings is not set": {},
        },
    ),
    "volume-encrypted": build_flag_case("aws:ebs/volume:Volume", "encrypted", True),
    "cache-encrypted": RuleCase(
        REPLICATION_GROUP_TYPE,
        {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True},
        {
            "atRestEncryptionEnabled is false": {
                "atRestEncryptionEnabled": False,
                "transitEncryptionEnabled": True,
            },
            "transitEncryptionEnabled is not set": {"atRestEncryptionEnabled": True},
        },
    ),
    "bucket-encrypted": RuleCase(
        BUCKET_ENCRYPTION_TYPE,
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
        {
            "rules is []": {"rules": []},
            "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm is 'none'": {
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "none"}}]
            },
        },
    ),
    "parameter-secure": RuleCase(
        "aws:ssm/parameter:Parameter",
        {"name": "/app/db-password", "type": "SecureString"},
        {"type is 'String'": {"name": "/app/db-password", "type": "String"}},
    ),
    "secret-key": RuleCase(SECRET_TYPE, {"kmsKeyId": KMS_KEY_ARN}, {"kmsKeyId is not set": {}}),
    "topic-key": RuleCase(
        TOPIC_TYPE, {"kmsMasterKeyId": KMS_KEY_ARN}, {"kmsMasterKeyId is not set": {}}
    ),
    "log-group-key": RuleCase(
        LOG_GROUP_TYPE, {"kmsKeyId": KMS_KEY_ARN}, {"kmsKeyId is ''": {"kmsKeyId": ""}}
    ),
    "vault-key": RuleCase(
        BACKUP_VAULT_TYPE, {"kmsKeyArn": KMS_KEY_ARN}, {"kmsKeyArn is not set": {}}
    ),
    "key-rotates": build_flag_case("aws:kms/key:Key", "enableKeyRotation", True),
    "bucket-not-public": RuleCase(
        PUBLIC_ACCESS_BLOCK_TYPE,
        {
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        {
            "blockPublicPolicy is false": {
                "blockPublicAcls": True,
                "blockPublicPolicy": False,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            },
            "blockPublicAcls is not set": {},
        },
    ),
    "bucket-acl-off": RuleCase(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule.objectOwnership is 'ObjectWriter'": {"rule": {"objectOwnership": "ObjectWriter"}}},
    ),
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
    "database-not-public": build_flag_case(
        DATABASE_TYPE, "publiclyAccessible", False, may_be_unset=True
    ),
    "world-only-to-balancer": RuleCase(
        INGRESS_RULE_TYPE,
        build_ingress_rule(443, 443),
        {
            "fromPort is 443": build_ingress_rule(443, 443),
            "fromPort is 22": build_ingress_rule(22, 22),
            "fromPort is 0 to 65535": {"ipProtocol": "-1", "cidrIpv6": "::/0"},
        },
        name="alb-public-443",
        bad_name="database-open",
    ),
    "default-group-empty": RuleCase(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"ingress": [], "egress": []},
        {"ingress is ": {"ingress": [{"protocol": "-1", "self": True}], "egress": []}},
    ),
    "no-risky-ports": RuleCase(
        INGRESS_RULE_TYPE,
        build_ingress_rule(5433, 5433, "10.0.0.0/16"),
        {"fromPort is 5000 to 6000": build_ingress_rule(5000, 6000, "10.0.0.0/16")},
    ),
    "acl-closed": RuleCase(
        NETWORK_ACL_TYPE,
        {
            "ingress": [
                build_acl_entry(100, 22, "deny"),
                build_acl_entry(110, 22, "allow"),
                build_acl_entry(120, 443, "allow"),
            ]
        },
        {
            "ingress is open to the world on 22": {"ingress": [build_acl_entry(110, 22, "allow")]},
            "ingress is open to the world on 3389": {
                "ingress": [build_acl_entry(120, 3389, "deny"), build_acl_entry(110, 3389, "allow")]
            },
        },
    ),
    "subnet-no-public-ip": build_flag_case(
        "aws:ec2/subnet:Subnet", "mapPublicIpOnLaunch", False, may_be_unset=True
    ),
    "instance-no-public-ip": build_flag_case(
        EC2_INSTANCE_RESOURCE_TYPE, "associatePublicIpAddress", False, may_be_unset=True
    ),
    "template-no-public-ip": RuleCase(
        LAUNCH_TEMPLATE_TYPE,
        {"networkInterfaces": [{"associatePublicIpAddress": "false"}]},
        {
            "networkInterfaces.0.associatePublicIpAddress is 'true'": {
                "networkInterfaces": [{"associatePublicIpAddress": "true"}]
            }
        },
    ),
    "service-no-public-ip": RuleCase(
        "aws:ecs/service:Service",
        {"networkConfiguration": {"assignPublicIp": False}},
        {
            "networkConfiguration.assignPublicIp is true": {
                "networkConfiguration": {"assignPublicIp": True}
            }
        },
    ),
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
    "database-backups": RuleCase(
        DATABASE_TYPE,
        {"backupRetentionPeriod": 7},
        {
            "backupRetentionPeriod is 6": {"backupRetentionPeriod": 6},
            "backupRetentionPeriod is not set": {},
        },
    ),
    "cache-snapshots": RuleCase(
        REPLICATION_GROUP_TYPE,
        {"snapshotRetentionLimit": 1},
        {"snapshotRetentionLimit is 0": {"snapshotRetentionLimit": 0}},
    ),
    "plan-keeps": RuleCase(
        BACKUP_PLAN_TYPE,
        {"rules": [{"lifecycle": {"deleteAfter": 35}}]},
        {
            "rules.0.lifecycle.deleteAfter is 3": {"rules": [{"lifecycle": {"deleteAfter": 3}}]},
            "rules is []": {"rules": []},
        },
    ),
    "plan-copies": RuleCase(
        BACKUP_PLAN_TYPE,
        {"rules": [{"copyActions": []}, {"copyActions": [{"destinationVaultArn": "v"}]}]},
        {"rules.copyActions is not set": {"rules": [{"copyActions": []}]}},
    ),
    "protected": RuleCase(BUCKET_TYPE, {}, {"the option protect is false": {}}),
    "database-deletion-protection": build_flag_case(DATABASE_TYPE, "deletionProtection", True),
    "balancer-deletion-protection": build_flag_case(
        LOAD_BALANCER_TYPE, "enableDeletionProtection", True
    ),
    "final-snapshot": RuleCase(
        DATABASE_TYPE,
        FINAL_SNAPSHOT_PROPERTIES,
        {
            "skipFinalSnapshot is true": {**FINAL_SNAPSHOT_PROPERTIES, "skipFinalSnapshot": True},
            "finalSnapshotIdentifier is not set": {"skipFinalSnapshot": False},
        },
    ),
    "automated-backups-stay": build_flag_case(
        DATABASE_TYPE, "deleteAutomatedBackups", False, may_be_unset=True
    ),
    "no-force-destroy": build_flag_case(BUCKET_TYPE, "forceDestroy", False, may_be_unset=True),
    "no-force-delete": build_flag_case(
        "aws:ecr/repository:Repository", "forceDelete", False, may_be_unset=True
    ),
    "secret-recovery-window": RuleCase(
        SECRET_TYPE,
        {"recoveryWindowInDays": 7},
        {"recoveryWindowInDays is 0": {"recoveryWindowInDays": 0}},
    ),
    "key-deletion-window": RuleCase(
        "aws:kms/key:Key",
        {"deletionWindowInDays": 30},
        {"deletionWindowInDays is 3": {"deletionWindowInDays": 3}},
    ),
    "bucket-versioned": RuleCase(
        "aws:s3/bucketVersioning:BucketVersioning",
        {"versioningConfiguration": {"status": "Enabled"}},
        {
            "versioningConfiguration.status is 'Suspended'": {
                "versioningConfiguration": {"status": "Suspended"}
            }
        },
    ),
    "tags": RuleCase(
        LOG_GROUP_TYPE,
        {"tags": ALL_REQUIRED_TAGS},
        {
            "tags.Owner is not set": {
                "tags": {k: v for k, v in ALL_REQUIRED_TAGS.items() if k != "Owner"}
            },
            "tags.CostCenter is ''": {"tags": ALL_REQUIRED_TAGS | {"CostCenter": ""}},
            "tags.Project is not set": {},
        },
    ),
    "log-retention": RuleCase(
        LOG_GROUP_TYPE,
        {"retentionInDays": 14},
        {
            "retentionInDays is 7": {"retentionInDays": 7},
            "retentionInDays is not set": {},
            "retentionInDays is 0": {"retentionInDays": 0},
        },
    ),
    "log-retention-prod": RuleCase(
        LOG_GROUP_TYPE, {"retentionInDays": 90}, {"retentionInDays is 60": {"retentionInDays": 60}}
    ),
    "no-action-wildcards": RuleCase(
        IAM_POLICY_TYPE,
        build_policy_properties(
            build_allow_statement(["s3:GetObject", "s3:List*"], "arn:aws:s3:::b/*")
        ),
        {
            "policy.Statement.0.Action is '*'": build_policy_properties(
                build_allow_statement("*", "arn:aws:s3:::b")
            ),
            "policy.Statement.0.Action is 's3:*'": build_policy_properties(
                build_allow_statement(["s3:*"], "arn:aws:s3:::b")
            ),
            "policy.Statement.0.NotAction is set": build_policy_properties(
                {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::b"}
            ),
        },
    ),
    "no-resource-wildcards": RuleCase(
        IAM_POLICY_TYPE,
        build_policy_properties(
            build_allow_statement(["rds:DescribeDBInstances", "ecr:GetAuthorizationToken"], "*"),
            build_allow_statement("s3:GetObject", "arn:aws:s3:::b/*"),
        ),
        {
            "policy.Statement.0.Resource is '*'": build_policy_properties(
                build_allow_statement("s3:GetObject", "*")
            ),
            "policy.Statement.1.Resource is '*'": build_policy_properties(
                build_allow_statement("s3:GetObject", "arn:aws:s3:::b/*"),
                build_allow_statement(["kms:Decrypt"], ["*"]),
            ),
            "policy.Statement.0.NotResource is set": build_policy_properties(
                {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b"}
            ),
        },
    ),
    "pass-role-by-name": RuleCase(
        IAM_POLICY_TYPE,
        build_policy_properties(
            build_allow_statement("iam:PassRole", "arn:aws:iam::123456789012:role/task")
        ),
        {
            "policy.Statement.0.Resource is '*'": build_policy_properties(
                build_allow_statement("iam:PassRole", "*")
            ),
            f"policy.Statement.0.Resource is {ALL_ROLES!r}": build_policy_properties(
                build_allow_statement("iam:Pass*", ALL_ROLES)
            ),
        },
    ),
    "no-administrators": RuleCase(
        ROLE_POLICY_ATTACHMENT_TYPE,
        {"policyArn": "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"},
        {"policyArn is": {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}},
    ),
}
