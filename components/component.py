"""The base of every component: parented and tagged children, names, registered outputs."""

from typing import Any

from pulumi import ComponentResource, ResourceOptions

from components.naming import build_tag_transformation
from components.settings import Settings
from components.settings.deletion import DataKind


class Component(ComponentResource):
    """A part of the stack. Children are named from it, parented to it and tagged by it."""

    def __init__(
        self, kind: str, name: str, *, settings: Settings, opts: ResourceOptions | None = None
    ) -> None:
        """`kind` is the class, `name` the logical name that the children's names begin with.

        A component inside another keeps the tags of the outer one.
        """
        is_nested = opts is not None and opts.parent is not None
        transformations = [] if is_nested else [build_tag_transformation(settings, name)]
        default_options = ResourceOptions(transformations=transformations)
        super().__init__(
            f"bulwark:index:{kind}", name, None, ResourceOptions.merge(opts, default_options)
        )
        self.name = name
        self.settings = settings
        self.child_options = ResourceOptions(parent=self)

    def format_logical_name(self, *parts: str) -> str:
        """Logical name of a child, by what it serves: never by index."""
        return "-".join((self.name, *parts))

    def format_physical_name(self, *parts: str) -> str:
        """Name in AWS of something that people or operations address by name."""
        return "-".join((self.settings.prefix, *parts))

    def build_child_options(self, **options: Any) -> ResourceOptions:
        """Options of a child, beside its parent."""
        return ResourceOptions(parent=self, **options)

    def build_protected_options(self, **options: Any) -> ResourceOptions:
        """Options of a child that holds data or answers users: protected if the stack is."""
        return ResourceOptions(parent=self, protect=self.settings.protect or None, **options)

    def build_data_options(self, kind: DataKind, **options: Any) -> ResourceOptions:
        """Options of a protected child whose end Pulumi leaves to people: it stays in AWS.

        Unless the settings discard its kind of data.
        """
        return self.build_protected_options(**self._build_retention(kind), **options)

    def build_guard_options(self, kind: DataKind, **options: Any) -> ResourceOptions:
        """Options of a child that guards data of a kind, and stays as long as they do."""
        return self.build_child_options(**self._build_retention(kind), **options)

    def _build_retention(self, kind: DataKind) -> dict[str, bool]:
        return {} if self.settings.is_discarded(kind) else {"retain_on_delete": True}
