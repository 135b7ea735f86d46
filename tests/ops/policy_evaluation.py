"""What a call acts on, read from its parameters, and whether a policy allows it.

Written apart from ops/permissions/, so that one can be held against the other. Of conditions those
on the tags of a resource are looked at: whatever a call names has the stack's own.
"""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ops.permissions.policies import PolicyStatement
from tests.ops.call_recorder import Recorded
from tests.ops.stage import ACCOUNT

Acts = list[tuple[str, str]]
TAGS = {"Project": "bulwark", "Environment": "test"}


def rds(call: Recorded, kind: str, name: Any) -> str:
    """The ARN of something of RDS, named by its name or by its ARN."""
    text = str(name)
    return text if text.startswith("arn:") else f"arn:aws:rds:{call.region}:{ACCOUNT}:{kind}:{text}"


def of_rds(action: str, **kinds: str) -> Callable[[Recorded], Acts]:
    """An RDS call that acts on what these parameters name, by kind; tagged, it tags that too."""

    def acts(call: Recorded) -> Acts:
        named = [(p, k) for p, k in kinds.items() if p in call.params]
        found = [(f"rds:{action}", rds(call, kind, call.params[p])) for p, kind in named]
        if call.params.get("Tags") and found:
            found.append(("rds:AddTagsToResource", found[-1][1]))
        return found

    return acts


def of_s3(action: str) -> Callable[[Recorded], Acts]:
    """An S3 call on one object."""
    return lambda call: [
        (f"s3:{action}", f"arn:aws:s3:::{call.params['Bucket']}/{call.params['Key']}")
    ]


def of_service(action: str) -> Callable[[Recorded], Acts]:
    """An ECS call on one service."""

    def acts(call: Recorded) -> Acts:
        where = f"arn:aws:ecs:{call.region}:{ACCOUNT}:service"
        return [(f"ecs:{action}", f"{where}/{call.params['cluster']}/{call.params['service']}")]

    return acts


def registering(call: Recorded) -> Acts:
    """A task definition, its tags, and the roles that it is given."""
    family = f"arn:aws:ecs:{call.region}:{ACCOUNT}:task-definition/{call.params['family']}:7"
    roles = (call.params.get(key) for key in ("taskRoleArn", "executionRoleArn"))
    passed = [("iam:PassRole", str(role)) for role in roles if role]
    return [("ecs:RegisterTaskDefinition", family), ("ecs:TagResource", family), *passed]


def arn_of(action: str, parameter: str) -> Callable[[Recorded], Acts]:
    """A call that names an ARN."""
    return lambda call: [(action, str(call.params[parameter]))]


def muting(call: Recorded) -> Acts:
    """A mute rule, and each alarm that it mutes."""
    where, action = f"arn:aws:cloudwatch:{call.region}:{ACCOUNT}", "cloudwatch:PutAlarmMuteRule"
    alarms = [
        (action, f"{where}:alarm:{name}") for name in call.params["MuteTargets"]["AlarmNames"]
    ]
    return [(action, f"{where}:alarm-mute-rule:{call.params['Name']}"), *alarms]


def of_rule(action: str) -> Callable[[Recorded], Acts]:
    """A call on one mute rule."""
    at = f"{ACCOUNT}:alarm-mute-rule:{{AlarmMuteRuleName}}"
    return lambda call: [(action, f"arn:aws:cloudwatch:{call.region}:{at.format_map(call.params)}")]


def of_alarms(action: str) -> Callable[[Recorded], Acts]:
    """A call on some alarms."""
    at = "arn:aws:cloudwatch:{}:{}:alarm:{}".format
    return lambda call: [(action, at(call.region, ACCOUNT, n)) for n in call.params["AlarmNames"]]


def of_alarm(action: str) -> Callable[[Recorded], Acts]:
    """A call on one alarm."""
    at = "arn:aws:cloudwatch:{}:{}:alarm:{}".format
    return lambda call: [(action, at(call.region, ACCOUNT, call.params["AlarmName"]))]


def of_fleet(action: str) -> Callable[[Recorded], Acts]:
    """A call on an Auto Scaling group."""
    at = "arn:aws:autoscaling:{}:{}:autoScalingGroup:1234-5:autoScalingGroupName/{}".format
    return lambda call: [
        (f"autoscaling:{action}", at(call.region, ACCOUNT, call.params["AutoScalingGroupName"]))
    ]


