"""The settings of a stack as `pulumi config --json` prints them: for both pretended Pulumis."""

from typing import Any


def build_config_listing(values: dict[str, str]) -> dict[str, Any]:
    """Settings by path as `pulumi config --json` prints them."""
    listing: dict[str, Any] = {}
    for path, value in values.items():
        key, _dot, nested_path = path.partition(".")
        setting = listing.setdefault(key, {"value": value, "secret": False})
        if nested_path:
            *parents, name = nested_path.split(".")
            holder = setting.setdefault("objectValue", {})
            for parent in parents:
                holder = holder.setdefault(parent, {})
            holder[name] = value
    return listing
