"""Health checks of the Auto Scaling group: instances, scaling, instance refresh."""

from components.facts.units import DAY_SECONDS, HOUR_SECONDS
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    CheckRoutine,
    ReadRequest,
    build_read,
    compute_age_seconds,
    get_answer_items,
)
from ops.core.scaling_apis import (
    AUTO_SCALING_GROUPS_API,
    GROUP_ACTIVITIES_API,
    INSTANCE_REFRESHES_API,
    TEMPLATE_VERSIONS_API,
)
from ops.fleet.refresh_statuses import FAILED_REFRESH_STATUSES, UNFINISHED_REFRESH_STATUSES
from ops.outputs import FleetPart

FLEET_AREA = "fleet"
TEMPLATE_TITLE = "launch template"
TEMPLATE_COMMAND = "ops fleet refresh start --template-version latest"


def get_fleet_contract(facts: CheckFacts) -> FleetPart:
    """Returns the fleet's part of the contract. The stack must have a fleet."""
    assert facts.outputs.fleet is not None
    return facts.outputs.fleet


def build_fleet_group_read(fleet_part: FleetPart) -> ReadRequest:
    """Builds the read of the group."""
    return build_read(
        AUTO_SCALING_GROUPS_API, "AutoScalingGroups", AutoScalingGroupNames=[fleet_part.group]
    )


def check_fleet_instances(facts: CheckFacts) -> CheckRoutine:
    """Checks that the desired number of instances serves and no process is suspended."""
    name = get_fleet_contract(facts).group
    (answer,) = yield [build_fleet_group_read(get_fleet_contract(facts))]
    group = next(iter(get_answer_items(answer)), None)
    if group is None:
        return [CheckFinding("failing", FLEET_AREA, name, "is gone", "pulumi up --refresh")]
    desired_capacity = group["DesiredCapacity"]
    serving_instances = [
        instance
        for instance in group["Instances"]
        if instance["LifecycleState"] == "InService" and instance["HealthStatus"] == "Healthy"
    ]
    evidence = [
        f"{len(serving_instances)} of {desired_capacity} instances are in service and healthy"
    ]
    command = ""
    if suspended_processes := [
        process["ProcessName"] for process in group.get("SuspendedProcesses", ())
    ]:
        evidence.append(f"suspended processes: {', '.join(suspended_processes)}")
        command = "ops fleet activities"
    if group["MinSize"] < group["MaxSize"] <= desired_capacity:
        evidence.append(f"at its maximum of {group['MaxSize']} instances")
        command = "ops fleet limits"
    if len(serving_instances) < desired_capacity or not desired_capacity:
        command = "ops fleet instances" if desired_capacity else "ops fleet scale COUNT"
    return [
        CheckFinding("failing" if command else "ok", FLEET_AREA, name, "; ".join(evidence), command)
    ]


def check_fleet_scaling(facts: CheckFacts) -> CheckRoutine:
    """Checks that no scaling activity failed in the last hour."""
    (answer,) = yield [
        build_read(
            GROUP_ACTIVITIES_API,
            "Activities",
            AutoScalingGroupName=get_fleet_contract(facts).group,
            newest_since=("StartTime", facts.format_time_ago(HOUR_SECONDS)),
        )
    ]
    failed_activities = [
        activity
        for activity in get_answer_items(answer)
        if activity["StatusCode"] in ("Failed", "Cancelled")
    ]
    if not failed_activities:
        return [CheckFinding("ok", FLEET_AREA, "scaling", "no failures in the last hour")]
    reason = failed_activities[0].get("StatusMessage") or failed_activities[0].get(
        "Description", ""
    )
    evidence = f"{len(failed_activities)} failed in the last hour, the latest: {reason}"
    return [CheckFinding("failing", FLEET_AREA, "scaling", evidence, "ops fleet activities")]


def check_fleet_refresh(facts: CheckFacts) -> CheckRoutine:
    """Checks that the latest instance refresh of the last day did not fail."""
    (answer,) = yield [
        build_read(
            INSTANCE_REFRESHES_API,
            "InstanceRefreshes",
            AutoScalingGroupName=get_fleet_contract(facts).group,
            newest_since=("StartTime", facts.format_time_ago(DAY_SECONDS)),
        )
    ]
    last_refresh = next(iter(get_answer_items(answer)), None)
    if last_refresh is None or compute_age_seconds(facts, last_refresh["StartTime"]) > DAY_SECONDS:
        return [CheckFinding("ok", FLEET_AREA, "instance refresh", "none in the last day")]
    status = last_refresh["Status"]
    evidence = f"{status}, {last_refresh.get('PercentageComplete', 0)} %"
    if last_refresh.get("StatusReason"):
        evidence += f": {last_refresh['StatusReason']}"
    if status in FAILED_REFRESH_STATUSES:
        return [
            CheckFinding(
                "failing", FLEET_AREA, "instance refresh", evidence, "ops fleet refresh status"
            )
        ]
    return [CheckFinding("ok", FLEET_AREA, "instance refresh", evidence)]


def check_fleet_template(facts: CheckFacts) -> CheckRoutine:
    """Checks that the group uses the newest launch template that was deployed, or is going to."""
    fleet_part = get_fleet_contract(facts)
    group_answer, refresh_answer = yield [
        build_fleet_group_read(fleet_part),
        build_read(
            INSTANCE_REFRESHES_API,
            "InstanceRefreshes",
            AutoScalingGroupName=fleet_part.group,
            newest_since=("StartTime", facts.format_time_ago(DAY_SECONDS)),
        ),
    ]
    group = next(iter(get_answer_items(group_answer)), None)
    is_refreshed = any(
        refresh["Status"] in UNFINISHED_REFRESH_STATUSES
        for refresh in get_answer_items(refresh_answer)
    )
    if group is None:
        return [
            CheckFinding("failing", FLEET_AREA, TEMPLATE_TITLE, "is gone", "pulumi up --refresh")
        ]
    policy = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {})
    template = policy.get("LaunchTemplateSpecification") or group.get("LaunchTemplate") or {}
    version = str(template.get("Version") or "$Default")
    newest = fleet_part.launch_template_version or "$Latest"
    (versions_answer,) = yield [
        build_read(
            TEMPLATE_VERSIONS_API,
            "LaunchTemplateVersions",
            LaunchTemplateId=fleet_part.launch_template_id,
            Versions=list(dict.fromkeys((version, newest))),
        )
    ]
    contents = [item["LaunchTemplateData"] for item in get_answer_items(versions_answer)]
    if not contents:
        evidence = f"{fleet_part.launch_template_id} has no version {version}"
        return [
            CheckFinding("unknown", FLEET_AREA, TEMPLATE_TITLE, evidence, "pulumi up --refresh")
        ]
    # A deployment that was taken back leaves a newer version with the same content.
    if all(content == contents[0] for content in contents):
        return [CheckFinding("ok", FLEET_AREA, TEMPLATE_TITLE, f"version {version} is deployed")]
    evidence = f"the group uses version {version}, {newest} waits"
    if is_refreshed:
        evidence += "; an instance refresh is in progress"
        return [CheckFinding("ok", FLEET_AREA, TEMPLATE_TITLE, evidence)]
    return [CheckFinding("failing", FLEET_AREA, TEMPLATE_TITLE, evidence, TEMPLATE_COMMAND)]
