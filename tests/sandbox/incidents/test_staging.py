"""What AWS shows once an incident has happened, by the looks that a person has."""

import contextlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Final

from ops.cli.app import main
from sandbox.faults import inject_faults
from sandbox.incidents.copies import run_in_copy
from sandbox.incidents.model import DEVELOPMENT_FOLDER, load_incident
from sandbox.incidents.staging import open_world, stage_incident
from sandbox.incidents.world import World

# The looks at each incident; those of one name are of one copy of the world.
LOOKS: Final = {
    "lock-on-orders": ("db locks", "alarms list", "metrics database load --since 30m"),
    "database-rules-deleted": ("network reach backend database", "changes --since 1h"),
    "image-crashes": ("service tasks --service backend --stopped", "changes --since 1h"),
    "quiet-after-a-bad-night": (
        "alarms list",
        "changes --since 4h --only alarms",
        "db locks",
        "network reach load-balancer fleet",
    ),
}
LOCK_MINUTES: Final = 14


def take_looks(world: World, name: str) -> dict[str, Any]:
    """What the looks say of an incident, by their lines."""
    answers: dict[str, Any] = {}
    with world.exit_stack:
        stage_incident(world, load_incident(DEVELOPMENT_FOLDER / f"{name}.yaml"))
        with world.use_environment(), inject_faults(*world.faults):
            for line in LOOKS[name]:
                with contextlib.redirect_stdout(io.StringIO()) as output:
                    main([*line.split(), "--output", "json", "--outputs", str(world.outputs_file)])
                answers[line] = json.loads(output.getvalue())
            answers["now"] = world.clock.now()
    return answers


@cache
def take_all_looks() -> dict[str, dict[str, Any]]:
    """The stack is deployed once, each incident happens in a copy of it."""

    def take() -> dict[str, dict[str, Any]]:
        with open_world("full") as world:
            return {name: run_in_copy(partial(take_looks, world, name)) for name in LOOKS}

    return run_in_copy(take)


def list_raised(answer: Any) -> Iterator[str]:
    """The alarms that `ops alarms list` shows as raised."""
    for item in answer["items"]:
        if item["state"] == "ALARM":
            yield item["name"].removeprefix("bulwark-prod-")


def test_a_lock_is_real_and_as_old_as_the_incident() -> None:
    answer = take_all_looks()["lock-on-orders"]["db locks"]
    holder, *waiting = answer["items"]
    assert (holder["application"], holder["blocks"], holder["state"]) == (
        "psql",
        4,
        "idle in transaction",
    )
    assert all(item["blocked_by"] == holder["pid"] for item in waiting)
    ages = [holder["transaction"], *(item["waits"] for item in waiting)]
    assert all(LOCK_MINUTES * 60 <= age < (LOCK_MINUTES + 2) * 60 for age in ages)


def test_metrics_and_alarms_follow_from_it_and_from_nothing_else() -> None:
    looks = take_all_looks()["lock-on-orders"]
    (primary,) = (
        item
        for item in looks["metrics database load --since 30m"]["items"]
        if item["of"] == "database"
    )
    values = [point["value"] for point in primary["values"] if point["value"] is not None]
    assert max(values[:12]) < 1.5 < 4 < max(values[-8:])
    raised = set(list_raised(looks["alarms list"]))
    assert {"target-5xx-count-backend", "target-latency-high-backend"} <= raised
    assert not [name for name in raised if "cache" in name or "nat" in name or "frontend" in name]


def test_a_deleted_rule_stops_the_path_and_says_who_deleted_it() -> None:
    looks = take_all_looks()["database-rules-deleted"]
    assert looks["network reach backend database"]["verdict"] == "stopped"
    (change,) = (
        item for item in looks["changes --since 1h"]["items"] if item["source"] == "cloudtrail"
    )
    assert change["what"].startswith("ec2:RevokeSecurityGroupIngress")
    assert change["by"].startswith("jane.doe@example.com (AWSReservedSSO_")
    changed_at = datetime.fromisoformat(change["time"])
    assert looks["now"].astimezone(UTC) - changed_at == timedelta(minutes=25)


def test_an_image_that_exits_is_turned_back() -> None:
    looks = take_all_looks()["image-crashes"]
    tasks = looks["service tasks --service backend --stopped"]["items"]
    assert len(tasks) == 3
    assert {task["revision"] for task in tasks} == {"bulwark-prod-backend:2"}
    texts = [item["what"] for item in looks["changes --since 1h"]["items"]]
    assert any("deployment failed: tasks failed to start" in text for text in texts)


def test_after_a_bad_night_nothing_is_raised_and_history_knows() -> None:
    looks = take_all_looks()["quiet-after-a-bad-night"]
    assert list(list_raised(looks["alarms list"])) == []
    texts = [item["what"] for item in looks["changes --since 4h --only alarms"]["items"]]
    assert "database-cpu-high-primary: Alarm updated from OK to ALARM" in texts
    assert "database-cpu-high-primary: Alarm updated from ALARM to OK" in texts
    assert looks["db locks"]["items"] == []


def test_the_fleet_at_rest_is_reached_by_the_load_balancer() -> None:
    """Its instances have the security group of their launch template."""
    looks = take_all_looks()["quiet-after-a-bad-night"]
    assert looks["network reach load-balancer fleet"]["verdict"] == "allowed"
