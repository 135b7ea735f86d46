"""Measures a piece of work in a fresh process, against a process that only imports the same.

What takes long here is Pulumi's SDK and moto, which are not ours: the floor is the time that the
modules which the work loaded take to import, in the order that it loaded them.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sandbox.program import PROJECT_ROOT

_WORK: Final = """
import json, sys, time
before = set(sys.modules)
began = time.perf_counter()
{work}
seconds = time.perf_counter() - began
json.dump({{"seconds": seconds, "modules": [m for m in sys.modules if m not in before]}},
          open({answer!r}, "w"))
"""
_OURS: Final = ("components", "ops", "sandbox", "tests")
_IMPORTS: Final = """
import importlib, json, sys, time
modules = json.load(open({modules!r}))
began = time.perf_counter()
for module in modules:
    try:
        importlib.import_module(module)
    except Exception:
        pass
json.dump({{"seconds": time.perf_counter() - began}}, open({answer!r}, "w"))
"""


@dataclass(frozen=True)
class Measured:
    """Seconds of the work, and of its floor: the imports alone, where nothing else is said."""

    name: str
    total: float
    floor: float
    goal: str
    what: str = "imports"

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.total / self.floor:.2f}x its {self.what} "
            f"({self.total:.2f} s, of which {self.what} {self.floor:.2f} s, "
            f"the rest {self.total - self.floor:.2f} s); goal {self.goal}"
        )


def measure(name: str, work: str, goal: str, runs: int = 3) -> Measured:
    """The quickest of several runs of `work`, Python source, and of its imports."""
    with tempfile.TemporaryDirectory() as folder:
        answer, modules = Path(folder, "answer.json"), Path(folder, "modules.json")
        total = floor = float("inf")
        for _ in range(runs):
            done = _run(_WORK.format(work=work, answer=str(answer)), answer)
            total = min(total, done["seconds"])
            modules.write_text(json.dumps([m for m in done["modules"] if not _ours(m)]))
            done = _run(_IMPORTS.format(modules=str(modules), answer=str(answer)), answer)
            floor = min(floor, done["seconds"])
    return Measured(name, total, floor, goal)


def _ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS


def _run(source: str, answer: Path) -> dict[str, Any]:
    subprocess.run([sys.executable, "-c", source], cwd=PROJECT_ROOT, check=True)
    result: dict[str, Any] = json.loads(answer.read_text())
    return result
