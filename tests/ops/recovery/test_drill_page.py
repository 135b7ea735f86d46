"""The page of drills: the labels of its axes are whole."""

from itertools import pairwise

from ops.recovery.drill_page import CHART_LEFT_MARGIN, CHART_WIDTH, build_drill_chart
from tests.ops.recovery.test_drill import build_past_drill

DATE_WIDTH = 62  # pixels of 2026-11-30 with a height of 11, about
HOURS_WIDTH = 75  # of 100 h 59 min


def test_the_labels_of_many_drills_are_whole_and_do_not_overlap() -> None:
    for count in (1, 6, 20, 60):
        drills = [build_past_drill(number % 12 + 1, 5) for number in range(count)]
        labels = build_drill_chart(drills).labels
        centres = [x for x, _ in labels]
        assert all(after - before >= DATE_WIDTH for before, after in pairwise(centres))
        assert centres[0] - DATE_WIDTH / 2 >= 0
        assert centres[-1] + DATE_WIDTH / 2 <= CHART_WIDTH
        assert labels[-1][1] == drills[-1].taken[:10]
    assert CHART_LEFT_MARGIN - 6 >= HOURS_WIDTH
