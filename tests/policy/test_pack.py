"""The pack as Pulumi has it: a process of its own that is told of the stack by a call."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import yaml
from pydantic import JsonValue

from components.settings import SettingsError
from policy.exceptions import EXPIRED_EXCEPTION_RULE
from policy.pack import StackPolicyPack, build_stack_policy_pack
from policy.rules import RULE_NAMES, select_profile_rules
from sandbox.program import PROJECT_ROOT, load_stack_config
from tests.world import run_whole_program

pytest.importorskip("pulumi_policy")
import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

OPEN_CHANNEL: Any = grpc.insecure_channel
EMPTY_MESSAGE: Any = vars(empty_pb2)["Empty"]
PACK_DATE = date(2026, 11, 26)
DATABASE_TYPE = "aws:rds/instance:Instance"
EXPIRED_EXCEPTIONS: dict[str, JsonValue] = {
    "old": {
        "rules": ["tags"],
        "resources": "*",
        "reason": "it was moved here",
        "until": "2026-01-31",
    }
}


def build_pack(stack: str, overrides: Mapping[str, JsonValue] | None = None) -> StackPolicyPack:
    project, config = load_stack_config(stack, overrides)
    return build_stack_policy_pack(project, stack, config, frozenset(), PACK_DATE)


def build_configure_request(stack: str, overrides: Mapping[str, JsonValue] | None = None) -> Any:
    """What the engine says of the stack that it deploys, before it asks for the policies."""
    project, config = load_stack_config(stack, overrides)
    return analyzer_pb2.AnalyzerStackConfigureRequest(
        stack=stack, project=project, organization="organization", dry_run=True, config=config
    )


@contextmanager
def serve_pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack as the engine starts it: by the language's plugin, in the program's folder, with
    no stack in its environment. Then the handshake."""
    process = subprocess.Popen(
        [sys.executable, "-u", str(PROJECT_ROOT / "policy"), "127.0.0.1:1"],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with OPEN_CHANNEL(f"127.0.0.1:{port}") as channel:
            pack = analyzer_pb2_grpc.AnalyzerStub(channel)
            shake_hands(pack)
            yield pack
    finally:
        process.kill()
        process.wait()


def shake_hands(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """The engine goes on if a pack does not implement Handshake, and with no other error."""
    folder = str(PROJECT_ROOT / "policy")
    request = analyzer_pb2.AnalyzerHandshakeRequest(
        engine_address="127.0.0.1:1", root_directory=folder, program_directory=folder
    )
    assert read_error(lambda: pack.Handshake(request))[0] in (None, grpc.StatusCode.UNIMPLEMENTED)


def read_error(call: Callable[[], object]) -> tuple[grpc.StatusCode | None, str]:
    """The status and the text of a call that fails; None if it does not."""
    try:
        call()
    except grpc.RpcError as error:
        failure: Any = error
        return failure.code(), failure.details()
    return None, ""


def build_analyze_request(
    props: Mapping[str, Any],
    type_: str = DATABASE_TYPE,
    name: str = "database",
    protect: bool = True,
) -> Any:
    return analyzer_pb2.AnalyzeRequest(
        type=type_,
        name=name,
        urn=f"urn:pulumi:prod::bulwark::{type_}::{name}",
        properties=dict(props),
        options=analyzer_pb2.AnalyzerResourceOptions(protect=protect),
    )


@pytest.mark.parametrize(
    ("stack", "mandatory"), [("dev", False), ("staging", True), ("prod", True), ("sandbox", True)]
)
def test_the_pack_is_mandatory_for_the_prod_profile(stack: str, mandatory: bool) -> None:
    assert build_pack(stack).is_mandatory is mandatory


def test_the_pack_has_the_exceptions_of_its_stack() -> None:
    assert set(build_pack("staging").exceptions) == {"unprotected", "one-region"}


def test_bad_settings_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"bulwark:profile is 'tiny', must be"):
        build_pack("prod", {"profile": "tiny"})


def test_dev_is_held_to_less_and_prod_to_everything() -> None:
    prod_rule_names = {rule.name for rules in select_profile_rules("prod") for rule in rules}
    assert prod_rule_names == set(RULE_NAMES)
    assert {rule.name for rules in select_profile_rules("dev") for rule in rules} < prod_rule_names


def test_the_project_file_names_the_environment_that_make_sets_up() -> None:
    project_file = yaml.safe_load(
        (PROJECT_ROOT / "policy" / "PulumiPolicy.yaml").read_text("utf-8")
    )
    assert project_file["runtime"]["name"] == "python"
    assert project_file["runtime"]["options"]["virtualenv"] == "../.venv"


def test_served_for_prod_it_tells_what_is_wrong_and_stops() -> None:
    with serve_pack() as pack:
        pack.ConfigureStack(
            build_configure_request("prod", {"policyExceptions": EXPIRED_EXCEPTIONS})
        )
        pack_info = pack.GetAnalyzerInfo(EMPTY_MESSAGE())
        assert {policy.name for policy in pack_info.policies} == {
            *RULE_NAMES,
            EXPIRED_EXCEPTION_RULE,
        }
        wrong = pack.Analyze(
            build_analyze_request({"storageEncrypted": False, "publiclyAccessible": True})
        )
        diagnostics = {d.policyName: d for d in wrong.diagnostics}
        assert (
            "storageEncrypted is false, must be true" in diagnostics["database-encrypted"].message
        )
        assert "publiclyAccessible is true" in diagnostics["database-not-public"].message
        assert "protected" not in diagnostics
        assert {d.enforcementLevel for d in wrong.diagnostics} == {analyzer_pb2.MANDATORY}
        between = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest())
        (expired_violation,) = between.diagnostics
        assert expired_violation.policyName == EXPIRED_EXCEPTION_RULE
        assert "policyExceptions.old.until is '2026-01-31'" in expired_violation.message


