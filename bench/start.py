"""How soon `ops` answers: `python -m bench.start`."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.floor import Measured
from sandbox.program import PROJECT_ROOT

RUNS = 15
IMPORTS = (sys.executable, "-c", "import typer, rich")
HELP = (sys.executable, "-m", "ops", "--help")


def bench() -> str:
    """Goal: twice the import of typer and rich, and 150 ms by the design."""
    help_, shown, imports = [], [], []
    for _ in range(RUNS):  # by turns, so that a busy machine is as busy for all
        help_.append(piped(HELP))
        shown.append(on_terminal(HELP))
        imports.append(piped(IMPORTS))
    what = "import of typer and rich"
    measured = (
        Measured("ops --help, piped", min(help_), min(imports), "2x and 150 ms", what),
        Measured("ops --help, on a terminal", min(shown), min(imports), "150 ms", what),
    )
    return "\n".join(map(str, measured))


def piped(command: Sequence[str]) -> float:
    """Seconds that a command takes whose output is no terminal."""
    began = time.perf_counter()
    subprocess.run(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def on_terminal(command: Sequence[str]) -> float:
    """Seconds that a command takes on a terminal, until all it says is read."""
    ours, theirs = pty.openpty()
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    try:
        while os.read(ours, 1 << 16):
            pass
    except OSError:  # how Linux says that the other end is closed
        pass
    process.wait()
    seconds = time.perf_counter() - began
    os.close(ours)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited {process.returncode}")
    return seconds


if __name__ == "__main__":
    print(bench())
