"""Prod into the in-memory AWS, against its imports: `python -m bench.sandbox_up`."""

from bench.floor import BenchmarkResult, measure_against_imports

_WORK_SOURCE = """
from sandbox.deploy import deploy_in_memory, use_in_memory_aws
with use_in_memory_aws("eu-north-1"):
    deploy_in_memory("prod")
"""


def run_benchmark() -> BenchmarkResult:
    """Goal: five seconds after the imports."""
    return measure_against_imports("sandbox up, prod", _WORK_SOURCE, "5 s after its imports")


if __name__ == "__main__":
    print(run_benchmark())
