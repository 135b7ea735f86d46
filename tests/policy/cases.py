"""For each rule a resource that it passes, and those that it does not: inputs alone."""

import json
from dataclasses import dataclass
from typing import Any, Final

from policy.rules.housekeeping import TAGS
from policy.rules.model import Resource

KEY = "arn:aws:kms:eu-north-1:123456789012:key/k"
DATABASE, GROUP = (
    "aws:rds/instance:Instance",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
TEMPLATE, INSTANCE = "aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"
CACHE, BUCKET = "aws:elasticache/replicationGroup:ReplicationGroup", "aws:s3/bucket:Bucket"
SECRET, TOPIC = "aws:secretsmanager/secret:Secret", "aws:sns/topic:Topic"
LOGS, VAULT = "aws:cloudwatch/logGroup:LogGroup", "aws:backup/vault:Vault"
LISTENER, BALANCER = "aws:lb/listener:Listener", "aws:lb/loadBalancer:LoadBalancer"
SSE = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
POLICY, ATTACHED = "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
BUCKET_POLICY, PLAN = "aws:s3/bucketPolicy:BucketPolicy", "aws:backup/plan:Plan"
ACL = "aws:ec2/networkAcl:NetworkAcl"


@dataclass(frozen=True)
class Case:
    """A good resource of a rule; a bad one by the property that its line begins with."""

    type: str
    good: dict[str, Any]
    bad: dict[str, dict[str, Any]]
    name: str = "thing"
    bad_name: str = "thing"

    def resource(self, props: dict[str, Any], *, good: bool, protect: bool = True) -> Resource:
        return Resource(self.type, self.name if good else self.bad_name, props, protect)


def flag(type_: str, key: str, good: bool, *, unset: bool = False) -> Case:
    """A switch that must stand one way; `unset`: where it may also not be set."""
    bad: dict[str, dict[str, Any]] = {f"{key} is {str(not good).lower()}": {key: not good}}
    return Case(type_, {key: good}, bad if unset else bad | {f"{key} is not set": {}})


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def entry(number: int, port: int, action: str, source: str = "0.0.0.0/0") -> dict[str, Any]:
    return {
        "ruleNo": number,
        "protocol": "6",
        "fromPort": port,
        "toPort": port,
        "action": action,
        "cidrBlock": source,
    }


def ingress(first: int, last: int, source: str = "0.0.0.0/0") -> dict[str, Any]:
    return {"ipProtocol": "tcp", "fromPort": first, "toPort": last, "cidrIpv4": source}


DENY_PLAIN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ANYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish", "Resource": "*"}
TAGGED = dict.fromkeys(TAGS, "x")
TLS = {
    "protocol": "HTTPS",
    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "certificateArn": "arn:aws:acm:eu-north-1:123456789012:certificate/c",
}
REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_301"}}
FINAL = {"skipFinalSnapshot": False, "finalSnapshotIdentifier": "last"}
CASES: Final[dict[str, Case]] = {
    "database-encrypted": flag(DATABASE, "storageEncrypted", True),
    "disk-encrypted": Case(
        TEMPLATE,
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
    "volume-encrypted": flag("aws:ebs/volume:Volume", "encrypted", True),
    "cache-encrypted": Case(
        CACHE,
        {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True},
        {
            "atRestEncryptionEnabled is false": {
                "atRestEncryptionEnabled": False,
                "transitEncryptionEnabled": True,
            },
            "transitEncryptionEnabled is not set": {"atRestEncryptionEnabled": True},
        },
    ),
    "bucket-encrypted": Case(
        SSE,
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
        {
            "rules is []": {"rules": []},
            "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm is 'none'": {
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "none"}}]
            },
        },
    ),
    "parameter-secure": Case(
        "aws:ssm/parameter:Parameter",
        {"name": "/app/db-password", "type": "SecureString"},
        {"type is 'String'": {"name": "/app/db-password", "type": "String"}},
    ),
    "secret-key": Case(SECRET, {"kmsKeyId": KEY}, {"kmsKeyId is not set": {}}),
    "topic-key": Case(TOPIC, {"kmsMasterKeyId": KEY}, {"kmsMasterKeyId is not set": {}}),
    "log-group-key": Case(LOGS, {"kmsKeyId": KEY}, {"kmsKeyId is ''": {"kmsKeyId": ""}}),
    "vault-key": Case(VAULT, {"kmsKeyArn": KEY}, {"kmsKeyArn is not set": {}}),
    "key-rotates": flag("aws:kms/key:Key", "enableKeyRotation", True),
    "bucket-not-public": Case(
        BLOCK,
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
    "bucket-acl-off": Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule.objectOwnership is 'ObjectWriter'": {"rule": {"objectOwnership": "ObjectWriter"}}},
    ),
    "policy-not-public": Case(
        TOPIC,
        document({**ANYBODY, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}),
        {
            "policy.Statement.0.Principal is '*'": document(ANYBODY),
            "policy.Statement.1.Principal is '*'": document(
                DENY_PLAIN, {**ANYBODY, "Principal": "*"}
            ),
        },
    ),
    "database-not-public": flag(DATABASE, "publiclyAccessible", False, unset=True),
    "world-only-to-balancer": Case(
        GROUP,
        ingress(443, 443),
        {
            "fromPort is 443": ingress(443, 443),
            "fromPort is 22": ingress(22, 22),
            "fromPort is 0 to 65535": {"ipProtocol": "-1", "cidrIpv6": "::/0"},
        },
        name="alb-public-443",
        bad_name="database-open",
    ),
    "default-group-empty": Case(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"ingress": [], "egress": []},
        {"ingress is ": {"ingress": [{"protocol": "-1", "self": True}], "egress": []}},
    ),
    "no-risky-ports": Case(
        GROUP,
        ingress(5433, 5433, "10.0.0.0/16"),
        {"fromPort is 5000 to 6000": ingress(5000, 6000, "10.0.0.0/16")},
    ),
    "acl-closed": Case(
        ACL,
        {"ingress": [entry(100, 22, "deny"), entry(110, 22, "allow"), entry(120, 443, "allow")]},
        {
            "ingress is open to the world on 22": {"ingress": [entry(110, 22, "allow")]},
            "ingress is open to the world on 3389": {
                "ingress": [entry(120, 3389, "deny"), entry(110, 3389, "allow")]
            },
        },
    ),
    "subnet-no-public-ip": flag("aws:ec2/subnet:Subnet", "mapPublicIpOnLaunch", False, unset=True),
    "instance-no-public-ip": flag(INSTANCE, "associatePublicIpAddress", False, unset=True),
    "template-no-public-ip": Case(
        TEMPLATE,
        {"networkInterfaces": [{"associatePublicIpAddress": "false"}]},
        {
            "networkInterfaces.0.associatePublicIpAddress is 'true'": {
                "networkInterfaces": [{"associatePublicIpAddress": "true"}]
            }
        },
    ),
    "service-no-public-ip": Case(
        "aws:ecs/service:Service",
        {"networkConfiguration": {"assignPublicIp": False}},
        {
            "networkConfiguration.assignPublicIp is true": {
                "networkConfiguration": {"assignPublicIp": True}
            }
        },
    ),
    "listener-tls": Case(
        LISTENER,
        TLS,
        {
            "sslPolicy is 'ELBSecurityPolicy-2016-08'": {
                **TLS,
                "sslPolicy": "ELBSecurityPolicy-2016-08",
            },
            "certificateArn is not set": {k: v for k, v in TLS.items() if k != "certificateArn"},
        },
    ),
    "listener-redirects": Case(
        LISTENER,
        {"protocol": "HTTP", "defaultActions": [REDIRECT]},
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
    "balancer-drops-invalid-headers": flag(BALANCER, "dropInvalidHeaderFields", True),
    "bucket-tls": Case(
        BUCKET_POLICY,
        document(DENY_PLAIN),
        {
            "policy is 'without it'": document({**DENY_PLAIN, "Effect": "Allow"}),
            "policy is": document({**DENY_PLAIN, "Action": "s3:GetObject"}),
            "policy ": document({**DENY_PLAIN, "Principal": {"AWS": "arn:aws:iam::1:root"}}),
        },
    ),
    "database-tls": Case(
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
    "database-backups": Case(
        DATABASE,
        {"backupRetentionPeriod": 7},
        {
            "backupRetentionPeriod is 6": {"backupRetentionPeriod": 6},
            "backupRetentionPeriod is not set": {},
        },
    ),
    "cache-snapshots": Case(
        CACHE,
        {"snapshotRetentionLimit": 1},
        {"snapshotRetentionLimit is 0": {"snapshotRetentionLimit": 0}},
    ),
    "plan-keeps": Case(
        PLAN,
        {"rules": [{"lifecycle": {"deleteAfter": 35}}]},
        {
            "rules.0.lifecycle.deleteAfter is 3": {"rules": [{"lifecycle": {"deleteAfter": 3}}]},
            "rules is []": {"rules": []},
        },
    ),
    "plan-copies": Case(
        PLAN,
        {"rules": [{"copyActions": []}, {"copyActions": [{"destinationVaultArn": "v"}]}]},
        {"rules.copyActions is not set": {"rules": [{"copyActions": []}]}},
    ),
    "protected": Case(BUCKET, {}, {"the option protect is false": {}}),
    "database-deletion-protection": flag(DATABASE, "deletionProtection", True),
    "balancer-deletion-protection": flag(BALANCER, "enableDeletionProtection", True),
    "final-snapshot": Case(
        DATABASE,
        FINAL,
        {
            "skipFinalSnapshot is true": {**FINAL, "skipFinalSnapshot": True},
            "finalSnapshotIdentifier is not set": {"skipFinalSnapshot": False},
        },
    ),
    "automated-backups-stay": flag(DATABASE, "deleteAutomatedBackups", False, unset=True),
    "no-force-destroy": flag(BUCKET, "forceDestroy", False, unset=True),
    "no-force-delete": flag("aws:ecr/repository:Repository", "forceDelete", False, unset=True),
    "secret-recovery-window": Case(
        SECRET,
        {"recoveryWindowInDays": 7},
        {"recoveryWindowInDays is 0": {"recoveryWindowInDays": 0}},
    ),
    "key-deletion-window": Case(
        "aws:kms/key:Key",
        {"deletionWindowInDays": 30},
        {"deletionWindowInDays is 3": {"deletionWindowInDays": 3}},
    ),
    "bucket-versioned": Case(
        "aws:s3/bucketVersioning:BucketVersioning",
        {"versioningConfiguration": {"status": "Enabled"}},
        {
            "versioningConfiguration.status is 'Suspended'": {
                "versioningConfiguration": {"status": "Suspended"}
            }
        },
    ),
    "tags": Case(
        LOGS,
        {"tags": TAGGED},
        {
            "tags.Owner is not set": {"tags": {k: v for k, v in TAGGED.items() if k != "Owner"}},
            "tags.CostCenter is ''": {"tags": TAGGED | {"CostCenter": ""}},
            "tags.Project is not set": {},
        },
    ),
    "log-retention": Case(
        LOGS,
        {"retentionInDays": 14},
        {
            "retentionInDays is 7": {"retentionInDays": 7},
            "retentionInDays is not set": {},
            "retentionInDays is 0": {"retentionInDays": 0},
        },
    ),
    "log-retention-prod": Case(
        LOGS, {"retentionInDays": 90}, {"retentionInDays is 60": {"retentionInDays": 60}}
    ),
    "no-action-wildcards": Case(
        POLICY,
        document(allow(["s3:GetObject", "s3:List*"], "arn:aws:s3:::b/*")),
        {
            "policy.Statement.0.Action is '*'": document(allow("*", "arn:aws:s3:::b")),
            "policy.Statement.0.Action is 's3:*'": document(allow(["s3:*"], "arn:aws:s3:::b")),
            "policy.Statement.0.NotAction is set": document(
                {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::b"}
            ),
        },
    ),
    "no-resource-wildcards": Case(
        POLICY,
        document(
            allow(["rds:DescribeDBInstances", "ecr:GetAuthorizationToken"], "*"),
            allow("s3:GetObject", "arn:aws:s3:::b/*"),
        ),
        {
            "policy.Statement.0.Resource is '*'": document(allow("s3:GetObject", "*")),
            "policy.Statement.1.Resource is '*'": document(
                allow("s3:GetObject", "arn:aws:s3:::b/*"), allow(["kms:Decrypt"], ["*"])
            ),
            "policy.Statement.0.NotResource is set": document(
                {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b"}
            ),
        },
    ),
    "pass-role-by-name": Case(
        POLICY,
        document(allow("iam:PassRole", "arn:aws:iam::123456789012:role/task")),
        {
            "policy.Statement.0.Resource is '*'": document(allow("iam:PassRole", "*")),
            "policy.Statement.0.Resource is 'arn:aws:iam::123456789012:role/*'": document(
                allow("iam:Pass*", "arn:aws:iam::123456789012:role/*")
            ),
        },
    ),
    "no-administrators": Case(
        ATTACHED,
        {"policyArn": "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"},
        {"policyArn is": {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}},
    ),
}
