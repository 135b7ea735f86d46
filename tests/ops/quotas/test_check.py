"""Quotas: what is used, what the stack needs at its most, and what is said of both."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ops.core.check_runner import run_checks
from ops.core.checks import (
    CheckFacts,
    CheckFinding,
    HealthCheck,
    ReadAnswer,
    ReadRequest,
    UnknownAnswerError,
)
from ops.core.quota_apis import DEFAULT_QUOTA_API, QUOTA_API
from ops.findings.model import ResourceFinding
from ops.health.registry import HEALTH_CHECKS_BY_KEY
from ops.outputs import Outputs
from ops.quotas.apis import REQUESTS_API
from ops.quotas.check import (
    QuotaFigure,
    build_finding,
    list_quota_places,
    measure_quotas,
)
from ops.quotas.measures import QuotaUse, count_rules
from ops.quotas.table import QUOTAS, QUOTAS_BY_CODE, get_global_region
from tests.ops.single_check import NOW
from tests.ops.stage import RECOVERY_REGION, REGION, build_stack_outputs

SERVICE_ARN = f"arn:aws:ecs:{REGION}:123456789012:service/bulwark-test/backend"
SERVICE: dict[str, Any] = {
    "serviceName": "backend",
    "serviceArn": SERVICE_ARN,
    "taskDefinition": "backend:1",
    "desiredCount": 2,
    "runningCount": 2,
    "deploymentConfiguration": {"maximumPercent": 150},
}
SCALABLE_TARGET = {"ResourceId": "service/bulwark-test/backend", "MaxCapacity": 7}
DATABASE = {"AllocatedStorage": 100}
DENIED = UnknownAnswerError("servicequotas:GetServiceQuota is missing", "ops permissions show")


def build_answers(**changes: ReadAnswer) -> dict[str, ReadAnswer]:
    """Answers by API of an account that has room; `changes` are by operation."""
    answers: dict[str, ReadAnswer] = {
        QUOTA_API: [{"Quota": {"Value": 100.0, "Adjustable": True}}],
        DEFAULT_QUOTA_API: [{"Quota": {"Value": 90.0, "Adjustable": True}}],
        REQUESTS_API: [],
        "ecs.describe_services": [SERVICE],
        "ecs.describe_task_definition": [{"taskDefinition": {"cpu": "2048"}}],
        "application-autoscaling.describe_scalable_targets": [SCALABLE_TARGET],
        "rds.describe_db_instances": [DATABASE],
        "rds.describe_account_attributes": [
            {"AccountQuotaName": name, "Used": 10, "Max": 100}
            for name in ("DBInstances", "AllocatedStorage", "ManualSnapshots")
        ],
    }
    for operation, answer in changes.items():
        (api,) = (name for name in answers if name.endswith(f".{operation}"))
        answers[api] = answer
    return answers


def build_services_outputs() -> Outputs:
    """The stage's outputs with one service and no fleet."""
    outputs = build_stack_outputs()
    assert outputs.services is not None
    services = outputs.services.model_copy(
        update={"services": {"backend": outputs.services.services["backend"]}}
    )
    return outputs.model_copy(update={"services": services, "fleet": None})


def measure(
    code: str,
    answers: Mapping[str, ReadAnswer],
    usage: float | None = None,
    outputs: Outputs | None = None,
) -> dict[str, QuotaFigure]:
    """The figures of one quota by region; `usage` is the value of its metric."""
    figures: list[QuotaFigure] = []
    quota = QUOTAS_BY_CODE[code]

    def routine(facts: CheckFacts) -> Any:
        figures.extend((yield from measure_quotas(facts, [quota])))
        return []

    def answer(read: ReadRequest) -> ReadAnswer:
        if read.api == "cloudwatch.get_metric_data":
            (query,) = json.loads(read.params)["MetricDataQueries"]
            is_home = read.region == REGION and usage is not None
            return [{"Id": query["Id"], "Values": [usage] if is_home else []}]
        return answers[read.api]

    apis = tuple({*answers, quota.measure.api})
    facts = CheckFacts(outputs or build_services_outputs(), NOW)
    run_checks([HealthCheck("quotas", "quotas", routine, apis)], facts, answer)
    return {figure.region: figure for figure in figures}


