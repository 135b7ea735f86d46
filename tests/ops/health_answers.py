"""What AWS answers to the checks of health, by API: all well, or with one thing changed."""

from collections.abc import Mapping
from typing import Any

from ops.core.metrics import measured, metric
from ops.outputs import CachePart, Outputs, TargetPart
from tests.ops.single_check import NOW, ago, changed
from tests.ops.stage import ACCOUNT, PREFIX, REGION, stack_outputs

Answers = dict[str, Any]
METRIC = "cloudwatch.get_metric_data"
DB = f"{PREFIX}-database"
DB_ARN = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{DB}"
GIB = 1024**3
FREE = metric("AWS/RDS", "FreeStorageSpace", "Minimum", DBInstanceIdentifier=DB).id


def instance(**given: Any) -> Answers:
    item = {
        "DBInstanceIdentifier": DB,
        "DBInstanceArn": DB_ARN,
        "DBInstanceStatus": "available",
        "MultiAZ": True,
        "AvailabilityZone": "a",
        "SecondaryAvailabilityZone": "b",
        "DBParameterGroups": [{"ParameterApplyStatus": "in-sync"}],
        "AllocatedStorage": 100,
        "LatestRestorableTime": ago(minutes=4),
        "InstanceCreateTime": ago(days=90),
        "CertificateDetails": {"CAIdentifier": "rds-ca", "ValidTill": ago(days=-200)},
    }
    return {"rds.describe_db_instances": [{**item, **given}]}


def action(**given: Any) -> Answers:
    details = [{"Action": "system-update", **given}]
    actions = [{"ResourceIdentifier": DB_ARN, "PendingMaintenanceActionDetails": details}]
    return {**instance(), "rds.describe_pending_maintenance_actions": actions}


def free(gib: float) -> Answers:
    return {**instance(), "cloudwatch.get_metric_data": [{"Id": FREE, "Values": [gib * GIB]}]}


def saved(when: str, made: str = ago(days=90), status: str = "available") -> Answers:
    snapshot = {"Status": status, "SnapshotCreateTime": when}
    return {**instance(InstanceCreateTime=made), "rds.describe_db_snapshots": [snapshot]}


def service(name: str, **given: Any) -> dict[str, Any]:
    return {"serviceName": name, "status": "ACTIVE", "desiredCount": 2, "runningCount": 2, **given}


def services(**given: Any) -> Answers:
    return {"ecs.describe_services": [service("frontend"), service("backend", **given)]}


def deployment(state: str, began: str) -> Answers:
    one = {"rolloutState": state, "rolloutStateReason": "tasks failed to start", "createdAt": began}
    return services(deployments=[one])


def task(**given: Any) -> Answers:
    one = {"group": "service:backend", **given}
    return {"ecs.list_tasks": ["arn-1"], "ecs.describe_tasks": [one]}


def scaling(desired: int = 2, **given: Any) -> Answers:
    ids = [f"service/{PREFIX}/{name}" for name in ("backend", "frontend")]
    activity = {"ResourceId": ids[0], "StatusCode": "Successful", "StatusMessage": "why", **given}
    return {
        **services(desiredCount=desired),
        "application-autoscaling.describe_scaling_activities": [activity],
        "application-autoscaling.describe_scalable_targets": [
            {"ResourceId": i, "MinCapacity": 2, "MaxCapacity": 10} for i in ids
        ],
    }


def group(health: str = "Healthy", **given: Any) -> Answers:
    instances = [
        {"LifecycleState": "InService", "HealthStatus": status} for status in ("Healthy", health)
    ]
    one = {"DesiredCapacity": 2, "MinSize": 2, "MaxSize": 6, "Instances": instances, **given}
    return {"autoscaling.describe_auto_scaling_groups": [one]}


def refresh(status: str) -> Answers:
    one = {"Status": status, "StartTime": ago(hours=2), "StatusReason": "why"}
    return {"autoscaling.describe_instance_refreshes": [one]}


def activity(status: str) -> Answers:
    one = {"StatusCode": status, "StatusMessage": "no capacity in the zone"}
    return {"autoscaling.describe_scaling_activities": [one]}


def target(*states: str) -> Answers:
    healths = [{"TargetHealth": {"State": s, "Description": "timed out"}} for s in states]
    return {"elbv2.describe_target_health": healths}


GROUPS = [f"group-{n:03}" for n in range(60)]
ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{{}}/1".format
ALB = f"app/{PREFIX}-alb/50dc6c495c0c9188"


