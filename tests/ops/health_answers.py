"""What AWS answers to the checks of health, by API: all well, or with one thing changed."""

from collections.abc import Mapping
from typing import Any, Final

from ops.core.metrics import build_dimensioned_metric_query, build_metric_query
from ops.outputs import CachePart, Outputs, TargetPart
from tests.ops.single_check import NOW, build_changed_outputs, format_time_ago
from tests.ops.stage import ACCOUNT, REGION, STACK_PREFIX, build_stack_outputs

AwsAnswers = dict[str, Any]
METRIC_DATA_API = "cloudwatch.get_metric_data"
DATABASE_IDENTIFIER = f"{STACK_PREFIX}-database"
DATABASE_ARN = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{DATABASE_IDENTIFIER}"
GIB = 1024**3
FREE_STORAGE_METRIC_ID = build_metric_query(
    "AWS/RDS", "FreeStorageSpace", "Minimum", DBInstanceIdentifier=DATABASE_IDENTIFIER
).id


def answer_instance(**overrides: Any) -> AwsAnswers:
    item = {
        "DBInstanceIdentifier": DATABASE_IDENTIFIER,
        "DBInstanceArn": DATABASE_ARN,
        "DBInstanceStatus": "available",
        "DBInstanceClass": "db.m7g.large",
        "EngineVersion": "16.9",
        "MultiAZ": True,
        "AvailabilityZone": "a",
        "SecondaryAvailabilityZone": "b",
        "DBParameterGroups": [{"ParameterApplyStatus": "in-sync"}],
        "AllocatedStorage": 100,
        "LatestRestorableTime": format_time_ago(minutes=4),
        "InstanceCreateTime": format_time_ago(days=90),
        "CertificateDetails": {"CAIdentifier": "rds-ca", "ValidTill": format_time_ago(days=-200)},
    }
    return {"rds.describe_db_instances": [{**item, **overrides}]}


def answer_version_support(days: float, **overrides: Any) -> AwsAnswers:
    """Standard support that ends in so many days, and Extended Support for three years more."""
    lifecycles = [
        {"LifecycleSupportName": name, "LifecycleSupportEndDate": format_time_ago(days=-end_days)}
        for name, end_days in (
            ("open-source-rds-standard-support", days),
            ("open-source-rds-extended-support", days + 3 * 365),
        )
    ]
    version = {"MajorEngineVersion": "16", "SupportedEngineLifecycles": lifecycles}
    return {
        **answer_instance(**overrides),
        "rds.describe_db_major_engine_versions": [version],
    }


def answer_pending_action(**overrides: Any) -> AwsAnswers:
    details = [{"Action": "system-update", **overrides}]
    actions = [{"ResourceIdentifier": DATABASE_ARN, "PendingMaintenanceActionDetails": details}]
    return {**answer_instance(), "rds.describe_pending_maintenance_actions": actions}


def answer_free_storage(gib: float) -> AwsAnswers:
    return {
        **answer_instance(),
        "cloudwatch.get_metric_data": [{"Id": FREE_STORAGE_METRIC_ID, "Values": [gib * GIB]}],
    }


def answer_snapshot(
    snapshot_time: str, instance_created: str = format_time_ago(days=90), status: str = "available"
) -> AwsAnswers:
    snapshot = {"Status": status, "SnapshotCreateTime": snapshot_time}
    return {
        **answer_instance(InstanceCreateTime=instance_created),
        "rds.describe_db_snapshots": [snapshot],
    }


def build_service_answer(name: str, **overrides: Any) -> dict[str, Any]:
    return {
        "serviceName": name,
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        **overrides,
    }


def answer_services(**overrides: Any) -> AwsAnswers:
    return {
        "ecs.describe_services": [
            build_service_answer("frontend"),
            build_service_answer("backend", **overrides),
        ]
    }


def answer_deployment(state: str, created: str) -> AwsAnswers:
    item = {
        "rolloutState": state,
        "rolloutStateReason": "tasks failed to start",
        "createdAt": created,
    }
    return answer_services(deployments=[item])


