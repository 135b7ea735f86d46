"""The base of every component: parented and tagged children, names, registered outputs."""

from typing import Any

from pulumi import ComponentResource, ResourceOptions

from components.imports import importing
from components.naming import tagging
from components.settings import Settings


class Component(ComponentResource):
    """A part of the stack. Children are named from it, parented to it and tagged by it."""

    def __init__(
        self, kind: str, name: str, settings: Settings, opts: ResourceOptions | None = None
    ) -> None:
        """`kind` is the class, `name` the logical name that the children's names begin with.

        A component inside another keeps the tags of the outer one.
        """
        inner = opts is not None and opts.parent is not None
        kept = [] if inner else [tagging(settings, name), importing(settings)]
        own = ResourceOptions(transformations=kept)
        super().__init__(f"bulwark:index:{kind}", name, None, ResourceOptions.merge(opts, own))
        self.name = name
        self.settings = settings
        self.child = ResourceOptions(parent=self)

    def key(self, *parts: str) -> str:
        """Logical name of a child, by what it serves: never by index."""
        return "-".join((self.name, *parts))

    def physical(self, *parts: str) -> str:
        """Name in AWS of something that people or operations address by name."""
        return "-".join((self.settings.prefix, *parts))

    def options(self, **options: Any) -> ResourceOptions:
        """Options of a child, beside its parent."""
        return ResourceOptions(parent=self, **options)

    def guarded(self, **options: Any) -> ResourceOptions:
        """Options of a child that holds data or answers users: protected where the stack is."""
        return ResourceOptions(parent=self, protect=self.settings.protect or None, **options)
