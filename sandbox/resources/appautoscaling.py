"""Application Auto Scaling: what scales, between which limits, and why."""

from typing import Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

_TARGET_PARAMS: Final = {
    "ServiceNamespace": "in.serviceNamespace",
    "ScalableDimension": "in.scalableDimension",
}


def _prepare_policy(inputs: EntryInputs) -> EntryInputs:
    inputs.setdefault("policyType", "StepScaling")
    return inputs


ENTRIES: EntryTable = {
    "aws:appautoscaling/target:Target": ResourceEntry(
        EntryCall(
            "application-autoscaling.register_scalable_target",
            inputs=REMAINING_INPUTS,
            rename={"roleArn": "RoleARN"},
        ),
        id="in.resourceId",
        outputs={"arn": "out.ScalableTargetARN"},
        find_call=EntryCall(
            "application-autoscaling.describe_scalable_targets",
            {**_TARGET_PARAMS, "ResourceIds": ["id"]},
        ),
        find_result="out.ScalableTargets",
    ),
    "aws:appautoscaling/policy:Policy": ResourceEntry(
        EntryCall(
            "application-autoscaling.put_scaling_policy",
            inputs=REMAINING_INPUTS,
            rename={"name": "PolicyName"},
        ),
        id="in.name",
        naming=PhysicalNaming(prefix=None),
        prepare=_prepare_policy,
        outputs={"arn": "out.PolicyARN", "alarmArns": "out.Alarms[].AlarmARN"},
        find_call=EntryCall(
            "application-autoscaling.describe_scaling_policies",
            {**_TARGET_PARAMS, "ResourceId": "in.resourceId"},
        ),
        find_result="among(out.ScalingPolicies, 'PolicyName', [id])",
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": ResourceEntry(
        EntryCall(
            "application-autoscaling.put_scheduled_action",
            inputs=REMAINING_INPUTS,
            rename={"name": "ScheduledActionName"},
        ),
        id="${in.name}-${in.serviceNamespace}-${in.resourceId}",
        naming=PhysicalNaming(prefix=None),
        outputs={
            "arn": "arn:${partition}:autoscaling:${region}:${account}:scheduledAction:${in.name}"
        },
        find_call=EntryCall(
            "application-autoscaling.describe_scheduled_actions",
            {**_TARGET_PARAMS, "ResourceId": "in.resourceId"},
        ),
        find_result="among(out.ScheduledActions, 'ScheduledActionName', [in.name])",
    ),
}
