"""What a call acts on, read from its parameters, and whether a policy allows it.

Written apart from ops/permissions/, so that one can be held against the other. Of conditions those
on the tags of a resource are looked at: whatever a call names has the stack's own.
"""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ops.permissions.policies import PolicyStatement
from tests.ops.call_recorder import RecordedCall
from tests.ops.stage import ACCOUNT

ActionArns = list[tuple[str, str]]
STACK_TAGS = {"Project": "bulwark", "Environment": "test", "KeysRotatedBy": "bulwark-test"}


def format_rds_arn(call: RecordedCall, kind: str, name: Any) -> str:
    """The ARN of something of RDS, named by its name or by its ARN."""
    text = str(name)
    return text if text.startswith("arn:") else f"arn:aws:rds:{call.region}:{ACCOUNT}:{kind}:{text}"


def build_rds_reach(action: str, **kinds: str) -> Callable[[RecordedCall], ActionArns]:
    """An RDS call that acts on what these parameters name, by kind; tagged, it tags that too."""

    def list_actions(call: RecordedCall) -> ActionArns:
        named_parameters = [(p, k) for p, k in kinds.items() if p in call.params]
        action_arns = [
            (f"rds:{action}", format_rds_arn(call, kind, call.params[p]))
            for p, kind in named_parameters
        ]
        if call.params.get("Tags") and action_arns:
            action_arns.append(("rds:AddTagsToResource", action_arns[-1][1]))
        return action_arns

    return list_actions


def build_s3_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """An S3 call on one object."""
    return lambda call: [
        (f"s3:{action}", f"arn:aws:s3:::{call.params['Bucket']}/{call.params['Key']}")
    ]


def build_service_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """An ECS call on one service."""

    def list_actions(call: RecordedCall) -> ActionArns:
        arn_prefix = f"arn:aws:ecs:{call.region}:{ACCOUNT}:service"
        return [
            (f"ecs:{action}", f"{arn_prefix}/{call.params['cluster']}/{call.params['service']}")
        ]

    return list_actions


def list_register_actions(call: RecordedCall) -> ActionArns:
    """A task definition, its tags, and the roles that it is given."""
    family_arn = f"arn:aws:ecs:{call.region}:{ACCOUNT}:task-definition/{call.params['family']}:7"
    roles = (call.params.get(key) for key in ("taskRoleArn", "executionRoleArn"))
    pass_role_actions = [("iam:PassRole", str(role)) for role in roles if role]
    return [
        ("ecs:RegisterTaskDefinition", family_arn),
        ("ecs:TagResource", family_arn),
        *pass_role_actions,
    ]


def build_arn_reach(action: str, parameter: str) -> Callable[[RecordedCall], ActionArns]:
    """A call that names an ARN."""
    return lambda call: [(action, str(call.params[parameter]))]


def build_user_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """A call on an IAM user."""
    return lambda call: [
        (f"iam:{action}", f"arn:aws:iam::{ACCOUNT}:user/{call.params['UserName']}")
    ]


def build_secret_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """A call on a secret, by its ARN or by its name."""

    def list_actions(call: RecordedCall) -> ActionArns:
        name = str(call.params["SecretId"])
        arn = f"arn:aws:secretsmanager:{call.region}:{ACCOUNT}:secret:{name}-AbCdEf"
        return [(f"secretsmanager:{action}", name if name.startswith("arn:") else arn)]

    return list_actions


def list_mute_actions(call: RecordedCall) -> ActionArns:
    """A mute rule, and each alarm that it mutes."""
    arn_prefix, action = (
        f"arn:aws:cloudwatch:{call.region}:{ACCOUNT}",
        "cloudwatch:PutAlarmMuteRule",
    )
    alarms = [
        (action, f"{arn_prefix}:alarm:{name}") for name in call.params["MuteTargets"]["AlarmNames"]
    ]
    return [(action, f"{arn_prefix}:alarm-mute-rule:{call.params['Name']}"), *alarms]


