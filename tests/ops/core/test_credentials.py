"""Credentials that are over, wrong or badly configured: one line, and a run that goes on later."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.cli.app import main
from ops.core.aws import explain_error
from ops.core.credentials import find_sign_in_command
from ops.core.errors import (
    CredentialsError,
    CredentialsExpiredError,
    DeniedError,
    OpsError,
    RefusedError,
)
from ops.core.plan import Call, Plan, Step, Wait
from sandbox.faults import (
    AwsRequest,
    DeniedFault,
    ErrorFault,
    RawReply,
    RequestHandler,
    inject_faults,
)
from tests.ops import service_stage
from tests.ops.command_line import OpsConsole
from tests.ops.service_stage import BACKEND_IMAGE, describe_service
from tests.ops.stage import ACCOUNT, REGION, KillFuse

DEPLOY_LINE = f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes"
# Code, message and HTTP status as AWS answers (sources: ops/core/credentials.py).
CREDENTIAL_ANSWERS = (
    ("ExpiredToken", "The security token included in the request is expired", 403),
    ("ExpiredTokenException", "The security token included in the request is expired", 400),
    ("InvalidSignatureException", "The request signature we calculated does not match", 403),
    ("InvalidSignature", "The request signature we calculated does not match", 403),
    ("RequestExpired", "Request has expired.", 400),
    ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    ("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
    ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    ("RequestTimeTooSkewed", "The difference between the request time and ...", 403),
    ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
)
SSO_CONFIG = """
[profile ops]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-north-1
sso_account_id = 123456789012
sso_role_name = operator
[profile admin]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = ops
[profile web]
login_session = arn:aws:iam::123456789012:user/ann
[profile keys]
region = eu-north-1
[profile half]
aws_access_key_id = AKIDEXAMPLE
[profile process]
credential_process = /no/such/program --json
[profile text]
credential_process = /bin/echo no
[profile loop]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = nobody
"""


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[OpsConsole]:
    with service_stage.open_service_console(capsys, tmp_path) as console:
        yield console


@pytest.fixture
def aws_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A config with profiles of each kind, and no credentials in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text(SSO_CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    return config


def explain(code: str, message: str, api: str, operation: str = "") -> Exception:
    """The error that a call raises for an answer of AWS."""
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}
    return explain_error(ClientError(response, operation), api)


@pytest.mark.parametrize(("code", "message", "status"), CREDENTIAL_ANSWERS)
def test_a_change_that_is_refused_for_its_credentials_is_resumable_and_not_undone(
    ops: OpsConsole, code: str, message: str, status: int
) -> None:
    with inject_faults(ErrorFault(("ecs.update_service",), code, message, status)):
        _, err = ops(DEPLOY_LINE, 2)
    error_line = next(line for line in err.splitlines() if line.startswith("ops: "))
    assert f"ecs.update_service was refused: {code}: {message}" in error_line
    assert "sign in again" in error_line
    assert "nothing of this run goes on in AWS" in error_line
    assert "Traceback" not in err
    assert "ops permissions" not in err
    run = ops.run_for_json("runs list")["items"][0]
    assert run["state"] not in ("done", "undone", "being undone")
    assert f"\n  ops runs resume {run['run']}\n" in err
    assert ops.run_for_json(f"runs resume {run['run']} --yes")["state"] == "done"
    assert describe_service(ops.stage)["taskDefinition"].endswith(":2")


class SessionOverFault:
    """Every call is refused from a call on, as when a session ends in the middle of a run."""

    def __init__(self, first_api: str) -> None:
        self.first_api, self.is_over = first_api, False

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        self.is_over = self.is_over or aws_request.api == self.first_api
        if not self.is_over:
            return next_handler(aws_request)
        return aws_request.build_error_reply("ExpiredToken", "The token has expired", 400)


def test_a_session_that_ends_in_the_middle_of_a_run_leaves_it_resumable(ops: OpsConsole) -> None:
    fault: Any = SessionOverFault("ecs.update_service")
    with inject_faults(fault):
        _, err = ops(DEPLOY_LINE, 2)
    error_lines = [line for line in err.splitlines() if line.startswith("ops: ")]
    assert "sign in again" in error_lines[-1]
    assert "Traceback" not in err
    run = ops.run_for_json("runs list")["items"][0]
    assert f"\n  ops runs resume {run['run']}\n" in err
    assert ops.run_for_json(f"runs resume {run['run']} --yes")["state"] == "done"
    assert describe_service(ops.stage)["taskDefinition"].endswith(":2")


@pytest.mark.parametrize(("code", "message", "status"), CREDENTIAL_ANSWERS[:2])
def test_health_reports_expired_credentials_once(
    ops: OpsConsole, code: str, message: str, status: int
) -> None:
    with inject_faults(ErrorFault(("*",), code, message, status)):
        out, err = ops("health", 2)
    assert out == ""
    assert err.count(code) == 1
    assert "ops permissions" not in err
    assert "sign in again" in err.splitlines()[0]


def test_a_denied_read_is_unknown_and_reported_as_a_missing_permission(ops: OpsConsole) -> None:
    with inject_faults(DeniedFault(("ecs.*",))):
        out, err = ops("health --only services", 3)
    assert "was denied" in out
    assert "ops permissions" in err


def test_the_permission_that_ec2_calls_auth_failure_is_no_question_of_credentials() -> None:
    error = explain("AuthFailure", "You do not have permission for the AMI", "ec2.run_instances")
    assert isinstance(error, DeniedError)
    assert not isinstance(error, CredentialsError)


def test_a_wrong_clock_is_reported_as_the_cause() -> None:
    message = (
        "Signature not yet current: 20261130T002809Z is still later than 20261129T214315Z "
        "(20261129T212815Z + 15 min.)"
    )
    error = explain("InvalidSignatureException", message, "ecs.list_tasks")
    assert isinstance(error, CredentialsError)
    assert "set this machine's clock" in str(error)


def test_a_head_without_a_body_says_to_sign_in_again() -> None:
    error = explain("400", "Bad Request", "s3.head_object", "HeadObject")
    assert isinstance(error, CredentialsExpiredError)


def test_a_role_that_may_not_be_assumed_is_reported_as_the_cause() -> None:
    error = explain("AccessDenied", "not authorized", "rds.describe_db_instances", "AssumeRole")
    assert isinstance(error, CredentialsError)
    assert "AssumeRole, which gets the credentials, was refused" in str(error)


@pytest.mark.parametrize(
    ("profile", "command"),
    [
        ("ops", "aws sso login --profile ops"),
        ("admin", "aws sso login --profile ops"),  # its role is assumed with the session of ops
        ("web", "aws login --profile web"),
        ("keys", "aws configure list --profile keys"),
    ],
)
@pytest.mark.usefixtures("aws_config")
def test_the_sign_in_command_names_the_profile_of_the_session(
    profile: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_sign_in_command(profile) == command
    monkeypatch.setenv("AWS_PROFILE", profile)
    assert find_sign_in_command(None) == command


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("ops", "sign in again\n  aws sso login --profile ops\n"),  # nobody has signed in
        ("half", "missing: aws_secret_access_key"),
        ("process", "No such file or directory: '/no/such/program'"),
        ("text", "must be a program that prints credentials as JSON"),
        ("loop", 'The source_profile "nobody" referenced in the profile "loop" does not exist'),
        ("keys", "there are no AWS credentials"),
        ("absent", "--profile is 'absent', must be a profile of your AWS config"),
    ],
)
@pytest.mark.usefixtures("aws_config")
def test_bad_credentials_are_one_line_and_exit_2(
    profile: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--stack", "prod", "--region", REGION, "--profile", profile, "health"])
    err = capsys.readouterr().err
    assert code == 2, err
    assert message in err
    assert sum(line.startswith("ops: ") for line in err.splitlines()) == 1
    assert all(line.startswith(("ops: ", "  ")) for line in err.splitlines())


def test_a_config_that_cannot_be_parsed_is_one_line(
    aws_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws_config.write_text("[profile ops\nregion")
    assert main(["--stack", "prod", "--region", REGION, "health"]) == 2
    err = capsys.readouterr().err
    assert "Unable to parse config file" in err
    assert "Traceback" not in err


def test_an_endpoint_without_a_scheme_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:4566")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert main(["--stack", "prod", "--region", REGION, "health"]) == 2
    err = capsys.readouterr().err
    assert "AWS_ENDPOINT_URL" in err
    assert "must be a URL like https://HOST, not 'localhost:4566'" in err


def test_a_denied_read_of_a_secret_in_a_run_is_one_line_and_the_run_resumable(
    ops: OpsConsole,
) -> None:
    secrets_manager = ops.stage.client("secretsmanager")
    arn = secrets_manager.create_secret(Name="db", SecretString='{"a": "b"}')["ARN"]
    call = Call(
        api="ssm.put_parameter",
        params={"Name": "copy", "Type": "SecureString"},
        secrets={"Value": f"{arn}#a"},
    )
    read = Call(api="ssm.describe_parameters", params={})
    goal = Wait(read=read, met={"Parameters[0].Name": "copy"}, every=1, within=60)
    plan = Plan(
        run="run-1",
        kind="service deploy",
        stack="test",
        account=ACCOUNT,
        region=REGION,
        steps=(Step(name="put", description="puts it", action=call, goal=goal),),
    )
    fuse = KillFuse()
    with (
        inject_faults(DeniedFault(("secretsmanager.get_secret_value",))),
        pytest.raises(DeniedError, match=r"^secretsmanager.get_secret_value was denied: \S+: User"),
    ):
        ops.stage.build_engine(fuse).start(plan)
    assert ops.stage.build_engine(fuse).resume() == "done"


@pytest.mark.parametrize(
    ("secret", "error_type", "message"),
    [
        ("password=hunter2", OpsError, "must be JSON with the key a"),
        ('["hunter2"]', OpsError, "must be JSON with the key a"),
        (None, RefusedError, "ResourceNotFoundException"),
    ],
)
def test_a_secret_that_cannot_be_used_is_one_line_without_its_value(
    ops: OpsConsole, secret: str | None, error_type: type[OpsError], message: str
) -> None:
    if secret is not None:
        ops.stage.client("secretsmanager").create_secret(Name="db", SecretString=secret)
    with pytest.raises(error_type, match=message) as caught:
        ops.stage.aws.get_secret("db#a")
    assert "hunter2" not in str(caught.value)
