"""Settings of what watches the costs: which amounts are refused."""

import pytest
from pydantic import JsonValue

from tests.world import run_whole_program


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ({"monthlyBudget": 0}, "cost.monthlyBudget"),
        ({"monthlyBudget": "much"}, "cost.monthlyBudget"),
        ({"anomalyUsd": 0}, "cost.anomalyUsd"),
        ({"anomalyPercent": 0}, "cost.anomalyPercent"),
    ],
)
def test_a_wrong_amount_names_its_key(cost: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(Exception, match=message):
        run_whole_program("prod", {"cost": cost})
