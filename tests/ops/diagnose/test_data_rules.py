"""The rules of the database, network, load balancer, cache and keys, over facts alone."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ops.diagnose.causes import CAUSES
from ops.diagnose.facts import Fact, FactGap, Facts
from ops.diagnose.ranking import RankedCause, rank_causes
from ops.diagnose.registry import RULES, find_sources

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
KINDS = ("database", "network", "load-balancer", "cache", "keys")
# A fact as `part key minutes-ago value`; the part is the database unless it is named.
# What users notice at the end of every chain.
NOTICED = (
    "backend metric.target.5xx.high 12",
    "backend alarm.raised.target-5xx-rate 10",
    "stack alarm.raised.slo-availability-fast-burn 8",
    "backend log.errors.more 12 200",
)
SLOW = ("backend metric.target.latency.high 12", "stack alarm.raised.slo-latency-fast-burn 8")

CASES: dict[str, tuple[str, ...]] = {
    "database-cpu database": (
        "metric.database.cpu.high 20 97",
        "alarm.raised.database-cpu-high 10",
        "db.load.high 20 3",
        *SLOW,
    ),
    "database-load database": ("db.load.high 20 3", "metric.database.load.high 20 6", *SLOW),
    "database-locked database": (
        "sql.blocker.long 15 40",
        "sql.idle-in-transaction 15 900",
        "backend log.shape.lock-timeout 12 90",
        "db.load.waiting 14 4",
        "db.load.high 14 4",
        "metric.database.connections.high 10 90",
        *SLOW,
    ),
    "idle-in-transaction database": ("sql.idle-in-transaction 50 3000", "sql.vacuum-held 50"),
    "connection-storm database": (
        "backend log.shape.too-many-connections 12 300",
        "metric.database.connections.high 14 198",
        "alarm.raised.database-connections-exhausted 11",
        *NOTICED,
    ),
    "storage-filling database": (
        "db.storage.falling 60 5",
        "alarm.raised.database-storage-low 20",
        "rds.event.storage-low 18",
    ),
    "storage-full database": (
        "rds.event.storage-full 15",
        "rds.status.storage-full 0",
        "log.shape.database-disk-full 16 400",
        "db.storage.falling 60 0",
        "rds.event.restarted 12",
        *NOTICED,
    ),
    "iops-exhausted database": (
        "db.iops.limit 20 1",
        "metric.database.queue.high 20 40",
        "metric.database.write-latency.high 19 0.2",
        "db.load.high 18 3",
        *SLOW,
    ),
    "burst-credits-gone database": (
        "metric.database.io-balance.low 20 0",
        "db.iops.limit 20 1",
        "metric.database.read-latency.high 19 0.2",
        *SLOW,
    ),
    "vacuum-behind database": (
        "metric.database.transaction-ids.high 50 1500000000",
        "alarm.raised.database-transaction-ids 40",
        "sql.xid-age 0 300",
    ),
    "replica-lag database": (
        "metric.replica.lag.high 20 400",
        "alarm.raised.database-replica-lag 10",
    ),
    "database-failover database": (
        "rds.event.failover 14 2",
        "rds.event.restarted 13",
        "backend log.shape.connection-reset 14 30",
        "backend log.shape.database-starting 13 12",
        *NOTICED,
    ),
    "database-restarted database": (
        "change.write.rds.reboot-db-instance 15",
        "rds.event.restarted 14",
        "backend log.shape.database-starting 14 20",
        *NOTICED,
    ),
    "database-maintenance database": (
        "rds.event.maintenance 20",
        "rds.event.failover 17",
        "rds.event.restarted 16",
        *NOTICED,
    ),
    "parameters-pending database": (
        "change.write.rds.modify-db-parameter-group 30",
        "rds.parameters.pending-reboot 0",
        "rds.event.parameters-changed 29",
    ),
    "password-wrong database": (
        "change.secret 16",
        "log.shape.password 13 200",
        "backend log.shape.password 13 200",
        "backend ecs.stopped.exit 12",
        *NOTICED,
    ),
    "server-certificate database": (
        "backend log.shape.database-certificate 13 80",
        "metric.database.connections.low 12 0",
        *NOTICED,
    ),
    "security-group database": (
        "database change.write.ec2.revoke-security-group-ingress 15",
        "database network.stopped.security-group 15 6",
        "backend log.shape.timeout 13 100",
        "metric.database.connections.low 12 0",
        *NOTICED,
    ),
    "network-acl network": (
        "network change.write.ec2.create-network-acl-entry 15",
        "network network.stopped.network-acl 15 4",
        "backend log.shape.timeout 13 100",
        *NOTICED,
    ),
    "route-missing network": (
        "network network.stopped.route 15 4",
        "backend ecs.stopped.image-timeout 10",
        *NOTICED,
    ),
    "endpoint-missing network": (
        "network network.stopped.endpoint 15 4",
        "backend ecs.stopped.secret-timeout 10",
        "backend ecs.tasks.missing 0",
    ),
    "nat-down network": (
        "network nat.down 15",
        "network network.stopped.nat 15 4",
        "network metric.nat.packets-back.low 14 0",
        "backend log.shape.timeout 13 100",
        *NOTICED,
    ),
    "nat-ports-exhausted network": (
        "network metric.nat.port-errors.high 12 300",
        "network metric.nat.connections.high 15 60000",
        "network alarm.raised.nat-ports-exhausted-a 9",
        "backend log.shape.timeout 11 60",
        *NOTICED,
    ),
    "dns-broken network": (
        "network network.dns.off 0",
        "network network.stopped.dns 0 8",
        "backend log.shape.dns 13 100",
        "frontend log.shape.dns 13 100",
        *NOTICED,
    ),
    "certificate-expired load-balancer": (
        "load-balancer elb.certificate.expired 30 0",
        "load-balancer elb.error.tls-errors 29 500",
        "load-balancer metric.load-balancer.requests.low 28 2",
    ),
    "listener-changed load-balancer": (
        "load-balancer change.write.elasticloadbalancing.modify-rule 14",
        "load-balancer elb.rule.target 0",
        "load-balancer metric.load-balancer.balancer-4xx.high 12 300",
        *NOTICED,
    ),
    "waf-blocks-users load-balancer": (
        "load-balancer change.write.wafv2.update-web-acl 16",
        "load-balancer waf.blocked.users 14 0.5",
        "load-balancer metric.load-balancer.balancer-4xx.high 14 300",
    ),
    "target-group-empty load-balancer": (
        "load-balancer change.write.elasticloadbalancing.deregister-targets 12",
        "load-balancer elb.targets.none 0",
        "load-balancer elb.error.503 11 400",
        "backend alarm.raised.target-none-healthy 9",
        *NOTICED,
    ),
    "cache-evicting cache": (
        "cache metric.cache.evictions.high 30 900",
        "cache metric.cache.memory.high 40 100",
        "cache metric.cache.hits.low 25 10",
        "metric.database.cpu.high 20 95",
        *SLOW,
    ),
    "cache-failover cache": (
        "cache cache.event.failover 13",
        "cache cache.role-changed 12 1",
        "backend log.shape.read-only 13 40",
        *NOTICED,
    ),
    "cache-token-wrong cache": (
        "cache change.secret 15",
        "cache cache.auth-failures 13 300",
        "backend log.shape.cache-token 13 100",
        *NOTICED,
    ),
    "key-disabled stack": (
        "stack change.write.kms.disable-key 20",
        "stack kms.state.disabled 20",
        "rds.status.key-inaccessible 0",
        "backend ecs.stopped.key 10",
        "backend log.shape.permission 10 5",
        *NOTICED,
    ),
    "role-changed backend": (
        "backend change.write.iam.detach-role-policy 20",
        "backend ecs.stopped.secret-denied 12",
        "backend log.shape.permission 12 50",
        *NOTICED,
    ),
}
# What a healthy stack has, and an hour in which something happened that is over and unnoticed.
QUIET: dict[str, tuple[str, ...]] = {
    "a change of somebody": ("network change.write.ec2.authorize-security-group-ingress 20",),
    "a revoked rule that nobody misses": (
        "network change.write.ec2.revoke-security-group-ingress 20",
        "network network.reachable 0 40",
    ),
    "a deadlock": ("backend log.shape.deadlock 20 1",),
    "one wrong password": ("log.shape.password 20 1",),
    "a failover that nobody noticed": ("rds.event.failover 40", "rds.event.restarted 39"),
    "maintenance that nobody noticed": ("rds.event.maintenance 40",),
    "changes that wait": ("rds.changes-pending 0",),
    "scanners that WAF blocks": ("load-balancer waf.blocked.more 30 0.08",),
    "a certificate with a week left": ("load-balancer elb.certificate.expiring 0 6",),
    "a service that is not meant to call": ("database network.unlinked.security-group 0 3",),
    "a rotated secret": ("change.secret 20",),
    "a deployment that ended": ("backend change.deployment 30",),
}


def build_facts(texts: Iterable[str], gaps: Sequence[FactGap] = ()) -> Facts:
    """The facts of texts such as `backend log.shape.timeout 12 30`."""
    facts = []
    for text in texts:
        words = text.split()
        part = "database" if "." in words[0] else words.pop(0)
        key, minutes = words[0], float(words[1])
        value = float(words[2]) if len(words) > 2 else None
        since = NOW - timedelta(minutes=minutes) if minutes else None
        facts.append(Fact(key, part, text, "test", since, value, subject="it"))
    return Facts(tuple(facts), tuple(gaps))


def rank(texts: Iterable[str], gaps: Sequence[FactGap] = ()) -> list[RankedCause]:
    return rank_causes(RULES, build_facts(texts, gaps), find_sources)


def test_every_cause_of_these_kinds_has_a_case() -> None:
    expected = {key for key, cause in CAUSES.items() if cause.kind in KINDS}
    assert {case.split()[0] for case in CASES} == expected


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_first_and_likely(case: str) -> None:
    causes = rank(CASES[case])
    assert f"{causes[0].cause} {causes[0].part}" == case, [(c.cause, c.confidence) for c in causes]
    assert causes[0].confidence >= 0.6


@pytest.mark.parametrize("case", CASES)
def test_noise_beside_it_does_not_take_its_place(case: str) -> None:
    noise = (
        "frontend change.deployment 35",
        "cache change.run 50",
        "stack alarm.raised.topic-failing 55",
        "frontend log.errors.new 40 3",
        "rds.changes-pending 0",
        "backend log.shape.deadlock 30 1",
    )
    causes = rank((*CASES[case], *noise))
    assert f"{causes[0].cause} {causes[0].part}" == case, [(c.cause, c.confidence) for c in causes]


@pytest.mark.parametrize("case", QUIET)
def test_a_quiet_hour_has_no_cause(case: str) -> None:
    assert not rank(QUIET[case])


def test_all_quiet_things_together_have_no_cause() -> None:
    """But for those that look at whether anybody noticed, which is the hour's own."""
    assert not rank(text for texts in QUIET.values() for text in texts)


