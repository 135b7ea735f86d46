"""The maintenance page: how long it keeps users out is not known beforehand, so it is not 0 s."""

import json

import pytest

from ops.cli.render import Output, format_duration
from ops.core.plan import sum_downtimes
from ops.services.maintenance_page import build_maintenance_page_plan
from tests.ops.procedures import list_procedures
from tests.ops.stage import build_stack_outputs, open_stage


@pytest.mark.parametrize(("enabled", "expected"), [(True, None), (False, 0)])
def test_the_page_keeps_users_out_until_it_is_turned_off(
    enabled: bool, expected: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = build_maintenance_page_plan(build_stack_outputs(), "run-1", enabled=enabled)
    assert plan.downtime == expected
    Output("table").print_plan(plan)
    downtime = "until the page is turned off" if enabled else "none expected"
    assert f"downtime  {downtime}" in capsys.readouterr().out
    Output("json").print_plan(plan)
    assert json.loads(capsys.readouterr().out)["downtime"] == expected


def test_one_unknown_downtime_makes_the_sum_unknown() -> None:
    on, off = (
        build_maintenance_page_plan(build_stack_outputs(), "run-1", enabled=enabled).steps[0]
        for enabled in (True, False)
    )
    known = off.model_copy(update={"downtime": 90.0})
    assert sum_downtimes([known, off]) == 90
    assert sum_downtimes([known, on]) is None
    assert format_duration(None) == "unknown"


@pytest.mark.parametrize("command", ["recover rebuild", "recover region"])
def test_a_stack_that_is_gone_does_not_come_back_without_downtime(command: str) -> None:
    procedure = next(item for item in list_procedures() if item.command == command)
    with open_stage() as stage:
        procedure.set_up(stage)
        assert procedure.build_plan(stage).downtime is None
