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

REGION, PENDING_VERSION = "eu-north-1", "11111111-2222-3333-4444-555555555555"
FIRST_STAGE = "pulumi"
FIRST_SECRET = {"username": "u", "password": "old", "port": 5433}


@cache
def create_moto_client(service: str) -> Any:
    """A client that moto answers; made once, since each reads its service's model."""
    session: Any = boto3.session.Session()
    return session.client(service, region_name=REGION)


@dataclass
class FakeLambdaContext:
    """As much of Lambda's context as the function reads."""

    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class FakeAws:
    """Clients that check and record what they are asked. `failures` and `answers` are by operation;
    the last answer stays."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failures: dict[str, ClientError] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return _RecordingClient(self, create_moto_client(service))

    def list_parameters(self, operation: str) -> list[dict[str, Any]]:
        """What each call of an operation was given."""
        return [parameters for name, parameters in self.calls if name == operation]


@dataclass
class _RecordingClient:
    aws: FakeAws
    moto_client: Any

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.aws.calls.append((operation, parameters))
            name = self.moto_client.meta.method_to_api_mapping[operation]
            shape = self.moto_client.meta.service_model.operation_model(name).input_shape
            faults = ParamValidator().validate(parameters, shape)
            assert not faults.has_errors(), faults.generate_report()
            if operation in self.aws.failures:
                raise self.aws.failures[operation]
            if answers := self.aws.answers.get(operation):
                return answers.pop(0) if len(answers) > 1 else answers[0]
            return getattr(self.moto_client, operation)(**parameters)

        return call


def build_operation_error(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """Secrets in moto, a database that is available, and a function that does not wait."""
    monkeypatch.setenv("TARGET", "database")
    monkeypatch.setenv("IDENTIFIER", "db")
    monkeypatch.setenv("FIRST_STAGE", FIRST_STAGE)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("RESTART", json.dumps({"cluster": "c", "services": [], "fleet": None}))
    monkeypatch.setattr(rotate, "STATUS_POLL_SECONDS", 0)
    aws = FakeAws()
    monkeypatch.setattr(boto3, "client", aws.client)
    aws.answers["modify_db_instance"] = [{}]
    aws.answers["describe_db_instances"] = [{"DBInstances": [{"DBInstanceStatus": "available"}]}]
    with mock_aws():
        yield aws


@pytest.fixture
def secret(aws: FakeAws) -> str:
    """A secret whose rotation has begun: VERSION is pending and has no value yet."""
    client = create_moto_client("secretsmanager")
    arn: str = client.create_secret(Name="s", SecretString=json.dumps(FIRST_SECRET))["ARN"]
    version_stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    stages = {**version_stages, PENDING_VERSION: ["AWSPENDING"]}
    aws.answers["describe_secret"] = [{"RotationEnabled": True, "VersionIdsToStages": stages}]
    return arn


def run_rotation_step(name: str, secret: str, version: str = PENDING_VERSION) -> None:
    rotate.handler(
        {"Step": name, "SecretId": secret, "ClientRequestToken": version}, FakeLambdaContext()
    )


def get_secret_content(secret: str, stage: str) -> dict[str, Any]:
    client = create_moto_client("secretsmanager")
    text = client.get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"]
    return dict(json.loads(text))


def test_the_new_version_differs_in_the_password_only(aws: FakeAws, secret: str) -> None:
    run_rotation_step("createSecret", secret)
    pending = get_secret_content(secret, "AWSPENDING")
    assert pending | {"password": "old"} == FIRST_SECRET
    assert len(pending["password"]) == 32
    assert pending["password"].isalnum()


def test_a_repeated_create_keeps_the_password(aws: FakeAws, secret: str) -> None:
    run_rotation_step("createSecret", secret)
    before = get_secret_content(secret, "AWSPENDING")
    run_rotation_step("createSecret", secret)
    assert get_secret_content(secret, "AWSPENDING") == before


def test_only_the_pending_password_is_applied_to_the_database(aws: FakeAws, secret: str) -> None:
    run_rotation_step("createSecret", secret)
    run_rotation_step("setSecret", secret)
    assert aws.list_parameters("modify_db_instance") == [
        {
            "DBInstanceIdentifier": "db",
            "MasterUserPassword": get_secret_content(secret, "AWSPENDING")["password"],
            "ApplyImmediately": False,
        }
    ]


def test_test_secret_waits_for_two_readings_without_a_pending_change(
    aws: FakeAws, secret: str
) -> None:
    def build_instance_response(status: str, **pending: str) -> dict[str, Any]:
        return {"DBInstances": [{"DBInstanceStatus": status, "PendingModifiedValues": pending}]}

    aws.answers["describe_db_instances"] = [
        build_instance_response("available"),
        build_instance_response("available", MasterUserPassword="****"),
        build_instance_response("resetting-master-credentials"),
        build_instance_response("available"),
        build_instance_response("available"),
    ]
    run_rotation_step("testSecret", secret)
    assert len(aws.list_parameters("describe_db_instances")) == 5


def test_a_password_takes_effect_while_storage_is_optimized(aws: FakeAws, secret: str) -> None:
    """It can go on for days, and the database serves all the while."""
    for status in rotate.PASSWORD_EFFECTIVE_STATUSES:
        aws.answers["describe_db_instances"] = [{"DBInstances": [{"DBInstanceStatus": status}]}]
        run_rotation_step("testSecret", secret)


def test_testing_the_rotation_configuration_needs_no_pending_version(
    aws: FakeAws, secret: str
) -> None:
    run_rotation_step(
        "testSecret", secret
    )  # as Secrets Manager does where it does not rotate at once
    assert aws.list_parameters("get_secret_value") == []


def test_a_change_that_does_not_end_is_an_error(
    aws: FakeAws, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.answers["describe_db_instances"] = [{"DBInstances": [{"DBInstanceStatus": "modifying"}]}]
    monkeypatch.setattr(rotate, "RESERVE_SECONDS", 61)
    with pytest.raises(TimeoutError, match="the change was not complete in time"):
        run_rotation_step("testSecret", secret)


def test_finish_makes_the_version_current(aws: FakeAws, secret: str) -> None:
    run_rotation_step("createSecret", secret)
    pending = get_secret_content(secret, "AWSPENDING")
    run_rotation_step("finishSecret", secret)
    assert get_secret_content(secret, "AWSCURRENT") == pending


def test_a_repeated_finish_moves_nothing_but_restarts_again(
    aws: FakeAws, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTART", json.dumps({"cluster": "c", "services": ["a"], "fleet": None}))
    stages = {PENDING_VERSION: ["AWSCURRENT"]}
    aws.answers["describe_secret"] = [{"RotationEnabled": True, "VersionIdsToStages": stages}]
    aws.answers["update_service"] = [{}]
    run_rotation_step("finishSecret", secret)
    assert aws.list_parameters("update_secret_version_stage") == []
    assert len(aws.list_parameters("update_service")) == 1


@pytest.mark.parametrize("name", ["createSecret", "setSecret", "testSecret"])
def test_a_version_that_is_already_current_is_not_changed(
    aws: FakeAws, secret: str, name: str
) -> None:
    stages = {PENDING_VERSION: ["AWSCURRENT", "AWSPENDING"]}
    aws.answers["describe_secret"] = [{"RotationEnabled": True, "VersionIdsToStages": stages}]
    run_rotation_step(name, secret)
    assert [operation for operation, _ in aws.calls] == ["describe_secret"]


def test_services_and_fleet_that_read_the_secret_are_restarted(
    aws: FakeAws, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = {"group": "g", "MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}
    readers = {"cluster": "c", "services": ["a", "b"], "fleet": fleet}
    monkeypatch.setenv("RESTART", json.dumps(readers))
    aws.answers["update_service"] = aws.answers["start_instance_refresh"] = [{}]
    run_rotation_step("createSecret", secret)
    run_rotation_step("finishSecret", secret)
    assert aws.list_parameters("update_service") == [
        {"cluster": "c", "service": name, "forceNewDeployment": True} for name in ("a", "b")
    ]
    assert aws.list_parameters("start_instance_refresh") == [
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
        (build_operation_error("ServiceNotFoundException"), False),
        (build_operation_error("ClusterNotFoundException"), False),
        (build_operation_error("ValidationError", "AutoScalingGroup name not found"), False),
        (build_operation_error("ValidationError", "a bad preference"), True),
        (build_operation_error("AccessDeniedException"), True),
        (build_operation_error("InstanceRefreshInProgress"), True),
    ],
)
def test_readers_that_could_not_be_restarted_are_named_after_all_were_tried(
    aws: FakeAws, secret: str, monkeypatch: pytest.MonkeyPatch, failure: ClientError, fails: bool
) -> None:
    readers = {"cluster": "c", "services": ["a", "b"], "fleet": None}
    monkeypatch.setenv("RESTART", json.dumps(readers))
    aws.failures["update_service"] = failure
    run_rotation_step("createSecret", secret)
    if fails:
        with pytest.raises(RuntimeError, match=r"these still use the old secret: a, b$"):
            run_rotation_step("finishSecret", secret)
    else:
        run_rotation_step("finishSecret", secret)
    assert get_secret_content(secret, "AWSCURRENT")["password"] != "old"
    assert len(aws.list_parameters("update_service")) == 2


@pytest.mark.parametrize(
    ("secret_description", "message"),
    [
        ({"RotationEnabled": False}, "rotation is not enabled"),
        ({"RotationEnabled": True, "VersionIdsToStages": {}}, f"has no version {PENDING_VERSION}"),
        (
            {"RotationEnabled": True, "VersionIdsToStages": {PENDING_VERSION: ["AWSPREVIOUS"]}},
            "neither current nor pending",
        ),
    ],
)
def test_a_request_without_a_rotation_in_progress_is_refused(
    aws: FakeAws, secret: str, secret_description: dict[str, Any], message: str
) -> None:
    aws.answers["describe_secret"] = [secret_description]
    with pytest.raises(ValueError, match=message):
        run_rotation_step("createSecret", secret)


def test_an_unknown_step_is_refused(aws: FakeAws, secret: str) -> None:
    with pytest.raises(ValueError, match=r"must be createSecret, .* not .x."):
        run_rotation_step("x", secret)


@pytest.fixture
def cache_secret(aws: FakeAws, secret: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The secret of a cache, with an AUTH token."""
    monkeypatch.setenv("TARGET", "cache")
    client = create_moto_client("secretsmanager")
    client.put_secret_value(SecretId=secret, SecretString=json.dumps({"token": "now"}))
    group = {"Status": "available", "PendingModifiedValues": {}}
    aws.answers["describe_replication_groups"] = [{"ReplicationGroups": [group]}]
    aws.answers["modify_replication_group"] = [{}]
    return secret


