"""Every stack and every option goes into the in-memory AWS, and what cannot says why."""

from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pydantic import JsonValue

from components.settings import parse_settings
from ops.outputs import Outputs
from sandbox import prerequisites as given
from sandbox.aws import get_client, use_in_memory_aws
from sandbox.deploy import InMemoryMocks, deploy_in_memory, get_stack_region
from sandbox.program import PROJECT_ROOT, load_stack_config, run_program, run_stack_program
from sandbox.resources import UnknownResourceTypeError, load_entries
from sandbox.resources.creation import CreationError
from tests.world import AwsMocks

REGION = "eu-north-1"
ConfigOverrides = dict[str, JsonValue]
HTTPS_VALUES: Final[ConfigOverrides] = {"domain": "app.example.com", "zoneId": "Z0EXAMPLE"}
# Everything that a setting can add.
EVERYTHING_CONFIG: Final[ConfigOverrides] = {
    "compute": "both",
    "network": {"interfaceEndpoints": ["ssm", "ecr.api"], "flowLogs": ["cloudwatch", "s3"]},
    "loadBalancer": {**HTTPS_VALUES, "waf": {"enabled": True}},
    "database": {"replicas": 2},
    "services": {"web": {"schedule": {"day": {"cron": "0 6 ? * MON-FRI *", "min": 2, "max": 4}}}},
    "fleet": {"spotShare": 50, "paths": ["/fleet/*"]},
    "cache": {"enabled": True},
    "alarms": {
        "subscriptions": [
            {"name": "desk", "level": "page", "protocol": "email", "endpoint": "a@example.com"},
            {"name": "hook", "level": "warn", "protocol": "https", "endpoint": "https://a.b/c"},
        ]
    },
}
STACK_VARIANTS: Final[dict[str, tuple[str, ConfigOverrides]]] = {
    "everything": ("prod", EVERYTHING_CONFIG),
}
EXTRA_VARIANTS: Final[dict[str, tuple[str, ConfigOverrides]]] = {
    "database only": ("dev", {"compute": "none"}),
    "dev": ("dev", {}),
    "staging": ("staging", {}),
    "sandbox": ("sandbox", {}),
    "fleet in dev": ("dev", {"compute": "fleet"}),
    "fleet": ("prod", {"compute": "fleet"}),
    "redis": ("prod", {"cache": {"enabled": True, "engine": "redis"}}),
    "own certificate": (
        "prod",
        {"loadBalancer": {"certificateArn": f"arn:aws:acm:{REGION}:123456789012:certificate/1"}},
    ),
    "from a snapshot": ("prod", {"database": {"restoreFrom": {"snapshot": "before"}}}),
    "from retained backups": ("prod", {"database": {"restoreFrom": {"resourceId": "db-OLD"}}}),
    "from a point in time": ("prod", {"database": {"restoreFrom": {"instance": "old"}}}),
}


def build_config_overrides(overrides: ConfigOverrides) -> ConfigOverrides:
    return {f"bulwark:{key}": value for key, value in overrides.items()}


@pytest.mark.parametrize(("stack", "overrides"), STACK_VARIANTS.values(), ids=STACK_VARIANTS)
@pytest.mark.exhaustive
def test_a_stack_goes_into_the_in_memory_aws(stack: str, overrides: ConfigOverrides) -> None:
    with use_in_memory_aws(get_stack_region(stack)):
        deployed = deploy_in_memory(stack, build_config_overrides(overrides))
        outputs = Outputs.model_validate(deployed.exports)
        databases = get_client("rds", REGION).describe_db_instances()["DBInstances"]
    assert outputs.stack.stack == stack
    assert outputs.database.identifier in {d["DBInstanceIdentifier"] for d in databases}


@pytest.mark.exhaustive
@pytest.mark.parametrize(("stack", "overrides"), EXTRA_VARIANTS.values(), ids=EXTRA_VARIANTS)
def test_more_stacks_go_into_the_in_memory_aws(stack: str, overrides: ConfigOverrides) -> None:
    test_a_stack_goes_into_the_in_memory_aws(stack, overrides)


@pytest.mark.exhaustive
def test_every_resource_entry_is_used_by_a_stack() -> None:
    """Every type that has an entry is one that some stack registers."""
    created_types = {
        resource.type
        for stack, overrides in (*STACK_VARIANTS.values(), *EXTRA_VARIANTS.values())
        for resource in run_stack_program(stack, AwsMocks(), build_config_overrides(overrides))
    }
    assert set(load_entries()) - created_types == set()


@pytest.mark.exhaustive
def test_the_program_uses_no_output_that_is_not_there() -> None:
    """In a preview an output that nobody answers is unknown, and so is all that is made of it."""
    overrides = build_config_overrides(EVERYTHING_CONFIG)
    project, config = load_stack_config("prod", overrides)
    with use_in_memory_aws(REGION):
        given.create_prerequisites(
            parse_settings(project, stack="prod", region=REGION, config=config)
        )
        graph = run_stack_program("prod", InMemoryMocks(REGION), overrides, preview=True)
    unknown = [
        f"{r.type} {r.name} {name}"
        for r in graph
        for name, value in r.inputs.items()
        if has_unknown(value)
    ]
    assert unknown == []
    assert not has_unknown(graph.exports)


def has_unknown(value: Any) -> bool:
    """Whether a value, or anything in it, is one that nobody has answered."""
    if isinstance(value, dict):
        return any(has_unknown(v) for v in value.values())
    if isinstance(value, list):
        return any(has_unknown(v) for v in value)
    return isinstance(value, Unknown) or value == rpc.UNKNOWN


def test_a_type_without_an_entry_fails_with_its_name() -> None:
    class Queue(pulumi.CustomResource):
        def __init__(self) -> None:
            super().__init__("aws:sqs/queue:Queue", "jobs", {})

    with (
        use_in_memory_aws(REGION),
        pytest.raises(UnknownResourceTypeError, match="aws:sqs/queue:Queue has no"),
    ):
        run_program(lambda: discard_value(Queue()), InMemoryMocks(REGION))


def test_the_first_failure_is_the_one_that_is_told(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        (tmp_path / name).write_text((PROJECT_ROOT / name).read_text())
    (tmp_path / "__main__.py").write_text(
        "import pulumi_aws as aws\n"
        "lost = aws.ec2.Subnet('lost', vpc_id='vpc-none', cidr_block='10.0.0.0/24')\n"
        "aws.ec2.Eip('after', network_interface=lost.id)\n"
    )
    with (
        use_in_memory_aws(REGION),
        pytest.raises(
            CreationError, match=r"^aws:ec2/subnet:Subnet lost: ec2\.create_subnet: Client"
        ),
    ):
        deploy_in_memory("dev", root=tmp_path)


def test_an_unknown_invoke_fails_with_its_name() -> None:
    with (
        use_in_memory_aws(REGION),
        pytest.raises(Exception, match=r"aws:index/getArn:getArn has no answer: .*invokes\.py"),
    ):
        run_program(
            lambda: discard_value(pulumi.runtime.invoke("aws:index/getArn:getArn", {})),
            InMemoryMocks(REGION),
        )


def discard_value(_: object) -> None:
    """A program's value is not an output."""


def test_the_region_is_that_of_the_stack() -> None:
    assert get_stack_region("prod") == REGION
    assert get_stack_region("prod", {"aws:region": "eu-west-1"}) == "eu-west-1"
