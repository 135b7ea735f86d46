"""Every control that the stack claims to meet has a test that names it, and the page says which."""

import re
from pathlib import Path

import pytest

from sandbox.program import PROJECT_ROOT

CONTROLS_PAGE = PROJECT_ROOT / "docs" / "decisions" / "0006-controls.md"
# As one line a service: what prod meets by default.
CONTROL_NUMBERS = {
    "EC2": (2, 3, 6, 8, 9, *range(13, 20), 21, 25, 170, 181),
    "AutoScaling": (1, 2, 3, 4, 5, 6, 9),
    "SSM": (1,),
    "RDS": (*range(1, 7), *range(8, 12), 13, 17, 18, *range(20, 24), 25, 26, 36, 38, 46),
    "ECS": (1, 2, 3, 4, 5, 8, 9, 10, 12),
    "ELB": (1, 4, 5, 6, 12, 13, 16, 17),
    "ACM": (1, 2),
    "S3": (1, 2, 3, 5, 6, 8, 9, 10, 12, 13, 14, 17),
    "KMS": (1, 2, 4, 5),
    "SecretsManager": (1, 4),
    "ECR": (1, 2, 3),
    "ElastiCache": tuple(range(1, 8)),
    "SNS": (1, 4),
    "WAF": (10, 11, 12),
    "Backup": (1,),
    "IAM": (1, 21),
}
CONTROL_IDS = [
    f"{service}.{number}" for service, numbers in CONTROL_NUMBERS.items() for number in numbers
]


@pytest.fixture(scope="module")
def test_sources() -> str:
    this_file = Path(__file__)
    files = (path for path in (PROJECT_ROOT / "tests").rglob("test_*.py") if path != this_file)
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def is_control_named(control: str, text: str) -> bool:
    """Whether a text names a control: `RDS.13` as it is, or `rds_13` in a test's name."""
    service, number = control.split(".")
    as_written = rf"\b{service}\.{number}(?!\d)"
    in_a_name = rf"def test_(?:\w*_)?{service.lower()}_{number}(?!\d)"
    return re.search(f"{as_written}|{in_a_name}", text) is not None


@pytest.mark.parametrize("control", CONTROL_IDS)
def test_every_control_is_named_by_a_test(control: str, test_sources: str) -> None:
    assert is_control_named(control, test_sources)


def test_the_search_matches_whole_control_ids_only() -> None:
    assert not is_control_named("RDS.1", "RDS.13 def test_rds_13_x")
    assert is_control_named("RDS.1", "def test_prod_rds_1_private")


def test_the_page_lists_exactly_the_tested_controls() -> None:
    control_list = CONTROLS_PAGE.read_text(encoding="utf-8").split("\n\n")[2]
    control_ids = set()
    for part in control_list.replace("\n", " ").split(" · "):
        service = part.strip().split(".")[0]
        for first, last in re.findall(r"\.(\d+)(?:-\.(\d+))?", part):
            control_ids |= {f"{service}.{n}" for n in range(int(first), int(last or first) + 1)}
    assert control_ids == set(CONTROL_IDS)
