"""Which properties of a resource replace it, and which it cannot be replaced beside.

By the AWS provider's own planner (Terraform's 5.100): every property that the components set was
changed alone. Those that it plans for some values only are not here: ElastiCache's `engine` (Redis
after Valkey) and `engineVersion` (an older one), which
components/settings/deployed_stack.py refuses.
The restore testing plan and its selection are from the provider's documentation. Nothing here
imports Pulumi.
"""

from collections.abc import Mapping
from typing import Any, Final

# By type; `region` replaces all of them.
REPLACING_PROPERTIES_BY_TYPE: Final[Mapping[str, frozenset[str]]] = {
    "aws:acm/certificate:Certificate": frozenset(
        {"domainName", "keyAlgorithm", "subjectAlternativeNames", "validationMethod"}
    ),
    "aws:acm/certificateValidation:CertificateValidation": frozenset(
        {"certificateArn", "validationRecordFqdns"}
    ),
    "aws:appautoscaling/policy:Policy": frozenset(
        {"name", "resourceId", "scalableDimension", "serviceNamespace"}
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": frozenset(
        {"name", "resourceId", "scalableDimension", "serviceNamespace"}
    ),
    "aws:appautoscaling/target:Target": frozenset(
        {"resourceId", "scalableDimension", "serviceNamespace"}
    ),
    "aws:autoscaling/group:Group": frozenset({"name"}),
    "aws:autoscaling/policy:Policy": frozenset({"autoscalingGroupName", "name"}),
    "aws:backup/plan:Plan": frozenset({"name"}),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": frozenset({"name"}),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": frozenset(
        {"name", "protectedResourceType", "restoreTestingPlanName"}
    ),
    "aws:backup/selection:Selection": frozenset({"iamRoleArn", "name", "planId", "resources"}),
    "aws:backup/vault:Vault": frozenset({"kmsKeyArn", "name"}),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": frozenset(
        {"backupVaultName", "minRetentionDays"}
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": frozenset({"alarmName"}),
    "aws:cloudwatch/dashboard:Dashboard": frozenset({"dashboardName"}),
    "aws:cloudwatch/eventRule:EventRule": frozenset({"name"}),
    "aws:cloudwatch/eventTarget:EventTarget": frozenset({"rule"}),
    "aws:cloudwatch/logGroup:LogGroup": frozenset({"name"}),
    "aws:cloudwatch/metricAlarm:MetricAlarm": frozenset({"name"}),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": frozenset({"defaultNetworkAclId"}),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": frozenset({"defaultRouteTableId"}),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": frozenset({"vpcId"}),
    "aws:ec2/eip:Eip": frozenset({"domain"}),
    "aws:ec2/flowLog:FlowLog": frozenset(
        {
            "iamRoleArn",
            "logDestination",
            "logDestinationType",
            "maxAggregationInterval",
            "trafficType",
            "vpcId",
        }
    ),
    "aws:ec2/instance:Instance": frozenset({"ami", "subnetId", "userData"}),
    "aws:ec2/launchTemplate:LaunchTemplate": frozenset({"namePrefix"}),
    "aws:ec2/natGateway:NatGateway": frozenset({"allocationId", "subnetId"}),
    "aws:ec2/networkAcl:NetworkAcl": frozenset({"vpcId"}),
    "aws:ec2/route:Route": frozenset({"destinationCidrBlock", "routeTableId"}),
    "aws:ec2/routeTable:RouteTable": frozenset({"vpcId"}),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": frozenset({"subnetId"}),
    "aws:ec2/securityGroup:SecurityGroup": frozenset({"description", "namePrefix", "vpcId"}),
    "aws:ec2/subnet:Subnet": frozenset({"availabilityZone", "cidrBlock", "vpcId"}),
    "aws:ec2/vpc:Vpc": frozenset({"cidrBlock"}),
    "aws:ec2/vpcEndpoint:VpcEndpoint": frozenset({"serviceName", "vpcEndpointType", "vpcId"}),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": frozenset({"policy", "repository"}),
    "aws:ecr/repository:Repository": frozenset({"encryptionConfigurations", "name"}),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": frozenset({"repository"}),
    "aws:ecs/cluster:Cluster": frozenset({"name"}),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": frozenset({"clusterName"}),
    "aws:ecs/service:Service": frozenset({"cluster", "name"}),
    "aws:ecs/taskDefinition:TaskDefinition": frozenset(
        {
            "containerDefinitions",
            "cpu",
            "executionRoleArn",
            "family",
            "memory",
            "networkMode",
            "requiresCompatibilities",
            "runtimePlatform",
            "taskRoleArn",
            "volumes",
        }
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": frozenset({"description", "family", "name"}),
    "aws:elasticache/replicationGroup:ReplicationGroup": frozenset(
        {
            "atRestEncryptionEnabled",
            "kmsKeyId",
            "networkType",
            "port",
            "replicationGroupId",
            "subnetGroupName",
            "transitEncryptionEnabled",
        }
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": frozenset({"name"}),
    "aws:iam/instanceProfile:InstanceProfile": frozenset({"name"}),
    "aws:iam/policy:Policy": frozenset({"description", "name"}),
    "aws:iam/role:Role": frozenset({"name"}),
    "aws:iam/rolePolicy:RolePolicy": frozenset({"name", "role"}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": frozenset({"policyArn", "role"}),
    "aws:kms/alias:Alias": frozenset({"name"}),
    "aws:lambda/function:Function": frozenset({"name", "packageType"}),
    "aws:lambda/permission:Permission": frozenset(
        {"action", "function", "principal", "sourceAccount", "sourceArn"}
    ),
    "aws:lb/listener:Listener": frozenset({"loadBalancerArn"}),
    "aws:lb/listenerRule:ListenerRule": frozenset({"listenerArn"}),
    "aws:lb/loadBalancer:LoadBalancer": frozenset({"internal", "loadBalancerType", "name"}),
    "aws:lb/targetGroup:TargetGroup": frozenset(
        {"name", "port", "protocol", "targetType", "vpcId"}
    ),
    "aws:rds/eventSubscription:EventSubscription": frozenset({"name"}),
    "aws:rds/instance:Instance": frozenset(
        {
            "dbName",
            "engine",
            "kmsKeyId",
            "restoreToPointInTime",
            "snapshotIdentifier",
            "storageEncrypted",
            "username",
        }
    ),
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": frozenset(
        {"kmsKeyId", "retentionPeriod", "sourceDbInstanceArn"}
    ),
    "aws:rds/parameterGroup:ParameterGroup": frozenset({"description", "family", "namePrefix"}),
    "aws:rds/subnetGroup:SubnetGroup": frozenset({"name"}),
    "aws:route53/record:Record": frozenset({"name", "zoneId"}),
    "aws:route53/zone:Zone": frozenset({"name"}),
    "aws:s3/bucket:Bucket": frozenset({"bucket"}),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": frozenset({"bucket"}),
    "aws:s3/bucketLogging:BucketLogging": frozenset({"bucket"}),
    "aws:s3/bucketObjectv2:BucketObjectv2": frozenset({"bucket", "key"}),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": frozenset({"bucket"}),
    "aws:s3/bucketPolicy:BucketPolicy": frozenset({"bucket"}),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": frozenset({"bucket"}),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": frozenset({"bucket"}),
    (
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ): frozenset({"bucket"}),
    "aws:s3/bucketVersioning:BucketVersioning": frozenset({"bucket"}),
    "aws:secretsmanager/secret:Secret": frozenset({"namePrefix"}),
    "aws:secretsmanager/secretRotation:SecretRotation": frozenset({"secretId"}),
    "aws:secretsmanager/secretVersion:SecretVersion": frozenset({"secretId", "secretString"}),
    "aws:budgets/budget:Budget": frozenset({"name"}),
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": frozenset(
        {"monitorDimension", "monitorSpecification", "monitorType"}
    ),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": frozenset({"name"}),
    "aws:sns/topic:Topic": frozenset({"name"}),
    "aws:sns/topicSubscription:TopicSubscription": frozenset({"endpoint", "protocol", "topic"}),
    "aws:ssm/association:Association": frozenset({"name"}),
    "aws:ssm/parameter:Parameter": frozenset({"name"}),
    "aws:ssm/patchBaseline:PatchBaseline": frozenset({"operatingSystem"}),
    "aws:ssm/patchGroup:PatchGroup": frozenset({"baselineId", "patchGroup"}),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": frozenset({"securityGroupId"}),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": frozenset({"securityGroupId"}),
    "aws:wafv2/webAcl:WebAcl": frozenset({"name", "scope"}),
    "aws:wafv2/webAclAssociation:WebAclAssociation": frozenset({"resourceArn", "webAclArn"}),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": frozenset(
        {"logDestinationConfigs", "resourceArn"}
    ),
}
# One of each kind for what they belong to: AWS sets the new one over the old one, so that the
# deletion of the old one afterwards would delete the new one. They must be deleted first.
SINGLETON_TYPES: Final = frozenset(
    {
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
    }
)
# A name that the program gives cannot be had twice: the old one is deleted first.
PHYSICAL_NAMES: Final = (
    "name",
    "bucket",
    "identifier",
    "replicationGroupId",
    "dashboardName",
    "alarmName",
)


def list_replacing_changes(
    type_: str, *, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """The properties whose change from `before` to `after` replaces a resource of a type."""
    replacing = REPLACING_PROPERTIES_BY_TYPE.get(type_, frozenset()) | {"region"}
    return sorted(name for name in replacing if before.get(name) != after.get(name))


def is_deleted_first(
    before: Mapping[str, Any], after: Mapping[str, Any], *, delete_before_replace: bool
) -> bool:
    """True if the old resource goes before the new one comes, as Pulumi's bridge decides it."""
    has_prefix = any(name.endswith("Prefix") for name in after)
    keeps_name = any(name in after and before.get(name) == after[name] for name in PHYSICAL_NAMES)
    return delete_before_replace or (keeps_name and not has_prefix)
