"""What the matrices tried, told at the end of all tests."""

from collections import defaultdict
from typing import Any
from uuid import uuid4

import pytest


@pytest.fixture(autouse=True)
def _forget_cost_answers(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of Cost Explorer that a look keeps are not those of other tests."""
    folder = tmp_path_factory.getbasetemp() / "costs" / uuid4().hex
    monkeypatch.setattr("ops.cost.answers.get_answer_folder", lambda: folder)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line: how many kills of how many procedures, and in how many different states."""
    counts_by_procedure: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "matrix":
                procedure, kills, states = value
                counts_by_procedure[procedure][0] += kills
                counts_by_procedure[procedure][1] += states
    failed = any("matrix" in report.keywords for report in terminalreporter.stats.get("failed", []))
    if counts_by_procedure:
        kills, states = (sum(counts[n] for counts in counts_by_procedure.values()) for n in (0, 1))
        verdict = "some end otherwise" if failed else "all end as undisturbed"
        terminalreporter.write_line(
            f"crash matrix: {len(counts_by_procedure)} procedures, {kills:,} kills and "
            "pairs of kills "
            f"in {states:,} different states, {verdict}"
        )


def pytest_configure(config: pytest.Config) -> None:
    """The mark of a test that is part of the matrix."""
    config.addinivalue_line("markers", "matrix: kills procedures")
