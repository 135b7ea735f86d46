"""The rotation function: each step, done once, done twice, and done in the middle of trouble.

Not covered: that RDS and ElastiCache really take the new secret.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from moto import mock_aws

from components.lambdas import rotate

REGION, VERSION = "eu-north-1", "11111111-2222-3333-4444-555555555555"
FIRST = {"username": "u", "password": "old", "port": 5433}


@cache
def real(service: str) -> Any:
    """A client that moto answers; made once, since each reads its service's model."""
    session: Any = boto3.session.Session()
    return session.client(service, region_name=REGION)


@dataclass
class Context:
    """As much of Lambda's context as the function reads."""

    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Aws:
    """Clients that check and record what they are asked. `failures` and `answers` are by operation;
    the last answer stays."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failures: dict[str, ClientError] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return _Client(self, real(service))

    def parameters(self, operation: str) -> list[dict[str, Any]]:
        """What each call of an operation was given."""
        return [given for name, given in self.calls if name == operation]


@dataclass
class _Client:
    aws: Aws
    real: Any

    def __getattr__(self, operation: str) -> Any:
        def call(**given: Any) -> Any:
            self.aws.calls.append((operation, given))
            name = self.real.meta.method_to_api_mapping[operation]
            shape = self.real.meta.service_model.operation_model(name).input_shape
            faults = ParamValidator().validate(given, shape)
            assert not faults.has_errors(), faults.generate_report()
            if operation in self.aws.failures:
                raise self.aws.failures[operation]
            if answers := self.aws.answers.get(operation):
                return answers.pop(0) if len(answers) > 1 else answers[0]
            return getattr(self.real, operation)(**given)

        return call


def error(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Secrets in moto, a database that is available, and a function that does not wait."""
    monkeypatch.setenv("TARGET", "database")
    monkeypatch.setenv("IDENTIFIER", "db")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("RESTART", json.dumps({"cluster": "c", "services": [], "fleet": None}))
    monkeypatch.setattr(rotate, "PAUSE", 0)
    aws = Aws()
    monkeypatch.setattr(boto3, "client", aws.client)
    aws.answers["modify_db_instance"] = [{}]
    aws.answers["describe_db_instances"] = [{"DBInstances": [{"DBInstanceStatus": "available"}]}]
    with mock_aws():
        yield aws


@pytest.fixture
def secret(aws: Aws) -> str:
    """A secret whose rotation has begun: VERSION is pending and has no value yet."""
    client = real("secretsmanager")
    arn: str = client.create_secret(Name="s", SecretString=json.dumps(FIRST))["ARN"]
    first = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    stages = {**first, VERSION: ["AWSPENDING"]}
    aws.answers["describe_secret"] = [{"RotationEnabled": True, "VersionIdsToStages": stages}]
    return arn


def step(name: str, secret: str, version: str = VERSION) -> None:
    rotate.handler({"Step": name, "SecretId": secret, "ClientRequestToken": version}, Context())


def content(secret: str, stage: str) -> dict[str, Any]:
    client = real("secretsmanager")
    text = client.get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"]
    return dict(json.loads(text))


def test_the_new_version_differs_in_the_password_only(aws: Aws, secret: str) -> None:
    step("createSecret", secret)
    pending = content(secret, "AWSPENDING")
    assert pending | {"password": "old"} == FIRST
    assert len(pending["password"]) == 32
    assert pending["password"].isalnum()


def test_a_repeated_create_keeps_the_password(aws: Aws, secret: str) -> None:
    step("createSecret", secret)
    before = content(secret, "AWSPENDING")
    step("createSecret", secret)
    assert content(secret, "AWSPENDING") == before


def test_rds_gets_the_pending_password_and_nothing_else_that_waits(aws: Aws, secret: str) -> None:
    step("createSecret", secret)
    step("setSecret", secret)
    assert aws.parameters("modify_db_instance") == [
        {
            "DBInstanceIdentifier": "db",
            "MasterUserPassword": content(secret, "AWSPENDING")["password"],
            "ApplyImmediately": False,
        }
    ]


