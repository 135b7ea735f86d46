"""What is in AWS already, taken into the stack instead of being made."""

from collections.abc import Callable

from pulumi import (
    ResourceOptions,
    ResourceTransformationArgs,
    ResourceTransformationResult,
    RunError,
)

from components.settings import Settings


def build_import_transformation(
    settings: Settings,
) -> Callable[[ResourceTransformationArgs], ResourceTransformationResult | None]:
    """A transformation that has Pulumi import each child that the settings name.

    Pulumi does so once, and refuses where the inputs are not those of what is there
    (Pulumi, "Importing resources"): nothing of it is changed by that.
    """

    def import_resource(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if args.type_ is None or not args.type_.startswith("aws:"):
            return None
        key = f"{args.type_.split(':')[1]} {args.name}"
        if key not in settings.imports:
            return None
        settings.used_imports.add(key)
        import_options = ResourceOptions(import_=settings.imports[key])
        return ResourceTransformationResult(
            args.props, ResourceOptions.merge(args.opts, import_options)
        )

    return import_resource


def require_all_imports_used(settings: Settings) -> None:
    """Raises RunError where the settings name what the program has not.

    Left alone, a new one would be made beside what was meant.
    """
    unused_imports = sorted(settings.imports.keys() - settings.used_imports)
    if unused_imports:
        raise RunError(
            f"{settings.project}:imports.{unused_imports[0]} is of nothing that this stack "
            "has, must be a "
            "type and a logical name as a preview shows them, like `rds/instance database`"
        )
