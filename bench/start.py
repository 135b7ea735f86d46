"""How soon `ops` answers: `python -m bench.start`."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.floor import BenchmarkResult
from sandbox.program import PROJECT_ROOT

START_BENCHMARK_RUNS = 15
IMPORTS_COMMAND = (sys.executable, "-c", "import typer, rich")
HELP_COMMAND = (sys.executable, "-m", "ops", "--help")


def run_benchmark() -> str:
    """Goal: twice the import of typer and rich, and 150 ms by the design."""
    piped_seconds, terminal_seconds, import_seconds = [], [], []
    for _ in range(START_BENCHMARK_RUNS):  # by turns, so that a busy machine is as busy for all
        piped_seconds.append(measure_piped_seconds(HELP_COMMAND))
        terminal_seconds.append(measure_terminal_seconds(HELP_COMMAND))
        import_seconds.append(measure_piped_seconds(IMPORTS_COMMAND))
    floor_name = "import of typer and rich"
    results = (
        BenchmarkResult(
            "ops --help, piped",
            min(piped_seconds),
            min(import_seconds),
            "2x and 150 ms",
            floor_name,
        ),
        BenchmarkResult(
            "ops --help, on a terminal",
            min(terminal_seconds),
            min(import_seconds),
            "150 ms",
            floor_name,
        ),
    )
    return "\n".join(map(str, results))


def measure_piped_seconds(command: Sequence[str]) -> float:
    """Seconds that a command takes whose output is no terminal."""
    start = time.perf_counter()
    subprocess.run(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def measure_terminal_seconds(command: Sequence[str]) -> float:
    """Seconds that a command takes on a terminal, until all it says is read."""
    controller, terminal = pty.openpty()
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=terminal, stderr=subprocess.DEVNULL
    )
    os.close(terminal)
    try:
        while os.read(controller, 1 << 16):
            pass
    except OSError:  # how Linux says that the other end is closed
        pass
    process.wait()
    seconds = time.perf_counter() - start
    os.close(controller)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited {process.returncode}")
    return seconds


if __name__ == "__main__":
    print(run_benchmark())
