"""Baselines compared without any AWS: figures, findings, gaps; and parts taken from answers."""

from typing import Any

import pytest

from ops.baseline.capture import BASELINE_PARTS, BaselineObservation
from ops.baseline.comparison import list_baseline_differences
from ops.baseline.model import (
    Baseline,
    BaselineCache,
    BaselineFigure,
    BaselineGap,
    BaselineService,
    format_baseline,
    parse_baseline,
)
from ops.core.check_runner import run_checks
from ops.core.checks import CheckFacts, ReadAnswer, ReadRequest, UnknownAnswerError
from ops.outputs import CachePart, Outputs
from tests.ops.single_check import NOW
from tests.ops.stage import build_stack_outputs

SERVICE_STATE = BaselineService(
    status="ACTIVE", revision="web:1", images={"web": "app:1"}, desired=2, running=2, scaling={}
)


def build_baseline(**overrides: Any) -> Baseline:
    empty: dict[str, Any] = {
        name: {}
        for name in ("health", "database", "parameters", "services", "fleet", "cache", "alarms")
    }
    return Baseline(
        **{
            "taken": "2026-11-21T12:00:00Z",
            "project": "bulwark",
            "stack": "test",
            "account": "123456789012",
            "region": "eu-north-1",
            "usage": (),
            "gaps": (),
            **empty,
            **overrides,
        }
    )


def list_differences(
    area: str, before: dict[str, Any], now: dict[str, Any], tolerance: float = 20
) -> list[tuple[Any, ...]]:
    difference_list = list_baseline_differences(
        build_baseline(**before), build_baseline(**now), [area], tolerance
    )
    return [
        (difference.kind, difference.subject, difference.what, difference.before, difference.now)
        for difference in difference_list
    ]


def build_usage(mean: float | None, now: float | None = None, **overrides: Any) -> dict[str, Any]:
    fields = {
        "area": "services",
        "subject": "web",
        "what": "CPU",
        "unit": "%",
        "mean": mean,
        "now": mean if now is None else now,
        "peak": mean,
        **overrides,
    }
    return {"usage": (BaselineFigure.model_validate(fields),)}


@pytest.mark.parametrize(
    ("before", "now", "tolerance", "expected"),
    [
        (build_usage(0.1), build_usage(0.3), 20, None),  # thrice as much of nothing
        (build_usage(40), build_usage(47), 20, None),
        (build_usage(40), build_usage(49), 20, ("40 %", "49 %")),
        (build_usage(40), build_usage(31), 20, ("40 %", "31 %")),
        (build_usage(40), build_usage(49), 50, None),
        (build_usage(40), build_usage(46), 0, ("40 %", "46 %")),
        (build_usage(40), build_usage(44), 0, None),  # within the floor all the same
        (build_usage(20, peak=30), build_usage(22, now=34), 20, None),
        (build_usage(20, peak=30), build_usage(22, now=60), 20, ("30 % at most", "60 %")),
        (build_usage(None), build_usage(None), 20, None),
        (
            build_usage(16, what="free storage", unit="GiB"),
            build_usage(12, what="free storage", unit="GiB"),
            20,
            ("16 GiB", "12 GiB"),
        ),
        (
            build_usage(20, what="allocated storage"),
            build_usage(90, what="allocated storage"),
            20,
            None,
        ),
    ],
)
def test_a_figure_differs_beyond_its_tolerance_and_its_floor(
    before: dict[str, Any], now: dict[str, Any], tolerance: float, expected: tuple[str, str] | None
) -> None:
    listed = list_differences("services", before, now, tolerance)
    assert [one[3:] for one in listed] == ([expected] if expected else [])
    assert {one[0] for one in listed} <= {"changed"}


