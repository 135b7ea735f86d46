"""A provider of another region: it works as the stack's own does, as Pulumi's config has it."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pydantic import JsonValue

from components.provider import (
    JSON_ARGUMENTS,
    TEXT_ARGUMENTS,
    create_regional_provider,
    read_provider_arguments,
)
from sandbox.program import ResourceGraph, run_program, run_stack_program
from tests.world import AwsMocks

PROVIDER_TYPE = "pulumi:providers:aws"
ROLE = "arn:aws:iam::123456789012:role/deploy"
DEFAULT_TAGS: dict[str, JsonValue] = {"team": "payments", "Owner": "nobody"}
PROVIDER_CONFIG: dict[str, JsonValue] = {
    "aws:profile": "shop",
    "aws:assumeRoles": [{"roleArn": ROLE, "externalId": "x"}],
    "aws:allowedAccountIds": ["123456789012"],
    "aws:defaultTags": {"tags": DEFAULT_TAGS},
    "aws:endpoints": [{"s3": "http://localhost:5000"}],
    "aws:maxRetries": "7",
    "aws:retryMode": "adaptive",
    "aws:skipMetadataApiCheck": "true",
    "aws:s3UsePathStyle": True,
    "aws:ignoreTags": {"keyPrefixes": ["billing:"]},
    "aws:customCaBundle": "/etc/ssl/company.pem",
}


def run_with_config(config: Mapping[str, str]) -> ResourceGraph:
    return run_program(
        lambda: _discard(
            create_regional_provider(
                "there", region="eu-west-1", opts=pulumi.ResourceOptions(parent=None)
            )
        ),
        AwsMocks(),
        config=config,
    )


def _discard(_: object) -> None:
    """A program's value is not an output."""


def test_every_argument_of_the_sdk_is_known_with_its_type() -> None:
    parameters = inspect.signature(aws.Provider._internal_init).parameters
    annotations = {
        name: str(parameter.annotation)
        for name, parameter in parameters.items()
        if name not in ("__self__", "resource_name", "opts", "region", "__props__")
    }
    texts = {name for name, text in annotations.items() if text.startswith("typing.Union[str,")}
    assert set(TEXT_ARGUMENTS.values()) == texts
    assert set(JSON_ARGUMENTS.values()) == set(annotations) - texts
    args_class: Any = aws.ProviderArgs
    for key, argument in {**TEXT_ARGUMENTS, **JSON_ARGUMENTS}.items():
        getter = inspect.getsource(vars(args_class)[argument].fget)
        assert f'"{key}"' in getter or f"def {key}(" in getter, argument


def test_the_recovery_regions_provider_is_configured_as_the_stacks_own() -> None:
    graph = run_stack_program("prod", AwsMocks(), PROVIDER_CONFIG)
    inputs = graph.get_resource(PROVIDER_TYPE).inputs
    assert inputs["region"] == "eu-west-1"
    assert inputs["profile"] == "shop"
    assert inputs["retryMode"] == "adaptive"
    assert inputs["customCaBundle"] == "/etc/ssl/company.pem"
    decoded = {key: json.loads(inputs[key]) for key in inputs if key in JSON_ARGUMENTS}
    assert (
        decoded.items()
        >= {
            "assumeRoles": [{"roleArn": ROLE, "externalId": "x"}],
            "allowedAccountIds": ["123456789012"],
            "defaultTags": {"tags": DEFAULT_TAGS},
            "endpoints": [{"s3": "http://localhost:5000"}],
            "maxRetries": 7,
            "skipMetadataApiCheck": True,
            "s3UsePathStyle": True,
            "ignoreTags": {"keyPrefixes": ["billing:"]},
        }.items()
    )


def test_without_such_config_the_provider_has_its_region_and_the_sdks_defaults() -> None:
    inputs = run_with_config({}).get_resource(PROVIDER_TYPE).inputs
    assert inputs == {
        "region": "eu-west-1",
        "skipCredentialsValidation": "false",
        "skipRegionValidation": "true",
    }


def test_a_secret_of_the_config_stays_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret_keys = {"aws:profile", "aws:assumeRoles"}
    monkeypatch.setattr("pulumi.runtime.config.is_config_secret", secret_keys.__contains__)
    provider = run_with_config(
        {"aws:profile": "shop", "aws:secretKey": "hunter2", "aws:assumeRoles": "[]"}
    ).get_resource(PROVIDER_TYPE)
    assert provider.secrets >= {"profile", "secretKey", "assumeRoles"}


def test_a_config_value_that_is_no_json_is_refused_by_its_key() -> None:
    with pytest.raises(pulumi.RunError, match=r"^aws:endpoints is no JSON, must be what aws"):
        run_program(
            lambda: _discard(read_provider_arguments()),
            AwsMocks(),
            config={"aws:endpoints": "http://localhost:5000"},
        )


def test_default_tags_reach_what_a_group_and_a_template_launch() -> None:
    graph = run_stack_program(
        "dev", AwsMocks(), {"compute": "fleet", "aws:defaultTags": {"tags": DEFAULT_TAGS}}
    )
    group = graph.get_resource("aws:autoscaling/group:Group").inputs
    by_key = {tag["key"]: tag["value"] for tag in group["tags"]}
    assert (by_key["team"], by_key["Owner"]) == ("payments", "platform")  # the stack's own wins
    assert len(by_key) == len(group["tags"])
    template = graph.get_resource("aws:ec2/launchTemplate:LaunchTemplate").inputs
    for specification in template["tagSpecifications"]:
        assert specification["tags"]["team"] == "payments"
        assert specification["tags"]["Owner"] == "platform"
