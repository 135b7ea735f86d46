"""Prod into the in-memory AWS, against its imports: `python -m bench.sandbox_up`."""

from bench.floor import Measured, measure

_WORK = """
from sandbox.deploy import deploy, in_memory_aws
with in_memory_aws("eu-north-1"):
    deploy("prod")
"""


def bench() -> Measured:
    """Goal: five seconds after the imports."""
    return measure("sandbox up, prod", _WORK, "5 s after its imports")


if __name__ == "__main__":
    print(bench())
