"""Application Auto Scaling: tags of scalable targets, complete deletion of targets."""

from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

from sandbox.patches.patching import AwsError, ServicePatch, backend_state, parse_request_parameters

patch = ServicePatch()
ApiRecord = dict[str, Any]


def _get_target_tags(backend: ApplicationAutoscalingBackend) -> dict[str, dict[str, str]]:
    """Tags by ARN of the scalable target."""
    return backend_state(backend, "tags", dict)


def _require_target(backend: ApplicationAutoscalingBackend, arn: str) -> None:
    if not any(t.arn == arn for by_id in backend.targets.values() for t in by_id.values()):
        raise AwsError("ResourceNotFoundException", f"No scalable target found for ARN: {arn}")


@patch.wrap(ApplicationAutoScalingResponse, "register_scalable_target")
def register_scalable_target(original: Any, response: ApplicationAutoScalingResponse) -> Any:
    answer = original(response)
    params, backend = parse_request_parameters(response), response.applicationautoscaling_backend
    target = backend.targets[params["ScalableDimension"]][params["ResourceId"]]
    _get_target_tags(backend).setdefault(target.arn, {}).update(params.get("Tags") or {})
    return answer


@patch.add_operation(ApplicationAutoScalingResponse, "ListTagsForResource")
def list_scalable_target_tags(
    response: ApplicationAutoScalingResponse, params: ApiRecord
) -> ApiRecord:
    backend = response.applicationautoscaling_backend
    _require_target(backend, params["ResourceARN"])
    return {"Tags": _get_target_tags(backend).get(params["ResourceARN"], {})}


@patch.add_operation(ApplicationAutoScalingResponse, "TagResource")
def tag_scalable_target(response: ApplicationAutoScalingResponse, params: ApiRecord) -> None:
    backend = response.applicationautoscaling_backend
    _require_target(backend, params["ResourceARN"])
    _get_target_tags(backend).setdefault(params["ResourceARN"], {}).update(params["Tags"])


@patch.add_operation(ApplicationAutoScalingResponse, "UntagResource")
def untag_scalable_target(response: ApplicationAutoScalingResponse, params: ApiRecord) -> None:
    backend = response.applicationautoscaling_backend
    _require_target(backend, params["ResourceARN"])
    for key in params["TagKeys"]:
        _get_target_tags(backend).get(params["ResourceARN"], {}).pop(key, None)


@patch.wrap(ApplicationAutoscalingBackend, "deregister_scalable_target")
def deregister_scalable_target(
    original: Any,
    backend: ApplicationAutoscalingBackend,
    namespace: str,
    r_id: str,
    dimension: str,
) -> None:
    """Deletes a target with its policies, their alarms and its scheduled actions."""
    original(backend, namespace, r_id, dimension)
    target_key = (namespace, r_id, dimension)
    for policy in list(backend.policies.values()):
        if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == target_key:
            backend.delete_scaling_policy(policy.policy_name, *target_key)
    backend.scheduled_actions = [
        a
        for a in backend.scheduled_actions
        if (a.service_namespace, a.resource_id, a.scalable_dimension) != target_key
    ]


@patch.add_operation(ApplicationAutoScalingResponse, "DescribeScalingActivities")
def describe_application_scaling_activities(
    response: ApplicationAutoScalingResponse, params: ApiRecord
) -> ApiRecord:
    """Those that were put there, the newest first: nothing scales by itself in the sandbox."""
    activities = get_service_activities(response.applicationautoscaling_backend)
    resource = params.get("ResourceId")
    return {
        "ScalingActivities": [
            item for item in reversed(activities) if resource in (None, item["ResourceId"])
        ]
    }


def get_service_activities(backend: ApplicationAutoscalingBackend) -> list[ApiRecord]:
    """The scaling activities of an account and region, the oldest first."""
    return backend_state(backend, "scaling_activities", list)