def test_two_at_once_are_both_named() -> None:
    causes = rank((*CASES["database-cpu database"], *CASES["nat-down network"]))
    assert {"database-cpu", "nat-down"} <= {cause.cause for cause in causes[:2]}


def test_a_full_disk_is_before_the_restart_that_follows() -> None:
    causes = {cause.cause: cause for cause in rank(CASES["storage-full database"])}
    assert next(iter(causes)) == "storage-full"
    restarted = causes.get("database-restarted")
    assert restarted is None or restarted.explained_by == "storage-full"
    assert "storage-filling" not in causes


def test_a_change_is_named_as_the_trigger_with_who_did_it() -> None:
    (cause, *_) = rank(CASES["security-group database"])
    assert cause.trigger is not None
    assert cause.trigger.key == "change.write.ec2.revoke-security-group-ingress"


def test_a_change_beside_callers_without_answer_is_enough_for_a_past_time() -> None:
    """With --at the network is not read; nor is it where that is denied."""
    causes = rank(
        (
            "network change.write.ec2.delete-nat-gateway 20",
            "backend log.shape.timeout 18 90",
            *NOTICED,
        ),
        [FactGap("network", "left out with --at", is_failure=False)],
    )
    assert causes[0].cause == "nat-down"
    reachable = rank(
        (
            "network change.write.ec2.delete-nat-gateway 20",
            "backend log.shape.timeout 18 90",
            "network network.reachable 0 40",
        )
    )
    assert "nat-down" not in [cause.cause for cause in reachable[:1]]


@pytest.mark.parametrize("source", ["database", "database_sql", "network", "logs"])
def test_a_look_that_could_not_be_read_lowers_the_confidence_only(source: str) -> None:
    case = CASES["database-locked database"]
    whole, cut = rank(case)[0], rank(case, [FactGap(source, "denied")])[0]
    assert whole.cause == cut.cause == "database-locked"
    assert cut.confidence <= whole.confidence