def test_a_figure_without_data_is_gone_or_new_and_an_unread_one_is_unknown() -> None:
    has, none, unread = build_usage(40), build_usage(None), build_usage(None, unread="denied")
    assert list_differences("services", has, none) == [("gone", "web", "CPU", "40 %", "no data")]
    assert list_differences("services", none, has) == [("new", "web", "CPU", "no data", "40 %")]
    said = "not known: denied"
    assert list_differences("services", unread, has) == [("unknown", "web", "CPU", said, "40 %")]
    assert list_differences("services", unread, unread) == [("unknown", "web", "CPU", said, said)]
    # Of what has a section of its own that says that it is new; a bucket has none.
    assert list_differences("services", {}, has) == []
    bucket = build_usage(200, area="buckets", subject="b", what="size", unit="MiB")
    assert list_differences("buckets", {}, bucket) == [("new", "b", "size", None, "200 MiB")]
    assert list_differences("buckets", bucket, {}) == [("gone", "b", "size", "200 MiB", None)]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"a": "ok"}, {"a": "ok"}, []),
        ({"a": "ok"}, {"a": "failing"}, [("worse", "a", "ok", "failing")]),
        ({"a": "failing"}, {"a": "ok"}, [("changed", "a", "failing", "ok")]),
        ({"a": "failing"}, {"a": "failing"}, []),
        ({"a": "unknown"}, {"a": "unknown"}, [("unknown", "a", "unknown", "unknown")]),
        ({"a": "ok"}, {"a": "unknown"}, [("unknown", "a", "ok", "unknown")]),
        # A subject that is named only where it is not well.
        (
            {"scaling": "ok"},
            {"scaling of a": "failing"},
            [("worse", "scaling of a", "ok", "failing")],
        ),
        (
            {"scaling of a": "failing"},
            {"scaling": "ok"},
            [("changed", "scaling of a", "failing", "ok")],
        ),
        # Where its check is not known, nor is it.
        (
            {"a": "ok", "b": "failing"},
            {"tasks": "unknown"},
            [("unknown", "b", "failing", "unknown"), ("unknown", "tasks", "ok", "unknown")],
        ),
    ],
)
def test_changed_health_states_are_listed_with_their_kind(
    before: dict[str, str], now: dict[str, str], expected: list[tuple[str, ...]]
) -> None:
    listed = list_differences(
        "services", {"health": {"services": before}}, {"health": {"services": now}}
    )
    assert [(kind, subject, *rest) for kind, subject, _, *rest in listed] == expected


def test_running_tasks_differ_only_if_they_are_not_the_desired_count() -> None:
    def web(**overrides: Any) -> dict[str, Any]:
        return {"services": {"web": SERVICE_STATE.model_copy(update=overrides)}}

    desired = ("changed", "web", "desired", 2, 3)
    assert list_differences("services", web(), web(desired=3, running=3)) == [desired]
    assert list_differences("services", web(), web(desired=3)) == [desired]
    assert list_differences("services", web(), web(running=1)) == [
        ("changed", "web", "running", 2, 1)
    ]
    both = web(images={"web": "app:1", "side": "side:1"})
    assert list_differences("services", web(), both) == [
        ("changed", "web", "images side", None, "side:1")
    ]


