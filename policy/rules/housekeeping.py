"""Tags and logs: each resource names its owner; logs are kept long enough, not for ever."""

from collections.abc import Iterator
from typing import Final

from policy.rules.model import (
    PROD_ONLY,
    PolicyResource,
    ResourceRule,
    any_value,
    at_least,
    build_property_check,
    check_value,
    find_property,
)

REQUIRED_TAGS: Final = ("Project", "Environment", "Component", "Owner", "CostCenter", "ManagedBy")
LIST_TAGGED_TYPE: Final = "aws:autoscaling/group:Group"  # its tags are a list
# Types of these stacks that can have tags. Other types are not checked: the inputs
# of a type without tags look like those of one whose tags were forgotten.
TAGGABLE_TYPES: Final = (
    "aws:acm/certificate:Certificate",
    "aws:appautoscaling/target:Target",
    LIST_TAGGED_TYPE,
    "aws:backup/plan:Plan",
    "aws:backup/restoreTestingPlan:RestoreTestingPlan",
    "aws:backup/vault:Vault",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ebs/volume:Volume",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/eip:Eip",
    "aws:ec2/flowLog:FlowLog",
    "aws:ec2/instance:Instance",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/networkAcl:NetworkAcl",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecr/repository:Repository",
    "aws:ecs/cluster:Cluster",
    "aws:ecs/service:Service",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:elasticache/parameterGroup:ParameterGroup",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:elasticache/subnetGroup:SubnetGroup",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:lambda/function:Function",
    "aws:lb/listener:Listener",
    "aws:lb/listenerRule:ListenerRule",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:rds/eventSubscription:EventSubscription",
    "aws:rds/instance:Instance",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
    "aws:ssm/parameter:Parameter",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:wafv2/webAcl:WebAcl",
)


def _check_tags(resource: PolicyResource) -> Iterator[str]:
    tags = find_property(resource.inputs, "tags")
    if resource.type == LIST_TAGGED_TYPE and isinstance(tags, list | tuple):
        tags = {find_property(tag, "key"): find_property(tag, "value") for tag in tags}
    for key in REQUIRED_TAGS:
        yield from check_value(f"tags.{key}", find_property(tags, key), any_value("text"))


HOUSEKEEPING_RULES = (
    ResourceRule(
        "tags",
        ("house",),
        TAGGABLE_TYPES,
        "Each thing says whose it is and what it belongs to.",
        _check_tags,
    ),
    ResourceRule(
        "log-retention",
        ("CloudWatch.16",),
        ("aws:cloudwatch/logGroup:LogGroup",),
        "Logs are kept two weeks or longer, and not for ever.",
        build_property_check(retentionInDays=at_least(14, "days")),
    ),
    ResourceRule(
        "log-retention-prod",
        ("house",),
        ("aws:cloudwatch/logGroup:LogGroup",),
        "Logs are kept ninety days or longer.",
        build_property_check(retentionInDays=at_least(90, "days")),
        PROD_ONLY,
    ),
)
