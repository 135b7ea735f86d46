"""The program for prod under plain mocks, against its imports: `python -m bench.program`."""

from bench.floor import Measured, measure

_WORK = """
from sandbox.program import run_stack
from tests.world import StandIns
run_stack("prod", StandIns())
"""


def bench() -> Measured:
    """Goal: the program itself adds at most half of what its imports take."""
    return measure("program under mocks, prod", _WORK, "1.5x")


if __name__ == "__main__":
    print(bench())
