"""Releases: protected resources whose end the settings allow one by one, for one deployment."""

from pulumi import (
    ResourceOptions,
    ResourceTransformationArgs,
    ResourceTransformationResult,
    RunError,
)
from pulumi.runtime import register_stack_transformation

from components.resource_keys import SeenResources, build_resource_key
from components.settings import Settings

# AWS's own protection of a resource: Pulumi's alone would leave the deletion to AWS's refusal.
DELETION_PROTECTION_PROPERTIES = ("deletion_protection", "enable_deletion_protection")


def register_releases(settings: Settings) -> SeenResources:
    """Takes the protection from each later resource that the settings release.

    Returns the resources that are protected, or would be if they were not released.
    """
    protected_resources = SeenResources()

    def release_resource(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if args.type_ is None or args.opts.protect is not True:
            return None
        key = build_resource_key(args.type_, args.name)
        protected_resources.add(key)
        if key not in settings.deletion.release:
            return None
        props = dict(args.props)
        props |= {name: False for name in DELETION_PROTECTION_PROPERTIES if name in props}
        released_options = ResourceOptions.merge(args.opts, ResourceOptions(protect=False))
        return ResourceTransformationResult(props, released_options)

    register_stack_transformation(release_resource)
    return protected_resources


def require_all_releases_used(settings: Settings, protected_resources: SeenResources) -> None:
    """Raises RunError if the settings release what the program does not register as protected.

    So a release is of one deployment: once the resource is gone, the next one names it.
    """
    unused = sorted({*settings.deletion.release} - protected_resources.keys)
    if unused:
        raise RunError(
            f"{settings.project}:deletion.release holds {unused[0]!r}, which is no protected "
            "resource of this stack (any longer); it must be a type and a logical name as a "
            "preview shows them, like `ecs/service services-web`, and go from the settings with "
            "the resource"
        )