def answer_task(**overrides: Any) -> AwsAnswers:
    item = {"group": "service:backend", **overrides}
    return {"ecs.list_tasks": ["arn-1"], "ecs.describe_tasks": [item]}


def answer_scaling(desired: int = 2, **overrides: Any) -> AwsAnswers:
    ids = [f"service/{STACK_PREFIX}/{name}" for name in ("backend", "frontend")]
    activity = {
        "ResourceId": ids[0],
        "StatusCode": "Successful",
        "StatusMessage": "why",
        **overrides,
    }
    return {
        **answer_services(desiredCount=desired),
        "application-autoscaling.describe_scaling_activities": [activity],
        "application-autoscaling.describe_scalable_targets": [
            {"ResourceId": i, "MinCapacity": 2, "MaxCapacity": 10} for i in ids
        ],
    }


def answer_group(health: str = "Healthy", **overrides: Any) -> AwsAnswers:
    instances = [
        {"LifecycleState": "InService", "HealthStatus": status} for status in ("Healthy", health)
    ]
    item = {"DesiredCapacity": 2, "MinSize": 2, "MaxSize": 6, "Instances": instances, **overrides}
    return {"autoscaling.describe_auto_scaling_groups": [item]}


def answer_refresh(status: str) -> AwsAnswers:
    item = {"Status": status, "StartTime": format_time_ago(hours=2), "StatusReason": "why"}
    return {"autoscaling.describe_instance_refreshes": [item]}


def answer_activity(status: str) -> AwsAnswers:
    item = {"StatusCode": status, "StatusMessage": "no capacity in the zone"}
    return {"autoscaling.describe_scaling_activities": [item]}


def answer_target_health(*states: str) -> AwsAnswers:
    healths = [{"TargetHealth": {"State": s, "Description": "timed out"}} for s in states]
    return {"elbv2.describe_target_health": healths}


TARGET_GROUP_NAMES = [f"group-{n:03}" for n in range(60)]
format_target_group_arn = (
    f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{{}}/1".format
)
ALB_DIMENSION = f"app/{STACK_PREFIX}-alb/50dc6c495c0c9188"


def answer_host_counts(**unhealthy: int) -> AwsAnswers:
    """The metrics of many groups: two healthy targets each, and so many that are not."""
    data = []
    for name in TARGET_GROUP_NAMES:
        dimensions = {"TargetGroup": f"targetgroup/{name}/1", "LoadBalancer": ALB_DIMENSION}
        bad = unhealthy.get(name.replace("-", "_"), 0)
        for host_state, stat, value in (
            ("Healthy", "Minimum", 2 - bad),
            ("UnHealthy", "Maximum", bad),
        ):
            host_metric = build_dimensioned_metric_query(
                "AWS/ApplicationELB", f"{host_state}HostCount", stat, dimensions
            )
            data.append({"Id": host_metric.id, "Values": [value]})
    return {**answer_target_health("healthy", "unhealthy"), "cloudwatch.get_metric_data": data}


def answer_requests(**counts: float) -> AwsAnswers:
    """The load balancer's sums by metric; a metric that is not given is not reported."""
    queries = {
        name: build_dimensioned_metric_query(
            "AWS/ApplicationELB", name, "Sum", {"LoadBalancer": ALB_DIMENSION}
        )
        for name in counts
    }
    data = [{"Id": queries[name].id, "Values": [n / 2, n / 2]} for name, n in counts.items()]
    return {METRIC_DATA_API: data}


def answer_refused_connections(count: float) -> AwsAnswers:
    nat_metric = build_metric_query(
        "AWS/NATGateway", "ErrorPortAllocation", "Sum", period=300, NatGatewayId="nat-b"
    )
    return {"cloudwatch.get_metric_data": [{"Id": nat_metric.id, "Values": [0, count]}]}


def answer_log_events(
    count: int, message: str = "ERROR no such table", *older_events: Any
) -> AwsAnswers:
    """Events of every group that is looked at, the newest first."""
    newest_ms = int(NOW.timestamp() * 1000)
    events = [{"timestamp": newest_ms - 60_000 * n, "message": message} for n in range(count)]
    return {"logs.filter_log_events": [*events, *older_events]}


