"""Every resource type that a stack registers has a fact, and no fact is of a type that none has."""

import importlib
import subprocess
import sys
from dataclasses import fields
from datetime import date
from typing import Final

import pytest
from pydantic import JsonValue

from components.facts.billing import Charge, PricedResource, StackResources
from components.facts.model import ResourceFact
from components.facts.resource_types import (
    ALL_FACTS,
    COMPONENT_FACTS,
    FACTS_BY_TYPE,
    find_fact,
    is_free_type,
    list_iam_services,
)
from components.naming import has_tags
from ops.prices.price_table import USAGE_RATES, PriceTable
from sandbox.program import PROJECT_ROOT
from tests.world import run_whole_program

# Together these stacks register every type that a component can make.
STACKS: Final[dict[str, tuple[str, dict[str, JsonValue]]]] = {
    "dev": ("dev", {}),
    "prod with everything": (
        "prod",
        {
            "compute": "both",
            "cache": {"enabled": True},
            "database": {"replicas": 1},
            "network": {"interfaceEndpoints": ["ecr.api"], "flowLogs": ["cloudwatch", "s3"]},
            "backups": {"lock": "governance"},
            "loadBalancer": {"domain": "app.example.com", "createZone": True},
            "services": {"web": {"schedule": {"day": {"cron": "0 6 ? * * *", "min": 2, "max": 4}}}},
            "alarms": {
                "subscriptions": [
                    {
                        "name": "team",
                        "level": "page",
                        "protocol": "email",
                        "endpoint": "team@example.com",
                    }
                ]
            },
        },
    ),
}


def list_registered_types(stack: str) -> set[str]:
    """The types of AWS that a stack registers."""
    graph = run_whole_program(*STACKS[stack])
    types = {resource.type for resource in graph if resource.type.startswith("aws:")}
    assert len(types) > 30
    return types


@pytest.mark.parametrize("stack", STACKS)
def test_every_registered_type_has_a_fact(stack: str) -> None:
    assert list_registered_types(stack) - {fact.type for fact in COMPONENT_FACTS} == set()


def test_every_fact_is_of_a_registered_type() -> None:
    registered_types = {type_ for stack in STACKS for type_ in list_registered_types(stack)}
    assert {fact.type for fact in COMPONENT_FACTS} - registered_types == set()


def test_no_file_of_facts_is_left_out() -> None:
    files = (PROJECT_ROOT / "components" / "facts").glob("[a-z]*.py")
    modules = {file.stem for file in files} - {
        "backup_regions",
        "billing",
        "model",
        "alarm_commands",
        "extended_support",
        "fargate",
        "instance_classes",
        "alarm_numbers",
        "filter_pattern",
        "log_queries",
        "metrics",
        "private_ranges",
        "regions",
        "replacements",
        "resource_types",
        "units",
        "vcpus",
    }
    assert len(modules) > 20
    for module in modules:
        facts = importlib.import_module(f"components.facts.{module}").FACTS
        assert facts, module
        assert {fact.type for fact in facts} <= {fact.type for fact in ALL_FACTS}, module


def test_a_type_has_one_fact() -> None:
    assert len(FACTS_BY_TYPE) == len(ALL_FACTS)
    assert find_fact("aws:rds/instance:Instance") in COMPONENT_FACTS
    assert find_fact("aws:rds/instanse:Instanse") is None


@pytest.mark.parametrize("fact", COMPONENT_FACTS, ids=lambda fact: fact.type)
def test_a_type_is_taggable_as_the_sdk_says(fact: ResourceFact) -> None:
    module, class_name = fact.type.split(":")[1].split("/")[0], fact.type.split(":")[2]
    sdk = importlib.import_module(f"pulumi_aws.{'lambda_' if module == 'lambda' else module}")
    assert has_tags(getattr(sdk, class_name)) is fact.is_taggable


@pytest.mark.parametrize("fact", COMPONENT_FACTS, ids=lambda fact: fact.type)
def test_the_cost_of_a_component_is_known(fact: ResourceFact) -> None:
    assert fact.list_charges is not None
    assert is_free_type(fact.type) is fact.is_free


def test_every_charge_names_a_price_or_a_rate() -> None:
    prices = {field.name for field in fields(PriceTable)}
    charges = list_prod_charges()
    assert len(charges) > 100
    for charge in charges:
        assert {term.price for term in charge.terms} <= prices
        assert {term.factor for term in charge.terms} <= {None, *prices}
        assert charge.usage is None or charge.usage in USAGE_RATES
        assert charge.terms or charge.usage or charge.unknown


def list_prod_charges() -> list[Charge]:
    """What is billed for prod with everything."""
    resources = [
        PricedResource(resource.type, resource.name, "it", resource.inputs, resource.parent)
        for resource in run_whole_program(*STACKS["prod with everything"])
    ]
    stack = StackResources(resources, date(2026, 11, 30))
    return [
        charge
        for resource in resources
        if (fact := find_fact(resource.type)) is not None and fact.list_charges is not None
        for charge in fact.list_charges(resource, stack)
    ]


def test_stateful_types_are_protected_or_describe_their_loss() -> None:
    holders = [fact for fact in COMPONENT_FACTS if fact.data_loss is not None]
    assert len(holders) >= 8
    assert all(fact.data_loss and fact.data_loss.source for fact in holders)


def test_iam_names_that_differ_from_the_providers_are_listed() -> None:
    services = list_iam_services()
    assert {"application-autoscaling", "elasticloadbalancing", "logs", "events"} <= {*services}
    assert not {"appautoscaling", "lb", "vpc"} & {*services}


@pytest.mark.parametrize(
    "module", ["components.facts.resource_types", "ops.prices.estimate", "ops.preview.dangers"]
)
def test_facts_are_read_without_pulumi(module: str) -> None:
    program = f"import sys, {module}; print('pulumi' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "False\n"