def test_served_for_dev_it_only_tells_and_a_value_not_known_yet_is_no_fault() -> None:
    with serve_pack() as pack:
        pack.ConfigureStack(build_configure_request("dev"))
        levels = {
            policy.name: policy.enforcementLevel
            for policy in pack.GetAnalyzerInfo(EMPTY_MESSAGE()).policies
        }
        assert levels.pop("protected") == analyzer_pb2.DISABLED
        assert levels["database-encrypted"] == analyzer_pb2.ADVISORY
        assert analyzer_pb2.MANDATORY not in levels.values()
        wrong = pack.Analyze(build_analyze_request({"storageEncrypted": False}))
        assert {d.enforcementLevel for d in wrong.diagnostics} == {analyzer_pb2.ADVISORY}
        group = "aws:cloudwatch/logGroup:LogGroup"
        unknown = {"retentionInDays": UNKNOWN_STRING_VALUE, "tags": UNKNOWN_STRING_VALUE}
        assert list(pack.Analyze(build_analyze_request(unknown, group)).diagnostics) == []


@pytest.mark.parametrize("stack", ["dev", "staging", "prod", "sandbox"])
def test_served_for_a_stack_of_the_project_nothing_of_it_stops_a_deployment(stack: str) -> None:
    graph = run_whole_program(stack)
    with serve_pack() as pack:
        pack.ConfigureStack(build_configure_request(stack))
        mandatory = [
            f"{resource.name}: {diagnostic.policyName}: {diagnostic.message}"
            for resource in graph
            if resource.is_in_aws
            for diagnostic in pack.Analyze(
                build_analyze_request(
                    resource.inputs, resource.type, resource.name, resource.protect
                )
            ).diagnostics
            if diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
        ]
    assert mandatory == []


def test_served_without_a_stack_it_is_prods_and_excepts_nothing() -> None:
    """A pack that is published is asked for its policies, and told of no stack."""
    with serve_pack() as pack:
        levels = {p.enforcementLevel for p in pack.GetAnalyzerInfo(EMPTY_MESSAGE()).policies}
        assert levels == {analyzer_pb2.MANDATORY}
        wrong = pack.Analyze(build_analyze_request({}, protect=False)).diagnostics
        assert {"protected", "database-encrypted"} <= {d.policyName for d in wrong}


def test_bad_settings_are_the_error_of_the_call_that_names_the_stack() -> None:
    with serve_pack() as pack:
        request = build_configure_request("prod", {"profile": "tiny"})
        assert read_error(lambda: pack.ConfigureStack(request)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "bulwark:profile is 'tiny', must be 'dev' or 'prod'",
        )


def test_bad_settings_that_are_secret_are_not_shown() -> None:
    with serve_pack() as pack:
        request = build_configure_request("prod", {"costCenter": "hunter2 *"})
        request.config_secret_keys.append("bulwark:costCenter")
        status, text = read_error(lambda: pack.ConfigureStack(request))
        assert status is grpc.StatusCode.INVALID_ARGUMENT
        assert "bulwark:costCenter" in text
        assert "hunter2" not in text
