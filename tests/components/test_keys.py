"""Keys: which stand where, and whom their policies let in."""

import json

from components.account import Account
from components.keys import Keys, KeysArgs
from sandbox.policy_evaluation import is_statement_matching, list_statements
from tests.conftest import Build
from tests.world import build_settings

KMS_KEY_TYPE = "aws:kms/key:Key"


def test_kms_4_a_prod_stack_has_rotated_keys_for_data_logs_and_recovery(build: Build) -> None:
    graph = build(
        lambda: Keys(
            "keys", args=KeysArgs(settings=build_settings(), account=Account.get_current())
        )
    )
    keys = {k.name: k for k in graph.list_resources(KMS_KEY_TYPE)}
    assert sorted(keys) == ["keys-data", "keys-logs", "keys-recovery", "keys-vault"]
    assert all(k.inputs["enableKeyRotation"] and k.protect for k in keys.values())
    assert keys["keys-recovery"].inputs["region"] == "eu-west-1"


def test_without_aws_backup_there_is_no_key_of_a_vault(build: Build) -> None:
    settings = build_settings({"backups": {"enabled": False}})
    graph = build(
        lambda: Keys("keys", args=KeysArgs(settings=settings, account=Account.get_current()))
    )
    assert "keys-vault" not in {key.name for key in graph.list_resources(KMS_KEY_TYPE)}


def test_kms_5_a_key_is_open_to_its_own_account_only(build: Build) -> None:
    graph = build(
        lambda: Keys(
            "keys", args=KeysArgs(settings=build_settings(), account=Account.get_current())
        )
    )
    for key in graph.list_resources(KMS_KEY_TYPE):
        for statement in json.loads(key.inputs["policy"])["Statement"]:
            if statement["Effect"] == "Allow" and statement["Principal"] == {"AWS": ["*"]}:
                assert statement["Condition"]["ArnEquals"]["aws:PrincipalArn"] == (
                    "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/"
                    "AWSServiceRoleForAutoScaling"
                )
                assert statement["Condition"]["StringEquals"]["kms:CallerAccount"] == "123456789012"


def test_a_stack_that_leaves_encryption_to_aws_has_no_keys(build: Build) -> None:
    def program() -> None:
        keys = Keys(
            "keys",
            args=KeysArgs(settings=build_settings(profile="dev"), account=Account.get_current()),
        )
        assert (keys.data, keys.logs, keys.vault, keys.recovery) == (None, None, None, None)

    assert build(program).list_resources(KMS_KEY_TYPE) == []


def test_grants_of_a_key_are_for_aws_services_only(build: Build) -> None:
    graph = build(
        lambda: Keys(
            "keys", args=KeysArgs(settings=build_settings(), account=Account.get_current())
        )
    )
    for key in graph.list_resources(KMS_KEY_TYPE):
        statements = list_statements(json.loads(key.inputs["policy"]))
        for is_for_aws, is_refused in (("true", False), ("false", True)):
            context = {"kms:grantisforawsresource": is_for_aws}
            denials = [
                statement
                for statement in statements
                if statement["Effect"] == "Deny"
                and is_statement_matching(statement, "kms:CreateGrant", "*", context)
            ]
            assert bool(denials) is is_refused
