"""Baselines compared without any AWS: figures, findings, gaps; and parts taken from answers."""

from typing import Any

import pytest

from ops.baseline.capture import PARTS, Seen
from ops.baseline.comparison import differences
from ops.baseline.model import Baseline, Cache, Figure, Gap, Service, parsed, text
from ops.core.check_runner import run
from ops.core.checks import Answer, Facts, Read, UnknownError
from ops.outputs import CachePart, Outputs
from tests.ops.single_check import NOW
from tests.ops.stage import stack_outputs

SERVICE = Service(
    status="ACTIVE", revision="web:1", images={"web": "app:1"}, desired=2, running=2, scaling={}
)


def made(**given: Any) -> Baseline:
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
            **given,
        }
    )


def found(
    area: str, before: dict[str, Any], now: dict[str, Any], tolerance: float = 20
) -> list[tuple[Any, ...]]:
    listed = differences(made(**before), made(**now), [area], tolerance)
    return [(one.kind, one.subject, one.what, one.before, one.now) for one in listed]


def figure(mean: float | None, now: float | None = None, **given: Any) -> dict[str, Any]:
    whole = {
        "area": "services",
        "subject": "web",
        "what": "CPU",
        "unit": "%",
        "mean": mean,
        "now": mean if now is None else now,
        "peak": mean,
        **given,
    }
    return {"usage": (Figure.model_validate(whole),)}


@pytest.mark.parametrize(
    ("before", "now", "tolerance", "wanted"),
    [
        (figure(0.1), figure(0.3), 20, None),  # thrice as much of nothing
        (figure(40), figure(47), 20, None),
        (figure(40), figure(49), 20, ("40 %", "49 %")),
        (figure(40), figure(31), 20, ("40 %", "31 %")),
        (figure(40), figure(49), 50, None),
        (figure(40), figure(46), 0, ("40 %", "46 %")),
        (figure(40), figure(44), 0, None),  # within the floor all the same
        (figure(20, peak=30), figure(22, now=34), 20, None),
        (figure(20, peak=30), figure(22, now=60), 20, ("30 % at most", "60 %")),
        (figure(None), figure(None), 20, None),
        (
            figure(16, what="free storage", unit="GiB"),
            figure(12, what="free storage", unit="GiB"),
            20,
            ("16 GiB", "12 GiB"),
        ),
        (figure(20, what="allocated storage"), figure(90, what="allocated storage"), 20, None),
    ],
)
def test_a_figure_differs_beyond_its_tolerance_and_its_floor(
    before: dict[str, Any], now: dict[str, Any], tolerance: float, wanted: tuple[str, str] | None
) -> None:
    listed = found("services", before, now, tolerance)
    assert [one[3:] for one in listed] == ([wanted] if wanted else [])
    assert {one[0] for one in listed} <= {"changed"}


def test_a_figure_without_data_is_gone_or_new_and_an_unread_one_is_unknown() -> None:
    has, none, unread = figure(40), figure(None), figure(None, unread="denied")
    assert found("services", has, none) == [("gone", "web", "CPU", "40 %", "no data")]
    assert found("services", none, has) == [("new", "web", "CPU", "no data", "40 %")]
    said = "not known: denied"
    assert found("services", unread, has) == [("unknown", "web", "CPU", said, "40 %")]
    assert found("services", unread, unread) == [("unknown", "web", "CPU", said, said)]
    # Of what has a section of its own that says that it is new; a bucket has none.
    assert found("services", {}, has) == []
    bucket = figure(200, area="buckets", subject="b", what="size", unit="MiB")
    assert found("buckets", {}, bucket) == [("new", "b", "size", None, "200 MiB")]
    assert found("buckets", bucket, {}) == [("gone", "b", "size", "200 MiB", None)]