def build_mute_rule_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """A call on one mute rule."""
    arn_template = f"{ACCOUNT}:alarm-mute-rule:{{AlarmMuteRuleName}}"
    return lambda call: [
        (action, f"arn:aws:cloudwatch:{call.region}:{arn_template.format_map(call.params)}")
    ]


def build_alarms_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """A call on some alarms."""
    format_arn = "arn:aws:cloudwatch:{}:{}:alarm:{}".format
    return lambda call: [
        (action, format_arn(call.region, ACCOUNT, name)) for name in call.params["AlarmNames"]
    ]


def build_alarm_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """A call on one alarm; on all of them if it names none."""
    format_arn = "arn:aws:cloudwatch:{}:{}:alarm:{}".format
    return lambda call: [
        (action, format_arn(call.region, ACCOUNT, call.params.get("AlarmName", "*")))
    ]


def build_fleet_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """A call on an Auto Scaling group."""
    format_arn = "arn:aws:autoscaling:{}:{}:autoScalingGroup:1234-5:autoScalingGroupName/{}".format
    return lambda call: [
        (
            f"autoscaling:{action}",
            format_arn(call.region, ACCOUNT, call.params["AutoScalingGroupName"]),
        )
    ]


def list_refresh_actions(call: RecordedCall) -> ActionArns:
    """A refresh of a group, and what it launches: from a template, with a role.

    What is made by it has tags, which is no call of ours on something that is there.
    """
    arn_prefix = f"arn:aws:ec2:{call.region}:{ACCOUNT}"
    kinds = ("instance", "volume", "network-interface", "subnet", "security-group")
    images = [("ec2:RunInstances", f"arn:aws:ec2:{call.region}::image/ami-1")]
    group = call.params["AutoScalingGroupName"]
    return [
        *build_fleet_reach("StartInstanceRefresh")(call),
        *(("ec2:RunInstances", f"{arn_prefix}:{kind}/x-1") for kind in (*kinds, "launch-template")),
        *images,
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{group}-instance"),
    ]


def build_parameter_reach(action: str) -> Callable[[RecordedCall], ActionArns]:
    """A call on one parameter; those that AWS publishes are of no account.

    Systems Manager User Guide, "Calling AMI public parameters".
    """
    format_arn = "arn:aws:ssm:{}:{}:parameter{}".format

    def list_actions(call: RecordedCall) -> ActionArns:
        is_published = call.params["Name"].startswith("/aws/service/")
        account = "" if is_published else ACCOUNT
        return [(f"ssm:{action}", format_arn(call.region, account, call.params["Name"]))]

    return list_actions


def list_send_command_actions(call: RecordedCall) -> ActionArns:
    """A document of AWS's own, and each instance that is to run it."""
    document = f"arn:aws:ssm:{call.region}::document/{call.params['DocumentName']}"
    instance_prefix = f"arn:aws:ec2:{call.region}:{ACCOUNT}:instance"
    instance_actions = [
        ("ssm:SendCommand", f"{instance_prefix}/{instance_id}")
        for instance_id in call.params["InstanceIds"]
    ]
    return [("ssm:SendCommand", document), *instance_actions]


def list_query_actions(call: RecordedCall) -> ActionArns:
    """Each log group that a query reads."""
    format_arn = "arn:aws:logs:{}:{}:log-group:{}".format
    return [
        ("logs:StartQuery", format_arn(call.region, ACCOUNT, name))
        for name in call.params["logGroupNames"]
    ]


def list_run_task_actions(call: RecordedCall) -> ActionArns:
    """The task definition, by its family and revision or its ARN; what tags it at once."""
    arn_prefix = f"arn:aws:ecs:{call.region}:{ACCOUNT}"
    definition = str(call.params.get("taskDefinition", "bulwark-test-backend:2"))
    name = definition.rpartition("/")[2]
    actions = [("ecs:RunTask", f"{arn_prefix}:task-definition/{name}")]
    if "tags" in call.params:
        actions.append(("ecs:TagResource", f"{arn_prefix}:task/{call.params['cluster']}/*"))
    return actions


