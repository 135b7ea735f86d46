"""The whole program, for each stack: what holds of every resource, whoever registers it."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pydantic import JsonValue

from components.facts.fleet import AUTO_SCALING_GROUP_TYPE
from components.naming import has_tags
from ops.outputs import join_parts, parse_outputs
from sandbox.program import (
    PROJECT_ROOT,
    RegisteredResource,
    ResourceGraph,
    remove_secret_marks,
    run_stack_program,
)
from tests.world import AwsMocks, run_whole_program

# Each variant: a stack file, and what is set beside it.
STACK_VARIANTS: dict[str, tuple[str, dict[str, JsonValue]]] = {
    "dev": ("dev", {}),
    "staging": ("staging", {}),
    "prod": ("prod", {}),
    "sandbox": ("sandbox", {}),
    "database-only": ("dev", {"compute": "none"}),
    "workers": ("dev", {"services": {"mailer": {"kind": "worker"}}}),
    "everything": (
        "prod",
        {
            "compute": "both",
            "services": {"mailer": {"kind": "worker"}},
            "cache": {"enabled": True},
            "database": {"replicas": 1},
            "network": {"interfaceEndpoints": ["ecr.api"], "flowLogs": ["cloudwatch", "s3"]},
            "backups": {"lock": "governance"},
            "alarms": {
                "subscriptions": [
                    {
                        "name": "pager",
                        "level": "page",
                        "protocol": "https",
                        "endpoint": "https://hunter2",
                    }
                ]
            },
        },
    ),
}
RANDOM_PASSWORD = "Aa1-" * 8  # what the stand-in of a random password is
# Inputs that hold a secret: what Pulumi would otherwise show, and keep in clear in its state.
SECRET_INPUTS = {
    "aws:rds/instance:Instance": "password",
    "aws:secretsmanager/secretVersion:SecretVersion": "secretString",
    "aws:elasticache/replicationGroup:ReplicationGroup": "authToken",
    "aws:sns/topicSubscription:TopicSubscription": "endpoint",
}
# What holds data, or is what users call: nothing deletes it by mistake.
STATEFUL_TYPES = {
    "aws:backup/vault:Vault",
    "aws:ecr/repository:Repository",
    "aws:ecs/service:Service",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:kms/key:Key",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "aws:ec2/vpc:Vpc",
}
# What operations change outside Pulumi (docs/decisions/0004-who-owns-what.md).
OWNED_BY_OPERATIONS = {
    "aws:ecs/service:Service": {"desiredCount", "taskDefinition"},
    AUTO_SCALING_GROUP_TYPE: {"desiredCapacity"},
    "aws:rds/instance:Instance": {"password"},
    "aws:secretsmanager/secretVersion:SecretVersion": {"secretString"},
    "aws:elasticache/replicationGroup:ReplicationGroup": {"authToken"},
}
REQUIRED_TAGS = {"Project", "Environment", "Component", "Owner", "CostCenter", "ManagedBy"}

# These are prod's shape, as everything is that has more: they take their turn with the exhaustive
# tests.
SLOW_VARIANTS = ("staging", "prod", "sandbox")
each_variant = pytest.mark.parametrize(
    "variant",
    [
        pytest.param(v, marks=pytest.mark.exhaustive) if v in SLOW_VARIANTS else v
        for v in STACK_VARIANTS
    ],
)


class PreviewMocks(AwsMocks):
    """Knows no output beyond the inputs: in a preview all others are unknown."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return "", remove_secret_marks(args.inputs)


def build_variant_graph(variant: str) -> ResourceGraph:
    """What the program registers."""
    return run_whole_program(*STACK_VARIANTS[variant])


def list_resources(variant: str) -> list[RegisteredResource]:
    """What is not a component; some, or the test would prove nothing."""
    custom_resources = [resource for resource in build_variant_graph(variant) if resource.custom]
    assert len(custom_resources) > 50
    return custom_resources


def get_sdk_class(type_: str) -> type[Any]:
    """The SDK's class of a type token, like aws:ec2/vpc:Vpc."""
    module, name = type_.split(":")[1].split("/")[0], type_.rsplit(":", 1)[-1]
    package = getattr(aws, module, None) or getattr(aws, f"{module}_")
    sdk_class: type[Any] = getattr(package, name)
    return sdk_class


def can_carry_tags(type_: str) -> bool:
    """Whether the SDK's class of a type has tags."""
    class_: Any = get_sdk_class(type_) if type_.startswith("aws:") else object
    return has_tags(class_)


