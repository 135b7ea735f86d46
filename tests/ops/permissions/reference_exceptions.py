"""Where a grant differs from what AWS's reference says of its action, and who says so."""

# Asked for on everything, though the reference has resource types; by action, who says so.
ACTIONS_ON_ALL_RESOURCES = {
    "cloudwatch:DescribeAlarmHistory": "API reference: of composite alarms only where it is for *",
    "cloudwatch:DescribeAlarms": "API reference: composite alarms are shown only where it is for *",
    "cloudwatch:GetMetricData": "the type is a dataset, which metrics of AWS services are not",
    "ce:GetCostAndUsage": "the type is a billing view, which the call does not name",
    "ce:GetCostForecast": "the type is a billing view, which the call does not name",
    "rds:DescribeDBSnapshotAttributes": "a statement of its own would not fit in the policy",
    "rds:DescribeExportTasks": "named by its own name, a task is of no resource that has a type",
    "ecs:ListTasks": "AWS's error names *: its type is the container instance, Fargate has none",
}
# Resource types that an action takes instead of, not beside, the one that ours has.
LISTENERS_OF_OTHER_KINDS = ("listener/net/", "listener/gwy/")
ALTERNATIVE_RESOURCES: dict[str, str | tuple[str, ...]] = {
    "elasticloadbalancing:AddListenerCertificates": LISTENERS_OF_OTHER_KINDS,
    "elasticloadbalancing:ModifyListener": LISTENERS_OF_OTHER_KINDS,
    "elasticloadbalancing:RemoveListenerCertificates": LISTENERS_OF_OTHER_KINDS,
    "elasticloadbalancing:ModifyRule": "listener-rule/net/",
    "iam:GenerateServiceLastAccessedDetails": ("group/", "policy/", "user/"),
    "rds:CreateDBInstanceReadReplica": "cluster:",
    "ssm:DescribeInstancePatchStates": "managed-instance/",
    "ssm:DescribeInstancePatches": "managed-instance/",
}
# An operation whose action has another name than it, or another service's.
ACTION_BY_API = {
    "budgets.describe_budget": "budgets:ViewBudget",
    "resourcegroupstaggingapi.get_resources": "tag:GetResources",
    "s3.get_bucket_replication": "s3:GetReplicationConfiguration",
    "s3.get_object_lock_configuration": "s3:GetBucketObjectLockConfiguration",
    "s3.get_public_access_block": "s3:GetBucketPublicAccessBlock",
    "s3.head_object": "s3:GetObject",
    "s3.list_buckets": "s3:ListAllMyBuckets",
    "s3control.get_public_access_block": "s3:GetAccountPublicAccessBlock",
    "s3.list_objects_v2": "s3:ListBucket",
}