def test_the_test_waits_until_the_change_was_seen_to_be_over_twice(aws: Aws, secret: str) -> None:
    def seen(status: str, **pending: str) -> dict[str, Any]:
        return {"DBInstances": [{"DBInstanceStatus": status, "PendingModifiedValues": pending}]}

    aws.answers["describe_db_instances"] = [
        seen("available"),
        seen("available", MasterUserPassword="****"),
        seen("resetting-master-credentials"),
        seen("available"),
        seen("available"),
    ]
    step("testSecret", secret)
    assert len(aws.parameters("describe_db_instances")) == 5


def test_the_test_of_a_new_configuration_needs_no_pending_value(aws: Aws, secret: str) -> None:
    step("testSecret", secret)  # as Secrets Manager does where it does not rotate at once
    assert aws.parameters("get_secret_value") == []


def test_a_change_that_does_not_end_is_an_error(
    aws: Aws, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.answers["describe_db_instances"] = [{"DBInstances": [{"DBInstanceStatus": "modifying"}]}]
    monkeypatch.setattr(rotate, "RESERVE", 61)
    with pytest.raises(TimeoutError, match="the change is not over yet"):
        step("testSecret", secret)


def test_finish_makes_the_version_current(aws: Aws, secret: str) -> None:
    step("createSecret", secret)
    pending = content(secret, "AWSPENDING")
    step("finishSecret", secret)
    assert content(secret, "AWSCURRENT") == pending


def test_a_repeated_finish_moves_nothing_but_restarts_again(
    aws: Aws, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTART", json.dumps({"cluster": "c", "services": ["a"], "fleet": None}))
    stages = {VERSION: ["AWSCURRENT"]}
    aws.answers["describe_secret"] = [{"RotationEnabled": True, "VersionIdsToStages": stages}]
    aws.answers["update_service"] = [{}]
    step("finishSecret", secret)
    assert aws.parameters("update_secret_version_stage") == []
    assert len(aws.parameters("update_service")) == 1


@pytest.mark.parametrize("name", ["createSecret", "setSecret", "testSecret"])
def test_a_version_that_is_current_already_is_left_alone(aws: Aws, secret: str, name: str) -> None:
    stages = {VERSION: ["AWSCURRENT", "AWSPENDING"]}
    aws.answers["describe_secret"] = [{"RotationEnabled": True, "VersionIdsToStages": stages}]
    step(name, secret)
    assert [operation for operation, _ in aws.calls] == ["describe_secret"]


def test_what_read_the_secret_at_its_start_is_replaced(
    aws: Aws, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = {"group": "g", "MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}
    readers = {"cluster": "c", "services": ["a", "b"], "fleet": fleet}
    monkeypatch.setenv("RESTART", json.dumps(readers))
    aws.answers["update_service"] = aws.answers["start_instance_refresh"] = [{}]
    step("createSecret", secret)
    step("finishSecret", secret)
    assert aws.parameters("update_service") == [
        {"cluster": "c", "service": name, "forceNewDeployment": True} for name in ("a", "b")
    ]
    assert aws.parameters("start_instance_refresh") == [
        {
            "AutoScalingGroupName": "g",
            "Preferences": {
                "MinHealthyPercentage": 100,
                "MaxHealthyPercentage": 110,
                "SkipMatching": False,
            },
        }
    ]


@pytest.mark.parametrize(
    ("failure", "fails"),
    [
        (error("ServiceNotFoundException"), False),
        (error("ClusterNotFoundException"), False),
        (error("ValidationError", "AutoScalingGroup name not found"), False),
        (error("ValidationError", "a bad preference"), True),
        (error("AccessDeniedException"), True),
        (error("InstanceRefreshInProgress"), True),
    ],
)
def test_what_still_uses_the_old_secret_is_named_after_all_were_tried(
    aws: Aws, secret: str, monkeypatch: pytest.MonkeyPatch, failure: ClientError, fails: bool
) -> None:
    readers = {"cluster": "c", "services": ["a", "b"], "fleet": None}
    monkeypatch.setenv("RESTART", json.dumps(readers))
    aws.failures["update_service"] = failure
    step("createSecret", secret)
    if fails:
        with pytest.raises(RuntimeError, match=r"these still use the old secret: a, b$"):
            step("finishSecret", secret)
    else:
        step("finishSecret", secret)
    assert content(secret, "AWSCURRENT")["password"] != "old"
    assert len(aws.parameters("update_service")) == 2


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"RotationEnabled": False}, "rotation is not enabled"),
        ({"RotationEnabled": True, "VersionIdsToStages": {}}, f"has no version {VERSION}"),
        (
            {"RotationEnabled": True, "VersionIdsToStages": {VERSION: ["AWSPREVIOUS"]}},
            "neither current nor pending",
        ),
    ],
)
def test_what_is_no_rotation_under_way_is_refused(
    aws: Aws, secret: str, described: dict[str, Any], message: str
) -> None:
    aws.answers["describe_secret"] = [described]
    with pytest.raises(ValueError, match=message):
        step("createSecret", secret)