def refreshing(call: Recorded) -> Acts:
    """A refresh of a group, and what it launches: from a template, with a role.

    What is made by it has tags, which is no call of ours on something that is there.
    """
    here = f"arn:aws:ec2:{call.region}:{ACCOUNT}"
    kinds = ("instance", "volume", "network-interface", "subnet", "security-group")
    images = [("ec2:RunInstances", f"arn:aws:ec2:{call.region}::image/ami-1")]
    group = call.params["AutoScalingGroupName"]
    return [
        *of_fleet("StartInstanceRefresh")(call),
        *(("ec2:RunInstances", f"{here}:{kind}/x-1") for kind in (*kinds, "launch-template")),
        *images,
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{group}-instance"),
    ]


def of_parameter(action: str) -> Callable[[Recorded], Acts]:
    """A call on one parameter."""
    at = "arn:aws:ssm:{}:{}:parameter{}".format
    return lambda call: [(f"ssm:{action}", at(call.region, ACCOUNT, call.params["Name"]))]


def commanding(call: Recorded) -> Acts:
    """A document of AWS's own, and each instance that is to run it."""
    document = f"arn:aws:ssm:{call.region}::document/{call.params['DocumentName']}"
    at = f"arn:aws:ec2:{call.region}:{ACCOUNT}:instance"
    meant = [("ssm:SendCommand", f"{at}/{id_}") for id_ in call.params["InstanceIds"]]
    return [("ssm:SendCommand", document), *meant]


