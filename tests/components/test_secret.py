"""Secrets: encrypted, kept or gone with the stack, and written by Pulumi only once."""

import pytest
from moto.secretsmanager.models import secretsmanager_backends
from pulumi.runtime import MockResourceArgs

from components.account import Account
from components.component import Component
from components.secret import create_secret
from sandbox.aws import ACCOUNT_ID, get_client, use_in_memory_aws
from sandbox.deploy import InMemoryMocks
from sandbox.program import ResourceGraph, run_program
from tests.components.stores import build_stores_graph
from tests.world import build_settings

SECRET_TYPE = "aws:secretsmanager/secret:Secret"


@pytest.mark.parametrize(("profile", "days"), [("prod", 30), ("dev", 0)])
def test_in_a_protected_stack_a_deleted_secret_can_be_restored(profile: str, days: int) -> None:
    secret = build_stores_graph(profile=profile).get_resource(SECRET_TYPE)
    assert secret.inputs["recoveryWindowInDays"] == days
    assert secret.protect is (profile == "prod")


def test_a_rewritten_version_of_a_secret_does_not_become_current() -> None:
    """As a refresh leaves it that no longer finds the first version (terraform-provider-aws#37302).

    The two later values are those of rotations.
    """
    with use_in_memory_aws("eu-north-1"):
        secrets = get_client("secretsmanager", "eu-north-1")
        mocks = InMemoryMocks("eu-north-1")
        graph = run_program(_write_secret, mocks)
        first = graph.get_resource("aws:secretsmanager/secretVersion:SecretVersion")
        secret_id = first.inputs["secretId"]
        assert secrets.get_secret_value(SecretId=secret_id)["SecretString"] == '{"word": "INITIAL"}'
        for word in ("second", "newest"):
            secrets.put_secret_value(SecretId=secret_id, SecretString=word)
        versions = secrets.list_secret_version_ids(SecretId=secret_id)["Versions"]
        labels = {version["VersionId"]: version["VersionStages"] for version in versions}
        assert labels[first.outputs["versionId"]] == ["first"]
        for secret in secretsmanager_backends[ACCOUNT_ID]["eu-north-1"].secrets.values():
            del secret.versions[first.outputs["versionId"]]
        mocks.new_resource(
            MockResourceArgs(
                typ=first.type,
                name=first.name,
                inputs=dict(first.inputs),
                provider="",
                resource_id=None,
                custom=True,
            )
        )
        assert secrets.get_secret_value(SecretId=secret_id)["SecretString"] == "newest"


def _write_secret() -> None:
    component = Component("Anything", "anything", settings=build_settings())
    create_secret(
        component,
        "credentials",
        description="for a test",
        content={"word": "INITIAL"},
        kms_key=None,
        account=Account.get_current(),
    )


def test_a_secret_can_be_replaced_while_the_old_one_waits_for_its_end() -> None:
    inputs = build_stores_graph().get_resource(SECRET_TYPE).inputs
    assert inputs["namePrefix"] == "bulwark-test-database-"
    assert "name" not in inputs


def test_no_input_holds_a_plaintext_password() -> None:
    graph: ResourceGraph = build_stores_graph({"cache": {"enabled": True}})
    word = graph.get_resource("random:index/randomPassword:RandomPassword", "cache-token").outputs[
        "result"
    ]
    holders = [
        (r, key) for r in graph if r.custom for key, value in r.inputs.items() if word in str(value)
    ]
    assert len(holders) == 4  # instance, replication group and two versions
    assert all(key in r.secrets for r, key in holders)
