"""CloudTrail's event history in the sandbox."""

import json
from typing import Any

from tests.ops.stage import Stage, open_stage
from tests.sandbox.conftest import RefusalGetter


def look_up(stage: Stage, **parameters: Any) -> list[dict[str, Any]]:
    pages = stage.client("cloudtrail").get_paginator("lookup_events").paginate(**parameters)
    return [event for page in pages for event in page["Events"]]


def test_calls_that_change_something_can_be_looked_up_after_a_while() -> None:
    with open_stage() as stage:
        ec2 = stage.client("ec2")
        group = ec2.create_security_group(GroupName="web", Description="x")["GroupId"]
        ec2.describe_security_groups()
        assert look_up(stage) == []
        stage.clock.sleep(600)
        (event,) = look_up(
            stage, LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
        )
        assert (event["EventName"], event["EventSource"]) == (
            "CreateSecurityGroup",
            "ec2.amazonaws.com",
        )
        record = json.loads(event["CloudTrailEvent"])
        assert record["requestParameters"]["GroupName"] == "web"
        assert group.startswith("sg-")
        assert look_up(stage, StartTime=stage.clock.now() - 60) == []


def test_a_refused_call_has_its_error_and_secrets_are_hidden(
    get_refusal: RefusalGetter,
) -> None:
    with open_stage() as stage:
        secrets = stage.client("secretsmanager")
        secrets.create_secret(Name="a", SecretString="hunter2")
        get_refusal(
            stage.client("rds").delete_db_instance, DBInstanceIdentifier="x", SkipFinalSnapshot=True
        )
        stage.clock.sleep(600)
        refused, created = look_up(stage)
        assert json.loads(refused["CloudTrailEvent"])["errorCode"].startswith("DBInstanceNotFound")
        assert "hunter2" not in created["CloudTrailEvent"]
        assert "errorCode" not in json.loads(created["CloudTrailEvent"])


def test_one_attribute_is_looked_up_and_pages_have_fifty(get_refusal: RefusalGetter) -> None:
    with open_stage() as stage:
        for number in range(60):
            stage.client("ssm").put_parameter(Name=f"/a/{number}", Value="x", Type="String")
        stage.clock.sleep(600)
        assert len(look_up(stage)) == 60
        trail = stage.client("cloudtrail")
        assert len(trail.lookup_events()["Events"]) == 50
        assert look_up(stage)[0]["EventTime"] >= look_up(stage)[-1]["EventTime"]
        attribute = {"AttributeKey": "EventName", "AttributeValue": "PutParameter"}
        assert "InvalidLookupAttributesException" in get_refusal(
            trail.lookup_events, LookupAttributes=[attribute, attribute]
        )
        stage.clock.sleep(91 * 86400)
        assert look_up(stage) == []
