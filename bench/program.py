"""The program for prod under plain mocks, against its imports: `python -m bench.program`."""

from bench.floor import BenchmarkResult, measure_against_imports

_WORK_SOURCE = """
from sandbox.program import run_stack_program
from tests.world import AwsMocks
run_stack_program("prod", AwsMocks())
"""


def run_benchmark() -> BenchmarkResult:
    """Goal: the program itself adds at most half of what its imports take."""
    return measure_against_imports("program under mocks, prod", _WORK_SOURCE, "1.5x")


if __name__ == "__main__":
    print(run_benchmark())