def test_an_unknown_step_is_refused(aws: Aws, secret: str) -> None:
    with pytest.raises(ValueError, match="there is no step x"):
        step("x", secret)


@pytest.fixture
def token(aws: Aws, secret: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The secret of a cache, with an AUTH token."""
    monkeypatch.setenv("TARGET", "cache")
    client = real("secretsmanager")
    client.put_secret_value(SecretId=secret, SecretString=json.dumps({"token": "now"}))
    group = {"Status": "available", "PendingModifiedValues": {}}
    aws.answers["describe_replication_groups"] = [{"ReplicationGroups": [group]}]
    aws.answers["modify_replication_group"] = [{}]
    return secret


def strategies(aws: Aws) -> list[tuple[str, str]]:
    return [
        (given["AuthTokenUpdateStrategy"], given["AuthToken"])
        for given in aws.parameters("modify_replication_group")
    ]


def test_a_cache_ends_the_token_before_and_takes_the_new_one_beside_the_current(
    aws: Aws, token: str
) -> None:
    step("createSecret", token)
    step("setSecret", token)
    new = content(token, "AWSPENDING")["token"]
    assert strategies(aws) == [("SET", "now"), ("ROTATE", new)]
    assert new.isalnum()


def test_the_first_rotation_of_a_cache_has_no_token_to_end(
    aws: Aws, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step("createSecret", token)
    seen: list[str] = []

    def modify(self: rotate.CacheTarget, token: str, strategy: str, deadline: float) -> None:
        seen.append(strategy)
        if strategy == "SET":
            raise error("InvalidParameterCombination")

    monkeypatch.setattr(rotate.CacheTarget, "_modify", modify)
    step("setSecret", token)
    assert seen == ["SET", "ROTATE"]


def test_any_other_refusal_of_a_cache_is_an_error_before_anything_changes(
    aws: Aws, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step("createSecret", token)
    seen: list[str] = []

    def modify(self: rotate.CacheTarget, token: str, strategy: str, deadline: float) -> None:
        seen.append(strategy)
        if strategy == "SET":
            raise error("InvalidReplicationGroupState")

    monkeypatch.setattr(rotate.CacheTarget, "_modify", modify)
    with pytest.raises(ClientError, match="InvalidReplicationGroupState"):
        step("setSecret", token)
    assert seen == ["SET"]


def test_a_cache_is_waited_for_after_each_change(aws: Aws, token: str) -> None:
    step("createSecret", token)
    busy = {"Status": "modifying", "PendingModifiedValues": {"AuthTokenStatus": "ROTATING"}}
    free = {"Status": "available"}
    aws.answers["describe_replication_groups"] = [
        {"ReplicationGroups": [group]} for group in (busy, free, free, busy, free, free)
    ]
    step("setSecret", token)
    assert [operation for operation, _ in aws.calls if "replication" in operation] == [
        "modify_replication_group",
        *["describe_replication_groups"] * 3,
        "modify_replication_group",
        *["describe_replication_groups"] * 3,
    ]
