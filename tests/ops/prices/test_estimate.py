"""Estimates: figures worked out by hand, and nothing that depends on use shown as nothing."""

from datetime import date

import pytest

from ops.prices.estimate import (
    Cost,
    PricedResource,
    UnpricedError,
    estimate_costs,
    estimate_known_costs,
    sum_by_component,
)

DATABASE_TYPE = "aws:rds/instance:Instance"


def estimate_fixed_cost(*resources: PricedResource) -> float:
    return round(sum(cost.monthly or 0 for cost in estimate_costs(resources)), 2)


def test_a_nat_gateway_is_its_hours_and_its_data_is_said_as_a_rate() -> None:
    lines = estimate_costs(
        [PricedResource("aws:ec2/natGateway:NatGateway", "nat-a", "network", {})]
    )
    assert lines == [
        Cost("network", "nat-a", "NAT gateway", 0.045 * 730, None),
        Cost(
            "network",
            "nat-a",
            "data",
            None,
            "0.045 $ per GB processed: 4.50 $ a month at 100 GB, an assumption",
        ),
    ]


@pytest.mark.parametrize(("multi_az", "dollars"), [(False, 13.98), (True, 27.96)])
def test_a_database_is_its_class_and_its_storage_twice_with_a_standby(
    multi_az: bool, dollars: float
) -> None:
    inputs = {"instanceClass": "db.t4g.micro", "allocatedStorage": 20, "multiAz": multi_az}
    assert (
        estimate_fixed_cost(PricedResource(DATABASE_TYPE, "primary", "database", inputs)) == dollars
    )


def test_a_replica_is_priced_with_the_storage_of_its_primary() -> None:
    primary = PricedResource(
        DATABASE_TYPE, "p", "d", {"instanceClass": "db.t4g.small", "allocatedStorage": 50}
    )
    replica = PricedResource(DATABASE_TYPE, "r", "d", {"instanceClass": "db.t4g.small"})
    assert estimate_fixed_cost(primary, replica) == round(2 * (0.032 * 730 + 50 * 0.115), 2)


def test_a_load_balancer_pays_for_an_address_in_each_of_its_subnets() -> None:
    inputs = {"subnets": ["a", "b", "c"]}
    balancer = PricedResource("aws:lb/loadBalancer:LoadBalancer", "alb", "alb", inputs)
    assert estimate_fixed_cost(balancer) == round(0.0225 * 730 + 3 * 0.005 * 730, 2)


def test_a_service_is_its_desired_tasks_at_the_price_of_their_processor() -> None:
    task = PricedResource(
        "aws:ecs/taskDefinition:TaskDefinition",
        "web",
        "services",
        {"cpu": "256", "memory": "512", "runtimePlatform": {"cpuArchitecture": "ARM64"}},
        parent="web",
    )
    service = PricedResource(
        "aws:ecs/service:Service", "web", "services", {"desiredCount": 2}, "web"
    )
    assert estimate_fixed_cost(task, service) == round(
        2 * 730 * (0.25 * 0.03238 + 0.5 * 0.00356), 2
    )


def test_a_math_alarm_is_billed_by_each_metric_it_reads() -> None:
    queries = [{"metric": {}}, {"metric": {}}, {"expression": "m1/m2"}]
    alarm = PricedResource(
        "aws:cloudwatch/metricAlarm:MetricAlarm", "a", "alarms", {"metricQueries": queries}
    )
    assert estimate_fixed_cost(alarm) == 0.20


def test_the_first_three_dashboards_are_free() -> None:
    kind = "aws:cloudwatch/dashboard:Dashboard"
    assert (
        estimate_fixed_cost(*(PricedResource(kind, str(n), "dashboards", {}) for n in range(5)))
        == 6.00
    )


def test_a_class_without_a_price_is_named_and_not_counted_as_nothing() -> None:
    huge = PricedResource(
        DATABASE_TYPE, "p", "d", {"instanceClass": "db.x9.huge", "allocatedStorage": 20}
    )
    line = estimate_costs([huge])[0]
    assert line.monthly is None
    assert "db.x9.huge" in (line.usage or "")


def test_a_type_that_no_table_knows_is_an_error_that_names_it() -> None:
    with pytest.raises(UnpricedError, match="aws:new/thing:Thing"):
        estimate_costs([PricedResource("aws:new/thing:Thing", "x", "y", {})])