REACH_BY_API: Mapping[str, Callable[[RecordedCall], ActionArns]] = {
    "application-autoscaling.register_scalable_target": lambda call: [
        ("ecs:UpdateService", f"arn:aws:ecs:{call.region}:{ACCOUNT}:{call.params['ResourceId']}")
    ],
    "autoscaling.cancel_instance_refresh": build_fleet_reach("CancelInstanceRefresh"),
    "autoscaling.rollback_instance_refresh": build_fleet_reach("RollbackInstanceRefresh"),
    "autoscaling.set_desired_capacity": build_fleet_reach("SetDesiredCapacity"),
    "autoscaling.start_instance_refresh": list_refresh_actions,
    "autoscaling.update_auto_scaling_group": build_fleet_reach("UpdateAutoScalingGroup"),
    "cloudwatch.delete_alarm_mute_rule": build_mute_rule_reach("cloudwatch:DeleteAlarmMuteRule"),
    "cloudwatch.delete_alarms": build_alarms_reach("cloudwatch:DeleteAlarms"),
    "cloudwatch.describe_alarm_history": build_alarm_reach("cloudwatch:DescribeAlarmHistory"),
    "cloudwatch.put_metric_alarm": build_alarm_reach("cloudwatch:PutMetricAlarm"),
    "cloudwatch.set_alarm_state": build_alarm_reach("cloudwatch:SetAlarmState"),
    "cloudwatch.disable_alarm_actions": build_alarms_reach("cloudwatch:DisableAlarmActions"),
    "cloudwatch.enable_alarm_actions": build_alarms_reach("cloudwatch:EnableAlarmActions"),
    "cloudwatch.get_alarm_mute_rule": build_mute_rule_reach("cloudwatch:GetAlarmMuteRule"),
    "cloudwatch.put_alarm_mute_rule": list_mute_actions,
    "ecs.register_task_definition": list_register_actions,
    "ecs.run_task": list_run_task_actions,
    "ecs.update_service": build_service_reach("UpdateService"),
    "ecs.list_service_deployments": build_service_reach("ListServiceDeployments"),
    "elbv2.modify_rule": build_arn_reach("elasticloadbalancing:ModifyRule", "RuleArn"),
    "logs.start_query": list_query_actions,
    "rds.apply_pending_maintenance_action": build_arn_reach(
        "rds:ApplyPendingMaintenanceAction", "ResourceIdentifier"
    ),
    "rds.copy_db_snapshot": build_rds_reach(
        "CopyDBSnapshot",
        SourceDBSnapshotIdentifier="snapshot",
        TargetDBSnapshotIdentifier="snapshot",
    ),
    "rds.create_db_instance_read_replica": build_rds_reach(
        "CreateDBInstanceReadReplica", SourceDBInstanceIdentifier="db", DBInstanceIdentifier="db"
    ),
    "rds.create_db_parameter_group": build_rds_reach(
        "CreateDBParameterGroup", DBParameterGroupName="pg"
    ),
    "rds.describe_db_parameter_groups": build_rds_reach(
        "DescribeDBParameterGroups", DBParameterGroupName="pg"
    ),
    "rds.delete_db_instance": build_rds_reach("DeleteDBInstance", DBInstanceIdentifier="db"),
    "rds.create_db_snapshot": build_rds_reach(
        "CreateDBSnapshot", DBInstanceIdentifier="db", DBSnapshotIdentifier="snapshot"
    ),
    "rds.delete_db_snapshot": build_rds_reach("DeleteDBSnapshot", DBSnapshotIdentifier="snapshot"),
    "rds.describe_db_parameters": build_rds_reach(
        "DescribeDBParameters", DBParameterGroupName="pg"
    ),
    "rds.modify_db_parameter_group": build_rds_reach(
        "ModifyDBParameterGroup", DBParameterGroupName="pg"
    ),
    "rds.reset_db_parameter_group": build_rds_reach(
        "ResetDBParameterGroup", DBParameterGroupName="pg"
    ),
    "rds.modify_db_instance": build_rds_reach(
        "ModifyDBInstance", DBInstanceIdentifier="db", DBParameterGroupName="pg"
    ),
    "rds.reboot_db_instance": build_rds_reach("RebootDBInstance", DBInstanceIdentifier="db"),
    "rds.promote_read_replica": build_rds_reach("PromoteReadReplica", DBInstanceIdentifier="db"),
    "rds.restore_db_instance_from_db_snapshot": build_rds_reach(
        "RestoreDBInstanceFromDBSnapshot",
        DBSnapshotIdentifier="snapshot",
        DBParameterGroupName="pg",
        DBSubnetGroupName="subgrp",
        DBInstanceIdentifier="db",
    ),
    "rds.restore_db_instance_to_point_in_time": build_rds_reach(
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
    "s3.delete_object": build_s3_reach("DeleteObject"),
    "s3.get_object": build_s3_reach("GetObject"),
    "s3.head_object": build_s3_reach("GetObject"),
    "s3.put_object": build_s3_reach("PutObject"),
    "sns.publish": lambda call: [("sns:Publish", str(call.params["TopicArn"]))],
    **{
        f"iam.{api}": build_user_reach(action)
        for api, action in (
            ("create_access_key", "CreateAccessKey"),
            ("delete_access_key", "DeleteAccessKey"),
            ("list_access_keys", "ListAccessKeys"),
            ("list_user_tags", "ListUserTags"),
            ("update_access_key", "UpdateAccessKey"),
        )
    },
    "secretsmanager.create_secret": lambda call: [
        (
            "secretsmanager:CreateSecret",
            f"arn:aws:secretsmanager:{call.region}:{ACCOUNT}:secret:{call.params['Name']}-AbCdEf",
        )
    ],
    "secretsmanager.cancel_rotate_secret": build_arn_reach(
        "secretsmanager:CancelRotateSecret", "SecretId"
    ),
    "secretsmanager.put_secret_value": build_secret_reach("PutSecretValue"),
    "secretsmanager.update_secret_version_stage": build_secret_reach("UpdateSecretVersionStage"),
    "secretsmanager.describe_secret": build_secret_reach("DescribeSecret"),
    "secretsmanager.get_secret_value": build_arn_reach("secretsmanager:GetSecretValue", "SecretId"),
    "secretsmanager.rotate_secret": build_arn_reach("secretsmanager:RotateSecret", "SecretId"),
    "ssm.get_parameter": build_parameter_reach("GetParameter"),
    "ssm.put_parameter": build_parameter_reach("PutParameter"),
    "ssm.send_command": list_send_command_actions,
}


def list_call_actions(call: RecordedCall) -> ActionArns:
    """The actions of a call and the ARNs that it takes them on; empty where it is not known."""
    return REACH_BY_API[call.api](call) if call.api in REACH_BY_API else []


def is_outside_any_stack(action: str, arn: str) -> bool:
    """Whether a resource is of no stack by its name: AWS's own, or what an instance is made of.

    Of what is launched the template is the stack's, by its tags.
    """
    is_launch_part = action == "ec2:RunInstances" and ":launch-template/" not in arn
    return not arn.startswith("arn:aws:s3:") and (arn.split(":")[4] == "" or is_launch_part)


def is_published_by_aws(arn: str) -> bool:
    """Whether it is a parameter that AWS publishes for everybody to read."""
    return arn.startswith("arn:aws:ssm:") and "::parameter/aws/service/" in arn


def is_allowed(statements: Iterable[PolicyStatement], action: str, arn: str) -> bool:
    """Whether a policy allows an action on a resource. IAM's patterns are those of fnmatch."""
    return any(
        action in statement.actions
        and any(fnmatchcase(arn, pattern) for pattern in statement.resources)
        and all(_is_condition_met(arn, *condition) for condition in statement.conditions)
        for statement in statements
    )


def _is_condition_met(arn: str, operator: str, key: str, values: Iterable[str]) -> bool:
    """Whether a condition holds, if it is one on a tag or on the account of the resource."""
    if key == "aws:ResourceAccount":
        return (arn.split(":")[4] in values) == (operator == "StringEquals")
    kind, _, tag = key.partition("/")
    return not kind.lower().endswith(":resourcetag") or STACK_TAGS[tag] in values