@pytest.mark.parametrize(
    ("before", "now", "wanted"),
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
def test_findings(
    before: dict[str, str], now: dict[str, str], wanted: list[tuple[str, ...]]
) -> None:
    listed = found("services", {"health": {"services": before}}, {"health": {"services": now}})
    assert [(kind, subject, *rest) for kind, subject, _, *rest in listed] == wanted


def test_what_runs_differs_only_where_it_is_not_as_many_as_it_should_be() -> None:
    def web(**given: Any) -> dict[str, Any]:
        return {"services": {"web": SERVICE.model_copy(update=given)}}

    desired = ("changed", "web", "desired", 2, 3)
    assert found("services", web(), web(desired=3, running=3)) == [desired]
    assert found("services", web(), web(desired=3)) == [desired]
    assert found("services", web(), web(running=1)) == [("changed", "web", "running", 2, 1)]
    both = web(images={"web": "app:1", "side": "side:1"})
    assert found("services", web(), both) == [("changed", "web", "images side", None, "side:1")]


def test_what_matters_most_comes_first_and_areas_that_are_not_asked_for_are_not_told() -> None:
    before = {
        "services": {"web": SERVICE, "old": SERVICE},
        "health": {"services": {"web": "ok"}},
        "parameters": {"work_mem": "1"},
    }
    now = {
        "services": {"web": SERVICE.model_copy(update={"desired": 9, "running": 9}), "x": SERVICE},
        "health": {"services": {"web": "failing"}},
        "gaps": (Gap(area="services", subject="y", why="denied"),),
    }
    kinds = [one[0] for one in found("services", before, now)]
    assert kinds == ["worse", "gone", "unknown", "changed", "new"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_gap_hides_what_is_behind_it_and_nothing_else(swapped: bool) -> None:
    def compared(area: str, gap: Gap, **given: Any) -> list[tuple[Any, ...]]:
        whole = {"services": {"web": SERVICE, "api": SERVICE}}
        sides = [whole, {**whole, **given, "gaps": (gap,)}]
        before, now = reversed(sides) if swapped else sides
        return [one[:3] for one in found(area, before, now)]

    whole = Gap(area="services", why="denied")
    assert compared("services", whole, services={}) == [("unknown", "all", "")]
    one = Gap(area="services", subject="web", why="denied")
    assert compared("services", one, services={"api": SERVICE}) == [("unknown", "web", "")]
    other = SERVICE.model_copy(update={"images": {}, "revision": "web:2"})
    field = Gap(area="services", subject="web", what="images", why="denied")
    assert compared("services", field, services={"web": other, "api": SERVICE}) == [
        ("unknown", "web", "images"),
        ("changed", "web", "revision"),
    ]
    assert compared("parameters", whole, services={}) == []


def test_what_is_kept_is_read_back_whole() -> None:
    whole = made(
        services={"web": SERVICE},
        health={"services": {"web": "unknown"}},
        gaps=(Gap(area="cache", why="no"), Gap(area="fleet", subject="g", what="image", why="no")),
        **figure(None, unread="denied"),
    )
    again = parsed(text(whole), stack_outputs(), "x")
    assert again == whole
    assert again.unknown == ("cache", "fleet g image", "services web CPU", "services web")


def seen(part: int, answers: dict[str, list[Any] | UnknownError], outputs: Outputs) -> Seen:
    """What a part of the table makes of answers by API."""
    into = Seen()

    def sending(one: Read) -> Answer:
        return answers[one.api]

    assert run([PARTS[part].check(into)], Facts(outputs, NOW), sending) == []
    return into


def cached() -> Outputs:
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
    return stack_outputs().model_copy(update={"cache": part})


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
    assert seen(3, {api: [item]}, cached()).cache["c"] == Cache(
        engine="valkey",
        node_type="cache.t4g.small",
        nodes=2,
        multi_az="enabled",
        failover="enabled",
    )
    assert (gone := seen(3, {api: []}, cached())).cache == {}
    assert gone.gaps == []
    (gap,) = seen(3, {api: UnknownError("throttled")}, cached()).gaps
    assert gap == Gap(area="cache", why="throttled")


def test_without_a_primary_nobody_knows_which_parameters_are_its_own() -> None:
    none = seen(0, {"rds.describe_db_instances": []}, stack_outputs())
    assert none.database == {}
    assert [gap.area for gap in none.gaps] == ["parameters"]


def test_a_fleet_that_is_gone_is_not_there() -> None:
    none = seen(2, {"autoscaling.describe_auto_scaling_groups": []}, stack_outputs())
    assert (none.fleet, none.gaps) == ({}, [])
