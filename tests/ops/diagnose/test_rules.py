"""The rules of releases, compute, traffic and AWS, over facts alone."""

from datetime import UTC, datetime, timedelta

import pytest

from ops.diagnose.facts import Fact, FactGap, Facts
from ops.diagnose.ranking import RankedCause, rank_causes
from ops.diagnose.readers.alarms import shorten_reason
from ops.diagnose.registry import RULES, find_sources
from ops.diagnose.start_failures import classify_start_failure

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
DEPLOYED = ("change.deployment", 20)
NEW_IMAGE = ("release.changed.image", 20)
# By cause and part: the keys of what is seen of that part, with the minutes ago.
CASES = {
    "image-crashes backend": (DEPLOYED, NEW_IMAGE, ("ecs.stopped.exit", 15), ("ecs.tasks.none", 0)),
    "image-missing backend": (DEPLOYED, NEW_IMAGE, ("ecs.stopped.image-missing", 15)),
    "image-never-healthy backend": (
        DEPLOYED,
        NEW_IMAGE,
        ("ecs.stopped.target-unhealthy", 12),
        ("ecs.deployment.running", 20),
    ),
    "image-slow backend": (DEPLOYED, NEW_IMAGE, ("metric.target.latency.high", 17)),
    "image-errors backend": (
        DEPLOYED,
        NEW_IMAGE,
        ("metric.target.5xx.high", 17),
        ("log.errors.new", 17),
    ),
    "variable-wrong backend": (
        DEPLOYED,
        ("release.changed.environment", 20),
        ("log.shape.variable-wrong", 18),
        ("ecs.stopped.exit", 17),
    ),
    "secret-unreadable backend": (DEPLOYED, ("ecs.stopped.secret-denied", 15)),
    "health-check-path backend": (
        ("change.write.elasticloadbalancing.modify-target-group", 20),
        ("metric.target.unhealthy.high", 17),
        ("ecs.stopped.target-unhealthy", 15),
    ),
    "deployment-rolled-back backend": (DEPLOYED, ("ecs.deployment.rolled-back", 10)),
    "task-out-of-memory backend": (
        ("ecs.stopped.out-of-memory", 15),
        ("metric.service.memory.high", 30),
        ("ecs.stopped.exit", 14),
    ),
    "service-at-maximum backend": (
        ("ecs.at-maximum", 0),
        ("metric.service.cpu.high", 25),
        ("metric.target.latency.high", 20),
    ),
    "fleet-at-maximum fleet": (("fleet.at-maximum", 0), ("metric.fleet.cpu.high", 25)),
    "capacity-missing fleet": (("fleet.launch.capacity", 15), ("fleet.instances.missing", 0)),
    "quota-reached backend": (("ecs.event.quota", 15), ("ecs.tasks.missing", 0)),
    "subnet-full backend": (("ecs.event.subnet-full", 15), ("ecs.tasks.missing", 0)),
    "launch-refused fleet": (("fleet.launch.template", 15), ("fleet.instances.none", 0)),
    "instance-unhealthy fleet": (
        ("metric.fleet.status-checks.high", 15),
        ("fleet.instance.unhealthy", 0),
    ),
    "more-traffic load-balancer": (
        ("metric.load-balancer.requests.surge", 20),
        ("metric.load-balancer.requests.high", 20),
        ("alarm.raised.balancer-rejected", 10),
    ),
    "aws-event stack": (("aws.event.issue", 15), ("metric.database.read-latency.high", 12)),
    "zone-lost stack": (("zone.targets-unhealthy", 12),),
}
# What healthy stacks have all the time.
QUIET_KEYS = (
    "change.deployment",
    "change.run",
    "change.pulumi",
    "change.secret",
    "change.write.ec2.create-tags",
    "release.changed.image",
    "ecs.at-maximum",
    "fleet.at-maximum",
    "metric.load-balancer.requests.high",
    "log.shape.timeout",
)


def build_facts(part: str, *moments: tuple[str, float], gaps: tuple[FactGap, ...] = ()) -> Facts:
    return Facts(
        tuple(
            Fact(key, part, key, "test", NOW - timedelta(minutes=minutes) if minutes else None)
            for key, minutes in moments
        ),
        gaps,
    )


def rank(facts: Facts) -> list[RankedCause]:
    return rank_causes(RULES, facts, find_sources)


