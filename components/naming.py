"""Names and tags: what each resource is called, and the tags that all of them carry."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from pulumi import ResourceTransformationArgs, ResourceTransformationResult

from components.settings import Settings

GROUP = "aws:autoscaling/group:Group"  # its tags are a list, and reach its instances


def stack_tags(settings: Settings, component: str) -> dict[str, str]:
    """The tags of every resource of a component."""
    return {
        "Project": settings.project,
        "Environment": settings.stack,
        "Component": component,
        "Owner": settings.owner,
        "CostCenter": settings.cost_center,
        "ManagedBy": "pulumi",
    }


@cache
def has_tags(resource: type) -> bool:
    """Whether a resource class of the SDK has a `tags` input."""
    init = getattr(resource, "_internal_init", None)
    return init is not None and "tags" in inspect.signature(init).parameters


def tagging(
    settings: Settings, component: str
) -> Callable[[ResourceTransformationArgs], ResourceTransformationResult | None]:
    """A transformation that tags every child of a component that can carry tags.

    A child's own tags win; `Name` is the stack's prefix and the child's logical name.
    """
    common = stack_tags(settings, component)

    def transform(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if not has_tags(type(args.resource)):  # type: ignore[arg-type]
            return None
        tags = common | {"Name": f"{settings.prefix}-{args.name}"}
        own: Any = args.props.get("tags")
        if args.type_ == GROUP:
            listed = [{"key": k, "value": v, "propagateAtLaunch": True} for k, v in tags.items()]
            return ResourceTransformationResult(
                {**args.props, "tags": [*listed, *(own or [])]}, args.opts
            )
        return ResourceTransformationResult(
            {**args.props, "tags": {**tags, **(own or {})}}, args.opts
        )

    return transform
