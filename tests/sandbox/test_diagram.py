"""`python -m sandbox.diagram`: the picture in the repository is that of a deployed prod."""

import pytest

from sandbox.diagram import render_stack_diagram
from sandbox.program import PROJECT_ROOT


@pytest.mark.exhaustive  # that it is the program's: test_report.py
def test_the_picture_in_the_repository_is_that_of_the_deployed_stack() -> None:
    committed_svg = (PROJECT_ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert render_stack_diagram("prod") == committed_svg, "write it anew: python -m sandbox.diagram"
