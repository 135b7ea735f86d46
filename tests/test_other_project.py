"""The stacks under another project's name: what says the name follows Pulumi.yaml."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import pytest
from pydantic import JsonValue

from components.settings import SettingsError, parse_settings
from ops.cli.app import main
from ops.outputs import Outputs, parse_outputs
from ops.preview.page import PREVIEW_MARKER
from policy.pack import build_stack_policy_pack
from sandbox.deploy import deploy_in_memory, subscribe_somebody, use_in_memory_aws
from sandbox.program import PROJECT_ROOT, ResourceGraph, load_stack_config, run_stack_program
from tests.ops.preview_files import PREVIEW_FOLDER
from tests.ops.tls_stage import answer_in_process
from tests.other_project import OTHER_PROJECT, copy_project, rename_project
from tests.policy.test_stacks import PACK_DATE, list_aws_resources
from tests.test_program import STACK_VARIANTS
from tests.world import AwsMocks, run_whole_program

REGION = "eu-north-1"
# What is the product's own name, not the project's: components, and the default of a setting.
OWN_WORDS = re.compile(r"bulwark:index:|bulwark_admin")
VARIANTS = ("dev", "database-only", "everything")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp(OTHER_PROJECT))


def describe_graph(graph: ResourceGraph) -> dict[str, Any]:
    """All that an engine gets of each resource, by its URN."""
    return {
        resource.urn: {
            "inputs": decode_user_data(resource.inputs),
            "parent": resource.parent,
            "protect": resource.protect,
            "ignored": sorted(resource.ignore_changes),
            "aliases": list(resource.aliases),
        }
        for resource in graph
    }


def decode_user_data(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with an instance's user data as text."""
    user_data = inputs.get("userData")
    if user_data is None or user_data.startswith("#"):
        return dict(inputs)
    return {**inputs, "userData": base64.b64decode(user_data).decode()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_program_registers_the_same_under_the_other_name(folder: Path, variant: str) -> None:
    stack, overrides = STACK_VARIANTS[variant]
    graph = run_stack_program(stack, AwsMocks(), overrides, folder)
    described = describe_graph(graph)
    texts = json.dumps([described, graph.exports])
    assert OTHER_PROJECT in texts
    assert "bulwark" not in OWN_WORDS.sub("", texts).lower()
    expected = json.loads(json.dumps(describe_graph(run_whole_program(stack, overrides))))
    renamed = json.loads(json.dumps(rename_project(described)))
    assert renamed.keys() == expected.keys()
    for urn, resource in expected.items():
        assert sort_documents(renamed[urn]) == sort_documents(resource)


def sort_documents(value: Any) -> Any:
    """A value whose JSON texts are read, and whose lists have no order."""
    if isinstance(value, dict):
        return {key: sort_documents(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((sort_documents(item) for item in value), key=repr)
    if isinstance(value, str) and value.startswith(("{", "[")):
        return sort_documents(json.loads(value))
    return value


def test_an_error_of_the_settings_names_the_key_as_its_owner_writes_it(folder: Path) -> None:
    project, config = load_stack_config("dev", {"database": {"storageGb": 3}}, folder)
    with pytest.raises(SettingsError, match=f"^{OTHER_PROJECT}:database.storageGb is 3, must be"):
        parse_settings(project, stack="dev", region=REGION, config=config)


@pytest.mark.parametrize("stack", ["dev", "sandbox"])
def test_the_policy_pack_reads_the_stacks_settings(folder: Path, stack: str) -> None:
    project, config = load_stack_config(stack, None, folder)
    pack = build_stack_policy_pack(project, stack, config, frozenset(), PACK_DATE)
    settings = parse_settings(project, stack=stack, region=REGION, config=config)
    assert pack.profile == settings.profile
    assert pack.exceptions == settings.policy_exceptions
    if stack == "dev":
        graph = run_stack_program(stack, AwsMocks(), root=folder)
        assert list(pack.list_violations(list_aws_resources(graph))) == []


@pytest.fixture(scope="module")
def deployed(folder: Path) -> Iterator[Outputs]:
    with use_in_memory_aws(REGION):
        exports = dict(deploy_in_memory("dev", root=folder).exports)
        subscribe_somebody(exports)
        yield parse_outputs(exports)


def run_ops(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """A command typed in the folder of the program; the stack's own URL answers with 200."""
    monkeypatch.chdir(folder)
    with (
        patch("ops.health.requests.fetch_url", return_value={"status": 200, "digest": ""}),
        answer_in_process(),
    ):
        return main([*words, "--stack", "dev", "--region", REGION])


def test_operations_find_the_stack_by_the_name_in_its_folder(
    deployed: Outputs,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_ops(folder, monkeypatch, "outputs", "show") == 0
    assert json.loads(capsys.readouterr().out)["outputs"]["stack"]["project"] == OTHER_PROJECT
    assert run_ops(folder, monkeypatch, "health") == 0
    out = capsys.readouterr().out
    assert f"{OTHER_PROJECT}-dev" in out
    assert "bulwark" not in out
    assert run_ops(folder, monkeypatch, "db", "snapshot", "create", "--dry-run") == 0
    out = capsys.readouterr().out
    assert f"{OTHER_PROJECT}-dev-database" in out
    assert "bulwark" not in out
    assert deployed.stack.project == OTHER_PROJECT


def test_outside_that_folder_the_error_says_which_project_was_assumed(
    deployed: Outputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_ops(tmp_path, monkeypatch, "outputs", "show") == 2
    err = capsys.readouterr().err
    assert "no outputs at /bulwark/dev/outputs; --project is not set and no Pulumi.yaml is" in err
    assert run_ops(tmp_path, monkeypatch, "outputs", "show", "--project", OTHER_PROJECT) == 0


def test_a_preview_is_reported_under_the_other_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preview = (PREVIEW_FOLDER / "change.json").read_text(encoding="utf-8")
    pages = []
    for name in ("bulwark", OTHER_PROJECT):
        file = tmp_path / f"{name}.json"
        file.write_text(preview.replace("bulwark", name), encoding="utf-8")
        assert main(["preview-report", str(file)]) == 3
        pages.append(capsys.readouterr().out.replace(name, "PROJECT"))
    assert pages[0].replace(PREVIEW_MARKER.replace("bulwark", "PROJECT"), "") == pages[1].replace(
        PREVIEW_MARKER, ""
    )
    assert "REPLACED BY AN EMPTY ONE" in pages[1]


def test_no_workflow_says_the_project_s_name() -> None:
    """They leave it to the Pulumi.yaml beside them."""
    for file in (PROJECT_ROOT / ".github").rglob("*.yml"):
        text = file.read_text(encoding="utf-8").replace("BULWARK_STACK", "")
        assert "bulwark" not in text.lower(), file.name


# The most characters of a name, by type (the API reference of each service).
NAME_LIMITS = {
    "aws:backup/plan:Plan": 50,
    "aws:backup/vault:Vault": 50,
    "aws:cloudwatch/dashboard:Dashboard": 255,
    "aws:cloudwatch/eventRule:EventRule": 64,
    "aws:cloudwatch/metricAlarm:MetricAlarm": 255,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": 255,
    "aws:ecs/cluster:Cluster": 255,
    "aws:iam/instanceProfile:InstanceProfile": 128,
    "aws:iam/policy:Policy": 128,
    "aws:iam/role:Role": 64,
    "aws:kms/alias:Alias": 256,
    "aws:lambda/function:Function": 64,
    "aws:lb/loadBalancer:LoadBalancer": 32,
    "aws:sns/topic:Topic": 256,
    "aws:ssm/association:Association": 128,
    "aws:ssm/patchBaseline:PatchBaseline": 128,
    "aws:wafv2/webAcl:WebAcl": 128,
    "aws:elasticache/replicationGroup:ReplicationGroup": 40,
    "aws:rds/instance:Instance": 63,
    "aws:s3/bucket:Bucket": 63,
    "aws:lb/targetGroup:TargetGroup": 32,
}
NAME_PROPERTIES = ("name", "bucket", "identifier", "replicationGroupId", "associationName")
RANDOM_SUFFIX_CHARACTERS = 8  # what Pulumi puts behind a logical name: a hyphen and seven digits


def test_the_longest_names_of_project_stack_and_service_fit_everywhere(folder: Path) -> None:
    stack = "s" * (24 - len(OTHER_PROJECT) - 1)
    (folder / f"Pulumi.{stack}.yaml").write_text(
        (folder / "Pulumi.prod.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    overrides: dict[str, JsonValue] = {
        **STACK_VARIANTS["everything"][1],
        "aws:region": "ap-southeast-1",  # none is longer
        "recoveryRegion": "ap-southeast-2",
        "loadBalancer": {"domain": "app.example.com", "zoneId": "Z0123456789"},
        "services": {"s" * 20: {}},
    }
    checked = set()
    for resource in run_stack_program(stack, AwsMocks(), overrides, folder):
        if resource.type not in NAME_LIMITS:
            continue
        names = [resource.inputs[key] for key in NAME_PROPERTIES if key in resource.inputs]
        name = names[0] if names else resource.name + "-" * RANDOM_SUFFIX_CHARACTERS
        assert len(name) <= NAME_LIMITS[resource.type], resource.urn
        checked.add(resource.type)
    assert checked >= NAME_LIMITS.keys() - {"aws:ecs/cluster:Cluster"}


@pytest.mark.parametrize("stack", ["s" * 19, "Prod", "a--b"])
def test_a_name_that_would_not_fit_is_one_error_before_anything_is_registered(
    folder: Path, stack: str
) -> None:
    (folder / f"Pulumi.{stack}.yaml").write_text(
        (folder / "Pulumi.dev.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with pytest.raises(pulumi.RunError, match=f"^{OTHER_PROJECT}:stack is '{stack}', must be"):
        run_stack_program(stack, AwsMocks(), root=folder)