def test_components_are_summed_the_dearest_first() -> None:
    costs = [Cost("a", "x", "", 1.0), Cost("b", "y", "", 2.0), Cost("a", "z", "", None, "rate")]
    assert sum_by_component(costs) == {"b": 2.0, "a": 1.0}


def test_a_database_of_unknown_storage_is_named() -> None:
    line = estimate_costs(
        [PricedResource(DATABASE_TYPE, "r", "d", {"instanceClass": "db.t4g.small"})]
    )[1]
    assert line.monthly is None
    assert "not in the preview" in (line.usage or "")


def test_unknown_resources_are_listed_without_a_price() -> None:
    kept = PricedResource("aws:kms/key:Key", "k", "keys", {})
    odd = PricedResource("aws:new/thing:Thing", "x", "y", {})
    vague = PricedResource("aws:ec2/instance:Instance", "i", "z", {})
    lines = estimate_known_costs([odd, vague, kept])
    assert [line.monthly for line in lines] == [None, None, 1.0]
    assert "aws:new/thing:Thing" in (lines[0].usage or "")
    assert "not known" in (lines[1].usage or "")


@pytest.mark.parametrize(
    ("day", "version", "expected"),
    [
        (date(2026, 2, 28), "14.19", {}),
        (
            date(2026, 11, 30),
            "14.19",
            {"Extended Support of PostgreSQL 14 from 2027-03-01": None},
        ),
        (date(2027, 3, 1), "14", {"Extended Support of PostgreSQL 14, 4 vCPU": 0.1 * 4 * 730}),
        (date(2029, 3, 1), "14", {"Extended Support of PostgreSQL 14, 4 vCPU": 0.2 * 4 * 730}),
        (date(2030, 3, 1), "14", {"Extended Support of PostgreSQL 14": None}),
        (date(2029, 2, 28), "17", {}),
        (date(2030, 2, 28), "17", {"Extended Support of PostgreSQL 17 from 2030-03-01": None}),
        (date(2026, 11, 30), "25", {"Extended Support of PostgreSQL 25": None}),
    ],
)
def test_extended_support_is_priced_by_vcpu_from_its_first_day_and_announced_a_year_before(
    day: date, version: str, expected: dict[str, float | None]
) -> None:
    primary = {"instanceClass": "db.m7g.large", "allocatedStorage": 20, "engineVersion": version}
    resources = [PricedResource(DATABASE_TYPE, "p", "d", {**primary, "multiAz": True})]
    costs = estimate_known_costs(resources, day=day)
    support = {cost.what: cost for cost in costs if "Support" in cost.what}
    assert {what: cost.monthly for what, cost in support.items()} == expected
    assert all(cost.usage for cost in support.values() if cost.monthly is None)


def test_a_replica_has_the_extended_support_of_its_primary_and_an_opted_out_one_has_none() -> None:
    primary = {"instanceClass": "db.m7g.large", "allocatedStorage": 20, "engineVersion": "14"}
    replica = PricedResource(DATABASE_TYPE, "r", "d", {"instanceClass": "db.m5.xlarge"})
    day = date(2027, 3, 1)

    def list_support(**inputs: str) -> list[tuple[str, str]]:
        resources = [PricedResource(DATABASE_TYPE, "p", "d", {**primary, **inputs}), replica]
        costs = estimate_known_costs(resources, day=day)
        return [(cost.resource, cost.what) for cost in costs if "Support" in cost.what]

    assert list_support() == [
        ("p", "Extended Support of PostgreSQL 14, 2 vCPU"),
        ("r", "Extended Support of PostgreSQL 14, 4 vCPU"),
    ]
    assert not list_support(engineLifecycleSupport="open-source-rds-extended-support-disabled")


def test_extended_support_of_a_class_of_unknown_size_is_named_as_not_priced() -> None:
    odd = {"instanceClass": "db.x9z.huge", "allocatedStorage": 20, "engineVersion": "14"}
    costs = estimate_known_costs(
        [PricedResource(DATABASE_TYPE, "p", "d", odd)], day=date(2027, 3, 1)
    )
    (support,) = [cost for cost in costs if "Support" in cost.what]
    assert support.usage == "not priced: the vCPUs of db.x9z.huge are not known"