def answer_certificate(**overrides: Any) -> AwsAnswers:
    certificate = {
        "DomainName": "app.example.com",
        "Status": "ISSUED",
        "NotAfter": format_time_ago(days=-100),
    }
    return {"acm.describe_certificate": [{"Certificate": {**certificate, **overrides}}]}


def answer_cache(**overrides: Any) -> AwsAnswers:
    nodes = {"MemberClusters": ["one", "two"], "AutomaticFailover": "enabled"}
    shards = [{"Status": "available"}]
    replication_group = {"Status": "available", **nodes, "NodeGroups": shards, **overrides}
    return {"elasticache.describe_replication_groups": [replication_group]}


# Alarms of the registry, as they are named in the stack of build_stack_outputs.
DOWN_ALARM: Final = "bulwark-test-balancer-5xx"
SLOW_ALARM: Final = "bulwark-test-database-cpu-high-primary"


def build_alarm_answer(name: str, state: str) -> dict[str, Any]:
    text = "P0. The site is down. Run: ops usage"
    return {"AlarmName": name, "StateValue": state, "AlarmDescription": text, "StateReason": "why"}


def answer_replicated_backup(latest_time: str, status: str = "replicating") -> AwsAnswers:
    backup = {"Status": status, "RestoreWindow": {"LatestTime": latest_time}}
    return {"rds.describe_db_instance_automated_backups": [backup]}


def answer_vault(vault_created: str, *points: str) -> AwsAnswers:
    recovery_points = [{"Status": "COMPLETED", "CreationDate": point} for point in points]
    return {
        "backup.describe_backup_vault": [{"CreationDate": vault_created}],
        "backup.list_recovery_points_by_backup_vault": recovery_points,
    }


def answer_nat_gateway(state: str) -> AwsAnswers:
    ids = [f"nat-{zone}" for zone in "abc"]
    other_gateways = [{"NatGatewayId": i, "State": "available"} for i in ids[1:]]
    return {
        "ec2.describe_nat_gateways": [
            {"NatGatewayId": ids[0], "State": state, "FailureMessage": "no address"},
            *other_gateways,
        ]
    }


def answer_nat_instance(state: str, status: str) -> AwsAnswers:
    checks = {"SystemStatus": {"Status": status}, "InstanceStatus": {"Status": "ok"}}
    instance = {"InstanceId": "i-1", "State": {"Name": state}}
    return {
        "ec2.describe_instances": [{"Instances": [instance]}],
        "ec2.describe_instance_status": [{"InstanceId": "i-1", **checks}],
    }


CACHE_PART = CachePart(
    identifier=f"{STACK_PREFIX}-cache",
    arn="arn",
    engine="valkey",
    primary_endpoint="p",
    reader_endpoint="r",
    port=6379,
    secret_arn="s",
    security_group_id="sg",
)
MANY_TARGETS = {
    name: TargetPart(target_group_arn=format_target_group_arn(name), rule_arns=(), health_path="/")
    for name in TARGET_GROUP_NAMES
}
OUTPUTS_BY_CASE: Mapping[str, Outputs] = {
    "many targets": build_changed_outputs("load_balancer", targets=MANY_TARGETS),
    "copies": build_changed_outputs(
        "backups", recovery_vault_arn="arn:aws:backup:eu-west-1:1:vault:copies"
    ),
    "cache": build_stack_outputs().model_copy(update={"cache": CACHE_PART}),
    "certificate": build_changed_outputs("load_balancer", certificate_arn="arn:certificate"),
    "replication": build_changed_outputs("database", replicated_backup_arn="arn:backup"),
    "NAT instances": build_changed_outputs("network", nat_gateways={}, nat_instances={"a": "i-1"}),
    "alarms": build_changed_outputs(
        "alarms",
        names={
            "P0": (DOWN_ALARM,),
            "P2": (SLOW_ALARM,),
        },
    ),
}