def counted(**unhealthy: int) -> Answers:
    """The metrics of many groups: two healthy targets each, and so many that are not."""
    data = []
    for name in GROUPS:
        of = {"TargetGroup": f"targetgroup/{name}/1", "LoadBalancer": ALB}
        bad = unhealthy.get(name.replace("-", "_"), 0)
        for which, stat, value in (("Healthy", "Minimum", 2 - bad), ("UnHealthy", "Maximum", bad)):
            one = measured("AWS/ApplicationELB", f"{which}HostCount", stat, of)
            data.append({"Id": one.id, "Values": [value]})
    return {**target("healthy", "unhealthy"), "cloudwatch.get_metric_data": data}


def refused(count: float) -> Answers:
    one = metric("AWS/NATGateway", "ErrorPortAllocation", "Sum", period=300, NatGatewayId="nat-b")
    return {"cloudwatch.get_metric_data": [{"Id": one.id, "Values": [0, count]}]}


def logged(count: int, message: str = "ERROR no such table", *more: Any) -> Answers:
    """Events of every group that is looked at, the newest first."""
    at = int(NOW.timestamp() * 1000)
    events = [{"timestamp": at - 60_000 * n, "message": message} for n in range(count)]
    return {"logs.filter_log_events": [*events, *more]}


def issued(**given: Any) -> Answers:
    one = {"DomainName": "app.example.com", "Status": "ISSUED", "NotAfter": ago(days=-100)}
    return {"acm.describe_certificate": [{"Certificate": {**one, **given}}]}


def cached(**given: Any) -> Answers:
    nodes = {"MemberClusters": ["one", "two"], "AutomaticFailover": "enabled"}
    shards = [{"Status": "available"}]
    one = {"Status": "available", **nodes, "NodeGroups": shards, **given}
    return {"elasticache.describe_replication_groups": [one]}


def alarm(name: str, state: str) -> dict[str, Any]:
    text = "P0. The site is down. Run: ops health"
    return {"AlarmName": name, "StateValue": state, "AlarmDescription": text, "StateReason": "why"}


def replicated(until: str, status: str = "replicating") -> Answers:
    one = {"Status": status, "RestoreWindow": {"LatestTime": until}}
    return {"rds.describe_db_instance_automated_backups": [one]}


def vault(made: str, *points: str) -> Answers:
    found = [{"Status": "COMPLETED", "CreationDate": point} for point in points]
    return {
        "backup.describe_backup_vault": [{"CreationDate": made}],
        "backup.list_recovery_points_by_backup_vault": found,
    }


def nat(state: str) -> Answers:
    ids = [f"nat-{zone}" for zone in "abc"]
    one = [{"NatGatewayId": i, "State": "available"} for i in ids[1:]]
    return {
        "ec2.describe_nat_gateways": [
            {"NatGatewayId": ids[0], "State": state, "FailureMessage": "no address"},
            *one,
        ]
    }


def nat_instance(state: str, status: str) -> Answers:
    checks = {"SystemStatus": {"Status": status}, "InstanceStatus": {"Status": "ok"}}
    running = {"InstanceId": "i-1", "State": {"Name": state}}
    return {
        "ec2.describe_instances": [{"Instances": [running]}],
        "ec2.describe_instance_status": [{"InstanceId": "i-1", **checks}],
    }


CACHE = CachePart(
    identifier=f"{PREFIX}-cache",
    arn="arn",
    engine="valkey",
    primary_endpoint="p",
    reader_endpoint="r",
    port=6379,
    secret_arn="s",
    security_group_id="sg",
)
MANY = {
    name: TargetPart(target_group_arn=ARN(name), rule_arns=(), health_path="/") for name in GROUPS
}
OUTPUTS: Mapping[str, Outputs] = {
    "many targets": changed("load_balancer", targets=MANY),
    "copies": changed("backups", recovery_vault_arn="arn:aws:backup:eu-west-1:1:vault:copies"),
    "cache": stack_outputs().model_copy(update={"cache": CACHE}),
    "certificate": changed("load_balancer", certificate_arn="arn:certificate"),
    "replication": changed("database", replicated_backup_arn="arn:backup"),
    "NAT instances": changed("network", nat_gateways={}, nat_instances={"a": "i-1"}),
    "alarms": changed("alarms", names={"P0": ("test-down",), "P2": ("test-slow",)}),
}
