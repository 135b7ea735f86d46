"""Application Auto Scaling: what scales, between which limits, and why."""

from typing import Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming

_TARGET: Final = {
    "ServiceNamespace": "in.serviceNamespace",
    "ScalableDimension": "in.scalableDimension",
}


def _policy(inputs: Inputs) -> Inputs:
    inputs.setdefault("policyType", "StepScaling")
    return inputs


ENTRIES: Entries = {
    "aws:appautoscaling/target:Target": Entry(
        Call(
            "application-autoscaling.register_scalable_target",
            fit=REST,
            rename={"roleArn": "RoleARN"},
        ),
        id="in.resourceId",
        outputs={"arn": "out.ScalableTargetARN"},
        find=Call(
            "application-autoscaling.describe_scalable_targets", {**_TARGET, "ResourceIds": ["id"]}
        ),
        found="out.ScalableTargets",
    ),
    "aws:appautoscaling/policy:Policy": Entry(
        Call("application-autoscaling.put_scaling_policy", fit=REST, rename={"name": "PolicyName"}),
        id="in.name",
        naming=Naming(prefix=None),
        prepare=_policy,
        outputs={"arn": "out.PolicyARN", "alarmArns": "out.Alarms[].AlarmARN"},
        find=Call(
            "application-autoscaling.describe_scaling_policies",
            {**_TARGET, "ResourceId": "in.resourceId"},
        ),
        found="among(out.ScalingPolicies, 'PolicyName', [id])",
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": Entry(
        Call(
            "application-autoscaling.put_scheduled_action",
            fit=REST,
            rename={"name": "ScheduledActionName"},
        ),
        id="${in.name}-${in.serviceNamespace}-${in.resourceId}",
        naming=Naming(prefix=None),
        outputs={
            "arn": "arn:${partition}:autoscaling:${region}:${account}:scheduledAction:${in.name}"
        },
        find=Call(
            "application-autoscaling.describe_scheduled_actions",
            {**_TARGET, "ResourceId": "in.resourceId"},
        ),
        found="among(out.ScheduledActions, 'ScheduledActionName', [in.name])",
    ),
}