def list_token_changes(aws: FakeAws) -> list[tuple[str, str]]:
    return [
        (parameters["AuthTokenUpdateStrategy"], parameters["AuthToken"])
        for parameters in aws.list_parameters("modify_replication_group")
    ]


def test_a_cache_drops_the_previous_token_and_adds_the_new_one(
    aws: FakeAws, cache_secret: str
) -> None:
    run_rotation_step("createSecret", cache_secret)
    run_rotation_step("setSecret", cache_secret)
    new = get_secret_content(cache_secret, "AWSPENDING")["token"]
    assert list_token_changes(aws) == [("SET", "now"), ("ROTATE", new)]
    assert new.isalnum()


def test_the_first_rotation_of_a_cache_drops_no_token(
    aws: FakeAws, cache_secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_rotation_step("createSecret", cache_secret)
    modifications: list[str] = []

    def modify(self: rotate.CacheTarget, token: str, strategy: str, deadline: float) -> None:
        modifications.append(strategy)
        if strategy == "SET":
            raise build_operation_error("InvalidParameterCombination")

    monkeypatch.setattr(rotate.CacheTarget, "_modify_token", modify)
    run_rotation_step("setSecret", cache_secret)
    assert modifications == ["SET", "ROTATE"]


@pytest.mark.parametrize("is_repeated", [False, True])
@pytest.mark.parametrize("is_first", [False, True])
def test_the_initial_token_is_invalid_after_the_first_rotation(
    aws: FakeAws, cache_secret: str, is_first: bool, is_repeated: bool
) -> None:
    run_rotation_step("createSecret", cache_secret)
    pending = get_secret_content(cache_secret, "AWSPENDING")["token"]
    stages = create_moto_client("secretsmanager").describe_secret(SecretId=cache_secret)
    before = next(v for v, s in stages["VersionIdsToStages"].items() if "AWSCURRENT" in s)
    stages_before = [
        "AWSPREVIOUS" if is_repeated else "AWSCURRENT",
        *([FIRST_STAGE] if is_first else []),
    ]
    pending_stages = ["AWSCURRENT"] if is_repeated else ["AWSPENDING"]
    aws.answers["describe_secret"] = [
        {
            "RotationEnabled": True,
            "VersionIdsToStages": {before: stages_before, PENDING_VERSION: pending_stages},
        }
    ]
    run_rotation_step("finishSecret", cache_secret)
    assert list_token_changes(aws) == ([("SET", pending)] if is_first else [])


def test_an_unexpected_error_of_the_cache_stops_before_the_token_changes(
    aws: FakeAws, cache_secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_rotation_step("createSecret", cache_secret)
    modifications: list[str] = []

    def modify(self: rotate.CacheTarget, token: str, strategy: str, deadline: float) -> None:
        modifications.append(strategy)
        if strategy == "SET":
            raise build_operation_error("InvalidReplicationGroupState")

    monkeypatch.setattr(rotate.CacheTarget, "_modify_token", modify)
    with pytest.raises(ClientError, match="InvalidReplicationGroupState"):
        run_rotation_step("setSecret", cache_secret)
    assert modifications == ["SET"]


def test_each_change_of_a_cache_waits_until_it_is_available(
    aws: FakeAws, cache_secret: str
) -> None:
    run_rotation_step("createSecret", cache_secret)
    busy = {"Status": "modifying", "PendingModifiedValues": {"AuthTokenStatus": "ROTATING"}}
    free = {"Status": "available"}
    aws.answers["describe_replication_groups"] = [
        {"ReplicationGroups": [group]} for group in (busy, free, free, busy, free, free)
    ]
    run_rotation_step("setSecret", cache_secret)
    assert [operation for operation, _ in aws.calls if "replication" in operation] == [
        "modify_replication_group",
        *["describe_replication_groups"] * 3,
        "modify_replication_group",
        *["describe_replication_groups"] * 3,
    ]
