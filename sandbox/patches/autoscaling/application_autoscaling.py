"""Application Auto Scaling: tags of scalable targets, no leftovers behind a target."""

from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

from sandbox.patches.patching import Mend, Refused, kept, parameters

mend = Mend()
Record = dict[str, Any]


def _tags(backend: ApplicationAutoscalingBackend) -> dict[str, dict[str, str]]:
    """Tags by ARN of the scalable target."""
    return kept(backend, "tags", dict)


def _known(backend: ApplicationAutoscalingBackend, arn: str) -> None:
    if not any(t.arn == arn for by_id in backend.targets.values() for t in by_id.values()):
        raise Refused("ResourceNotFoundException", f"No scalable target found for ARN: {arn}")


@mend.around(ApplicationAutoScalingResponse, "register_scalable_target")
def register(original: Any, response: ApplicationAutoScalingResponse) -> Any:
    answer = original(response)
    params, backend = parameters(response), response.applicationautoscaling_backend
    target = backend.targets[params["ScalableDimension"]][params["ResourceId"]]
    _tags(backend).setdefault(target.arn, {}).update(params.get("Tags") or {})
    return answer


@mend.operation(ApplicationAutoScalingResponse, "ListTagsForResource")
def list_tags(response: ApplicationAutoScalingResponse, params: Record) -> Record:
    backend = response.applicationautoscaling_backend
    _known(backend, params["ResourceARN"])
    return {"Tags": _tags(backend).get(params["ResourceARN"], {})}


@mend.operation(ApplicationAutoScalingResponse, "TagResource")
def tag(response: ApplicationAutoScalingResponse, params: Record) -> None:
    backend = response.applicationautoscaling_backend
    _known(backend, params["ResourceARN"])
    _tags(backend).setdefault(params["ResourceARN"], {}).update(params["Tags"])


@mend.operation(ApplicationAutoScalingResponse, "UntagResource")
def untag(response: ApplicationAutoScalingResponse, params: Record) -> None:
    backend = response.applicationautoscaling_backend
    _known(backend, params["ResourceARN"])
    for key in params["TagKeys"]:
        _tags(backend).get(params["ResourceARN"], {}).pop(key, None)


@mend.around(ApplicationAutoscalingBackend, "deregister_scalable_target")
def deregister(
    original: Any,
    backend: ApplicationAutoscalingBackend,
    namespace: str,
    r_id: str,
    dimension: str,
) -> None:
    """A target takes its policies, their alarms and its scheduled actions with it."""
    original(backend, namespace, r_id, dimension)
    where = (namespace, r_id, dimension)
    for policy in list(backend.policies.values()):
        if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == where:
            backend.delete_scaling_policy(policy.policy_name, *where)
    backend.scheduled_actions = [
        a
        for a in backend.scheduled_actions
        if (a.service_namespace, a.resource_id, a.scalable_dimension) != where
    ]


@mend.operation(ApplicationAutoScalingResponse, "DescribeScalingActivities")
def activities(response: ApplicationAutoScalingResponse, params: Record) -> Record:
    """None: nothing scales by itself in the sandbox yet."""
    return {"ScalingActivities": []}