def list_sources(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    """The Python files below a folder, parsed."""
    for file in sorted((PROJECT_ROOT / folder).rglob("*.py")):
        yield file, ast.parse(file.read_text())


def list_imports(tree: ast.Module) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    module_names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return module_names | {
        node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }


@each_variant
def test_every_resource_stands_in_a_component(variant: str) -> None:
    resource_graph = build_variant_graph(variant)
    for resource in list_resources(variant):
        outer = resource_graph.find_component(resource)
        assert outer is not None, resource.urn
        assert outer.type.startswith("bulwark:index:"), resource.urn


@each_variant
def test_every_logical_name_begins_with_its_components(variant: str) -> None:
    resource_graph = build_variant_graph(variant)
    for resource in resource_graph:
        outer = resource_graph.find_component(resource)
        assert outer is None or f"{resource.name}-".startswith(f"{outer.name}-"), resource.urn


@each_variant
def test_logical_names_are_not_numbered(variant: str) -> None:
    """Names are by meaning: a zone, a service. Replicas alone are all alike, and numbered."""
    for resource in list_resources(variant):
        numbers = [part for part in resource.name.split("-") if part.isdigit() and int(part) < 10]
        alike = resource.name.startswith(("database-replica", "outputs-", "alarms-"))
        assert not numbers or alike, resource.urn


@each_variant
def test_no_two_resources_have_one_urn(variant: str) -> None:
    urns = [resource.urn for resource in build_variant_graph(variant)]
    assert len(urns) == len(set(urns))


@each_variant
def test_everything_that_can_carry_tags_carries_the_six(variant: str) -> None:
    resource_graph, tagged_count = build_variant_graph(variant), 0
    for resource in list_resources(variant):
        if not can_carry_tags(resource.type):
            continue
        tags: Any = resource.inputs["tags"]
        if resource.type == AUTO_SCALING_GROUP_TYPE:
            assert all(tag["propagateAtLaunch"] for tag in tags)
            tags = {tag["key"]: tag["value"] for tag in tags}
        outer = resource_graph.find_component(resource)
        assert tags.keys() >= REQUIRED_TAGS, resource.urn
        assert outer is not None
        assert tags["Component"] == outer.name, resource.urn
        assert tags["Environment"] == STACK_VARIANTS[variant][0]
        tagged_count += 1
    assert tagged_count > 20


@pytest.mark.parametrize(
    "variant",
    [
        *(pytest.param(v, marks=pytest.mark.exhaustive) for v in ("dev", "database-only")),
        "everything",
    ],
)
def test_nothing_is_made_inside_apply(variant: str) -> None:
    """A preview that knows no output registers just what a run that knows all does."""
    stack, overrides = STACK_VARIANTS[variant]
    unknown = run_stack_program(stack, PreviewMocks(), overrides, preview=True)
    assert {r.urn for r in unknown} == {r.urn for r in build_variant_graph(variant)}


@each_variant
def test_only_pulumis_own_invokes_ask_aws(variant: str) -> None:
    tokens = {token for token, _ in build_variant_graph(variant).invokes}
    assert tokens <= {
        "aws:index/getAvailabilityZones:getAvailabilityZones",
        "aws:index/getCallerIdentity:getCallerIdentity",
        "aws:index/getPartition:getPartition",
        "aws:route53/getZone:getZone",
        "aws:route53/getZones:getZones",
        "aws:ssm/getParameter:getParameter",
        "aws:ssm/getParametersByPath:getParametersByPath",
    }


@each_variant
def test_values_that_hold_a_secret_are_marked_secret(variant: str) -> None:
    for resource in list_resources(variant):
        key = SECRET_INPUTS.get(resource.type)
        if key is not None and resource.inputs.get(key) is not None:
            assert key in resource.secrets, resource.urn
        for name, value in resource.inputs.items():
            if RANDOM_PASSWORD in json.dumps(value, default=str):
                assert name in resource.secrets, f"{resource.urn} {name}"


def test_every_kind_of_secret_is_in_the_tested_stacks() -> None:
    secret_inputs = {
        (r.type, key)
        for r in list_resources("everything")
        for key in [SECRET_INPUTS.get(r.type)]
        if key and r.inputs.get(key) is not None
    }
    assert secret_inputs == set(SECRET_INPUTS.items())


@each_variant
def test_no_secret_leaves_by_the_outputs(variant: str) -> None:
    text = json.dumps(build_variant_graph(variant).exports)
    assert RANDOM_PASSWORD not in text
    assert "hunter2" not in text


@each_variant
def test_properties_owned_by_operations_are_ignored_by_pulumi(variant: str) -> None:
    for resource in list_resources(variant):
        owned_keys = OWNED_BY_OPERATIONS.get(resource.type, set()) & resource.inputs.keys()
        assert owned_keys <= set(resource.ignore_changes), resource.urn


def test_every_property_owned_by_operations_is_in_the_tested_stacks() -> None:
    assert {r.type for r in list_resources("everything")} >= OWNED_BY_OPERATIONS.keys()


@each_variant
def test_stateful_resources_are_protected_if_the_stack_is(variant: str) -> None:
    for resource in list_resources(variant):
        if STACK_VARIANTS[variant][0] != "prod":
            assert not resource.protect, resource.urn
        elif resource.type in STATEFUL_TYPES:
            assert resource.protect, resource.urn


def test_every_stateful_type_is_in_the_tested_stacks() -> None:
    assert {r.type for r in list_resources("everything")} >= STATEFUL_TYPES


@each_variant
def test_the_exports_are_the_contract(variant: str) -> None:
    outputs = parse_outputs(build_variant_graph(variant).exports)
    stack, overrides = STACK_VARIANTS[variant]
    assert (outputs.stack.project, outputs.stack.stack) == ("bulwark", stack)
    assert outputs.stack.compute == overrides.get("compute", "services")
    for part in ("cache", "fleet"):
        assert (getattr(outputs, part) is not None) is (variant == "everything"), part
    for part in ("services", "registry"):
        assert (getattr(outputs, part) is None) is (variant == "database-only"), part
    assert (outputs.load_balancer is None) is (variant in ("database-only", "workers"))


@each_variant
def test_the_copies_in_parameter_store_are_the_exports(variant: str) -> None:
    outputs = parse_outputs(build_variant_graph(variant).exports)
    path = f"{outputs.backups.outputs_path}/"
    copies: dict[str | None, dict[str, str]] = {}
    for parameter in build_variant_graph(variant).list_resources("aws:ssm/parameter:Parameter"):
        name, value = parameter.inputs["name"], parameter.inputs["value"]
        if name.startswith(path):
            region = parameter.inputs.get("region")
            copies.setdefault(region, {})[name.removeprefix(path)] = value
    assert set(copies) == {None, outputs.stack.recovery_region}
    assert all(join_parts(copy) == outputs for copy in copies.values())


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("components", {"boto3", "botocore", "moto", "sandbox"}),
        ("ops", {"pulumi", "pulumi_aws", "components", "sandbox", "moto"}),
        ("sandbox", {"tests"}),
        ("policy", {"pulumi", "boto3", "botocore", "moto", "ops", "sandbox", "tests"}),
        ("policy/rules", {"pulumi", "pulumi_aws", "pulumi_policy", "components"}),
    ],
)
def test_folders_import_each_other_in_one_direction(folder: str, forbidden: set[str]) -> None:
    for file, tree in list_sources(folder):
        if "lambdas" in file.parts:  # what runs in AWS, not in the program
            continue
        roots = {
            module.split(".")[0] for module in list_imports(tree) if not is_facts_module(module)
        }
        assert not roots & (forbidden | {"__main__"}), file


