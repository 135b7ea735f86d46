"""`python -m sandbox.diagram`: the picture in the repository is that of a deployed prod."""

import pytest

from sandbox.diagram import of_stack
from sandbox.program import ROOT


@pytest.mark.exhaustive  # that it is the program's: test_report.py
def test_the_picture_in_the_repository_is_that_of_the_deployed_stack() -> None:
    kept = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert of_stack("prod") == kept, "write it anew: python -m sandbox.diagram"