ACTS: Mapping[str, Callable[[Recorded], Acts]] = {
    "application-autoscaling.register_scalable_target": lambda call: [
        ("ecs:UpdateService", f"arn:aws:ecs:{call.region}:{ACCOUNT}:{call.params['ResourceId']}")
    ],
    "autoscaling.cancel_instance_refresh": of_fleet("CancelInstanceRefresh"),
    "autoscaling.rollback_instance_refresh": of_fleet("RollbackInstanceRefresh"),
    "autoscaling.set_desired_capacity": of_fleet("SetDesiredCapacity"),
    "autoscaling.start_instance_refresh": refreshing,
    "autoscaling.update_auto_scaling_group": of_fleet("UpdateAutoScalingGroup"),
    "cloudwatch.delete_alarm_mute_rule": of_rule("cloudwatch:DeleteAlarmMuteRule"),
    "cloudwatch.delete_alarms": of_alarms("cloudwatch:DeleteAlarms"),
    "cloudwatch.describe_alarm_history": of_alarm("cloudwatch:DescribeAlarmHistory"),
    "cloudwatch.put_metric_alarm": of_alarm("cloudwatch:PutMetricAlarm"),
    "cloudwatch.set_alarm_state": of_alarm("cloudwatch:SetAlarmState"),
    "cloudwatch.disable_alarm_actions": of_alarms("cloudwatch:DisableAlarmActions"),
    "cloudwatch.enable_alarm_actions": of_alarms("cloudwatch:EnableAlarmActions"),
    "cloudwatch.get_alarm_mute_rule": of_rule("cloudwatch:GetAlarmMuteRule"),
    "cloudwatch.put_alarm_mute_rule": muting,
    "ecs.register_task_definition": registering,
    "ecs.update_service": of_service("UpdateService"),
    "ecs.list_service_deployments": of_service("ListServiceDeployments"),
    "elbv2.modify_rule": arn_of("elasticloadbalancing:ModifyRule", "RuleArn"),
    "rds.copy_db_snapshot": of_rds(
        "CopyDBSnapshot",
        SourceDBSnapshotIdentifier="snapshot",
        TargetDBSnapshotIdentifier="snapshot",
    ),
    "rds.create_db_instance_read_replica": of_rds(
        "CreateDBInstanceReadReplica", SourceDBInstanceIdentifier="db", DBInstanceIdentifier="db"
    ),
    "rds.create_db_parameter_group": of_rds("CreateDBParameterGroup", DBParameterGroupName="pg"),
    "rds.describe_db_parameter_groups": of_rds(
        "DescribeDBParameterGroups", DBParameterGroupName="pg"
    ),
    "rds.delete_db_instance": of_rds("DeleteDBInstance", DBInstanceIdentifier="db"),
    "rds.create_db_snapshot": of_rds(
        "CreateDBSnapshot", DBInstanceIdentifier="db", DBSnapshotIdentifier="snapshot"
    ),
    "rds.delete_db_snapshot": of_rds("DeleteDBSnapshot", DBSnapshotIdentifier="snapshot"),
    "rds.describe_db_parameters": of_rds("DescribeDBParameters", DBParameterGroupName="pg"),
    "rds.modify_db_parameter_group": of_rds("ModifyDBParameterGroup", DBParameterGroupName="pg"),
    "rds.reset_db_parameter_group": of_rds("ResetDBParameterGroup", DBParameterGroupName="pg"),
    "rds.modify_db_instance": of_rds(
        "ModifyDBInstance", DBInstanceIdentifier="db", DBParameterGroupName="pg"
    ),
    "rds.reboot_db_instance": of_rds("RebootDBInstance", DBInstanceIdentifier="db"),
    "rds.promote_read_replica": of_rds("PromoteReadReplica", DBInstanceIdentifier="db"),
    "rds.restore_db_instance_from_db_snapshot": of_rds(
        "RestoreDBInstanceFromDBSnapshot",
        DBSnapshotIdentifier="snapshot",
        DBParameterGroupName="pg",
        DBSubnetGroupName="subgrp",
        DBInstanceIdentifier="db",
    ),
    "rds.restore_db_instance_to_point_in_time": of_rds(
        "RestoreDBInstanceToPointInTime",
        SourceDBInstanceIdentifier="db",
        DBParameterGroupName="pg",
        DBSubnetGroupName="subgrp",
        TargetDBInstanceIdentifier="db",
    ),
    "rds.start_export_task": lambda call: [
        ("rds:StartExportTask", str(call.params["SourceArn"])),
        ("iam:PassRole", str(call.params["IamRoleArn"])),
    ],
    "s3.delete_object": of_s3("DeleteObject"),
    "s3.get_object": of_s3("GetObject"),
    "s3.head_object": of_s3("GetObject"),
    "s3.put_object": of_s3("PutObject"),
    "secretsmanager.cancel_rotate_secret": arn_of("secretsmanager:CancelRotateSecret", "SecretId"),
    "secretsmanager.put_secret_value": arn_of("secretsmanager:PutSecretValue", "SecretId"),
    "secretsmanager.update_secret_version_stage": arn_of(
        "secretsmanager:UpdateSecretVersionStage", "SecretId"
    ),
    "secretsmanager.describe_secret": arn_of("secretsmanager:DescribeSecret", "SecretId"),
    "secretsmanager.get_secret_value": arn_of("secretsmanager:GetSecretValue", "SecretId"),
    "secretsmanager.rotate_secret": arn_of("secretsmanager:RotateSecret", "SecretId"),
    "ssm.get_parameter": of_parameter("GetParameter"),
    "ssm.put_parameter": of_parameter("PutParameter"),
    "ssm.send_command": commanding,
}


def acts_on(call: Recorded) -> Acts:
    """The actions of a call and the ARNs that it takes them on; empty where it is not known."""
    return ACTS[call.api](call) if call.api in ACTS else []


def nobodys(action: str, arn: str) -> bool:
    """Whether a resource is of no stack by its name: AWS's own, or what an instance is made of.

    Of what is launched the template is the stack's, by its tags.
    """
    launched = action == "ec2:RunInstances" and ":launch-template/" not in arn
    return not arn.startswith("arn:aws:s3:") and (arn.split(":")[4] == "" or launched)


def allows(statements: Iterable[PolicyStatement], action: str, arn: str) -> bool:
    """Whether a policy allows an action on a resource. IAM's patterns are those of fnmatch."""
    return any(
        action in one.actions
        and any(fnmatchcase(arn, pattern) for pattern in one.resources)
        and all(_tagged(key, values) for _, key, values in one.conditions)
        for one in statements
    )


def _tagged(key: str, values: Iterable[str]) -> bool:
    """Whether a condition holds, if it is one on a tag of the resource."""
    kind, _, tag = key.partition("/")
    return not kind.lower().endswith(":resourcetag") or TAGS[tag] in values
