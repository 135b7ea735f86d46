"""The deployed prod."""

from tests.ops.prod.deployed import prod

__all__ = ["prod"]