@pytest.mark.parametrize("name", CASES)
def test_a_cause_is_named_first_on_its_facts(name: str) -> None:
    cause, part = name.split()
    first, *_ = rank(build_facts(part, *CASES[name]))
    assert (first.cause, first.part) == (cause, part)
    assert first.confidence >= 0.5
    assert first.evidence


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_read_lowers_the_confidence(name: str) -> None:
    cause, part = name.split()
    readers = {
        reader
        for item in ("alarm.*", "metric.*", "ecs.*", "fleet.*", "log.*")
        for reader in find_sources(item)
    }
    gaps = tuple(FactGap(reader, "denied") for reader in readers)
    whole = rank(build_facts(part, *CASES[name]))[0].confidence
    partly = {c.cause: c for c in rank(build_facts(part, *CASES[name], gaps=gaps))}
    if cause in partly:
        assert partly[cause].confidence < whole
        assert partly[cause].gaps


@pytest.mark.parametrize("key", QUIET_KEYS)
def test_what_healthy_stacks_have_is_no_cause(key: str) -> None:
    part = "load-balancer" if "balancer" in key else "backend"
    assert not rank(build_facts(part, (key, 10)))


def test_all_noise_at_once_is_no_cause_of_errors() -> None:
    keys = [key for key in QUIET_KEYS if not key.startswith(("metric.", "log.", "release."))]
    assert not rank(build_facts("backend", *((key, 10) for key in keys)))


def test_a_deployment_long_before_does_not_make_an_image_slow() -> None:
    facts = build_facts("backend", ("change.deployment", 40), ("metric.target.latency.high", 58))
    assert not [cause for cause in rank(facts) if cause.cause == "image-slow"]


def test_a_task_without_memory_is_no_crashing_image() -> None:
    ranked = rank(build_facts("backend", *CASES["task-out-of-memory backend"]))
    assert ranked[0].cause == "task-out-of-memory"
    crashes = [cause for cause in ranked if cause.cause == "image-crashes"]
    assert all(cause.explained_by == "task-out-of-memory" for cause in crashes)


def test_two_services_with_a_cause_each_are_both_named() -> None:
    facts = build_facts("backend", *CASES["image-missing backend"]).facts
    facts += build_facts("web", *CASES["task-out-of-memory backend"]).facts
    named = {(cause.cause, cause.part) for cause in rank(Facts(facts))[:3]}
    assert {("image-missing", "backend"), ("task-out-of-memory", "web")} <= named


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            "Task failed ELB health checks in (target-group arn:aws:x); web exited with 137",
            "target-unhealthy",
        ),
        ("Essential container in task exited; web exited with 137", "killed"),
        ("Essential container in task exited; web exited with 1", "exit"),
        ("web: OutOfMemoryError: Container killed due to memory usage", "out-of-memory"),
        ("The image id '[ami-0f3c5d0b1a2e4f678]' does not exist. Launching failed.", "template"),
        ("CannotPullContainerError: pull image manifest: not found", "image-missing"),
        ("CannotPullContainerError: dial tcp 10.0.0.1:443: i/o timeout", "image-timeout"),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to "
            "retrieve secret from asm: AccessDeniedException: not authorized to perform",
            "secret-denied",
        ),
        (
            "was unable to place a task. Reason: Capacity is unavailable at this time.",
            "capacity",
        ),
        ("InsufficientFreeAddressesInSubnet: subnet-1", "subnet-full"),
        ("unable to retrieve secret from asm: AccessDenied: Access to KMS is not allowed", "key"),
        ("You've reached the limit on the number of tasks you can run concurrently", "quota"),
        ("Something else", "other"),
    ],
)
def test_a_reason_in_awss_words_has_its_key(text: str, key: str) -> None:
    assert classify_start_failure(text) == key


def test_a_shared_reason_of_alarms_is_its_value_and_threshold() -> None:
    reason = (
        "Threshold Crossed: 2 out of the last 2 datapoints [0.38 (08/12/26 21:38:00), 1 (08/12/26 "
        "21:33:00)] were greater than or equal to the threshold (0.2) (minimum 2 datapoints)."
    )
    assert shorten_reason(reason) == "0.38, threshold 0.2"
    assert shorten_reason("set by hand") == "set by hand"


@pytest.mark.parametrize("kind", ["lock-timeout", "statement-timeout", "password", "disk-full"])
def test_errors_of_what_a_service_depends_on_make_its_image_less_likely(kind: str) -> None:
    moments = CASES["image-errors backend"]
    (alone,) = [c for c in rank(build_facts("backend", *moments)) if c.cause == "image-errors"]
    ranked = rank(build_facts("backend", *moments, (f"log.shape.{kind}", 16)))
    for cause in ranked:
        if cause.cause == "image-errors":
            assert cause.confidence < alone.confidence
            assert f"log.shape.{kind}" in [fact.key for fact in cause.against]