def test_the_fargate_quota_must_hold_each_service_at_its_most_during_a_deployment() -> None:
    figures = measure("L-3032A538", build_answers(), usage=4)
    home = figures[REGION]
    # 7 tasks at most, 150 % of them during a deployment, rounded down: 10; 2 run; 2 vCPU each.
    assert (home.used, home.limit, home.more, home.most) == (4, 100, 16, 20)
    assert home.state == "ok"
    elsewhere = figures[RECOVERY_REGION]
    assert (elsewhere.used, elsewhere.most) == (0, 20), "all of it, where nothing runs"


@pytest.mark.parametrize(
    ("limit", "state", "severity"),
    [
        (20.0, "ok", None),
        (19.0, "failing", "high"),
        (5.0, "failing", "high"),
        (4.0, "failing", "critical"),
    ],
)
def test_a_most_that_does_not_fit_is_open_with_the_request_that_mends_it(
    limit: float, state: str, severity: str | None
) -> None:
    answers = build_answers(get_service_quota=[{"Quota": {"Value": limit}}])
    figure = measure("L-3032A538", answers, usage=4)[REGION]
    assert figure.state == state
    if severity is not None:
        finding = build_finding(figure)
        assert finding.severity == severity
        assert finding.command == "ops quotas request L-3032A538 --value 30"
        assert finding.id == f"account-quotas/{REGION}/L-3032A538"


@pytest.mark.parametrize(
    ("used", "state"), [(79, "ok"), (80, "failing"), (100, "failing"), (0, "ok")]
)
def test_eighty_percent_are_open(used: int, state: str) -> None:
    attributes = [{"AccountQuotaName": "ManualSnapshots", "Used": used, "Max": 100}]
    figure = measure("L-272F1212", build_answers(describe_account_attributes=attributes))[REGION]
    assert figure.state == state


def test_a_second_database_for_each_instance_must_fit_with_its_storage() -> None:
    answers = build_answers(describe_db_instances=[DATABASE, DATABASE])
    assert measure("L-7B6409FD", answers)[REGION].most == 12
    assert measure("L-7ADDB58A", answers)[REGION].most == 210


def test_a_limit_without_applied_value_is_the_default_of_service_quotas() -> None:
    figure = measure("L-7B6409FD", build_answers(get_service_quota=[]))[REGION]
    assert figure.limit == 90


@pytest.mark.parametrize(
    "changes",
    [
        {"get_service_quota": DENIED},
        {"get_service_quota": [], "get_aws_default_service_quota": []},
        {"get_service_quota": [], "get_aws_default_service_quota": DENIED},
        {"describe_account_attributes": DENIED},
        {"describe_account_attributes": []},
        {"describe_db_instances": DENIED},
    ],
    ids=["limit", "no-limit", "default", "use", "no-use", "most"],
)
def test_what_is_not_known_is_unknown(changes: Mapping[str, ReadAnswer]) -> None:
    figure = measure("L-7B6409FD", build_answers(**changes))[REGION]
    assert figure.state == "unknown"
    if DENIED in changes.values():
        assert "servicequotas:GetServiceQuota is missing" in figure.describe()


def test_a_metric_without_data_is_unknown_where_the_stack_runs() -> None:
    figures = measure("L-3032A538", build_answers(), usage=None)
    assert figures[REGION].state == "unknown"
    assert "no data" in figures[REGION].describe()


def test_an_open_request_is_said_and_changes_nothing_before_it_is_granted() -> None:
    request = {
        "ServiceCode": "rds",
        "QuotaCode": "L-7B6409FD",
        "Status": "CASE_OPENED",
        "DesiredValue": 200.0,
        "Created": "2026-11-20T10:00:00Z",
    }
    answers = build_answers(
        list_requested_service_quota_change_history=[request, {**request, "Status": "DENIED"}],
        get_service_quota=[{"Quota": {"Value": 10.0}}],
    )
    figure = measure("L-7B6409FD", answers)[REGION]
    assert figure.state == "failing"
    assert "200 asked for on 2026-11-20: CASE_OPENED" in figure.describe()


