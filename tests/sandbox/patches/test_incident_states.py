"""States that incidents bring about: tasks that stop, health checks and status checks that fail."""

from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from sandbox.patches.cloudwatch.metrics import set_metric_answerer
from sandbox.patches.ec2.instance_status import set_failed_checks
from sandbox.patches.elbv2.targets import FailingChecks, fail_health_checks
from tests.sandbox.conftest import REGION, ClientFactory

ACCOUNT_ID = "123456789012"
SINCE = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)


def start_instances(aws_client: ClientFactory, count: int) -> list[str]:
    answer = aws_client("ec2").run_instances(ImageId="ami-12345678", MinCount=count, MaxCount=count)
    return [instance["InstanceId"] for instance in answer["Instances"]]


def test_a_failed_status_check_is_of_its_instance_alone(aws_client: ClientFactory) -> None:
    failing, healthy = start_instances(aws_client, 2)
    set_failed_checks(ec2_backends[ACCOUNT_ID][REGION], failing, "system", SINCE)
    statuses = {
        item["InstanceId"]: item
        for item in aws_client("ec2").describe_instance_status()["InstanceStatuses"]
    }
    system = statuses[failing]["SystemStatus"]
    assert system["Status"] == "impaired"
    assert system["Details"][0]["ImpairedSince"] == SINCE
    assert statuses[failing]["InstanceStatus"]["Status"] == "ok"
    assert statuses[healthy]["SystemStatus"]["Status"] == "ok"


def test_failing_health_checks_are_of_so_many_targets(aws_client: ClientFactory) -> None:
    ids = start_instances(aws_client, 2)
    vpc = aws_client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    elb = aws_client("elbv2")
    group = elb.create_target_group(Name="g", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][
        0
    ]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": id_, "Port": 80} for id_ in ids])
    checks = FailingChecks(1, "Target.Timeout", "Request timed out")
    fail_health_checks(elbv2_backends[ACCOUNT_ID][REGION], group, checks)
    healths = [
        item["TargetHealth"]
        for item in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    ]
    failing = [health for health in healths if health["State"] == "unhealthy"]
    assert [(item["Reason"], item["Description"]) for item in failing] == [
        ("Target.Timeout", "Request timed out")
    ]


def test_a_source_answers_the_metrics_that_it_has(aws_client: ClientFactory) -> None:
    def answer(queries: list[Any], start: datetime, end: datetime, scan: str) -> dict[str, Any]:
        known = [query for query in queries if query["MetricStat"]["Metric"]["MetricName"] == "A"]
        return {query["Id"]: ([SINCE], [4.0]) for query in known}

    set_metric_answerer(cloudwatch_backends[ACCOUNT_ID][REGION], answer)
    queries = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {"Namespace": "N", "MetricName": name},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for name in ("A", "B")
    ]
    for asked in (queries, queries[:1]):
        results = aws_client("cloudwatch").get_metric_data(
            MetricDataQueries=asked, StartTime=SINCE, EndTime=SINCE.replace(minute=31)
        )["MetricDataResults"]
        values = {result["Id"]: result["Values"] for result in results}
        assert values == {query["Id"]: [4.0] if query["Id"] == "a" else [] for query in asked}


def test_a_key_is_disabled_and_enabled_by_its_arn(aws_client: ClientFactory) -> None:
    kms = aws_client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    for change, state in ((kms.disable_key, "Disabled"), (kms.enable_key, "Enabled")):
        change(KeyId=arn)
        assert kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == state
