"""Names and tags: what each resource is called, and the tags that all of them carry."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from pulumi import ResourceTransformationArgs, ResourceTransformationResult

from components.facts.fleet import AUTO_SCALING_GROUP_TYPE
from components.provider import read_default_tags
from components.settings import Settings


def build_stack_tags(settings: Settings, component: str) -> dict[str, str]:
    """The tags of every resource of a component: those of the settings, and six of the stack."""
    return {
        **settings.tags,
        "Project": settings.project,
        "Environment": settings.stack,
        "Component": component,
        "Owner": settings.owner,
        "CostCenter": settings.cost_center,
        "ManagedBy": "pulumi",
    }


def build_launch_tags(settings: Settings, component: str) -> dict[str, str]:
    """The tags of what AWS launches for a component, by a group or a launch template.

    The provider gives those no tags of `aws:defaultTags`, so that they are added here.
    """
    return read_default_tags() | build_stack_tags(settings, component)


def build_disk_tags(settings: Settings, component: str, *, name: str) -> dict[str, str] | None:
    """The tags of an instance's disk; None if the stack has only its own, which are not on it."""
    if not settings.tags and not read_default_tags():
        return None
    return build_launch_tags(settings, component) | {"Name": name}


@cache
def has_tags(resource_class: type) -> bool:
    """True if a resource class of the SDK has a `tags` input."""
    init = getattr(resource_class, "_internal_init", None)
    return init is not None and "tags" in inspect.signature(init).parameters


def build_tag_transformation(
    settings: Settings, component: str
) -> Callable[[ResourceTransformationArgs], ResourceTransformationResult | None]:
    """A transformation that tags every child of a component that can carry tags.

    A child's own tags win; `Name` is the stack's prefix and the child's logical name.
    """
    common_tags = build_stack_tags(settings, component)

    def tag_resource(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if not has_tags(type(args.resource)):  # type: ignore[arg-type]
            return None
        tags = common_tags | {"Name": f"{settings.prefix}-{args.name}"}
        explicit_tags: Any = args.props.get("tags")
        if args.type_ == AUTO_SCALING_GROUP_TYPE:
            tags = build_launch_tags(settings, component) | {"Name": tags["Name"]}
            tag_list = [{"key": k, "value": v, "propagateAtLaunch": True} for k, v in tags.items()]
            return ResourceTransformationResult(
                {**args.props, "tags": [*tag_list, *(explicit_tags or [])]}, args.opts
            )
        return ResourceTransformationResult(
            {**args.props, "tags": {**tags, **(explicit_tags or {})}}, args.opts
        )

    return tag_resource
