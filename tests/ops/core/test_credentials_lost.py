"""Credentials that can no longer be fetched in the middle of a run: one line, and a run to resume.

Credentials that end soon are fetched again before each call, so that every call of a run can be the
one without: of the plan, of the journal, of the lock.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore import exceptions
from botocore.credentials import ProcessProvider

from ops.cli.selection import Selection
from ops.core.aws import Aws
from sandbox.faults import AwsRequest, RawReply, RequestHandler, inject_faults
from tests.ops import service_stage
from tests.ops.command_line import OpsConsole
from tests.ops.service_stage import BACKEND_IMAGE, describe_service
from tests.ops.stage import REGION

DEPLOY_LINE = f"service deploy {BACKEND_IMAGE}:v2 --service backend --yes"
# botocore fetches credentials before each call that end within ten minutes.
CREDENTIALS = {
    "Version": 1,
    "AccessKeyId": "ASIAEXAMPLEEXAMPLE01",
    "SecretAccessKey": "secret",
    "SessionToken": "token",
}
BROKEN_OUTPUTS = {
    "no JSON": b"echo 'no credentials'",
    "no object": b"echo '[]'",
    "nothing": b"true",
    "no text": b"printf '\\377\\376'",
    "another version": b"echo '{\"Version\": 2}'",
    "no keys": b"echo '{\"Version\": 1}'",
    "an error": b"echo 'the session is over' >&2; exit 3",
    "no time": json.dumps({**CREDENTIALS, "Expiration": "soon"}).join(("echo '", "'")).encode(),
    "still over": json.dumps({**CREDENTIALS, "Expiration": "2020-01-01T00:00:00Z"})
    .join(("echo '", "'"))
    .encode(),
}
FIRST_APIS = (
    "s3.put_object",  # the lock, the plan
    "ecs.register_task_definition",
    "ecs.update_service",
    "ecs.list_service_deployments",
    "s3.delete_object",  # of the lock
)
# Errors of botocore that its credential providers raise, wherever the credentials come from.
CREDENTIAL_ERRORS: tuple[Exception, ...] = (
    exceptions.NoCredentialsError(),
    exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    exceptions.CredentialRetrievalError(provider="custom-process", error_msg="gone"),
    exceptions.UnknownCredentialError(name="nobody"),
    exceptions.ProfileNotFound(profile="nobody"),
    exceptions.ConfigParseError(path="config"),
    exceptions.ConfigNotFound(path="config"),
    exceptions.InvalidConfigError(error_msg="role_arn"),
    exceptions.InfiniteLoopConfigError(source_profile="a", visited_profiles=["a"]),
    exceptions.RefreshWithMFAUnsupportedError(),
    exceptions.MetadataRetrievalError(error_msg="no answer"),
    exceptions.InvalidIMDSEndpointError(endpoint="metadata"),
    exceptions.InvalidIMDSEndpointModeError(mode="ipv5", valid_modes=["ipv4", "ipv6"]),
    exceptions.MissingDependencyException(msg="botocore[crt]"),
    exceptions.NoAuthTokenError(),
    exceptions.TokenRetrievalError(provider="sso", error_msg="gone"),
    exceptions.UnknownTokenProviderError(name="nobody"),
    exceptions.SSOError(),
    exceptions.SSOTokenLoadError(error_msg="gone"),
    exceptions.UnauthorizedSSOTokenError(),
    exceptions.LoginError(),
    exceptions.LoginRefreshRequired(),
    exceptions.LoginInsufficientPermissions(),
    exceptions.LoginTokenLoadError(error_msg="gone"),
    exceptions.LoginAuthorizationCodeError(error_msg="gone"),
)


@dataclass
class LostAtCall:
    """`lose` is called when the first call of an operation arrives, which is still answered."""

    first_api: str
    lose: Callable[[], object]
    is_lost: bool = False

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        if aws_request.api == self.first_api and not self.is_lost:
            self.is_lost = True
            self.lose()
        return next_handler(aws_request)


@dataclass(frozen=True)
class ProcessConsole:
    """The command line with the credentials of a program."""

    ops: OpsConsole
    program: Path

    def write_program(self, body: bytes) -> None:
        self.program.write_bytes(b"#!/bin/sh\n" + body + b"\n")
        self.program.chmod(0o700)

    def restore_program(self) -> None:
        body = json.dumps({**CREDENTIALS, "Expiration": "2100-01-01T00:00:00Z"})
        self.write_program(f"echo '{body}'".encode())


@pytest.fixture
def console(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProcessConsole]:
    program, config = tmp_path / "fetch", tmp_path / "config"
    config.write_text(f"[profile program]\ncredential_process = {program}\n")
    # Always about to end, so that each call fetches them, and never over.
    monkeypatch.setattr(
        "botocore.credentials.RefreshableCredentials._mandatory_refresh_timeout", 10**12
    )
    monkeypatch.setattr(
        "botocore.credentials.RefreshableCredentials._advisory_refresh_timeout", 10**12
    )
    with service_stage.open_service_console(capsys, tmp_path) as ops:
        process_console = ProcessConsole(ops, program)
        process_console.restore_program()
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        with patch.object(Selection, "build_aws", lambda *_: Aws(REGION, "program")):
            yield process_console


def require_one_line_and_resumable(console: ProcessConsole, fault: Any) -> str:
    """Runs a deployment, and again what is left of it; returns the line that it stopped with."""
    with inject_faults(fault):
        _, err = console.ops(DEPLOY_LINE, 2)
    assert fault.is_lost, "the call was never made"
    assert "Traceback" not in err
    errors = [line for line in err.splitlines() if line.startswith("ops: ")]
    assert "  aws configure list --profile program\n" in err  # the line to type
    console.restore_program()
    for run in console.ops.run_for_json("runs list")["items"]:
        assert run["state"] not in ("undone", "being undone")
        if run["state"] != "done":
            assert f"\n  ops runs resume {run['run']}\n" in err
            resumed = console.ops.run_for_json(f"runs resume {run['run']} --yes")
            assert resumed["state"] == "done"
        assert describe_service(console.ops.stage)["taskDefinition"].endswith(":2")
    return errors[0]


@pytest.mark.parametrize("first_api", FIRST_APIS)
def test_a_credential_process_that_is_missing_stops_a_run_resumably(
    console: ProcessConsole, first_api: str
) -> None:
    fault: Any = LostAtCall(first_api, console.program.unlink)
    if first_api == "s3.delete_object":  # what the run was to do is done
        with inject_faults(fault):
            console.ops(DEPLOY_LINE)
        return
    line = require_one_line_and_resumable(console, fault)
    assert "credential_process" in line


@pytest.mark.parametrize("body", BROKEN_OUTPUTS.values(), ids=BROKEN_OUTPUTS)
def test_a_credential_process_that_fails_stops_a_run_resumably(
    console: ProcessConsole, body: bytes
) -> None:
    fault = LostAtCall("ecs.update_service", lambda: console.write_program(body))
    assert "sign in again" in require_one_line_and_resumable(console, fault)


@pytest.mark.parametrize("error", CREDENTIAL_ERRORS, ids=lambda error: type(error).__name__)
def test_credentials_that_botocore_cannot_refresh_stop_a_run_resumably(
    console: ProcessConsole, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patches:
        fault: Any = LostAtCall(
            "ecs.update_service",
            lambda: patches.setattr(ProcessProvider, "_retrieve_credentials_using", fail),
        )
        with inject_faults(fault):
            _, err = console.ops(DEPLOY_LINE, 2)
    assert "Traceback" not in err
    run = console.ops.run_for_json("runs list")["items"][0]
    assert f"\n  ops runs resume {run['run']}\n" in err
    assert console.ops.run_for_json(f"runs resume {run['run']} --yes")["state"] == "done"


def test_every_credentials_error_of_botocore_is_tested() -> None:
    words = ("Credential", "SSO", "Login", "AuthToken", "TokenProvider", "TokenRetrieval", "IMDS")
    names = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and any(word in name for word in words)
    }
    tried = {type(error).__name__ for error in CREDENTIAL_ERRORS}
    assert names - tried == {"PendingAuthorizationExpiredError"} & names