def test_differences_are_sorted_by_severity_and_limited_to_the_areas() -> None:
    before = {
        "services": {"web": SERVICE_STATE, "old": SERVICE_STATE},
        "health": {"services": {"web": "ok"}},
        "parameters": {"work_mem": "1"},
    }
    now = {
        "services": {
            "web": SERVICE_STATE.model_copy(update={"desired": 9, "running": 9}),
            "x": SERVICE_STATE,
        },
        "health": {"services": {"web": "failing"}},
        "gaps": (BaselineGap(area="services", subject="y", why="denied"),),
    }
    kinds = [one[0] for one in list_differences("services", before, now)]
    assert kinds == ["worse", "gone", "unknown", "changed", "new"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_gap_hides_only_its_own_differences(swapped: bool) -> None:
    def compared(area: str, gap: BaselineGap, **overrides: Any) -> list[tuple[Any, ...]]:
        whole = {"services": {"web": SERVICE_STATE, "api": SERVICE_STATE}}
        sides = [whole, {**whole, **overrides, "gaps": (gap,)}]
        before, now = reversed(sides) if swapped else sides
        return [one[:3] for one in list_differences(area, before, now)]

    whole = BaselineGap(area="services", why="denied")
    assert compared("services", whole, services={}) == [("unknown", "all", "")]
    one = BaselineGap(area="services", subject="web", why="denied")
    assert compared("services", one, services={"api": SERVICE_STATE}) == [("unknown", "web", "")]
    other = SERVICE_STATE.model_copy(update={"images": {}, "revision": "web:2"})
    field = BaselineGap(area="services", subject="web", what="images", why="denied")
    assert compared("services", field, services={"web": other, "api": SERVICE_STATE}) == [
        ("unknown", "web", "images"),
        ("changed", "web", "revision"),
    ]
    assert compared("parameters", whole, services={}) == []


def test_a_baseline_survives_formatting_and_parsing() -> None:
    whole = build_baseline(
        services={"web": SERVICE_STATE},
        health={"services": {"web": "unknown"}},
        gaps=(
            BaselineGap(area="cache", why="no"),
            BaselineGap(area="fleet", subject="g", what="image", why="no"),
        ),
        **build_usage(None, unread="denied"),
    )
    again = parse_baseline(format_baseline(whole), build_stack_outputs(), "x")
    assert again == whole
    assert again.unknown_items == ("cache", "fleet g image", "services web CPU", "services web")


def observe_part(
    part: int, answers: dict[str, list[Any] | UnknownAnswerError], outputs: Outputs
) -> BaselineObservation:
    """What a part of the table makes of answers by API."""
    observation = BaselineObservation()

    def answer_read(call: ReadRequest) -> ReadAnswer:
        return answers[call.api]

    assert (
        run_checks(
            [BASELINE_PARTS[part].build_check(observation)], CheckFacts(outputs, NOW), answer_read
        )
        == []
    )
    return observation


def build_cache_outputs() -> Outputs:
    part = CachePart(
        identifier="c",
        arn="a",
        engine="valkey",
        primary_endpoint="p",
        reader_endpoint="r",
        port=6379,
        secret_arn="s",
        security_group_id="sg",
    )
    return build_stack_outputs().model_copy(update={"cache": part})


def test_a_cache_is_taken_with_its_nodes_and_one_that_is_gone_is_not_there() -> None:
    api = "elasticache.describe_replication_groups"
    item = {
        "ReplicationGroupId": "c",
        "Engine": "valkey",
        "CacheNodeType": "cache.t4g.small",
        "MemberClusters": ["c-001", "c-002"],
        "MultiAZ": "enabled",
        "AutomaticFailover": "enabled",
    }
    assert observe_part(3, {api: [item]}, build_cache_outputs()).cache["c"] == BaselineCache(
        engine="valkey",
        node_type="cache.t4g.small",
        nodes=2,
        multi_az="enabled",
        failover="enabled",
    )
    assert (gone := observe_part(3, {api: []}, build_cache_outputs())).cache == {}
    assert gone.gaps == []
    (gap,) = observe_part(3, {api: UnknownAnswerError("throttled")}, build_cache_outputs()).gaps
    assert gap == BaselineGap(area="cache", why="throttled")


def test_without_a_primary_nobody_knows_which_parameters_are_its_own() -> None:
    none = observe_part(0, {"rds.describe_db_instances": []}, build_stack_outputs())
    assert none.database == {}
    assert [gap.area for gap in none.gaps] == ["parameters"]


def test_a_fleet_that_is_gone_is_not_there() -> None:
    none = observe_part(2, {"autoscaling.describe_auto_scaling_groups": []}, build_stack_outputs())
    assert (none.fleet, none.gaps) == ({}, [])