def is_facts_module(module: str) -> bool:
    """Plain data about resource types: of the components it is all that others may import."""
    return module == "components.facts" or module.startswith("components.facts.")


# Facts of AWS alone, not of what the stack makes of them.
AWS_FACTS = {
    "components.facts.backup_regions",
    "components.facts.instance_classes",
    "components.facts.units",
}


def test_only_operations_policy_and_tests_import_facts_from_outside() -> None:
    assert is_facts_module("components.facts.model")
    assert not is_facts_module("components.factsheet")
    importing_folders = {
        folder
        for folder in ("components", "ops", "policy", "sandbox")
        for _, tree in list_sources(folder)
        if any(map(is_facts_module, set(list_imports(tree)) - AWS_FACTS))
    }
    assert importing_folders == {"components", "ops", "policy"}


def test_components_know_of_operations_only_the_contract() -> None:
    for file, tree in list_sources("components"):
        ops_modules = {module for module in list_imports(tree) if module.split(".")[0] == "ops"}
        data = {
            "ops.core.declaration",
            "ops.permissions.names",
            "ops.permissions.policies",
        }
        assert ops_modules <= {"ops.outputs"} | (data if file.name == "access.py" else set()), file


def has_behaviour(tree: ast.Module) -> bool:
    """True if a file defines a function or a class, not constants alone."""
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


def test_every_component_has_its_mirrored_test() -> None:
    for file, tree in list_sources("components"):
        if file.name.startswith("__") or not has_behaviour(tree):
            continue
        inside = file.relative_to(PROJECT_ROOT / "components")
        if inside.parts[0] == "facts":  # one table in many files: test_facts.py tests every row
            inside = inside.with_name("facts.py")
        test_file = PROJECT_ROOT / "tests" / "components" / inside.parent / f"test_{inside.name}"
        assert test_file.exists(), f"{inside} has no {test_file.relative_to(PROJECT_ROOT)}"


def test_every_test_file_collects_something() -> None:
    for file, tree in list_sources("tests"):
        names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        tests = {name for name in names if name.startswith(("test_", "Test"))}
        assert bool(tests) is file.name.startswith("test_"), file