def test_what_aws_does_not_raise_has_no_request() -> None:
    answers = build_answers(get_service_quota=[{"Quota": {"Value": 10.0, "Adjustable": False}}])
    assert measure("L-7B6409FD", answers)[REGION].build_command() == ""


def test_a_request_for_the_recovery_region_names_it() -> None:
    answers = build_answers(get_service_quota=[{"Quota": {"Value": 10.0, "Adjustable": True}}])
    command = measure("L-7B6409FD", answers)[RECOVERY_REGION].build_command()
    assert command == f"ops quotas request L-7B6409FD --value 17 --in {RECOVERY_REGION}"


def test_a_quota_of_the_whole_account_is_raised_where_it_is_kept() -> None:
    quota = QUOTAS_BY_CODE["L-FE177D64"]
    figure = QuotaFigure(quota, "us-east-1", limit=100, used=90, more=0)
    assert figure.build_command() == (
        "aws service-quotas request-service-quota-increase --service-code iam "
        "--quota-code L-FE177D64 --desired-value 135 --region us-east-1"
    )
    assert [get_global_region(r) for r in ("eu-north-1", "us-gov-east-1", "cn-northwest-1")] == [
        "us-east-1",
        "us-gov-west-1",
        "cn-north-1",
    ]


def test_rules_count_each_range_list_and_group_by_direction() -> None:
    group: dict[str, Any] = {
        "IpPermissions": [
            {"IpRanges": [{}, {}], "Ipv6Ranges": [{}], "UserIdGroupPairs": [{}]},
            {"PrefixListIds": [{}]},
        ],
        "IpPermissionsEgress": [{"IpRanges": [{}]}],
    }
    assert count_rules(group) == 5


def test_quotas_are_of_what_the_stack_has() -> None:
    outputs = build_services_outputs()
    without_services = outputs.model_copy(update={"services": None})
    codes = {
        quota.code for quota, _ in list_quota_places(CheckFacts(without_services, NOW), QUOTAS)
    }
    assert "L-3032A538" not in codes
    assert "L-7B6409FD" in codes
    alone = outputs.model_copy(
        update={"stack": outputs.stack.model_copy(update={"recovery_region": None})}
    )
    regions = {region for _, region in list_quota_places(CheckFacts(alone, NOW), QUOTAS)}
    assert regions == {REGION, "us-east-1"}


def test_codes_are_unique_and_each_measure_is_declared() -> None:
    assert len(QUOTAS_BY_CODE) == len(QUOTAS)
    assert {q.measure.api for q in QUOTAS} <= set(HEALTH_CHECKS_BY_KEY["account-quotas"].apis)


def test_a_finding_is_a_resource_finding_with_its_reason() -> None:
    quota = QUOTAS_BY_CODE["L-7B6409FD"]
    finding: CheckFinding = build_finding(
        replace(QuotaFigure(quota, REGION, limit=10, used=9, more=0), is_adjustable=False)
    )
    assert isinstance(finding, ResourceFinding)
    assert finding.severity == "medium"
    assert finding.reason.startswith("REL01")
    assert finding.evidence == "9 of 10 used, 1 left; AWS does not raise it"


def test_calls_that_nobody_made_are_none_and_a_rate_is_a_second() -> None:
    answers = build_answers()
    quiet = measure("L-76507CEF", answers)[REGION]
    assert (quiet.used, quiet.state) == (0, "ok")
    assert "no call was counted in a day" in quiet.describe()
    busy = measure("L-76507CEF", answers, usage=27000)[REGION]
    assert (busy.used, busy.state) == (90, "failing")


def test_cache_nodes_are_summed_and_only_of_a_stack_with_a_cache() -> None:
    outputs, nodes = build_services_outputs(), QUOTAS_BY_CODE["L-DFE45DF3"]
    use = nodes.measure.count_use([{"NumCacheNodes": 2}, {"NumCacheNodes": 1}], outputs)
    assert use == QuotaUse(3)
    assert nodes not in {quota for quota, _ in list_quota_places(CheckFacts(outputs, NOW), QUOTAS)}
