"""Imports: resources that are in AWS already, and are taken into the stack instead of made."""

from pulumi import (
    ResourceOptions,
    ResourceTransformationArgs,
    ResourceTransformationResult,
    RunError,
)
from pulumi.runtime import register_stack_transformation

from components.resource_keys import SeenResources, build_resource_key
from components.settings import Settings


def register_imports(settings: Settings) -> SeenResources:
    """Makes Pulumi import each later resource that the settings name; returns those it matched.

    Pulumi imports once, and refuses if the inputs differ from what is in AWS (Pulumi, "Importing
    resources"): an import changes nothing.
    """
    used_imports = SeenResources()

    def import_resource(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if args.type_ is None or not args.type_.startswith("aws:"):
            return None
        key = build_resource_key(args.type_, args.name)
        if key not in settings.imports:
            return None
        used_imports.add(key)
        import_options = ResourceOptions(import_=settings.imports[key])
        return ResourceTransformationResult(
            args.props, ResourceOptions.merge(args.opts, import_options)
        )

    register_stack_transformation(import_resource)
    return used_imports


def require_all_imports_used(settings: Settings, used_imports: SeenResources) -> None:
    """Raises RunError if the settings import a resource that the program does not register.

    Otherwise Pulumi would make a new one beside the one that was meant.
    """
    unused_imports = sorted(settings.imports.keys() - used_imports.keys)
    if unused_imports:
        raise RunError(
            f"{settings.project}:imports.{unused_imports[0]} matches no resource of this stack; it "
            "must be a type and a logical name as a preview shows them, like "
            "`rds/instance database`"
        )
