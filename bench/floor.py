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

_WORK_TEMPLATE: Final = """
import json, sys, time
before = set(sys.modules)
began = time.perf_counter()
{work}
seconds = time.perf_counter() - began
json.dump({{"seconds": seconds, "modules": [m for m in sys.modules if m not in before]}},
          open({answer!r}, "w"))
"""
_OWN_PACKAGES: Final = ("components", "ops", "sandbox", "tests")
_IMPORTS_TEMPLATE: Final = """
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
class BenchmarkResult:
    """Seconds of the work, and of its floor: the imports alone, where nothing else is said."""

    name: str
    total_seconds: float
    floor_seconds: float
    goal: str
    floor_name: str = "imports"

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.total_seconds / self.floor_seconds:.2f}x its {self.floor_name} "
            f"({self.total_seconds:.2f} s, of which {self.floor_name} {self.floor_seconds:.2f} s, "
            f"the rest {self.total_seconds - self.floor_seconds:.2f} s); goal {self.goal}"
        )


def measure_against_imports(name: str, source: str, goal: str, runs: int = 3) -> BenchmarkResult:
    """The quickest of several runs of `work`, Python source, and of its imports."""
    with tempfile.TemporaryDirectory() as folder:
        answer_path, modules_path = Path(folder, "answer.json"), Path(folder, "modules.json")
        total_seconds = floor_seconds = float("inf")
        for _ in range(runs):
            result = _run_source(
                _WORK_TEMPLATE.format(work=source, answer=str(answer_path)), answer_path
            )
            total_seconds = min(total_seconds, result["seconds"])
            modules_path.write_text(
                json.dumps([module for module in result["modules"] if not _is_own_module(module)])
            )
            result = _run_source(
                _IMPORTS_TEMPLATE.format(modules=str(modules_path), answer=str(answer_path)),
                answer_path,
            )
            floor_seconds = min(floor_seconds, result["seconds"])
    return BenchmarkResult(name, total_seconds, floor_seconds, goal)


def _is_own_module(module: str) -> bool:
    return module.partition(".")[0] in _OWN_PACKAGES


def _run_source(source: str, answer_path: Path) -> dict[str, Any]:
    subprocess.run([sys.executable, "-c", source], cwd=PROJECT_ROOT, check=True)
    result: dict[str, Any] = json.loads(answer_path.read_text())
    return result
