"""The pack as Pulumi has it: of the stack in its environment, served by a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
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


def build_pack_environment(
    stack: str, overrides: Mapping[str, JsonValue] | None = None
) -> dict[str, str]:
    """What Pulumi hands to the pack's process."""
    project, config = load_stack_config(stack, overrides)
    return {
        "PULUMI_PROJECT": project,
        "PULUMI_STACK": stack,
        "PULUMI_CONFIG": json.dumps(config),
        "PULUMI_DRY_RUN": "true",
    }


@contextmanager
def serve_pack(environment: Mapping[str, str]) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack in a process of its own, started in its folder as Pulumi does, and its API."""
    process = subprocess.Popen(
        [sys.executable, "-u", "__main__.py"],
        cwd=PROJECT_ROOT / "policy",
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with OPEN_CHANNEL(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.kill()
        process.wait()


def build_analyze_request(
    props: Mapping[str, Any], type_: str = DATABASE_TYPE, name: str = "database"
) -> Any:
    return analyzer_pb2.AnalyzeRequest(
        type=type_,
        name=name,
        urn=f"urn:pulumi:prod::bulwark::{type_}::{name}",
        properties=dict(props),
        options=analyzer_pb2.AnalyzerResourceOptions(protect=True),
    )


@pytest.mark.parametrize(
    ("stack", "mandatory"), [("dev", False), ("staging", True), ("prod", True), ("sandbox", True)]
)
def test_it_is_mandatory_where_the_profile_is_prod(stack: str, mandatory: bool) -> None:
    assert (
        build_stack_policy_pack(build_pack_environment(stack), PACK_DATE).is_mandatory is mandatory
    )


def test_a_stack_s_exceptions_are_the_packs() -> None:
    assert set(
        build_stack_policy_pack(build_pack_environment("staging"), PACK_DATE).exceptions
    ) == {
        "unprotected",
        "one-region",
    }


def test_without_a_stack_it_is_prods_and_excepts_nothing() -> None:
    assert build_stack_policy_pack({}, PACK_DATE) == StackPolicyPack(PACK_DATE, "prod", {})


def test_bad_settings_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"bulwark:profile is 'tiny', must be"):
        build_stack_policy_pack(build_pack_environment("prod", {"profile": "tiny"}), PACK_DATE)


def test_dev_is_held_to_less_and_prod_to_everything() -> None:
    held = {rule.name for rules in select_profile_rules("prod") for rule in rules}
    assert held == set(RULE_NAMES)
    assert {rule.name for rules in select_profile_rules("dev") for rule in rules} < held


def test_the_project_file_names_the_environment_that_make_sets_up() -> None:
    project_file = yaml.safe_load(
        (PROJECT_ROOT / "policy" / "PulumiPolicy.yaml").read_text("utf-8")
    )
    assert project_file["runtime"]["name"] == "python"
    assert project_file["runtime"]["options"]["virtualenv"] == "../.venv"


def test_served_for_prod_it_tells_what_is_wrong_and_stops() -> None:
    with serve_pack(
        build_pack_environment("prod", {"policyExceptions": EXPIRED_EXCEPTIONS})
    ) as pack:
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
        (ended,) = between.diagnostics
        assert ended.policyName == EXPIRED_EXCEPTION_RULE
        assert "policyExceptions.old.until is '2026-01-31'" in ended.message


def test_served_for_dev_it_only_tells_and_a_value_not_known_yet_is_no_fault() -> None:
    with serve_pack(build_pack_environment("dev")) as pack:
        wrong = pack.Analyze(build_analyze_request({"storageEncrypted": False}))
        assert {d.enforcementLevel for d in wrong.diagnostics} == {analyzer_pb2.ADVISORY}
        group = "aws:cloudwatch/logGroup:LogGroup"
        unknown = {"retentionInDays": UNKNOWN_STRING_VALUE, "tags": UNKNOWN_STRING_VALUE}
        assert list(pack.Analyze(build_analyze_request(unknown, group)).diagnostics) == []


def test_bad_settings_end_the_pack_with_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "__main__.py"],
        cwd=PROJECT_ROOT / "policy",
        env={**os.environ, **build_pack_environment("prod", {"profile": "tiny"})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.strip() == "bulwark:profile is 'tiny', must be 'dev' or 'prod'"
