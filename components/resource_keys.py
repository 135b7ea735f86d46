"""Keys of resources as the settings name them: a type and a logical name."""


def build_resource_key(type_: str, name: str) -> str:
    """The key of a resource of a type like `aws:rds/instance:Instance`: `rds/instance database`."""
    return f"{type_.split(':')[1]} {name}"


class SeenResources:
    """The keys of the resources of one kind that the program has registered so far."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    @property
    def keys(self) -> frozenset[str]:
        """The keys, like `rds/instance database`."""
        return frozenset(self._keys)

    def add(self, key: str) -> None:
        """Adds a resource of this kind."""
        self._keys.add(key)
