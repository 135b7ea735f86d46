"""The Auto Scaling group: instances, scaling, instance refresh."""

from ops.core.checks import DAY, HOUR, Check, Facts, Finding, Looking, Read, age, known, read
from ops.outputs import FleetPart

GROUPS = "autoscaling.describe_auto_scaling_groups"
ACTIVITIES = "autoscaling.describe_scaling_activities"
REFRESHES = "autoscaling.describe_instance_refreshes"
AREA = "fleet"
MISFITS = ("Failed", "RollbackFailed", "RollbackSuccessful")


def part(facts: Facts) -> FleetPart:
    """The fleet's part of the contract; the table asks only where there is one."""
    assert facts.outputs.fleet is not None
    return facts.outputs.fleet


def described(of: FleetPart) -> Read:
    """The group."""
    return read(GROUPS, "AutoScalingGroups", AutoScalingGroupNames=[of.group])


def instances(facts: Facts) -> Looking:
    """As many healthy instances are in service as there should be, and nothing is suspended."""
    name = part(facts).group
    (answer,) = yield [described(part(facts))]
    group = next(iter(known(answer)), None)
    if group is None:
        return [Finding("failing", AREA, name, "is gone", "pulumi up --refresh")]
    wanted = group["DesiredCapacity"]
    serve = [
        i
        for i in group["Instances"]
        if i["LifecycleState"] == "InService" and i["HealthStatus"] == "Healthy"
    ]
    evidence = [f"{len(serve)} of {wanted} instances are in service and healthy"]
    command = ""
    if suspended := [p["ProcessName"] for p in group.get("SuspendedProcesses", ())]:
        evidence.append(f"suspended: {', '.join(suspended)}")
        command = "ops fleet activities"
    if group["MinSize"] < group["MaxSize"] <= wanted:
        evidence.append(f"at its limit of {group['MaxSize']}")
        command = "ops fleet limits"
    if len(serve) < wanted or not wanted:
        command = "ops fleet instances" if wanted else "ops fleet scale COUNT"
    return [Finding("failing" if command else "ok", AREA, name, "; ".join(evidence), command)]


def activities(facts: Facts) -> Looking:
    """No scaling of the last hour failed."""
    (answer,) = yield [
        read(
            ACTIVITIES,
            "Activities",
            AutoScalingGroupName=part(facts).group,
            newest=("StartTime", facts.ago(HOUR)),
        )
    ]
    failed = [a for a in known(answer) if a["StatusCode"] in ("Failed", "Cancelled")]
    if not failed:
        return [Finding("ok", AREA, "scaling", "none failed in the last hour")]
    why = failed[0].get("StatusMessage") or failed[0].get("Description", "")
    evidence = f"{len(failed)} failed in the last hour, the last: {why}"
    return [Finding("failing", AREA, "scaling", evidence, "ops fleet activities")]


def refresh(facts: Facts) -> Looking:
    """The last instance refresh of the day did not fail."""
    (answer,) = yield [
        read(
            REFRESHES,
            "InstanceRefreshes",
            AutoScalingGroupName=part(facts).group,
            newest=("StartTime", facts.ago(DAY)),
        )
    ]
    last = next(iter(known(answer)), None)
    if last is None or age(facts, last["StartTime"]) > DAY:
        return [Finding("ok", AREA, "instance refresh", "none in the last day")]
    status = last["Status"]
    evidence = f"{status}, {last.get('PercentageComplete', 0)} %"
    if last.get("StatusReason"):
        evidence += f": {last['StatusReason']}"
    if status in MISFITS:
        return [Finding("failing", AREA, "instance refresh", evidence, "ops fleet refresh status")]
    return [Finding("ok", AREA, "instance refresh", evidence)]


CHECKS = (
    Check(AREA, "instances", instances, (GROUPS,), lambda o: o.fleet is not None),
    Check(AREA, "scaling", activities, (ACTIVITIES,), lambda o: o.fleet is not None),
    Check(AREA, "instance refresh", refresh, (REFRESHES,), lambda o: o.fleet is not None),
)
